# SPDX-License-Identifier: GPL-2.0
# A kernel with pages of another size takes regions that are whole pages to both.
console=/sys/fs/pstore/console-ramoops-0
case $kho_stage in
0)	say "console marker of stage 0"
	activate
	kexec_to "$kho_to" ;;
1)	check_arrival "$kho_to"
	check "the console survived" grep -q "console marker of stage 0" $console
	check_healthy ;;
esac
