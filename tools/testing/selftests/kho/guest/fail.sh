# SPDX-License-Identifier: GPL-2.0
# Owns what scripts share that have allocations fail.
failures="/sys/kernel/debug/failslab /sys/kernel/debug/fail_page_alloc"

# Where a function begins and ends.
range() { grep -A1 " $1\$" /proc/kallsyms | sed 's/\([^ ]*\).*/0x\1/'; }
# Allocations of all kinds can fail, but only those that are made below function $1. (6.12
# falls over when allocation profiling cannot allocate.)
may_fail_in() {
	set -- $(range "$1") $(range alloc_slab_obj_exts)
	for dir in $failures; do
		echo N >$dir/ignore-gfp-wait
		echo 0 >$dir/verbose
		echo 1000000 >$dir/times
		echo $1 >$dir/require-start
		echo $2 >$dir/require-end
		echo $3 >$dir/reject-start
		echo $4 >$dir/reject-end
	done
	echo N >/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem
	echo 0 >/sys/kernel/debug/fail_page_alloc/min-order
}
