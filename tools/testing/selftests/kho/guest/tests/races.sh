# SPDX-License-Identifier: GPL-2.0
# Activation is interrupted, done by two at once, and with everything else that can
# be done at the same time. Nothing is ever half done, and in the end a handover arrives.
FAULTS=/sys/module/test_kho_faults/parameters

# Quietly, because most of it fails: somebody else was faster.
again() {
	rounds=$1
	shift
	while [ $rounds -gt 0 ]; do
		rounds=$((rounds - 1))
		"$@"
	done >/dev/null 2>&1
}
# Several at once, each in the background, until all are done.
at_once() { for command; do eval "$command" & done; wait; }
whole() {
	state=$(cat $FAULTS/state) blob=$(cat $KHO/fdt | wc -c)
	case $(cat $KHO/active) in
	1)	[ "$state" = active ] && [ "$blob" != 0 ] ;;
	0)	[ "$state" = idle ] && [ "$blob" = 0 ] ;;
	esac || { echo "active: $(cat $KHO/active), state: $state"; false; }
}
# Commands in the background, of which one activates: until a notifier is at work.
start() {
	put Y $FAULTS/hold
	for command; do eval "$command" & done
	eventually is $FAULTS/held Y
}
# waits PID WHERE: it does, in a function of the kernel.
waits() { eventually grep -q "$2" /proc/$1/stack; }
go_on() { put N $FAULTS/hold; wait; }
# Activation by a process that gets a signal while a notifier is at work.
interrupted() {
	start "put 1 $KHO/active"
	kill -$1 $!
	check "an activation is under way" is $FAULTS/held Y
	check "meanwhile none is active" is $KHO/active 0
	cat $KHO/fdt &
	check "somebody waits to read the FDT" waits $! kho_out_read
	kill -$1 $!
	wait $!
	check "whoever waits for it can give up ($1)" is $FAULTS/held Y
	go_on
	check "an activation that $1 interrupted is whole or undone" whole
	put 0 $KHO/active
	check "it can be aborted" is $FAULTS/state idle
}
# A module that would take part waits for it, too.
given_up() {
	start "put 1 $KHO/active"
	insmod "/boot/$flavour/kho_sample.ko" &
	check "a module waits to register" waits $! register_kho_notifier
	kill -KILL $!
	wait $!
	check "it can be killed" is $FAULTS/held Y
	go_on
	check "then it is not loaded" [ ! -e /sys/module/kho_sample ]
	put 0 $KHO/active
}
load_unload() { kexec_load main; kexec -u; }
sample() { load kho_sample; rmmod kho_sample; }
faults() { rmmod test_kho_faults; load test_kho_faults; put 1 $FAULTS/preserve; }
sizes() { put 131072 $KHO/fdt_max; put 65536 $KHO/fdt_max; }
on_off() { put 1 $KHO/active; put 0 $KHO/active; }
look() { cat $KHO/* $FAULTS/state; }

case $kho_stage in
0)	check "the test module loads" load test_kho
	check "the module for faults loads" load test_kho_faults
	put 1 $FAULTS/preserve
	interrupted TERM
	interrupted KILL
	given_up

	start "put 1 $KHO/active"
	put 131072 $KHO/fdt_max &
	check "somebody waits to set the size" waits $! kho_out_resize
	# A panic would want the same lock.
	check "meanwhile an image can be loaded" kexec_load main
	check "and unloaded" kexec -u
	go_on
	check "it is set" is $KHO/fdt_max 131072
	check "and the handover is aborted" is $KHO/active 0

	start "put 1 $KHO/active" "put 1 $KHO/active"
	go_on
	check "two who activate both find it active" is $KHO/active 1
	check "and the notifiers were called once" whole
	check "a module that preserves memory can leave" rmmod test_kho
	check "that aborts the handover" is $KHO/active 0
	check "the test module loads" load test_kho
	start "put 1 $KHO/active" "put 0 $KHO/active" "put 1 $KHO/active" "put 0 $KHO/active"
	go_on
	check "two activate, two abort: it is one or the other" whole

	at_once "again 60 on_off" "again 100 put 1 $KHO/active" "again 100 put 0 $KHO/active" \
		"again 6 load_unload" "again 25 sample" "again 8 faults" "again 60 sizes" \
		"again 60 put 1 $FAULTS/preserve" "again 60 put 0 $FAULTS/preserve" "again 30 look"
	put 0 $KHO/active
	for module in kho_sample test_kho_faults; do
		[ -e /sys/module/$module ] || check "$module loads" load $module
	done
	check "it can be aborted" is $FAULTS/state idle
	check "set the size" put 65536 $KHO/fdt_max
	check "everything can be preserved" put 1 $FAULTS/preserve
	check "no error is in the log" fails logged "ERROR"
	activate
	kexec_to debug ;;
1)	check_arrival debug
	check_state
	check "the module for faults loads" load test_kho_faults
	check "the sample loads" load kho_sample
	while put 1 $FAULTS/restore 2>/dev/null; do :; done
	check "contents match" logged "test_kho_faults: restored everything"
	check "nothing is left unclaimed" [ "$(cat $FW/unclaimed/* $FW/unlisted | sort -u)" = 0 ]
	check_healthy ;;
esac
