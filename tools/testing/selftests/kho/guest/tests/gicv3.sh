# SPDX-License-Identifier: GPL-2.0
# Interrupts that are messages: a GICv3 keeps their state in tables, in memory of the kernel
# that enabled them. Without EFI nobody tells the next kernel where those are. They lie in a
# gap in what is preserved: the next kernel must not take them for set aside, and go on using
# what it frees soon. With irqchip.gicv3_nolpi=1 there are no such tables.
lpis() { grep -q ITS-PCI /proc/interrupts; }
table() { dmesg | sed -n "s/.*GICv3: .*using .*LPI $1 table @//p" | sort | "$2" -n 1; }

dmesg | grep -E "GICv3: (using|Using|Exp|CPU[0-9]+: (using|Booted))" >/tmp/gic
show cat /tmp/gic
case $(cat /proc/cmdline) in
*gicv3_nolpi*)
	check "no interrupts are LPIs" fails lpis
	check "none were when the kernel booted" fails logged "GICv3: CPU.: Booted with LPIs"
	around= ;;
*)	check "interrupts are LPIs" lpis
	[ "$kho_stage" = 0 ] ||
		check "they were when the kernel booted" logged "GICv3: CPU.: Booted with LPIs"
	around=between=$(table property head),$(($(table pending tail) + 0x10000)) ;;
esac
check "the kernel has tables of its own" fails logged "GICv3: Using preallocated"
check "the test module loads" load test_kho seed=$((kho_stage + 1)) $around
if [ "$kho_stage" != 0 ]; then
	check_arrival main
	check "contents match" logged "test_kho: restored .*contents match"
	check "what lay around the old tables is released" put 1 $FW/unlisted
	check_healthy
fi
[ "$kho_stage" = 2 ] || kexec_to main
