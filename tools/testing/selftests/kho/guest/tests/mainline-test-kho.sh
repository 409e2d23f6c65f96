# SPDX-License-Identifier: GPL-2.0
# Mainline's own test module, which adds a blob by name, and restores what that lists.
insert() { insmod /boot/mainline/test_kho.ko; }
label() { [ "$(fdtget $KHO/fdt /kho-subtrees/subtree-0 label)" = "$1" ]; }
case $kho_stage in
0)	check "mainline's module loads" insert
	activate
	check "what it has added is in the handover" label kho_test
	check "rmmod" rmmod test_kho
	check "that aborts the handover" is $KHO/active 0
	check "activation" put 1 $KHO/active
	check "the blob is gone" fails fdtget -p $KHO/fdt /kho-subtrees
	check "nothing is preserved any more" logged "memory table of 0 bytes"
	check "it loads once more" insert
	activate
	kexec_to main ;;
1)	check_arrival main
	check "mainline's module loads" insert
	check "and has restored everything" logged "test_kho: KHO restore succeeded"
	check "KHO had nothing to complain of" fails logged "kho: cannot"
	check_healthy ;;
esac
