# SPDX-License-Identifier: GPL-2.0
# Random damage to handovers: $kho_seed and the number of the kernel say which. All of it is
# refused if the checksums stay as they were. Every other time they are corrected: then it
# may go unnoticed, and a kernel that accepts it is healthy, and frees it all.
. /damage.sh
# What an accepted handover costs: its window, and bits for all pages at the most.
lists=512
if [ "$kho_stage" -gt $((kho_last + 1)) ]; then
	check_arrival main
	check_state
	check_healthy
	finish
fi
case "$(cat $FW/status)" in
accepted)
	total=$(meminfo MemTotal) preserved=$(preserved_kb)
	say "accepted: $preserved KiB"
	check "its checksums were corrected" [ $((kho_stage % 2)) = 0 ]
	for file in $FW/unlisted $FW/unclaimed/*; do
		[ ! -e "$file" ] || check "$file can be released" put 1 "$file"
	done
	check "all of it is memory again, to the page" \
		[ $((total + preserved)) = "$(meminfo MemTotal)" ]
	check_memory $lists ;;
none)	check "no handover was to come" [ "${kho_plain:-1}" = "$kho_stage" ] ;;
*)	check_refusal ".*" ;;
esac

check "the test module loads" load test_kho seed=$((kho_seed + kho_stage)) random=1 restore=0
if [ "$kho_stage" -gt "$kho_last" ]; then
	activate
	kexec_to main
fi
# The damage may be that scratch is too small now.
if [ -e $FW/fdt ] && ! kexec_load main; then
	say "no image fits: on with a plain kexec"
	check "the test module unloads" rmmod test_kho
	check "kexec loads main" kexec_load main kho_plain=$((kho_stage + 1)) -c -l
	kexec_go
fi
orders="random $((kho_seed + kho_stage))"
[ $((kho_stage % 2)) = 0 ] || orders="$orders; seal all"
jump_damaged "$orders"
