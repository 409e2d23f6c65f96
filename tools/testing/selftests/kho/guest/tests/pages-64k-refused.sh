# SPDX-License-Identifier: GPL-2.0
# Pages of 4K cannot be preserved by a kernel whose pages are 64K.
case $kho_stage in
0)	check "the test module loads" load test_kho
	activate
	kexec_to 64k ;;
1)	check "this is the 64k kernel" [ "$flavour" = 64k ]
	check "the handover was refused, and the status says why" \
		grep -q "^refused: .*does not fit pages of" $FW/status
	check "the test module finds nothing" load test_kho
	check "it restored nothing" fails logged "test_kho: restored"
	check_healthy ;;
esac
