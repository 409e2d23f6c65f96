# SPDX-License-Identifier: GPL-2.0
# An image that scratch cannot hold is refused when it is loaded, not later.
dd if=/dev/zero of=/tmp/big bs=1M count=100 2>/dev/null
check "kexec refuses the image" \
	fails kexec -s -l /boot/debug/image --initrd=/tmp/big --reuse-cmdline
check "the log names kho_scratch=" logged "larger kho_scratch="
rm /tmp/big
check "an image that fits is loaded" kexec_load debug
check_healthy
