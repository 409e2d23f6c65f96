# SPDX-License-Identifier: GPL-2.0
# An image of kexec_load(2) cannot carry a handover: it is not executed while
# one is active.
check "the test module loads" load test_kho
check "kexec -c loads debug" kexec_load debug "" -c -l
activate
check "kexec -e is refused" fails kexec -e
check "the log says why" logged "cannot carry the active handover"
check "abort" put 0 $KHO/active
check_healthy
