# SPDX-License-Identifier: GPL-2.0
# Handovers that are damaged between activation and the jump, a case in each kernel:
# the next one refuses it, says why, has all its memory, and goes on with the next case.
# After the last, a handover arrives. $kho_cases names the list, $kho_last its end.
# Kernels lie at the same place in scratch (nokaslr), so each knows where the next
# one will be, and its initrd.
. /damage.sh
forecast() {
	[ -n "$kho_base" ] && printf '%#x' $((scratch + $1 - kho_base))
}
initrd_here() {
	prop=/proc/device-tree/chosen/linux,initrd-start
	if [ -e $prop ]; then
		echo "0x$(hexdump -v -e '1/1 "%02x"' $prop)"
	else
		dmesg | sed -n 's/.*RAMDISK: \[mem \(0x[0-9a-f]*\)-.*/\1/p'
	fi
}
kernel=$(forecast "$(sed -n 's/^ *\([0-9a-f]*\)-.* : Kernel code$/0x\1/p' /proc/iomem)")
initrd=$(forecast "$(initrd_here)")
# Without such an entry, as with a devicetree, QEMU has its flash at 0.
firmware=$(sed -n 's/^\([0-9a-f]*\)-.* : Reserved$/0x\1/p' /proc/iomem | tail -1)
firmware=${firmware:-0}
outside=0x100000000000
# Two pages of RAM that neither firmware, kernel nor initrd has, nor scratch.
low=$(printf '%#x' $((scratch - 0x40000))) high=$(printf '%#x' $((scratch - 0x20000)))
nops="put /scratch 0 8 0x400000004; put /scratch 8 8 0x400000004"
fdt_cases() {
	case $1 in
	1)	why="not an FDT" orders="flip fdt 0 0" ;;
	2)	why="the kernel was not loaded into scratch"	# as if it were stale
		orders="put /scratch 0 8 0x1000000; seal fdt" ;;
	3)	why="not an FDT .*TRUNCATED" orders="put fdt 4 4 64" ;;
	4)	why="the FDT has 65540 bytes, its window 65536" orders="put fdt 4 4 65540" ;;
	5)	why="(bad FDT structure|the FDT is not one tree)"
		orders="flip struct 3 1; seal fdt" ;;
	6)	why="the FDT names no format" orders="flip strings 0 0; seal fdt" ;;
	7)	why="its format is \"kho-v1\", this kernel reads"	# mainline's
		orders="put /compatible 0 8 0x6b686f2d76310000; put /compatible 8 4 0; seal fdt" ;;
	8)	why="the FDT's checksum is" orders="flip /kernel-release 2 0" ;;
	9)	why="no valid scratch"		# it is empty
		orders="put /scratch -8 4 0; $nops; seal fdt" ;;
	10)	why="mem range .* is not in the memory table"
		orders="put /kho-sample/mem 0 8 $scratch; seal fdt" ;;
	esac
}
table_cases() {
	case $1 in
	1)	why="the memory table's checksum is" orders="flip bits 5 3" ;;
	2)	why="(preserved range|memory table) .* is in use by firmware, kernel or initrd"
		ranges "$kernel" 0x1000 ;;
	3)	why="preserved range .* is in use by firmware, kernel or initrd"
		ranges "$initrd" 0x1000 ;;
	4)	why="preserved range .* is in (scratch|use by firmware, kernel or initrd)"
		ranges "$scratch" 0x1000 ;;	# x86 has the kernel at its end
	5)	why="preserved range .* is not RAM here"
		ranges "$outside" 0x1000 ;;
	6)	why="preserved range .* (is not RAM here|is in use by firmware, kernel or initrd)"
		ranges "$firmware" 0x1000 ;;
	7)	why="preserved range .* overlaps or is out of order"
		ranges "$high" 0x1000 "$low" 0x1000 ;;
	8)	why="preserved range .* is empty or wraps"
		ranges "$low" 0xfffffffffffff000 ;;
	9)	why="the memory table has an entry of unknown type 3"
		ranges "$low" 0x1000; but "put room 16 4 3" ;;
	10)	why="a chunk has pages of a folio that are not preserved"
		orders="put bits 0 8 0; put bits $((page / 2)) 8 0xffffffffffffffff; seal all" ;;
	11)	why="memory table .* is in (scratch|use by)"
		orders="put chunk 24 8 $scratch; seal all" ;;
	12)	why="memory table .* is in what it preserves"
		ranges "$low" 0x1000; but "copy room 0 /mem-table 0 8" ;;
	13)	why="the memory table's checksum is"	# it has no parts
		orders="put /mem-table -8 4 0; put /mem-table 0 8 0x400000004
put /mem-table 8 8 0x400000004; seal fdt" ;;
	esac
}

if [ "$kho_stage" -gt $((kho_last + 1)) ]; then
	check_arrival main
	check_state
	check_healthy
	finish
fi
if [ "$kho_stage" -gt 1 ]; then
	"$kho_cases" $((kho_stage - 1))
	check_refusal "$why"
fi
check "the test module loads" load test_kho folios=16 pages=200
[ "$kho_cases" != fdt_cases ] || check "the sample driver loads" load kho_sample
if [ "$kho_stage" -gt "$kho_last" ]; then
	activate
	kexec_to main
fi
"$kho_cases" "$kho_stage"
jump_damaged "$orders"
