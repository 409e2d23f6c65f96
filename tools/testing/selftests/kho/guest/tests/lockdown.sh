# SPDX-License-Identifier: GPL-2.0
# Lockdown restricts what is loaded just as without KHO. A handover itself it does
# not restrict.
mount -t securityfs securityfs /sys/kernel/security
lockdown=/sys/kernel/security/lockdown

not_permitted() {
	said=$("$@" 2>&1) && return 1
	echo "$said" | grep -q "not permitted"
}
check_refused() {
	forget_log
	check "kexec_load(2) is refused" not_permitted kexec_load main "" -c -l
	check "an unsigned image is refused" not_permitted kexec_load main "" -s -l
	check "an unsigned module is refused" not_permitted load kho_sample
	check "the log says why" logged "Lockdown: kexec: kexec of unsigned images is restricted"
}

case $kho_stage in
0)	check "this kernel has no handover" is $FW/status none
	if [ ! -e $KHO ]; then
		check_refused
		exit 0
	fi
	check "the test module loads" load test_kho
	check "the sample driver loads" load kho_sample
	check "kexec loads main" kexec_load main lockdown=integrity
	check "lockdown" put integrity $lockdown
	check_refused
	activate
	kexec_go ;;
1)	check_arrival main
	check "lockdown is on" grep -q "\[integrity\]" $lockdown
	check_refused
	check "lockdown of confidentiality" put confidentiality $lockdown
	check "what nobody can claim is listed" [ "$(cat $FW/unclaimed/kho-sample)" = 32768 ]
	check "and can be released" put 1 $FW/unclaimed/kho-sample
	check "it is" is $FW/unclaimed/kho-sample 0
	check "activation" put 1 $KHO/active
	check "its FDT can be read" fdtget -p $KHO/fdt /
	check "abort" put 0 $KHO/active
	check_healthy ;;
esac
