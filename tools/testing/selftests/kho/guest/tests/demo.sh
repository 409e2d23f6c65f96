# SPDX-License-Identifier: GPL-2.0
# The story that `make demo` tells.
trace=/sys/kernel/tracing/instances/boot_map
case $kho_stage in
0)
	say "I am the first kernel, $release, booted with kho=on."
	say "A tracer writes into memory that is to survive (reserve_mem=, trace_instance=):"
	check "the trace instance exists" [ -d $trace ]
	echo 1 >$trace/events/sched/sched_switch/enable
	sleep 1
	echo 0 >$trace/events/enable
	echo "a line from $release" >$trace/trace_marker
	show tail -n 3 $trace/trace
	say "So does ramoops, with the console. The sample driver adds data of its own:"
	check "the sample driver loads" load kho_sample
	dmesg | show grep kho_sample:
	say "Now the other kernel is loaded with plain kexec -s -l, and the handover activated."
	check "kexec loads the other kernel" kexec_load alt
	activate
	cat $KHO/fdt_start $KHO/fdt_max >/tmp/window
	[ ! -d /proc/device-tree ] || send window /tmp/window
	say "kho status says:"
	show kho status
	say "kexec -e -x"
	kexec_go
	;;
1)
	say "I am the second kernel, $release. kho status says:"
	show kho status
	check_arrival alt
	[ ! -d /proc/device-tree ] || send hardware-1 /sys/firmware/fdt
	say "Trace events of the first kernel:"
	show grep -B 2 "a line from" $trace/trace
	check "its trace is here" grep -q "a line from .*main" $trace/trace
	say "The end of the first kernel's console, as ramoops kept it:"
	show tail -n 2 /sys/fs/pstore/console-ramoops-0
	check "its console is here" grep -q "kho-test: .* kexec -e" /sys/fs/pstore/console-ramoops-0
	say "The sample driver looks for its counter, string and pages:"
	check "the sample driver loads" load kho_sample
	dmesg | show grep kho_sample:
	say "What it was given (kho show --in):"
	show kho show --in
	check "the sample's data is here, verified" logged "kho_sample: found.*verified"
	check_healthy
	;;
esac
