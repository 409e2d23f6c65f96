# SPDX-License-Identifier: GPL-2.0
# A handover from main to main; the log of the first has $kho_logged.
case $kho_stage in
0)	check "the log has $kho_logged" logged "$kho_logged"
	check "the test module loads" load test_kho
	activate
	kexec_to main ;;
1)	check_arrival main
	check_state
	check_healthy ;;
esac
