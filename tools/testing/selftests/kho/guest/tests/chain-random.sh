# SPDX-License-Identifier: GPL-2.0
# Many handovers in a row. Each kernel preserves a random set, and of what arrives it frees a
# part, preserves a part again as it is, claims and returns a part, and leaves a part, which
# is released by sysfs. $kho_seed and the kernel's number say what is what. Contents are right
# everywhere, all that was preserved arrives, and no more, all of that is back with the page
# allocator in the end, to the page, and no kernel has less memory than the first had, but for
# what it notes of the set. Each handover whose number $kho_every divides is of nothing: after
# that MemTotal is the same, to the page.
# The kernel lies where it lay (nokaslr): early allocations are rounded.
# Bits: 8 KiB for each 64 MiB in which more than 32 ranges are, and a list of the ranges.
lists=192

nothing_came=$(((kho_stage - 1) % kho_every))
[ "$kho_stage" = 0 ] || check_arrival "$flavour"
total=$(meminfo MemTotal)
preserved=$(preserved_kb)
case $kho_stage in
0)	kexec_to main ;;
1)	carry="kho_total=$total" ;;
esac

forget_log
check "the test module loads" load test_kho random=1 seed=$((kho_seed + kho_stage)) folios=64 \
	pages=4000 fragments=3000 areas=4 vmalloc=2000000
if [ "$nothing_came" = 0 ]; then
	check "memory is what it was, to the page" [ "$total" = "${kho_total:-$total}" ]
else
	check "contents match" logged "test_kho: restored .*contents match"
fi
show sh -c "dmesg | grep -o 'test_kho: .*'"
for file in $FW/unlisted $FW/unclaimed/*; do
	[ -e "$file" ] || continue
	say "$file: $(cat "$file") bytes"
	check "it can be released" put 1 "$file"
	check "then nothing is left of it" is "$file" 0
done
if [ "$flavour" = main ] && [ "$kho_stage" != 1 ]; then
	# After debug, there are its page hashes, too.
	[ "$kho_stage" = $((${kho_debug:--9} + 2)) ] ||
		check "all that was preserved arrived, to the page" \
			[ "$preserved" = "$kho_preserved" ]
	check "all of it is memory again, to the page" \
		[ $((total + preserved)) = "$(meminfo MemTotal)" ]
	at_least "all memory" "$(meminfo MemTotal)" "$kho_total" $lists
fi

[ "$kho_stage" != "$kho_last" ] || finish
will=$(cat /sys/module/test_kho/parameters/preserved_kib)
if [ $((kho_stage % kho_every)) = 0 ]; then
	check "the test module unloads" rmmod test_kho
	will=0
fi
carry="$carry kho_preserved=$will"
case $kho_stage in
"$kho_debug")	kexec_to debug "$carry" ;;
*)		kexec_to main "$carry" ;;
esac
