# SPDX-License-Identifier: GPL-2.0
# initrdmem= of an older boot names memory that is preserved by now. An initrd is freed: such
# a handover is refused.
case $kho_stage in
0)	check "the sample driver loads" load kho_sample
	activate
	mem $KHO/fdt /kho-sample | {
		read -r addr len
		say "preserved: $addr $len"
		initramfs=
		kexec_to main "root=/dev/vdb init=/init initrdmem=$addr,$len"
	} ;;
1)	check "the kernel takes that for its initrd" logged "Freeing initrd memory"
	check "the handover was refused" grep -q \
		"^refused: preserved range .* in use by firmware, kernel or initrd$" $FW/status
	check_healthy ;;
esac
