# SPDX-License-Identifier: GPL-2.0
# With kho=off the first kernel's kexec is an ordinary one.
case $kho_stage in
0)	check "there is no /sys/kernel/kho" [ ! -e $KHO ]
	kexec_to main kho=on ;;
1)	check "the second kernel says that nothing came" is $FW/status none
	check_healthy ;;
esac
