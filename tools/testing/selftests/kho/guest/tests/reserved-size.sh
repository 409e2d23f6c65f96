# SPDX-License-Identifier: GPL-2.0
# Reserved memory that the devicetree gives only a size stays where it is: each kernel would
# choose a place for itself, before it knows what is preserved ($kho_set).
area() { dmesg | sed -n 's/.*reserved mem: \(0x[0-9a-f]*\)\.\..* pool$/\1/p'; }
TREE=/proc/device-tree/reserved-memory
# prop NAME: a word for what a property of the node is.
prop() { md5sum <"$TREE/pool/$1" | cut -d ' ' -f 1; }
case $kho_stage in
0)	check "there is such an area: $(area)" [ -n "$(area)" ]
	check "kexec loads main" kexec_load main "kho_area=$(area) kho_ranges=$(prop alloc-ranges)"
	# The module wants nearly all memory, in large blocks
	rm -r /boot/*/image /boot/initramfs
	check "the test module loads" load test_kho "$kho_set"
	activate
	kexec_go ;;
1)	check_arrival main
	check "the area is where it was: $(area)" [ "$(area)" = "$kho_area" ]
	check_state
	check "/chosen is whole" [ -s /proc/device-tree/chosen/bootargs ]
	check "the tree says where it is" [ "$(prop alloc-ranges)" != "$kho_ranges" ]
	check "and where it may be" [ "$(prop linux,kho-pinned)" = "$kho_ranges" ]
	kexec_to main "kho=off kho_ranges=$kho_ranges" ;;
2)	check "without a handover, the kernel may place it" [ ! -e $TREE/pool/linux,kho-pinned ]
	check "where firmware allows" [ "$(prop alloc-ranges)" = "$kho_ranges" ]
	check "there is such an area: $(area)" [ -n "$(area)" ] ;;
esac
