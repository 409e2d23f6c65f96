# SPDX-License-Identifier: GPL-2.0
# reserve_mem= regions: kept by name, and fresh when their size changed.
trace=/sys/kernel/tracing/instances/boot_map
console=/sys/fs/pstore/console-ramoops-0
case $kho_stage in
0)	echo 1 >$trace/events/sched/sched_switch/enable
	sleep 1
	echo 0 >$trace/events/enable
	echo "trace marker of stage 0" >$trace/trace_marker
	say "console marker of stage 0"
	activate
	kexec_to debug ;;
1)	check_arrival debug
	check "events before that, too" grep -q "sched_switch: prev_comm=" $trace/trace
	check "the trace survived" grep -q "trace marker of stage 0" $trace/trace
	check "the console survived" grep -q "console marker of stage 0" $console
	say "console marker of stage 1"
	activate
	regions="reserve_mem=4M:4096:trace reserve_mem=2M:4096:oops"
	kexec_to main "$regions reserve_mem=64K:256M:other" ;;
2)	check_arrival main
	check "a changed size gives a line that names the region" \
		logged "oops: .*handed over.*reserved anew"
	check "and a fresh region" fails grep -q "console marker of stage 1" $console
	check "so does another alignment" \
		logged "other: handed over at .*not aligned.*reserved anew"
	check "the region that is as it was survived again" \
		grep -q "trace marker of stage 0" $trace/trace
	check "the old regions are unclaimed" is $FW/unclaimed/reserve-mem $((1048576 + 65536))
	total=$(awk '/MemTotal/ { print $2 }' /proc/meminfo)
	check "they can be released" put 1 $FW/unclaimed/reserve-mem
	check "then they are not" is $FW/unclaimed/reserve-mem 0
	check "but the page allocator's" \
		[ $(awk '/MemTotal/ { print $2 }' /proc/meminfo) = $((total + 1024 + 64)) ]
	check_healthy ;;
esac
