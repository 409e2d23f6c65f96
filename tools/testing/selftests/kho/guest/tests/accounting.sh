# SPDX-License-Identifier: GPL-2.0
# Five handovers in a row: of nothing, twice of a small set, of many small items, and of
# nothing again. All that was preserved arrives, and no more; all that arrived is memory
# again, to the page. What a kernel notes of a set is bounded, and nothing of it is left
# for the kernels after it: once nothing comes, a kernel has the memory that it had when
# nothing came before. The kernel lies where it lay (nokaslr): early allocations are rounded
# to pages.
# Bits: 8 KiB for each 64 MiB in which more than 32 ranges are, and a list of the ranges.
lists=192
small='' many="fragments=10000 areas=4000 vmalloc=1"
# Of each of the areas there is a page, and another that lists it. If none of either was
# free in the end, that would be twice this. Nothing else here takes that much.
much=$((4000 * 4 / 2))

[ "$kho_stage" = 0 ] || check_arrival main
total=$(meminfo MemTotal) cma=$(meminfo CmaTotal) preserved=$(preserved_kb)
check "scratch is all there" [ "$cma" = "${kho_cma:-$cma}" ]
case $kho_stage in
0)	kexec_to main "kho_cma=$cma" ;;
1)	carry="kho_total=$total" ;;
5)	check "all memory is what it was, to the page" [ "$total" = "$kho_total" ]
	finish ;;
*)	at_least "all memory" $((total + preserved)) "$kho_total" $lists ;;
esac

sets="$small"
[ "$kho_stage" -lt 3 ] || sets="$many"
free=$(free_kb)
forget_log
check "the test module loads" load test_kho $sets
if [ "$kho_stage" != 1 ]; then
	check "all that was preserved arrived, to the page" [ "$preserved" = "$kho_preserved" ]
	check "contents match" logged "test_kho: restored .*contents match"
	check "nothing is left unclaimed" \
		[ "$(cat $FW/unclaimed/* $FW/unlisted 2>/dev/null | sort -u)" = 0 ]
	check "all of it is memory again, to the page" \
		[ $((total + preserved)) = "$(meminfo MemTotal)" ]
fi
if [ "$kho_stage" = 4 ]; then
	check "the test module unloads" rmmod test_kho
	at_least "free memory" "$(free_kb)" $((free + preserved)) $much
	kexec_to main
fi
kexec_to main "$carry kho_preserved=$(cat /sys/module/test_kho/parameters/preserved_kib)"
