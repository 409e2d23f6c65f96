# SPDX-License-Identifier: GPL-2.0
# Owns the scenario mainline-liveupdate: mainline's own programs for /dev/liveupdate, unmodified,
# pass on both sides of a kexec.
KEXEC="luo_kexec_simple luo_multi_session luo_stress_files luo_stress_sessions"

# ksft NAME ARGS: all that it says is in the console, and none of it is not ok.
ksft() {
	name=$1
	shift
	"/boot/mainline/$name" "$@" >/tmp/ksft 2>&1
	result=$?
	show grep -v '^#' /tmp/ksft
	check "$name $*: it does not fail" [ $result = 0 ]
	check "$name $*: none of it fails" fails grep '^not ok' /tmp/ksft
	check "$name $*: nothing is skipped" fails grep -i '^ok.*# skip' /tmp/ksft
	return $result
}

case $kho_stage in
0)
	ksft liveupdate
	nr=$(grep -c '^ok' /tmp/ksft)
	check "there are $nr tests in it" [ "$nr" -ge 15 ]
	for t in $KEXEC; do
		ksft $t -s 1
	done
	activate
	kexec_to main
	;;
1)
	check_arrival main
	for t in $KEXEC; do
		ksft $t -s 2
	done
	check "nothing is left unclaimed" is $FW/unlisted 0
	finish
	;;
esac
