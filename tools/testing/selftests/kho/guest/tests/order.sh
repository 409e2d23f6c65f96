# SPDX-License-Identifier: GPL-2.0
# Load then activate, activate then load, and activation by kexec -e itself.
[ "$kho_stage" = 0 ] || check_arrival "$kho_expect"
forget_log
check "the test module loads" load test_kho
[ "$kho_stage" = 0 ] || check "contents match" logged "test_kho: restored .*contents match"
case $kho_stage in
0)	check "kexec loads alt" kexec_load alt kho_expect=alt
	activate
	kexec_go ;;
1)	activate
	kexec_to main kho_expect=main ;;
2)	say "not activated: kexec -e does it"
	kexec_to alt kho_expect=alt ;;
esac
