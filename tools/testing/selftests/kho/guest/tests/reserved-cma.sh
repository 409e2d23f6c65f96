# SPDX-License-Identifier: GPL-2.0
# Reserved memory of the devicetree that a kernel does without, here because of cma=, may
# hold what is preserved: as long as kernels hand over, those after it do without, too.
TREE=/proc/device-tree/reserved-memory
has_area() { dmesg | grep -q 'reserved mem: .* pool$'; }
case $kho_stage in
0)	check "the kernel does without such an area" logged "bypass pool node"
	check "kexec loads main" kexec_load main -cma
	# The module wants nearly all memory, in large blocks
	rm -r /boot/*/image /boot/initramfs
	check "the test module loads" load test_kho "$kho_set"
	activate
	kexec_go ;;
[12])	check_arrival main
	check "so does the next" fails has_area
	check "it is told so" [ -e $TREE/pool/linux,kho-disabled ]
	[ "$kho_stage" = 2 ] || check_state
	kexec_to main "$([ "$kho_stage" = 1 ] || echo kho=off)" ;;
3)	check "without a handover there is such an area" has_area
	check "the tree is as firmware made it" [ ! -e $TREE/pool/status ] ;;
esac
