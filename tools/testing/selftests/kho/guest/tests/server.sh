# SPDX-License-Identifier: GPL-2.0
# Three handovers between kernels with what distributions set, or have their users set: what
# looks at every page, what wants memory at boot, firmware, programs that need memory.
# kho_has names what is on, in every one of them.

read_stat() { sed -n "s/^$1: *//p" /sys/kernel/debug/kfence/stats; }
is_sampled() { [ "$(read_stat 'total allocations')" -gt 0 ]; }
check_kfence() { check "KFENCE looks at objects" eventually is_sampled; }

check_owner() {
	head -c 4096 /sys/kernel/debug/page_owner >/tmp/owner
	check "pages have owners" grep -q "^Page allocated via order" /tmp/owner
}
check_tags() {
	check "allocations are accounted" [ "$(awk '$1 > 0' /proc/allocinfo | wc -l)" -gt 100 ]
}
check_kmemleak() { check "kmemleak is there" [ -e /sys/kernel/debug/kmemleak ]; }

# What is on a tmpfs, as /init is, is not measured.
measured() { grep -q "$1" /sys/kernel/security/ima/ascii_runtime_measurements; }
check_ima() {
	mount -t securityfs securityfs /sys/kernel/security
	mkdir -p /disk && mount -t ext2 -o ro /dev/vdb /disk
	[ "$kho_stage" = 0 ] ||
		check "measurements of kernels before are there" measured " /disk/bin/busybox$"
	/disk/bin/busybox true
	check "programs are measured" measured " /disk/bin/busybox$"
}

check_crash() {
	check "a crash kernel has its memory" [ "$(cat /sys/kernel/kexec_crash_size)" != 0 ]
	check "kexec loads the crash kernel" kexec_load small "crashkernel=0 nr_cpus=1" -s -p
}
check_gigantic() {
	check "the pool has its page of 1 GiB" \
		is /sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages 1
}

swaps() { [ "$(awk '/^zswpout/ { print $2 }' /proc/vmstat)" -gt 0 ]; }
# A cgroup that needs twice what it may have, in huge pages, until the jump.
check_load() {
	echo always >/sys/kernel/mm/transparent_hugepage/enabled
	echo 256M >/sys/block/zram0/disksize
	mkswap /dev/zram0 >/dev/null && swapon /dev/zram0
	mkdir -p /tmp/cgroup && mount -t cgroup2 cgroup2 /tmp/cgroup
	echo +memory >/tmp/cgroup/cgroup.subtree_control
	mkdir /tmp/cgroup/load && echo 64M >/tmp/cgroup/load/memory.max
	sh -c 'echo $$ >/tmp/cgroup/load/cgroup.procs
		yes "what programs have" | dd of=/dev/null bs=128M iflag=fullblock' &
	check "zswap has pages of a cgroup" eventually swaps
}

# A variable of each kernel. Its value stands behind its attributes, in four bytes.
efivar() { echo "/sys/firmware/efi/efivars/KhoTest$1-4ea1a1c5-0e6b-4b3b-9f0a-6b4e3f0c2d11"; }
check_efi() {
	mount -t efivarfs efivarfs /sys/firmware/efi/efivars
	[ "$kho_stage" = 0 ] || check "the variable that the kernel before wrote is there" \
		[ "$(tail -c 1 "$(efivar $((kho_stage - 1)))")" = $((kho_stage - 1)) ]
	printf '\7\0\0\0%s' "$kho_stage" >"$(efivar "$kho_stage")"
	check "the firmware writes variables" \
		[ "$(tail -c 1 "$(efivar "$kho_stage")")" = "$kho_stage" ]
	esrt=$(ls /sys/firmware/efi/esrt/entries 2>/dev/null | xargs)
	[ "$kho_stage" = 0 ] || check "the ESRT is what it was: $esrt" [ "$esrt" = "$kho_esrt" ]
}

soft_reserved() { grep -i " : soft reserved" /proc/iomem | md5sum | cut -c -8; }
check_soft() {
	check "there is soft-reserved memory" grep -qi " : soft reserved" /proc/iomem
	[ "$kho_stage" = 0 ] || check "it is what it was" [ "$(soft_reserved)" = "$kho_soft" ]
}

[ "$kho_stage" = 0 ] || check_arrival small
for what in $(echo "$kho_has" | tr , ' '); do
	"check_$what"
done
forget_log
check "the test module loads" load test_kho seed=$((kho_stage + 1))
check "the sample driver loads" load kho_sample
[ "$kho_stage" = 0 ] || check "contents match" logged "test_kho: restored .*contents match"
[ "$kho_stage" = 0 ] || check "the sample's data is verified" logged "kho_sample: found.*verified"
check_healthy
case $kho_has in
*kmemleak*)	[ "$kho_stage" != 3 ] || check "nothing is leaked" no_leaks ;;
esac
[ "$kho_stage" != 3 ] || finish
activate
kexec_to small "kho_soft=$(soft_reserved) kho_esrt=$esrt"
