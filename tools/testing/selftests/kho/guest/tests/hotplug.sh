# SPDX-License-Identifier: GPL-2.0
# CPUs and memory come and go while a handover is active. What was added is not
# preserved, and what KHO hands over does not lie in it: neither if boot memory is
# on the same node, nor if the node has nothing else.
memory=/sys/devices/system/memory
cpu=/sys/devices/system/cpu/cpu1/online

# block ADDRESS: the directory of the block of memory there
block() { echo $memory/memory$(($1 / 0x$(cat $memory/block_size_bytes))); }
online() { put online_kernel "$(block "$1")/state"; }
# None of these blocks can be set offline
are_fixed() {
	for addr; do
		fails put offline "$(block "$addr")/state" || return
		is "$(block "$addr")/state" online || return
	done
}
addresses() { mem "$@" | cut -d ' ' -f 1; }
# Whether the window of the FDT lies below an address
window_below() {
	read -r addr <$KHO/fdt_start && read -r len <$KHO/fdt_max && [ $((addr + len <= $1)) = 1 ]
}

case $kho_stage in
0)	added=$((0x20000000))
	read -r scratch <$KHO/scratch_start
	check "the sample driver loads" load kho_sample
	check "kexec loads main" kexec_load main mem=64G
	activate
	check "a CPU goes" put 0 $cpu
	check "and comes back" put 1 $cpu
	check "memory is added" put $added $memory/probe
	check "and used" online $added
	check "the handover is still active" is $KHO/active 1
	check "memory with preserved pages stays" are_fixed $(addresses $KHO/fdt /kho-sample)
	check "scratch stays" are_fixed "$scratch"
	check "abort" put 0 $KHO/active

	check "what was added is not preserved" fails load test_kho
	check "the log says why" \
		logged "kho: cannot preserve 0x2.*: it is not all RAM that was there at boot"
	activate
	check "the CPU goes" put 0 $cpu
	kexec_go ;;
1)	added=$((0x100000000))
	check_arrival main
	check "there are two CPUs" [ "$(nproc)" = 2 ]
	check "memory that nobody has claimed stays" are_fixed $(addresses $FW/fdt /kho-sample)
	check "the sample driver loads" load kho_sample
	check "the sample's data is verified" logged "kho_sample: found.*verified"
	check "the other node has memory that was added" [ -d "$(block $added)/node1" ]
	check "it is used" online $added
	say "all that follows prefers that memory"
	check "a larger window" taskset 2 sh -c "echo 262144 >$KHO/fdt_max"
	check "it was there at boot" window_below $added
	check "activation" taskset 2 sh -c "echo 1 >$KHO/active"
	kexec_to main ;;
2)	check_arrival main
	check "the sample driver loads" load kho_sample
	check "the sample's data is verified" logged "kho_sample: found: counter 3.*verified"
	check_healthy ;;
esac
