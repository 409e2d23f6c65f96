# SPDX-License-Identifier: GPL-2.0
# Two builds hand over to each other: main, debug, main, or those that the
# scenario names. Contents are checked by the test module's hashes; each kernel
# has its own text address (KASLR).
: "${kho_first:=main}" "${kho_second:=debug}"
text=$(awk '$3 == "_text" { print $1 }' /proc/kallsyms)
# No range that is said to be reserved has any of these addresses.
not_reserved() {
	sed -n 's/^ *\([0-9a-f]*\)-\([0-9a-f]*\) : reserved$/0x\1 0x\2/p' /proc/iomem |
		while read -r first last; do
			for addr; do
				[ $((addr >= first && addr <= last)) = 0 ] || exit 1
			done
		done
}
table() { md5sum <"$1/table" | cut -d ' ' -f 1; }
if [ "$kho_stage" != 0 ]; then
	check_arrival "$kho_expect"
	check "the memory table is what it was" [ "$(table $FW)" = "$kho_table" ]
	# Where memblock is kept (arm64), drivers ask it, and /proc/iomem shows it.
	check "memblock has forgotten what was handed over" \
		not_reserved $(mem $FW/fdt /kho-sample | cut -d ' ' -f 1)
fi
[ "$flavour" = main ] || [ -z "$kho_logged" ] ||
	check "the log has $kho_logged" logged "$kho_logged"
# Both have CONFIG_KEXEC_HANDOVER_DEBUG.
hashed=
[ "$kho_stage" = 0 ] || [ "$kho_first-$kho_second-$flavour" != debug-debug-debug ] || hashed=1
[ -z "$hashed" ] ||
	check "contents will be checked" logged "kho: the contents of [0-9]+ pages are checked"
forget_log
# Other contents each time: what is left of an older kernel would not do.
check "the test module loads" load test_kho seed=$((kho_stage + 1)) \
	${kho_fragments:+fragments=$kho_fragments} ${hashed:+spoil=1}
check "the sample driver loads" load kho_sample
if [ "$kho_stage" != 0 ]; then
	check "folios, ranges and vmalloc have their contents" \
		logged "test_kho: restored .*contents match"
	check "what was unpreserved cannot be had" \
		logged "kho: cannot restore the pages .*: it was not preserved"
	[ -z "$hashed" ] || check "what changed after the jump cannot be had" logged \
		"kho: cannot restore the pages .*: its contents have changed since the jump"
	check "the sample's data is verified" logged "kho_sample: found.*verified"
	# The hashes that a debug kernel hands over are for its like: nobody else takes them.
	[ "$kho_stage-$kho_second-$flavour" != 2-debug-main ] ||
		check "the page hashes can be released" put 1 $FW/unlisted
	check "nothing is left unclaimed" \
		[ "$(cat $FW/unclaimed/* $FW/unlisted | sort -u)" = 0 ]
	check_healthy
fi
case $kho_stage in
0)	activate
	kexec_to "$kho_second" \
		"kho_expect=$kho_second kho_text=$text kho_table=$(table $KHO) $kho_next" ;;
1)	activate
	next="kho_expect=$kho_first kho_text=$kho_text,$text kho_table=$(table $KHO)"
	kexec_to "$kho_first" "$next $kho_last" ;;
2)	[ -z "$kho_leaks" ] || check "nothing is leaked" no_leaks
	# Two in a row may coincide by chance; three in a row do not.
	check "the kernels lay at different addresses" \
		[ "$kho_text,$text" != "$text,$text,$text" ] ;;
esac
