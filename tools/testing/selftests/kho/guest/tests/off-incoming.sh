# SPDX-License-Identifier: GPL-2.0
# An image whose own command line does not say kho=on carries no handover, whatever that
# of the running kernel says. While one is active the image is not executed, and nothing
# is lost; after an abort it is, and its kernel takes nothing from the one before.
case $kho_stage in
0)	check "the test module loads" load test_kho
	check "there is no image" is $KHO/image none
	check "kexec loads debug, with kho=off" kexec_load debug kho=off
	check "the log says that it carries nothing" logged "kho: the image carries no handover"
	check "image says so" is $KHO/image plain
	activate
	forget_log
	check "kexec -e -x is refused" fails kexec -e -x
	check "the log says why, and what to do" \
		logged "kho: the image cannot carry the active handover: .*kho=on on its"
	check "the handover is still active" is $KHO/active 1
	check_healthy
	check "kexec loads debug, with kho=on" kexec_load debug
	check "image says that it carries a handover" is $KHO/image handover
	check "kexec loads debug again, with kho=off" kexec_load debug kho=off
	check "abort" put 0 $KHO/active
	kexec_go ;;
1)	check "nothing came" is $FW/status none
	check "nor could it hand over" [ ! -e $KHO ]
	check "the test module finds nothing" load test_kho
	check "it restored nothing" fails logged "test_kho: restored"
	check_healthy ;;
esac
