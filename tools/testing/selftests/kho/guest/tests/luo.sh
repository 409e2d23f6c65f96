# SPDX-License-Identifier: GPL-2.0
# Owns the scenario luo: what is in sessions of /dev/liveupdate crosses two kexecs.

# The program's lines are results. What it leaves behind must not keep the pipe.
luo() {
	/boot/luo_test "$@" >/tmp/luo 2>&1
	check "luo_test $*" [ $? = 0 ]
	while read -r result what; do
		case $result in
		ok) ok "$what" ;;
		not) not_ok "${what#ok }" ;;
		*) say "$result $what" ;;
		esac
	done </tmp/luo
}

LUO=/sys/kernel/liveupdate
second=${kho_second:-alt}

case $kho_stage in
0)
	check "there are no sessions" is $LUO/status none
	luo put
	activate
	kexec_to "$second"
	;;
1)
	check_arrival "$second"
	check "the sessions arrived" is $LUO/status accepted
	check "one waits" is $LUO/incoming/0/name luo_test
	check "it has files" is $LUO/incoming/0/files 18
	luo get again
	check "none is left" fails ls -d $LUO/incoming/*
	check "what is not there cannot be dropped" fails put nothing $LUO/drop
	check_healthy
	kexec_to main
	;;
2)
	check_arrival main
	luo get
	# The debug kernel also hands over what it has hashed the pages to
	[ $second = debug ] || check "nothing is left unclaimed" is $FW/unlisted 0
	check_healthy
	finish
	;;
esac
