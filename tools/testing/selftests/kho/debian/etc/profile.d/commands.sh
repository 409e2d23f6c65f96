# SPDX-License-Identifier: GPL-2.0
# Owns the operator that ../../../debian_guest.py plays: on virtio's console, lines that
# have a word and a command in base64; what it says comes back between two lines with the word.
if [ "$(tty)" = /dev/hvc0 ]; then
	mesg n
	stty -echo -onlcr
	echo "@@ready $(cat /proc/sys/kernel/random/boot_id)"
	while read -r word command; do
		echo "@@begin $word"
		echo "$command" | base64 -d >/run/command
		# To a pipe: nothing waits for somebody to turn pages.
		bash /run/command </dev/null 2>&1 | cat
		printf '\n@@end %s %d\n' "$word" "${PIPESTATUS[0]}"
	done
fi
