# SPDX-License-Identifier: GPL-2.0
# The harness itself: kexec without KHO, and files to the host.
uname -a >/tmp/release
send "release-$kho_stage" /tmp/release
case $kho_stage in
0)	kexec_to alt ;;
1)	check "this is the alt kernel" [ "$flavour" = alt ]
	check_healthy ;;
esac
