# SPDX-License-Identifier: GPL-2.0
# A notifier that refuses, or fills the FDT, stops the activation and the kexec;
# the machine goes on.
case $kho_stage in
0)	check "the sample driver loads" load kho_sample
	check "the refusing module loads" load test_kho fail=1
	check "activation fails" fails put 1 $KHO/active
	check "active says 0" is $KHO/active 0
	check "the log names the notifier" \
		logged "\[test_kho\] refused the handover"
	check "kexec loads main" kexec_load main
	check "kexec -e -x fails" fails kexec -e -x
	check "the disk still works" sh -c 'dd if=/dev/vda of=/dev/null bs=1M count=4 2>/dev/null'
	check_healthy
	check "the refusing module unloads" rmmod test_kho
	check "the verbose module loads" load test_kho big=1
	check "activation fails" fails put 1 $KHO/active
	check "the log names fdt_max" logged "the FDT is full.*fdt_max"
	check "the verbose module unloads" rmmod test_kho
	check "the test module loads" load test_kho
	kexec_go ;;
1)	check_arrival main
	check_state
	check_healthy ;;
esac
