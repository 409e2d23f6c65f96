# SPDX-License-Identifier: GPL-2.0
# Activate, abort, activate again: no reload is needed, and nothing stays held.
case $kho_stage in
0)	check "the test module loads" load test_kho
	check "kexec loads main" kexec_load main
	activate
	check "abort" put 0 $KHO/active
	check "active says 0" is $KHO/active 0
	activate
	check "activating twice changes nothing" put 1 $KHO/active
	kexec_go ;;
1)	check_arrival main
	check_state
	check_healthy ;;
esac
