# SPDX-License-Identifier: GPL-2.0
# The operator's command, on a real machine: it looks, says why the kernel refuses,
# hands over, and looks again.
# By its name it is known to be of this kernel's version
next=/boot/vmlinuz-$(uname -r)
ln -sf main/image "$next"
target() {
	verb=$1
	shift
	kho "$verb" "$@" --kernel "$next" --initrd /boot/initramfs \
		--command-line "$(next_cmdline)"
}
# What stands for systemd and logind, and notes what it is told: systemd STATUS-OF-KEXEC
# STATE-AFTER-IT [JOB]
systemd() {
	mkdir -p /tmp/bin /run/systemd/system
	gate=/run/systemd/system/kexec.target
	ln -sf /dev/null $gate
	rm -f /tmp/asked
	echo running >/tmp/state
	{
		echo '#!/bin/sh'
		echo 'case $1 in'
		echo 'is-system-running) exec cat /tmp/state ;;'
		echo "list-jobs) echo '$3'; exit ;;"
		echo "mask) ln -sf /dev/null $gate ;;"
		echo "unmask) rm $gate ;;"
		echo 'esac'
		echo 'echo "$*" >>/tmp/asked'
		echo "[ \"\$1\" != kexec ] || { echo $2 >/tmp/state; exit $1; }"
	} >/tmp/bin/systemctl
	printf '#!/bin/sh\necho b false\n' >/tmp/bin/busctl
	chmod +x /tmp/bin/systemctl /tmp/bin/busctl
	PATH=/tmp/bin:$PATH
}
asked() { [ "$(tr '\n' ',' </tmp/asked)" = "$1" ] || { cat /tmp/asked; false; }; }
ends() { [ "$code" = "$1" ]; }
cd /tmp || exit
case $kho_stage in
0)	check "status says that nothing arrived" says "^Arrived *nothing" kho status
	check "and ends well" ends 0
	check "show says what is missing" says "^kho: show: no handover has arrived; " kho show
	check "and ends with 1" ends 1
	check "the refusing module loads" load test_kho fail=1
	check "activate gives the kernel's reason" \
		says '^kho: activate: .*\[test_kho\] refused the handover' kho activate
	check "and ends with 4" ends 4
	check "kexec --now gives it, too" says "refused the handover" target kexec --now
	check "and ends with 4" ends 4
	check "and has unloaded the image" is $KHO/image none
	check "and nothing is active" is $KHO/active 0
	check "the refusing module unloads" rmmod test_kho
	check "the sample driver loads" load kho_sample
	check "the test module loads, which preserves folios and pages" load test_kho
	check "activate succeeds" kho activate
	check "wait sees it" kho wait active --timeout 10
	check "show decodes the sample" says "text .*hello from the first" kho show
	check "map draws the region" says "reserve-mem" kho map
	check "and what no node lists" says "(no node)" kho map
	check "check --live finds no failure" target check --live
	check "a plain image is said to be one" \
		says "carries no handover" kho load --kernel /boot/main/image --command-line quiet
	check "abort succeeds" kho abort
	check "none is active" kho wait inactive --timeout 10
	check "what is no kernel is not loaded" \
		fails kho load --kernel /dev/vda --command-line kho=on
	check "load --unload succeeds" kho load --unload
	check "nothing is loaded" is $KHO/image none
	systemd 1 running
	unmask="unmask --runtime kexec.target" mask="mask --runtime kexec.target"
	check "kexec says that systemd does not" says "systemctl kexec failed" target kexec
	check "and ends with 1" ends 1
	check "systemd was asked, with kexec.target unmasked for it" \
		asked "$unmask,kexec,$mask,"
	check "the image is unloaded" is $KHO/image none
	check "nothing is active" is $KHO/active 0
	systemd 1 stopping
	check "a systemd that may be on its way is not disturbed" says "may be going" target kexec
	check "and that ends with 6" ends 6
	check "the image is still loaded" is $KHO/image handover
	check "another kexec is refused" says "goes down already" kho kexec --loaded
	check "load --unload succeeds" kho load --unload
	systemd 1 stopping "1 kexec.target start waiting"
	check "a systemd that has the job is on its way" target kexec
	check "the image is still loaded" is $KHO/image handover
	check "the handover is active" is $KHO/active 1
	systemd 0 running
	check "kexec --loaded goes to what is loaded" kho kexec --loaded
	check "systemd was asked" asked "$unmask,kexec,"
	check "that leaves it loaded" is $KHO/image handover
	rm -r /tmp/bin /run/systemd
	check "what is loaded is not replaced" says "is loaded already" target kexec --now
	check "load --unload succeeds" kho load --unload
	kho activate && send outgoing-0.dtb $KHO/fdt
	target kexec --now
	not_ok "kho kexec --now jumps (exit code $?)" ;;
1)	check_arrival main
	check "status says what arrived" says "accepted, from .*, handover number 1" kho status
	check "and ends well" ends 0
	check "its JSON does, too" says '"status":"accepted"' kho --json status
	check "show --in decodes the sample" says "counter *2" kho show --in
	check "map --in draws it as unclaimed" says "u.*kho-sample" kho map --in
	check "check takes it" kho check --in
	total=$(kho map --in --bytes -o kind,size |
		awk '/claimed|preserved/ { s += $2 } END { print s }')
	say "map has $total bytes that were preserved"
	check "map has all that was preserved" [ "$total" = $(($(preserved_kb) * 1024)) ]
	check "wait gives up" fails kho wait claimed --timeout 0
	check "the sample driver loads" load kho_sample
	check_state
	check "release frees the rest" kho release --all
	check "wait does not wait" kho wait claimed --timeout 10
	check_healthy ;;
esac
