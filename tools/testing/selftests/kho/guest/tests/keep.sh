# SPDX-License-Identifier: GPL-2.0
# What kho-keep is given is there in each kernel that follows, and so is the memory of the
# example program.
keep() { /boot/kho/kho-keep "$@"; }
memory() { /boot/kho/liveupdate-memory "$@"; }
ends() { [ "$code" = "$1" ]; }
hold() {
	/boot/kho/kho-keep hold &
	holder=$!
	check "the holder is ready" eventually keep list
}
keep_text() { printf %s "$2" | keep put "$1"; }
has_text() { [ "$(keep get "$1")" = "$2" ]; }
# 15 MB that every kernel can make
make_big() { seq 2000000 >/tmp/big; }
has_big() { keep get "a big one" /tmp/got && cmp /tmp/big /tmp/got; }
listed() { [ "$(keep list | sort | tr '\n' ,)" = "$1" ] || { keep list; false; }; }
longest=$(printf %58s | tr ' ' x)
mkdir -p /run
make_big

case $kho_stage in
0)	check "without a holder kho-keep says what to do" says "systemctl start kho-keep" keep list
	check "and ends with 1" ends 1
	hold
	check "there can be one" says "a holder is running" keep hold
	check "nothing is held" listed ""
	check "a value is taken" keep_text one "of the first kernel"
	check "an empty one" keep_text empty ""
	check "one with a long name" keep_text "$longest" long
	check "a longer name is refused" says "1 to 58 bytes" keep get "x$longest"
	check "and so is none" says "1 to 58 bytes" keep put "" /init
	check "a big one is taken" keep put "a big one" /tmp/big
	check "activation" put 1 $KHO/active
	check "one is replaced" keep_text one "of the first kernel, later"
	check "which aborts a handover" is $KHO/active 0
	check "another is taken" keep_text another x
	check "and dropped" keep drop another
	check "which it is no more" says "no such value" keep get another
	memory keep memory $((64 << 20)) >/tmp/kept 2>&1 &
	check "memory is kept" eventually grep kept /tmp/kept
	activate
	kexec_to small ;;
1)	check_arrival small
	check "sessions are accepted" is /sys/kernel/liveupdate/status accepted
	check "they are listed" [ "$(ls /sys/kernel/liveupdate/incoming | wc -l)" = 5 ]
	check "and wait" fails grep -v waiting /sys/kernel/liveupdate/incoming/*/state
	check "memory is as it was" says "^67108864 bytes are as they were" memory find memory
	check "and can be had once" fails memory find memory
	hold
	check "no session waits" [ -z "$(ls /sys/kernel/liveupdate/incoming)" ]
	check "all is held" listed "a big one $(wc -c </tmp/big),empty 0,one 26,$longest 4,"
	check "it has its contents" has_text one "of the first kernel, later"
	check "the big one, too" has_big
	check "the empty one is empty" has_text empty ""
	check "one is replaced" keep_text one "of the second kernel"
	check "one is new" keep_text new new
	check "one is dropped" keep drop empty
	activate
	kexec_to small ;;
2)	check_arrival small
	hold
	check "all is held" listed "a big one $(wc -c </tmp/big),new 3,one 20,$longest 4,"
	check "it has its contents" has_text one "of the second kernel"
	check "what was held twice does" has_big
	check "with the long name, too" has_text "$longest" long
	check "nothing is left over" is $FW/unlisted 0
	kill $holder
	wait $holder
	check "the holder's end is the end of it" says "systemctl start kho-keep" keep list
	hold
	check "then nothing is held" listed ""
	check_healthy ;;
esac
