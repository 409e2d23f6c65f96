# SPDX-License-Identifier: GPL-2.0
# Owns the scenario luo: what is in sessions of /dev/liveupdate crosses two kexecs, be a
# handover active before or not.
. /luo.sh
second=${kho_second:-alt}
thp=/sys/kernel/mm/transparent_hugepage/shmem_enabled

# Pages of files that are mapped large, or could be.
huge() { awk '/^ShmemHugePages/ { exit !($2 >= 2048) }' /proc/meminfo; }

case $kho_stage in
0)	check "there are no sessions" is $LUO/status none
	put advise $thp
	luo put
	check "a large file has large pages" huge
	activate
	kexec_to "$second" ;;
1)	check_arrival "$second"
	check "the sessions arrived" is $LUO/status accepted
	check "one waits" is $LUO/incoming/0/name luo_test
	check "its state says so" is $LUO/incoming/0/state waiting
	check "it has files" is $LUO/incoming/0/files 18
	bytes=$(cat $LUO/incoming/0/bytes)
	check "they have $bytes bytes" [ "$bytes" -ge $((8 << 20)) -a "$bytes" -le $((20 << 20)) ]
	# As systemd does: what changes after an activation is not lost.
	put 1 $KHO/active
	luo get again
	check "the large file still has large pages" huge
	check "that has aborted the handover" eventually is $KHO/active 0
	check "none is left" fails ls -d $LUO/incoming/*
	check "what is not there cannot be dropped" fails put nothing $LUO/drop
	check_healthy
	kexec_to main ;;
2)	check_arrival main
	luo get
	# The debug kernel also hands over what it has hashed the pages to.
	[ "$second" = debug ] || check "nothing is left unclaimed" is $FW/unlisted 0
	check_healthy ;;
esac
