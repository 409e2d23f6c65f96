# SPDX-License-Identifier: GPL-2.0
# What is accepted boots, and is healthy, however little memory a handover leaves: of
# what the test module preserves ($kho_set), reserve_mem= has or the firmware keeps.
# $kho_more is for the next kernel's command line: what asks there for more memory than is
# left does not get it, and the log says so ($kho_says). All three have + for spaces.
half=524288
watermarks() { awk '$1 == "high" { s += $2 } END { print s }' /proc/zoneinfo; }
# It takes a moment.
grown() { [ "$(watermarks)" -gt $((2 * $1)) ]; }
words() { echo "$1" | tr + ' '; }
case $kho_stage in
0)	check "kexec loads main" kexec_load main "$(words "$kho_more" | sed s/CRASH/crashkernel/)"
	# The module wants nearly all memory, in large blocks
	rm -r /boot/*/image /boot/initramfs
	put 4096 /proc/sys/vm/min_free_kbytes
	check "the test module loads" load test_kho $(words "$kho_set")
	kib=$(cat /sys/module/test_kho/parameters/preserved_kib)
	[ -z "$kho_percent" ] || check "so much of all memory is preserved" \
		[ $((kib * 100 / kho_kib)) -ge "$kho_percent" ]
	activate
	kexec_go ;;
1)	check_arrival main
	[ -z "$kho_half" ] || check "half of the memory is handed over" \
		[ "$(preserved_kb)" -ge $half ]
	for says in $(words "$kho_says"); do
		check "the log says what there is no memory for" logged "$says"
	done
	pool=$(awk '/^HugePages_Total/ { print $2 }' /proc/meminfo)
	[ -z "$kho_pool" ] || check "the pool has some of its pages: $pool" \
		[ "$pool" -gt 0 ] && [ "$pool" -lt "$kho_pool" ]
	check "an eighth of the memory there is would do for as many threads as may be" [ \
		$(($(cat /proc/sys/kernel/threads-max) * 16 * 8)) -gt $(($(meminfo MemTotal) / 2)) ]
	low=$(watermarks)
	check_state
	[ -z "$kho_percent" ] || check "watermarks grow when memory comes back, from $low" \
		eventually grown "$low"
	# It was made for half of what there was then
	mount -o remount,size=50% /tmp
	check_healthy ;;
esac
