# SPDX-License-Identifier: GPL-2.0
# The harness itself: the kernel without KHO boots and reports.
case $kho_stage in
0)	kexec_to nokho ;;
1)	check "this is the nokho kernel" [ "$flavour" = nokho ]
	check_healthy ;;
esac
