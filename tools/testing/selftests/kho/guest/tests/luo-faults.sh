# SPDX-License-Identifier: GPL-2.0
# Owns the scenario luo-faults: each allocation of PRESERVE_FD and RETRIEVE_FD fails once,
# one after the other. What failed has changed nothing, and works when it is tried again.
. /fail.sh
. /luo.sh
may_fail_in luo_session_ioctl
# The debug kernel hands hashes over, too.
measure() {
	put 1 $KHO/active
	bytes=$(dmesg | sed -n 's/.*handover 1 active:.*table of \([0-9]*\) bytes/\1/p' | tail -n 1)
	put 0 $KHO/active
}

case $kho_stage in
0)	measure
	before=$bytes
	luo put-faults
	measure
	check "nothing is left preserved" [ "$bytes" = "$before" ]
	luo put
	check "nothing leaks" no_leaks
	kexec_to debug ;;
1)	check_arrival debug
	luo get-faults
	check "nothing leaks" no_leaks
	check_healthy ;;
esac
