# SPDX-License-Identifier: GPL-2.0
"""Owns what no console may say: the kernel's complaints about itself. A test holds
the pattern against the texts in the kernel's sources."""

import re

# Any of these on a console fails a scenario that did not announce it. "INFO: " is how
# stalls, hung tasks and some of lockdep's findings begin, but so does news of a slow host.
SPLAT = re.compile(
    r"WARNING:|BUG:|BUG \S+ \(|BUG at|Oops|Call Trace|KASAN|UBSAN:|ODEBUG|INFO: (?!NMI handler)"
    r"|Kernel panic|general protection|Internal error:|Unable to handle kernel|segfault at"
    r"|memory corruption|single bit error|list_(add|del) corruption|page dumped because"
    r"|NX-protected|suspected memory leaks|unreferenced object|hard LOCKUP|cut here")

# Source -> texts in it that the pattern must find.
COMPLAINTS = {
    "include/asm-generic/bug.h": ["[ cut here ]"],
    "kernel/panic.c": ["WARNING: CPU: %d PID: %d at %s:%d %pS", "Kernel panic - not syncing: %s"],
    "lib/bug.c": ["kernel BUG at %s:%u!"],
    "mm/kasan/report.c": ["BUG: KASAN: %s in %pS"],
    "mm/kfence/report.c": ["BUG: KFENCE: use-after-free %s in %pS"],
    "lib/ubsan.c": ["UBSAN: %s in %s:%d:%d"],
    "kernel/locking/lockdep.c": [
        "WARNING: possible circular locking dependency detected",
        "WARNING: possible recursive locking detected",
        "WARNING: possible irq lock inversion dependency detected",
        "WARNING: inconsistent lock state", "WARNING: bad unlock balance detected!",
        "WARNING: held lock freed!", "WARNING: suspicious RCU usage",
        "[ BUG: Invalid wait context ]", "INFO: trying to register non-static key.",
        "INFO: lockdep is turned off."],
    "kernel/sched/core.c": ["BUG: sleeping function called from invalid context at %s:%d",
                            "BUG: scheduling while atomic: %s/%d/0x%08x"],
    "kernel/rcu/tree_stall.h": ["INFO: %s self-detected stall on CPU",
                                "INFO: %s detected stalls on CPUs/tasks:"],
    "kernel/rcu/tree_exp.h": ["INFO: %s detected expedited stalls on CPUs/tasks: {"],
    "kernel/hung_task.c": ["INFO: task %s:%d blocked for more than %ld seconds."],
    "kernel/watchdog.c": ["BUG: soft lockup - CPU#%d stuck for %us!", "hard LOCKUP on cpu %d"],
    "kernel/workqueue.c": ["BUG: workqueue lockup - pool"],
    "lib/debugobjects.c": ["ODEBUG: %s %s (active state %u)", "Out of memory. ODEBUG disabled"],
    "lib/list_debug.c": ["list_add corruption. prev is NULL.",
                         "list_del corruption, %px->next is NULL"],
    "mm/kmemleak.c": ["%d new suspected memory leaks", "unreferenced object 0x%08lx (size %zu):"],
    "mm/page_poison.c": ["pagealloc: memory corruption", "pagealloc: single bit error"],
    "mm/page_alloc.c": ["BUG: Bad page state in process %s  pfn:%05lx"],
    "mm/debug.c": ["page dumped because: %s"],
    "mm/memory.c": ["BUG: Bad page map in process %s  pte:%08llx pmd:%08llx"],
    "kernel/fork.c": ["BUG: Bad rss-counter state mm:%p type:%s val:%ld"],
    "mm/slub.c": ["BUG %s (%s): %pV"],
    "arch/x86/mm/fault.c": ["kernel tried to execute NX-protected page",
                            "BUG: unable to handle page fault for address: %px",
                            "%s%s[%d]: segfault at %lx ip %px sp %px error %lx"],
    "arch/x86/kernel/dumpstack.c": ["Oops: %s: %04lx [#%d]", "%sCall Trace:"],
    "arch/arm64/mm/fault.c": ["Unable to handle kernel %s at virtual address %016lx"],
    "arch/arm64/kernel/traps.c": ["Internal error: %s: %016lx [#%d]"],
}
# And that it must not find, as a healthy kernel says them.
HARMLESS = {
    "arch/x86/kernel/nmi.c": ["INFO: NMI handler (%ps) took too long to run: %lld.%03d msecs"],
    "kernel/rcu/update.c": ["RCU CPU stall warnings timeout set to %d"],
    "mm/kmemleak.c": ["Kernel memory leak detector initialized", "Kernel memory leak detector disabled"],
    "mm/page_owner.c": ["page_owner is disabled"],
    "mm/debug_page_alloc.c": ["Setting debug_guardpage_minorder to %lu"],
}


def check(linux):
    """[(result, name)]: each text is in its source, and is found or not, as it must be."""
    found = []
    for texts, wanted in ((COMPLAINTS, True), (HARMLESS, False)):
        for path, lines in texts.items():
            source = (linux / path).read_text()
            for line in lines:
                good = line in source and bool(SPLAT.search(line)) == wanted
                found.append(("ok" if good else "failed", f"{path}: {line}"))
    return found
