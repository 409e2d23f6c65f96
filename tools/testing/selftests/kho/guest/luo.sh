# SPDX-License-Identifier: GPL-2.0
# Owns what the scripts share that use sessions of /dev/liveupdate.
LUO=/sys/kernel/liveupdate

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
