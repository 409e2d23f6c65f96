# SPDX-License-Identifier: GPL-2.0
# Owns what guest scripts share: results, kexec, files for the host.
KHO=/sys/kernel/kho
FW=/sys/firmware/kho
release=$(uname -r)
flavour=${release##*[-+]}
: "${kho_stage:=0}"

log() { echo "kho-test: $*" >/dev/kmsg; }
say() { log "# $*"; }
show() { "$@" | while IFS= read -r line; do say "  $line"; done; }
ok() { log "ok [$kho_stage] $*"; }
not_ok() { log "not ok [$kho_stage] $*"; }
finish() { log "done"; "${kho_end:-reboot}" -f; }

# check WHAT command...: the command's exit code is the result. Must-fail
# commands: check WHAT fails command...
check() {
	what=$1
	shift
	if "$@"; then ok "$what"; else not_ok "$what"; fi
}
fails() { ! "$@"; }
# eventually command...: it succeeds, however busy the machine is that the guest runs on.
eventually() {
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || return 1
		sleep 0.2
	done >/dev/null
}
put() { echo "$1" >"$2"; }
is() { [ "$(cat "$1")" = "$2" ] || { echo "$1 is: $(cat "$1")"; false; }; }
# The command line and our own lines say anything: they do not count.
logged() {
	dmesg | grep -Ev 'kho-test:|ommand line(:| parameters)' | grep -Eq "$1" && return
	echo "not in the log: $1"
	return 1
}
# says TEXT command...: what it says, which is in the log, has TEXT in it; its exit code is $code.
says() {
	text=$1
	shift
	"$@" >/tmp/said 2>&1
	code=$?
	show cat /tmp/said
	grep -q "$text" /tmp/said
}
forget_log() { dmesg -c >/dev/null; }
load() { ko=$1; shift; insmod "/boot/$flavour/$ko.ko" "$@"; }

# The operator's command, with the libraries that it was given.
kho() { LD_LIBRARY_PATH=/boot/kho /boot/kho/kho "$@"; }

# The command line of the next kernel: this one's, in which a parameter given
# here takes the place of those with its name, and -NAME of them nothing.
next_cmdline() {
	awk -v extra="kho_stage=$((kho_stage + 1)) $1" '{
		n = split(extra, e, " ")
		extra = ""
		for (i = 1; i <= n; i++) {
			split(e[i], kv, "=")
			if (!sub("^-", "", kv[1])) extra = extra " " e[i]
			gone[kv[1]] = 1
		}
		for (i = 1; i <= NF; i++) {
			split($i, kv, "=")
			if (!(kv[1] in gone)) printf "%s ", $i
		}
		print extra
	}' /proc/cmdline
}

# kexec_load FLAVOUR "extra parameters" [kexec options, instead of -s -l]; a script that
# wants a kernel without an initrd leaves $initramfs empty.
initramfs=--initrd=/boot/initramfs
kexec_load() {
	to=$1 extra=$2
	shift; shift
	[ $# -gt 0 ] || set -- -s -l
	kexec "$@" "/boot/$to/image" $initramfs \
		--command-line="$(next_cmdline "$extra")"
}

# kexec_to FLAVOUR "extra parameters": does not come back.
kexec_to() {
	check "kexec loads $1" kexec_load "$@"
	kexec_go
}
kexec_go() {
	kexec -e -x
	not_ok "kexec -e -x jumps (exit code $?)"
	finish
}

# send NAME FILE: FILE arrives on the host as build/results/<scenario>/NAME.
has_port() {
	port=$(ls /sys/class/virtio-ports 2>/dev/null)
	[ -c "/dev/${port:-none}" ]
}
send() {
	eventually has_port
	{ echo "@file $1"; base64 "$2"; echo "@end"; } >"/dev/$port"
}

# Each part of the kernel's image, as /proc/iomem has it, lies in scratch.
kernel_in_scratch() {
	read -r addr <$KHO/scratch_start
	read -r len <$KHO/scratch_size
	sed -n 's/^ *\([0-9a-f]*\)-\([0-9a-f]*\) : Kernel .*/0x\1 0x\2/p' /proc/iomem | {
		parts=0
		while read -r first last; do
			parts=$((parts + 1))
			[ $((first >= addr && last < addr + len)) = 1 ] || exit 1
		done
		[ $parts -gt 0 ]
	}
}

# mem FDT NODE: the ranges that a node lists, each as ADDRESS LENGTH.
mem() {
	fdtget -t x "$1" "$2" mem | xargs -n 4 | while read -r a b c d; do
		echo $((0x$a << 32 | 0x$b)) $((0x$c << 32 | 0x$d))
	done
}

# What every kernel that a handover reached must show.
check_arrival() {
	check "this is the $1 kernel" [ "$flavour" = "$1" ]
	check "the handover was accepted" is $FW/status accepted
	check "the kernel lies in scratch" kernel_in_scratch
	send "incoming-$kho_stage.dtb" $FW/fdt
}
activate() {
	check "activation" put 1 $KHO/active
	check "active says 1" is $KHO/active 1
	send "outgoing-$kho_stage.dtb" $KHO/fdt
}
# What the test module left in the kernel before is here, whole.
check_state() {
	check "the test module loads" load test_kho
	check "contents match" logged "test_kho: restored .*contents match"
}
# Memory that a dead or damaged allocator would not survive.
check_healthy() {
	check "memory can be used" dd if=/dev/zero of=/tmp/fill bs=1M count=100
	rm /tmp/fill
}

# What kmemleak=on finds: objects that are five seconds old, and stay unreferenced.
no_leaks() {
	sleep 6
	echo scan >/sys/kernel/debug/kmemleak && echo scan >/sys/kernel/debug/kmemleak || return
	[ -z "$(tee /tmp/leaks </sys/kernel/debug/kmemleak)" ] || { cat /tmp/leaks; false; }
}
# The sum of some fields of /proc/meminfo, in KiB.
meminfo() { awk -v what="$1" '$1 ~ "^(" what "):" { s += $2 } END { print s }' /proc/meminfo; }
# What nobody has but caches, slab and the lists of the CPUs, which may hold some MiB: a page
# that is lost is in none of it. It says nothing of a few pages.
free_kb() {
	echo 1 >/proc/sys/vm/stat_refresh
	page_kb=$(awk '/KernelPageSize/ { print $2; exit }' /proc/self/smaps)
	pcp=$(awk '$1 == "count:" { s += $2 } END { print s }' /proc/zoneinfo)
	echo $(($(meminfo "MemFree|Buffers|Cached|Slab") + pcp * page_kb))
}
# What an accepted handover says that it preserves, before the log is emptied.
preserved_kb() { dmesg | sed -n 's/.*kho: handover .* accepted .* \([0-9]*\) KiB preserved$/\1/p'; }
# at_least WHAT KIB BEFORE LESS: it was BEFORE, and may be LESS less now, not more.
at_least() {
	say "$1: $2 KiB, before: $3 KiB"
	check "$1 is what it was, but for $4 KiB" [ "$2" -ge $(($3 - $4)) ]
}

# For the prompt of `make shell`: kexec into FLAVOUR (this one, if not given).
rekexec() { kexec_load "${1:-$flavour}" "$2" && kexec -e -x; }
