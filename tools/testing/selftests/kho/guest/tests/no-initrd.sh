# SPDX-License-Identifier: GPL-2.0
# The EFI stub has loaded the first kernel's initrd, and a configuration table, which every
# kernel finds, says where that was. From kernel $kho_without on there is none: a kernel that
# believed the table would take for its initrd, and free, what is somebody else's by then.

# kept ADDRESS: whether nobody is given it, as /proc/iomem has it.
kept() {
	grep -E ' : (ACPI Tables|reserved)$' /proc/iomem |
	sed 's/^ *\([0-9a-f]*\)-\([0-9a-f]*\) .*/0x\1 0x\2/' | {
		while read -r first last; do
			[ $(($1 >= first && $1 <= last)) = 0 ] || exit 0
		done
		exit 1
	}
}
# Most free memory has been used, and not for zeroes.
use_memory() {
	dd if=/dev/urandom of=/tmp/noise bs=1M count=1
	for i in $(seq 150); do cat /tmp/noise || return; done >/tmp/fill
	rm /tmp/fill
}

[ "$kho_stage" = 0 ] || check_arrival main
if [ "$kho_stage" -ge "$kho_without" ]; then
	check "the root is a disk" logged "VFS: Mounted root .ext2"
	check "the kernel looks for no initrd" \
		fails logged "RAMDISK:|[Uu]npack.*initramfs|Freeing initrd"
fi
table=$(dmesg | sed -n 's/.*efi: .*INITRD=\(0x[0-9a-f]*\).*/\1/p')
check "there is a table" [ -n "$table" ]
check "it is in memory that is kept" kept "$table"

forget_log
check "the test module loads" load test_kho seed=$((kho_stage + 1)) folios=1000
[ "$kho_stage" = 0 ] || check "contents match" logged "test_kho: restored .*contents match"
check "memory can be used" use_memory

[ $((kho_stage + 1)) -lt "$kho_stages" ] || finish
[ $((kho_stage + 1)) -lt "$kho_without" ] || initramfs=
kexec_to main "root=/dev/vdb init=/init"
