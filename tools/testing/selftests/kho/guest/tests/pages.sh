# SPDX-License-Identifier: GPL-2.0
# A kernel with pages of another size takes what are whole pages to both: regions, and from
# larger pages to smaller all that is scattered.
console=/sys/fs/pstore/console-ramoops-0
case $kho_stage in
0)	say "console marker of stage 0"
	[ "$kho_to" = 64k ] || check "the test module loads" load test_kho folios=0 fragments=4000
	activate
	kexec_to "$kho_to" ;;
1)	check_arrival "$kho_to"
	check "the console survived" grep -q "console marker of stage 0" $console
	# What the module has is its own kernel's
	before=$(meminfo MemTotal) unlisted=$(cat $FW/unlisted)
	say "unlisted: $unlisted bytes"
	[ "$kho_to" = 64k ] || check "scattered pages came" [ "$unlisted" -ge $((4000 * 65536)) ]
	check "they can be released" put 1 $FW/unlisted
	check "they are memory again, to the page" \
		[ $((before + unlisted / 1024)) = "$(meminfo MemTotal)" ]
	check_healthy ;;
esac
