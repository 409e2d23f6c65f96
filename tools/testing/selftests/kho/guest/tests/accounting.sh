# SPDX-License-Identifier: GPL-2.0
# Five handovers in a row, of nothing, three times of a small set, then of many
# fragments: no kernel has less memory than the one before, but for what it notes of
# the set. The kernel lies where it lay (nokaslr): early allocations are rounded to pages.
# Slab caches and stacks differ by 100 KiB or so from boot to boot. What trickles
# away adds up in four handovers.
noise=512
# Bits: 8 KiB for each 64 MiB in which more than 32 ranges are. Where they are is chance.
lists=128
fragments=0

[ "$kho_stage" = 0 ] || check_arrival main
cma=$(meminfo CmaTotal)
check "scratch is all there" [ "$cma" = "${kho_cma:-$cma}" ]
case $kho_stage in
0)	kexec_to main "kho_cma=$cma" ;;
# A handover of nothing costs nothing: what this kernel has is what there should be.
1)	unused=$(free_kb) ;;
4)	fragments=10000 ;;
esac

forget_log
check "the test module loads" load test_kho fragments=$fragments
[ "$kho_stage" = 1 ] || check "contents match" logged "test_kho: restored .*contents match"
# What was handed over has been given back by now, or it is lost.
total=$(meminfo MemTotal)
case $kho_stage in
1)	kexec_to main "kho_total=$total kho_unused=$unused kho_free=$(free_kb)" ;;
2)	at_least "all memory" "$total" "$kho_total" $((lists / 2))
	free_at_least "$kho_free" $noise
	kexec_to main "kho_total=$total" ;;
3)	at_least "all memory" "$total" "$kho_total" $((lists / 2))
	free_at_least "$kho_free" $noise
	kexec_to main ;;
4)	at_least "all memory" "$total" "$kho_total" $((lists / 2))
	kexec_to main ;;
5)	at_least "all memory" "$total" "$kho_total" $lists
	check "the test module unloads" rmmod test_kho
	free_at_least "$kho_unused" $((2 * lists + noise)) ;;
esac
