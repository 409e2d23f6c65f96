# SPDX-License-Identifier: GPL-2.0
# A crash kernel beside an active handover still gets its dump, and hears neither
# of that handover nor of the one that the dying kernel came from.
case $kho_stage in
0)	check "the test module loads" load test_kho
	activate
	kexec_to debug ;;
1)	check_arrival debug
	check "the test module loads" load test_kho
	check "kexec loads main" kexec_load main
	check "kexec loads the crash kernel" kexec_load main "crashkernel=0 nr_cpus=1" -s -p
	activate
	echo c >/proc/sysrq-trigger ;;
2)	check "the dump is there" [ -s /proc/vmcore ]
	check "it is an ELF file" [ "$(head -c 4 /proc/vmcore | tail -c 3)" = ELF ]
	head -c 65536 /proc/vmcore >/tmp/head
	check "it is of the kernel that died" grep -q "OSRELEASE=.*debug" /tmp/head
	check "the crash kernel takes no handover" fails is $FW/status accepted
	[ ! -d /proc/device-tree ] || check "nor is it told of one" \
		fails ls /proc/device-tree/chosen/linux,kho-fdt ;;
esac
