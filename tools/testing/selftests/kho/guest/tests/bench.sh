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

case $kho_stage in
0)	[ "$kho_stages" = 1 ] || must "kexec loads the kernel" kexec_load "$flavour" "$kho_next"
	[ -z "$kho_kind" ] || must "preserving" put "$kho_kind $kho_count" $PARAM/preserve
	[ ! -e $KHO/active ] || must "activation" put 1 $KHO/active
	record
	[ "$kho_stages" = 1 ] || must "kexec -e -x" kexec -e -x ;;
1)	echo "kho-test: # started" >/dev/console
	[ -z "$kho_kind" ] || must "restoring" put 1 $PARAM/restore
	record ;;
esac
