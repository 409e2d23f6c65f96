# SPDX-License-Identifier: GPL-2.0
# Owns what scripts share that damage a handover between activation and the jump. The
# first kernel of these has kho=off: its kexec is a plain one, and shows how much
# memory a kernel should have.
page=$(awk '/KernelPageSize/ { print $2 * 1024; exit }' /proc/self/smaps)
# What is kept by mistake is no less: the window has 64 KiB, the smallest table two pages.
# On arm64, the devicetree may need a page more for the two properties in it.
total_noise=4

# ranges ADDRESS LENGTH...: these are all that is preserved.
ranges() {
	orders='' at=0
	while [ $# -gt 0 ]; do
		orders="$orders put room $at 8 $1; put room $((at + 8)) 8 $2
put room $((at + 16)) 4 1; put room $((at + 20)) 4 12; put room $((at + 24)) 8 0;"
		at=$((at + 32))
		shift 2
	done
	orders="put /mem-table 8 8 $at; $orders seal all"
}
# And then, before the checksums are corrected.
but() { orders="${orders%seal all} $1; seal all"; }
obey() {
	echo "$1" | tr ';' '\n' | while read -r order; do
		echo "$order" >/sys/module/test_kho_damage/parameters/order || exit 1
	done
}
# jump_damaged ORDERS: hand over, with that done to it.
jump_damaged() {
	check "kexec loads main" kexec_load main "kho=on kho_base=$scratch $carry"
	check "activation" put 1 $KHO/active
	read -r window <$KHO/fdt_start
	check "the module that damages loads" load test_kho_damage window="$window"
	check "it does what it is told" obey "$1"
	kexec_go
}
# check_refusal WHY: a pattern.
check_refusal() {
	say "status: $(cat $FW/status)"
	check "it is refused: $1" grep -Eq "^refused: $1" $FW/status
	check "the log says so" logged "kho: handover refused: $1.*; nothing of it is kept"
	check "nothing of it is to be had" fails ls $FW/fdt
	check_memory $total_noise
}
# check_memory LESS: what was measured, with LESS KiB less. What is kept, or lost, of a
# handover is kept before there is a page allocator: then MemTotal does not have it.
check_memory() {
	at_least "all memory" "$(meminfo MemTotal)" "$kho_total" "$1"
	check_healthy
}

case $kho_stage in
0)	kexec_to main kho=on ;;
1)	carry="kho_total=$(meminfo MemTotal)" ;;
esac
read -r scratch <$KHO/scratch_start
