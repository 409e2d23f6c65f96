# SPDX-License-Identifier: GPL-2.0
# A driver hands over to an older one that knows less of its node, and that one back to
# the newer, which does without what the other does not write.
case $kho_stage in
0)	check "the driver loads" load kho_sample
	activate
	kexec_to alt ;;
1)	check_arrival alt
	check "the older driver loads" load kho_sample_old
	check "it reads what the newer one wrote" \
		logged "kho_sample_old: found: counter 2, .*verified"
	check "nothing is left unclaimed" is $FW/unclaimed/kho-sample 0
	activate
	kexec_to main ;;
2)	check_arrival main
	check "the newer driver loads" load kho_sample
	check "it reads what the older one wrote" \
		logged "kho_sample: found: counter 3, .*verified"
	check "and misses nothing" fails logged "kho_sample: (written by|error)"
	check "nothing is left unclaimed" is $FW/unclaimed/kho-sample 0
	check_healthy ;;
esac
