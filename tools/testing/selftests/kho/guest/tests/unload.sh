# SPDX-License-Identifier: GPL-2.0
# A module that is loaded or unloaded while a handover is active aborts it, and the jump makes
# another, of those that are there then.
gone() {
	check "the log says that it aborts" logged "kho: $1: the handover is aborted"
	check "active says 0" is $KHO/active 0
	check "the FDT is gone" [ -z "$(head -c 1 $KHO/fdt)" ]
	forget_log
}
case $kho_stage in
0)	check "the test module loads" load test_kho
	activate
	check "the sample driver loads" load kho_sample
	check "and works" logged "kho_sample: no handover: starting at 1"
	gone "sample_notify.* comes"
	check "kexec loads main" kexec_load main
	activate
	check "its node is there" fdtget -p $KHO/fdt /kho-sample
	check "rmmod" rmmod kho_sample
	gone "sample_notify.* leaves"
	activate
	check "rmmod" rmmod test_kho
	gone "test_kho_notify.* leaves"
	check "nothing is preserved" fails logged "ERROR"
	check "the test module loads" load test_kho
	say "kexec -e -x activates anew"
	kexec_go ;;
1)	check_arrival main
	check "the node of the other module is there" fdtget -p $FW/fdt /test-kho
	check "that of the unloaded module is not" fails fdtget -p $FW/fdt /kho-sample
	check_state
	check "the sample finds nothing" load kho_sample
	check "and says so" logged "kho_sample: no handover" ;;
esac
