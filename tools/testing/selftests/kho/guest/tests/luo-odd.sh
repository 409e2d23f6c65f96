# SPDX-License-Identifier: GPL-2.0
# Owns the scenario luo-odd: sessions that nobody holds, fetches or can read, and kernels
# that do without. Nothing of that is lost in silence, or harms the machine.
. /luo.sh
unlisted() { [ "$(cat $FW/unlisted)" -ge $((8 << 20)) ]; }
holder() { kill -9 $(pidof luo_test); }

case $kho_stage in
0)	luo put
	activate
	check "its holder is killed" holder
	check "the handover is aborted" eventually is $KHO/active 0
	check "it is gone" eventually fails pidof luo_test
	luo put
	kexec_to main liveupdate=off ;;
1)	check "the handover was accepted" is $FW/status accepted
	check "without liveupdate=on there is no device" [ ! -e /dev/liveupdate ]
	check "the log says what that means" \
		logged "liveupdate: sessions were handed over, and .*liveupdate=on"
	check "what is preserved of them stays" unlisted
	check "it can be released" put 1 $FW/unlisted
	check_healthy
	kexec_to main liveupdate=on ;;
2)	check "nothing came" is $LUO/status none
	luo put
	put 1 $KHO/active
	read -r window <$KHO/fdt_start
	check "the module that damages loads" load test_kho_damage window="$window" luo_at=40
	kexec_to main ;;
3)	check "the handover was accepted" is $FW/status accepted
	check "the sessions are refused" is $LUO/status "refused: its checksum is wrong"
	check "the log says so" logged "liveupdate: the table of sessions is refused: its checksum"
	check "what is preserved of them stays" unlisted
	check "it can be released" put 1 $FW/unlisted
	check "all of it" is $FW/unlisted 0
	luo put
	kexec_to main ;;
4)	check "the sessions arrived" is $LUO/status accepted
	check "what waits can be dropped" put luo_test $LUO/drop
	check "then nothing waits" fails ls -d $LUO/incoming/*
	check "and nothing is left unclaimed" is $FW/unlisted 0
	luo put
	kexec_to main ;;
5)	check "the operator releases what is preserved" put 1 $FW/unlisted
	check "a session is there" is $LUO/incoming/0/files 18
	luo get lost
	check_healthy ;;
esac
