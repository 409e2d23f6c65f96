# SPDX-License-Identifier: GPL-2.0
# A crash kernel beside an active handover still gets its dump.
case $kho_stage in
0)	check "the test module loads" load test_kho
	check "kexec loads alt" kexec_load alt
	check "kexec loads the crash kernel" kexec_load main "crashkernel=0 nr_cpus=1" -s -p
	activate
	echo c >/proc/sysrq-trigger ;;
1)	check "the dump is there" [ -s /proc/vmcore ]
	check "it is an ELF file" [ "$(head -c 4 /proc/vmcore | tail -c 3)" = ELF ]
	head -c 65536 /proc/vmcore >/tmp/head
	check "it is of the kernel that died" grep -q "OSRELEASE=$release" /tmp/head
	check "the crash kernel takes no handover" fails is $FW/status accepted ;;
esac
