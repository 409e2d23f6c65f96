# SPDX-License-Identifier: GPL-2.0
# Owns the scenario luo-faults: each allocation of PRESERVE_FD and RETRIEVE_FD fails once,
# one after the other. What failed has changed nothing, and works when it is tried again.
. /fail.sh
. /luo.sh
may_fail_in luo_session_ioctl

case $kho_stage in
0)	luo put-faults
	activate
	check "nothing is left preserved" logged "handover 1 active: .*memory table of 0 bytes"
	put 0 $KHO/active
	luo put
	check "nothing leaks" no_leaks
	kexec_to debug ;;
1)	check_arrival debug
	luo get-faults
	check "nothing leaks" no_leaks
	check_healthy ;;
esac
