# SPDX-License-Identifier: GPL-2.0
# A kernel with an active handover hibernates, resumes and hands over. The next one
# hibernates with what it was handed over, and claims it when it has resumed. And a
# kernel that was handed over to does not resume another system. Whatever it does not
# resume, it lets go of the disk.
disk=/dev/vdb
power=/sys/power

signature() { dd if=$disk bs=1 skip=4086 count=9 2>/dev/null; }
# fake_image FLAGS: a system hibernated, as the first page tells
fake_image() {
	printf "\\$1\0\0\0" | dd of=$disk bs=1 seek=4072 conv=notrunc 2>/dev/null
	printf 'S1SUSPEND\0' | dd of=$disk bs=1 seek=4086 conv=notrunc 2>/dev/null
}
resume() { put "$(cat /sys/class/block/vdb/dev)" $power/resume; }
hibernate() {
	check "swap" swapon $disk
	echo reboot >$power/disk
	echo 0 >$power/image_size
	say "hibernating"
	check "the machine was off, and is back" put disk $power/state
	check "the log says so" logged "PM: hibernation: hibernation exit"
	check "swap can be given back" swapoff $disk
}

if [ "$(signature)" = S1SUSPEND ] && [ "$kho_stage" = 0 ]; then
	say "booted with a hibernated system on the disk"
	resume
	not_ok "it is resumed"
	finish
fi

case $kho_stage in
0)	check "mkswap" mkswap $disk
	check "the test module loads" load test_kho
	check "the sample driver loads" load kho_sample
	check "kexec loads main" kexec_load main
	activate
	hibernate
	check "the handover is still active" is $KHO/active 1
	kexec_go ;;
1)	check_arrival main
	say "a system whose image nobody here can read:"
	fake_image 020
	resume
	check "it is not resumed: the log says why" logged "lz4 compression is not available"
	check "mkswap" mkswap $disk
	check "swap" swapon $disk
	check "swap can be given back" swapoff $disk
	say "a system that hibernated before this one was handed over to:"
	fake_image 0
	resume
	check "it is not resumed: the log says why" \
		logged "kho: not resuming from hibernation: .* would be lost"
	check "the sample driver loads" load kho_sample
	check "the sample's data is verified" logged "kho_sample: found.*verified"
	check "the disk can be used anew" mkswap $disk
	hibernate
	check_state
	activate
	kexec_to main ;;
2)	check_arrival main
	check_state
	check_healthy ;;
esac
