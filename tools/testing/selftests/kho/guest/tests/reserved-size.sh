# SPDX-License-Identifier: GPL-2.0
# Reserved memory that the devicetree gives only a size stays where it is: each kernel would
# choose a place for itself, before it knows what is preserved ($kho_set).
area() { dmesg | sed -n 's/.*reserved mem: \(0x[0-9a-f]*\)\.\..* pool$/\1/p'; }
TREE=/proc/device-tree/reserved-memory
case $kho_stage in
0)	check "there is such an area: $(area)" [ -n "$(area)" ]
	check "kexec loads main" kexec_load main "kho_area=$(area)"
	# The module wants nearly all memory, in large blocks
	rm -r /boot/*/image /boot/initramfs
	check "the test module loads" load test_kho "$kho_set"
	activate
	kexec_go ;;
1)	check_arrival main
	check "the area is where it was: $(area)" [ "$(area)" = "$kho_area" ]
	check_state
	check "/chosen is whole" [ -s /proc/device-tree/chosen/bootargs ]
	check "the tree says where it is" [ -e $TREE/pool/linux,kho-pinned ]
	kexec_to main "kho=off" ;;
2)	check "without a handover, the kernel may place it" \
		[ ! -e $TREE/pool/linux,kho-pinned -a ! -e $TREE/pool/alloc-ranges ]
	check "there is such an area: $(area)" [ -n "$(area)" ] ;;
esac
