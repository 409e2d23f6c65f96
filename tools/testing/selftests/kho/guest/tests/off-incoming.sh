# SPDX-License-Identifier: GPL-2.0
# A kernel with kho=off takes nothing from the one before, and is healthy.
case $kho_stage in
0)	check "the test module loads" load test_kho
	activate
	kexec_to debug kho=off ;;
1)	check "the handover was refused, and the status says why" \
		is $FW/status "refused: kho=on is not on the command line"
	check "the test module finds nothing" load test_kho
	check "it restored nothing" fails logged "test_kho: restored"
	check_healthy ;;
esac
