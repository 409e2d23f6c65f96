# SPDX-License-Identifier: GPL-2.0
# A kernel that does not know KHO boots, healthy, after an active handover.
case $kho_stage in
0)	check "the test module loads" load test_kho
	activate
	kexec_to nokho ;;
1)	check "this is the nokho kernel" [ "$flavour" = nokho ]
	check_healthy ;;
esac
