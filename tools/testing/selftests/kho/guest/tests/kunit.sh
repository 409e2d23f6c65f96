# SPDX-License-Identifier: GPL-2.0
# KUnit ran before init: the host reads its results from the console.
ok "the kernel reaches init after KUnit"
check_healthy
