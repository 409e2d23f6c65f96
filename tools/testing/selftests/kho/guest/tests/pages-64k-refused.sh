# SPDX-License-Identifier: GPL-2.0
# Pages of 4K cannot be preserved by a kernel whose pages are 64K: kexec -e -x says so, and
# nothing is lost. Without them, that kernel is started.
case $kho_stage in
0)	check "the test module loads" load test_kho
	check "kexec loads the 64k kernel" kexec_load 64k
	check "kexec -e -x is refused" fails kexec -e -x
	check "the log says why" \
		logged "kho: the image's kernel has pages of 65536 bytes .*does not fit pages of"
	check "nothing is active" is $KHO/active 0
	activate
	check "kexec -e -x is refused again" fails kexec -e -x
	check "the handover is still active" is $KHO/active 1
	check_healthy
	check "the test module leaves" rmmod test_kho
	kexec_go ;;
1)	check_arrival 64k
	check_healthy ;;
esac
