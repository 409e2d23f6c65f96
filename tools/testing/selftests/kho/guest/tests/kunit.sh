# SPDX-License-Identifier: GPL-2.0
# KUnit ran before init: the host reads its results from the console.
ok "the kernel reaches init after KUnit"
# They try to preserve ranges that are not whole pages, and none at 0.
check "the log names such a range" logged "kho: cannot preserve 0x[1-9a-f].*: it is not whole pages"
check "and no other" fails logged "kho: cannot preserve 0x0\+"
check_healthy
