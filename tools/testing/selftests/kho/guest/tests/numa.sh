# SPDX-License-Identifier: GPL-2.0
# Three nodes with memory and one without: what is preserved is spread over them,
# and is on the node that it was on. Kernels with numa=off, or without CONFIG_NUMA,
# see one node; the one that comes after them sees them all again.
node=/sys/devices/system/node
sizes() { for i in 0 1 2 3; do awk '/MemTotal/ { print $4 }' $node/node$i/meminfo; done; }
check_nodes() {
	check "three nodes have memory" is $node/has_memory 0,2-3
	check "a fourth has none" is $node/online 0-3
	check "the nodes have all the memory" [ "$(sizes | awk '{ s += $1 } END { print s }')" = \
		"$(awk '/MemTotal/ { print $2 }' /proc/meminfo)" ]
}
check_restored() {
	check "contents match, on $1 nodes" \
		logged "test_kho: restored .* on $1 nodes: contents match"
}
# The window of the handover FDT, 64 KiB, is on one of them, as is what a kernel notes of a
# set; a few early allocations are on this or that. What was preserved is some MiB on each.
same_sizes() {
	for size in $(sizes); do
		more=$((size - ${kho_sizes%%,*}))
		kho_sizes=${kho_sizes#*,}
		[ ${more#-} -le 1024 ] || { echo "$size KiB are $more more"; return 1; }
	done
}

[ "$kho_stage" = 0 ] || check_arrival "${kho_expect:-main}"
check "the test module loads" load test_kho
case $kho_stage in
0)	check_nodes
	activate
	kexec_to main ;;
1)	check_nodes
	check_restored 3
	kexec_to main "numa=off kho_sizes=$(sizes | tr '\n' ,)" ;;
2)	check "there is one node" is $node/online 0
	check_restored 1
	kexec_to debug "kho_expect=debug" ;;
3)	check "there are no nodes" [ ! -d $node ]
	check_restored 1
	kexec_to main "kho_expect=main numa=on" ;;
4)	check_nodes
	# As luck has it: the kernel before did not spread its memory.
	check_restored "[1-3]"
	check "each node has what it had" same_sizes
	check_healthy ;;
esac
