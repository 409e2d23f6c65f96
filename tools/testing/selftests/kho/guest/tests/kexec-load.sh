# SPDX-License-Identifier: GPL-2.0
# An image of kexec_load(2) cannot carry a handover: it is loaded at any time, but
# not executed while a handover is active, and nothing is lost by trying.
refused() {
	forget_log
	check "kexec -e -x is refused" fails kexec -e -x
	check "the log says why" logged "kho: the image cannot carry the active handover"
	check "the handover is still active" is $KHO/active 1
	check_healthy
}

case $kho_stage in
0)	check "the test module loads" load test_kho
	check "kexec -c loads main" kexec_load main "" -c -l
	activate
	refused
	kexec_to main ;;
1)	check_arrival main
	check_state
	activate
	check "kexec -c loads main while a handover is active" kexec_load main "" -c -l
	refused
	check "abort" put 0 $KHO/active
	kexec_go ;;
2)	check "this kernel takes no handover" fails is $FW/status accepted
	check "the test module finds none" load test_kho
	check_healthy ;;
esac
