# SPDX-License-Identifier: GPL-2.0
# A module that takes part is unloaded while a handover is active: that is aborted,
# and the next one arrives without it.
case $kho_stage in
0)	check "the test module loads" load test_kho
	check "the sample driver loads" load kho_sample
	check "kexec loads main" kexec_load main
	activate
	check "its node is there" fdtget -p $KHO/fdt /kho-sample
	check "rmmod" rmmod kho_sample
	check "the log says that it aborts" \
		logged "kho: sample_notify.* is leaving: the active handover is aborted"
	check "active says 0" is $KHO/active 0
	check "the FDT is gone" [ -z "$(head -c 1 $KHO/fdt)" ]
	say "kexec -e -x activates anew"
	kexec_go ;;
1)	check_arrival main
	check "the node of the other module is there" fdtget -p $FW/fdt /test-kho
	check "that of the unloaded module is not" fails fdtget -p $FW/fdt /kho-sample
	check_state
	check "the sample finds nothing" load kho_sample
	check "and says so" logged "kho_sample: no handover" ;;
esac
