# SPDX-License-Identifier: GPL-2.0
# Each allocation of an activation, of preserving, of loading an image and of
# restoring fails once, one after the other. What failed has changed nothing, and
# works when it is tried again, up to a handover that arrives.
FAULTS=/sys/module/test_kho_faults/parameters
. /fail.sh

# How many may still fail; those that did are gone from it.
left() {
	left=0
	for dir in $failures; do
		read -r times <$dir/times
		left=$((left + times))
	done
}
# In a process of its own, the n-th allocation fails.
nth() {
	nth=$1
	shift
	sh -c 'echo '"$nth"' >/proc/self/fail-nth; exec "$@"' sh "$@"
}
# In this one: the shell's own allocations are not below the function.
nth_put() {
	echo "$1" >/proc/self/fail-nth
	put "$2" "$3"
	code=$?
	echo 0 >/proc/self/fail-nth
	return $code
}
# As that, but two allocations of slab fail, one right after the other, once some bytes
# were allocated: the maple tree tries once more with other flags.
two_put() {
	read -r may </sys/kernel/debug/failslab/times
	for what in times=2 space=$((($1 - 1) * 100)) probability=100; do
		echo ${what#*=} >/sys/kernel/debug/failslab/${what%=*}
	done
	put "$2" "$3"
	code=$?
	echo 0 >/sys/kernel/debug/failslab/probability
	read -r times </sys/kernel/debug/failslab/times
	echo $((may - 2 + times)) >/sys/kernel/debug/failslab/times
	return $code
}
reads() { read -r text <"$1" && [ "$text" = "$2" ]; }
# inject WHAT FUNCTION LEAST STEP AFTER COMMAND...: the command is run with the
# first, then the second allocation below the function failing and so on, until
# none fails; further on, a part (one in STEP) of them is left out. AFTER is run after
# each, with "failed" or "worked". At least LEAST allocations have failed in the end.
inject() {
	name=$1 least=$3 step=$4 after=$5 first=$6
	may_fail_in "$2"
	shift; shift; shift; shift; shift; shift
	n=1 faults=0 errors=0 bad=0 calm=0
	# The number of allocations differs a little from one time to the next.
	while [ $n -lt 20000 ] && [ $calm -lt 3 ]; do
		left; before=$left
		if $first $n "$@" 2>/dev/null; then result=worked; else result=failed; fi
		left
		$after $result || { bad=$((bad + 1)); say "after fault $n in $name: $result"; }
		n=$((n + 1 + n / step))
		[ $left != $before ] || { calm=$((calm + 1)); continue; }
		faults=$((faults + 1)) calm=0
		[ $result = worked ] || errors=$((errors + 1))
	done
	say "$faults faults injected into $name, $errors of which made it fail"
	check "$name works when nothing fails" [ "$result" = worked ]
	check "$name met at least $least faults" [ $faults -ge $least ]
	check "$name leaves everything as it was when it fails" [ $bad = 0 ]
}
# What this kernel's own code, and that of the modules, has allocated.
allocated() { grep -E '(kernel/kexec|lib/test_kho|samples/kho)' /proc/allocinfo >/tmp/$1; }
same() {
	allocated now
	cmp -s /tmp/now /tmp/$1 || { diff /tmp/$1 /tmp/now; false; }
}

idle() { reads $FAULTS/state idle && reads $KHO/active 0; }
# Whether it works does not depend on how the last try ended.
after_activation() {
	[ $1 = failed ] || { reads $FAULTS/state active && put 0 $KHO/active; } || return
	idle
}
after_preserving() { { [ $1 = failed ] || put 0 $FAULTS/preserve; } && idle; }
after_fdt_max() {
	[ $1 = failed ] && size=65536 || size=131072
	reads $KHO/fdt_max $size && put 65536 $KHO/fdt_max
}
after_load() { { [ $1 = failed ] || kexec -u; } && reads /sys/kernel/kexec_loaded 0 && idle; }
after_module() { [ $1 = failed ] || rmmod kho_sample; }
# An area that was not restored is, at the next try.
after_restoring() { fails logged "test_kho_faults: ERROR" >/dev/null; }

case $kho_stage in
0)	allocated nothing
	check "the test module loads" load test_kho
	check "the module for faults loads" load test_kho_faults
	check "what it preserves lies far apart" fails logged "test_kho_faults: few large blocks"
	allocated start

	inject "preserving" param_attr_store 10 100000 after_preserving nth_put 1 $FAULTS/preserve
	check "preserving leaks nothing" same start
	check "preserving works" put 1 $FAULTS/preserve

	allocated preserved
	inject "activation" kernfs_fop_write_iter 10 100000 after_activation nth_put 1 $KHO/active
	inject "activation, twice each time" kernfs_fop_write_iter 20 100000 after_activation \
		two_put 1 $KHO/active
	check "the log says that it failed" \
		logged "kho: activation failed: -ENOMEM; no handover is active"
	check "activation leaks nothing" same preserved

	inject "setting fdt_max" kernfs_fop_write_iter 2 100000 after_fdt_max \
		nth_put 131072 $KHO/fdt_max
	check "the log says that it failed" logged "kho: no 131072 bytes of contiguous memory"
	check "setting fdt_max leaks nothing" same preserved

	# busybox tries again by itself.
	inject "loading the sample" do_init_module 8 100000 after_module \
		nth insmod "/boot/$flavour/kho_sample.ko"
	check "loading the sample leaks nothing" same preserved

	inject "loading an image" __x64_sys_kexec_file_load 10 3 after_load \
		nth kexec -s -l /boot/nokho/image --command-line=x
	# One page for 511 of the image's: too rare to be met above.
	inject "listing the pages of an image" kimage_add_entry 3 100000 after_load \
		nth kexec -s -l /boot/nokho/image --command-line=x
	check "loading an image leaks nothing" same preserved

	check "no notifier was called in vain" fails logged "test_kho.*ERROR"
	check "nothing is leaked" no_leaks
	check "the modules unload" rmmod test_kho_faults test_kho
	check "nothing remains preserved" same nothing

	check "the test module loads again" load test_kho
	check "the module for faults, too" load test_kho_faults
	check "preserving works" put 1 $FAULTS/preserve
	activate
	kexec_to debug ;;
1)	check_arrival debug
	allocated nothing
	check_state
	check "the module for faults loads" load test_kho_faults
	inject "restoring" param_attr_store 5 100000 after_restoring nth_put 1 $FAULTS/restore
	while put 1 $FAULTS/restore 2>/dev/null; do :; done
	check "contents match" logged "test_kho_faults: restored everything"
	check "no error is in the log" fails logged "test_kho.*ERROR"
	check "nothing is left unclaimed" [ "$(cat $FW/unclaimed/* $FW/unlisted | sort -u)" = 0 ]
	check "the modules unload" rmmod test_kho_faults test_kho
	check "nothing remains allocated" same nothing
	check_healthy ;;
esac
