# SPDX-License-Identifier: GPL-2.0
# A machine that has slept still hands over what was active before, and what it was
# handed over itself.
power=/sys/power

# QEMU's clock does not wake up from this: the test of suspend comes back by itself
sleep_to_idle() {
	forget_log
	echo 1 >/sys/module/suspend/parameters/pm_test_delay
	check "the test of suspend is on" put platform $power/pm_test
	check "freeze" put freeze $power/state
	check "the machine was asleep" logged "PM: suspend exit"
	echo none >$power/pm_test
}
# The host wakes it up.
sleep_to_ram() {
	forget_log
	check "mem" put mem $power/state
	check "the machine was asleep" logged "ACPI: PM: Waking up from system sleep state S3"
	check "both CPUs are back" [ "$(nproc)" = 2 ]
}

case $kho_stage in
0)	check "the test module loads" load test_kho
	check "the sample driver loads" load kho_sample
	check "kexec loads main" kexec_load main
	activate
	sleep_to_idle
	sleep_to_ram
	check "the handover is still active" is $KHO/active 1
	kexec_go ;;
1)	check_arrival main
	sleep_to_ram
	check_state
	check "the sample driver loads" load kho_sample
	check "the sample's data is verified" logged "kho_sample: found.*verified"
	check_healthy ;;
esac
