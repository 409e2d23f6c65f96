# SPDX-License-Identifier: GPL-2.0
# Load then activate, activate then load, and activation by kexec -e -x itself.
[ "$kho_stage" = 0 ] || check_arrival "$kho_expect"
forget_log
check "the test module loads" load test_kho
[ "$kho_stage" = 0 ] || check "contents match" logged "test_kho: restored .*contents match"
case $kho_stage in
0)	check "fdt_max can be set" put 131072 $KHO/fdt_max
	check "fdt_max says so" is $KHO/fdt_max 131072
	check "not to more than 256 KiB" fails put 262145 $KHO/fdt_max
	check "kexec loads main" kexec_load main kho_expect=main
	check "not while an image is loaded" fails put 65536 $KHO/fdt_max
	check "the log says why" logged "fdt_max is fixed while an image is loaded"
	check "kexec -u" kexec -u
	check "now it can" put 262144 $KHO/fdt_max
	check "kexec loads main again" kexec_load main kho_expect=main
	activate
	check "not while a handover is active" fails put 65536 $KHO/fdt_max
	kexec_go ;;
1)	activate
	kexec_to main kho_expect=main ;;
2)	say "not activated: kexec -e -x does it"
	kexec_to main kho_expect=main ;;
esac
