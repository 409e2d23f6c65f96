# SPDX-License-Identifier: GPL-2.0
# A module is loaded while a handover is active: it has no part in it. One that takes part
# is unloaded: the handover is aborted, and the next one arrives without it.
case $kho_stage in
0)	check "the test module loads" load test_kho
	check "activation" put 1 $KHO/active
	check "the sample driver loads all the same" load kho_sample
	check "and says so" logged "kho_sample: too late to take part in a handover"
	check "and works" logged "kho_sample: no handover: starting at 1"
	check "rmmod" rmmod kho_sample
	check "the handover is still active" is $KHO/active 1
	check "it can be aborted" put 0 $KHO/active
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
