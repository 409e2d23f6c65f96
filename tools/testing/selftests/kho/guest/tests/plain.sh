# SPDX-License-Identifier: GPL-2.0
# The harness itself: kexec without KHO, and files to the host.
uname -a >/tmp/release
send "release-$kho_stage" /tmp/release
case $kho_stage in
0)	kexec_to debug ;;
1)	check "this is the debug kernel" [ "$flavour" = debug ]
	check_healthy ;;
esac
