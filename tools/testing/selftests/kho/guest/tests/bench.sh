# SPDX-License-Identifier: GPL-2.0
# One guest of bench.py: preserves what the command line names, if it does, hands
# over, and restores it. The log, which has all that is measured, goes to the console.
PARAM=/sys/module/kho_bench/parameters

record() {
	cat $KHO/scratch_size /sys/kernel/debug/kho/out/scratch_len 2>/dev/null |
		while read -r line; do say "scratch: $line"; done
	dmesg >/dev/console
}
# must WHAT command...: what fails is the last that the guest does.
must() {
	what=$1
	shift
	if "$@"; then ok "$what"; else not_ok "$what"; record; finish; fi
}

# The times of the two kernels' logs have only this in common.
clock() { read -r _ <$PARAM/clock; }
jump() {
	# Shown on the console, for nobody can ask for the log any more.
	echo 7 >/proc/sys/kernel/printk
	say "jump"
	must "kexec -e -x" kexec -e -x
}

case $kho_stage in
0)	[ "$kho_stages" = 1 ] || must "kexec loads the kernel" kexec_load "$flavour" "$kho_next"
	[ -z "$kho_kind" ] || must "preserving" put "$kho_kind $kho_count" $PARAM/preserve
	[ -n "$kho_late" ] || [ ! -e $KHO/active ] || must "activation" put 1 $KHO/active
	[ "$kho_stages" = 1 ] || must "the clock" clock
	record
	[ "$kho_stages" = 1 ] || jump ;;
1)	must "the clock" clock
	echo "kho-test: # started" >/dev/console
	[ -z "$kho_kind" ] || must "restoring" put 1 $PARAM/restore
	record ;;
esac
