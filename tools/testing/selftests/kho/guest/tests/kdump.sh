# SPDX-License-Identifier: GPL-2.0
# A crash kernel beside an active handover still gets its dump, and hears neither
# of that handover nor of the one that the dying kernel came from. In the dump is
# what was handed over to the dying kernel, and what that preserved for the next.
seed=7
marker="the crash kernel will look for this line"

first_addresses() { mem "$@" | cut -d ' ' -f 1 | xargs | tr ' ' ,; }

# dumped ADDRESS PAGES: what the dump has of so many pages of physical memory
dumped() {
	n=$(od -A n -t u2 -j 56 -N 2 /proc/vmcore)
	od -A n -v -t u8 -w56 -j 64 -N $((56 * n)) /proc/vmcore |
		while read -r type offset _ start size _; do
			[ $((type & 0xffffffff)) = 1 ] && [ $(($1 >= start)) = 1 ] &&
				[ $(($1 + $2 * 4096 <= start + size)) = 1 ] || continue
			skip=$(((offset + $1 - start) / 4096))
			dd if=/proc/vmcore bs=4096 skip=$skip count="$2" 2>/dev/null
			break
		done
}
# A big-endian word of a page, and one in the CPU's own order
be64_at() { echo $((0x$(dumped "$1" 1 | od -A n -t x1 -j "$2" -N 8 | tr -d ' \n'))); }
u64_at() { dumped "$1" 1 | od -A n -t x8 -j "$2" -N 8 | tr -d ' '; }

# The sample fills its first page with A, the next with B, and so on
check_sample() {
	i=0
	for addr in $(echo "$kho_sample" | tr , ' '); do
		letter=$(printf "\\$(printf %o $((65 + i)))")
		[ "$(dumped "$addr" 1 | wc -c)" = 4096 ] || return 1
		[ "$(dumped "$addr" 1 | tr -d "$letter" | wc -c)" = 0 ] || return 1
		i=$((i + 1))
	done
	[ $i = 8 ]
}

# The test module's list of pages leads to its directory: take the first folio in there.
# An item's words are its address, then length and seed, then index, kind and node.
check_item() {
	dir=$(be64_at "$1" 8) at=0
	while [ $(($(be64_at "$dir" $((at + 16))) >> 16 & 0xffff)) != 1 ]; do
		at=$((at + 24))
		[ $at -lt 2400 ] || return 1
	done
	item=$(be64_at "$dir" $at)
	say "the list at $1 leads to the directory at $dir, that to the folio at $item"
	index=$(($(be64_at "$dir" $((at + 16))) >> 32))
	word=$(((seed << 32 | index + 1) * 0x9e3779b97f4a7c15))
	[ "$(u64_at "$item" 0)" = "$(printf %016x $word)" ] &&
		[ "$(u64_at "$item" 4088)" = "$(printf %016x $((word + 511)))" ]
}

check_region() { dumped "$1" 256 | grep -q "$marker"; }

wait_held() {
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		! is /sys/module/test_kho_faults/parameters/held Y || return 0
		sleep 1
	done >/dev/null
	false
}

case $kho_stage in
0)	check "the test module loads" load test_kho
	check "the sample driver loads" load kho_sample
	activate
	kexec_to debug ;;
1)	check_arrival debug
	check "the test module loads" load test_kho seed=$seed
	check "kexec loads main" kexec_load main
	check "kexec loads the crash kernel" kexec_load main "crashkernel=0 nr_cpus=1" -s -p
	activate
	# Of the three, nobody has claimed the first, and the second is claimed and preserved
	sample=$(first_addresses $FW/fdt /kho-sample)
	region=$(first_addresses $FW/fdt /reserve-mem/region-0)
	check "the region is handed on" \
		[ "$region" = "$(first_addresses $KHO/fdt /reserve-mem/region-0)" ]
	set -- $(fdtget -t x $KHO/fdt /test-kho directory)
	places="kho_sample=$sample kho_region=$region kho_dir=$((0x$1 << 32 | 0x$2))"
	check "kexec loads the crash kernel again" \
		kexec_load main "crashkernel=0 nr_cpus=1 $places" -s -p
	check "the handover is still active" is $KHO/active 1
	# A panic in a notifier makes its dump, also if kexec -e -x is who called that
	check "abort" put 0 $KHO/active
	check "the module for faults loads" load test_kho_faults hold=Y
	kexec -e -x &
	check "a notifier is at work" wait_held
	say "$marker"
	echo c >/proc/sysrq-trigger ;;
2)	check "the dump is there" [ -s /proc/vmcore ]
	check "it is an ELF file" [ "$(head -c 4 /proc/vmcore | tail -c 3)" = ELF ]
	head -c 65536 /proc/vmcore >/tmp/head
	check "it is of the kernel that died" grep -q "OSRELEASE=.*debug" /tmp/head
	check "it has pages that were handed over and not claimed" check_sample
	check "it has a region that was handed over, claimed, and preserved" \
		check_region "$kho_region"
	check "it has a folio that was preserved" check_item "$kho_dir"
	check "the crash kernel takes no handover" is $FW/status none
	check "nor could it hand over" [ ! -e $KHO ]
	[ ! -d /sys/kernel/boot_params ] || check "nor is it told of one by setup_data" \
		fails grep -q '^0xa$' /sys/kernel/boot_params/setup_data/*/type
	[ ! -d /proc/device-tree ] || check "nor is it told of one" \
		fails ls /proc/device-tree/chosen/linux,kho-fdt ;;
esac
