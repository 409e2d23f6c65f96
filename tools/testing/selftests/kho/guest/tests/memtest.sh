# SPDX-License-Identifier: GPL-2.0
# A memory test in the new kernel's early boot does not overwrite what was handed
# over: it is left out where that is not yet reserved (x86), and only then.
case $kho_stage in
0)	check "the test module loads" load test_kho
	activate
	kexec_to debug memtest=1 ;;
1)	check_arrival debug
	check "the memory test was skipped, or comes later" \
		logged "early_memtest: (skipped|# of tests)"
	check_state
	check_healthy
	kexec_to debug kho=off ;;
2)	check "without a handover, memory is tested" logged "early_memtest: # of tests"
	check_healthy ;;
esac
