# SPDX-License-Identifier: GPL-2.0
# A kernel with pages of another size takes what are whole pages to both: regions, and from
# larger pages to smaller all that the test module preserves, if folios are not too large.
console=/sys/fs/pstore/console-ramoops-0
case $kho_stage in
0)	say "console marker of stage 0"
	# More pages in an area than a list of 4 KiB has, and folios of up to 4 MiB
	[ "$kho_to" = 64k ] || check "the test module loads" \
		load test_kho order=6 fragments=4000 vmalloc=41943040
	activate
	kexec_to "$kho_to" ;;
1)	check_arrival "$kho_to"
	check "the console survived" grep -q "console marker of stage 0" $console
	before=$(meminfo MemTotal) unlisted=$(cat $FW/unlisted)
	say "unlisted: $unlisted bytes"
	if [ "$kho_to" = 64k ]; then
		# What the module has is its own kernel's
		check "what nobody claims can be released" put 1 $FW/unlisted
	else
		check "scattered pages came" [ "$unlisted" -ge $((4000 * 65536)) ]
		check "a region that is no whole page came" \
			logged "reserve_mem: odd: handed over at"
		check_state
		check "all was taken" is $FW/unlisted 0
	fi
	check "they are memory again, to the page" \
		[ $((before + unlisted / 1024)) = "$(meminfo MemTotal)" ]
	check_healthy ;;
esac
