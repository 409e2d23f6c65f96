# SPDX-License-Identifier: GPL-2.0
"""Owns the list of scenarios, and the checks that the host makes on the files
that a guest sent. A guest's own part is guest/tests/<script>.sh."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional


@dataclass
class Scenario:
    name: str
    cmdline: str = "kho=on"       # {name} is replaced from the table of architectures
    script: str = ""              # guest/tests/<script>.sh, the name if not given
    flavour: str = "main"         # booted first
    arches: tuple = ()            # on these only; on all, if not given
    cpu: str = ""                 # QEMU's -cpu, the architecture's own if not given
    smp: str = "2"
    mem: str = "1G"
    qemu: tuple = ()              # more arguments
    dts: str = ""                 # added to the machine's devicetree
    firmware: bool = False        # EFI boots the kernel, whose stub loads the initrd
    root: bool = False            # a disk, /dev/vdb, for kernels without an initrd
    swap: int = 0                 # MiB of a disk to hibernate to; the guest may reboot then
    timeout: int = 120            # seconds on an idle machine: see vm.PATIENCE
    icount: bool = False          # have the guest's time count instructions
    stages: int = 2               # kernels that must have reported
    soak: bool = False            # for `vmtest.py soak`, not for `test`; gets a kho_seed=
    kunit: bool = False
    skipped: tuple = ()           # KUnit cases that cannot run there
    expected: Optional[str] = None  # splats that belong to the scenario
    check: Optional[Callable] = None  # host check: directory -> [(result, name)]

    def __post_init__(self):
        self.script = self.script or self.name


def dtc(source, target, data):
    """What dtc makes of bytes, or of a file."""
    if isinstance(data, Path):
        data = data.read_bytes() if data.exists() else b""
    done = subprocess.run(["dtc", "-q", "-I", source, "-O", target], input=data,
                          capture_output=True)
    return done.stdout if done.returncode == 0 else b""


def dtc_round_trip(out):
    """dtc shows every captured blob, and compiles its text to the same bytes."""
    blobs = sorted(out.glob("*.dtb"))
    found = [] if blobs else [("failed", "the guest sent a blob")]
    for blob in blobs:
        text = dtc("dtb", "dts", blob.read_bytes())
        (out / (blob.stem + ".dts")).write_bytes(text)
        same = bool(text) and dtc("dts", "dtb", text) == blob.read_bytes()
        found.append(("ok" if same else "failed", f"dtc round trip of {blob.name}"))

    pairs = [(b, out / f"incoming-{int(b.stem.removeprefix('outgoing-')) + 1}.dtb")
             for b in blobs if b.stem.startswith("outgoing-")]
    same = pairs and all(i.exists() and i.read_bytes() == o.read_bytes() for o, i in pairs)
    found.append(("ok" if same else "failed", "each blob arrived as it was written"))
    return found


def ranges(blob, node, name, cells=(2, 2)):
    """[(address, size)] of a property that has so many cells for each."""
    done = subprocess.run(["fdtget", "-t", "x", str(blob), node, name], capture_output=True,
                          text=True)
    words, found = [int(w, 16) for w in done.stdout.split()], []
    while len(words) >= sum(cells):
        pair = []
        for n in cells:
            pair.append(sum(w << 32 * i for i, w in enumerate(reversed(words[:n]))))
            words = words[n:]
        found.append(tuple(pair))
    return found


def chosen(out):
    """On a machine with a devicetree, /chosen says where the handover is."""
    hardware, blob = out / "hardware-1", out / "incoming-1.dtb"
    if not hardware.exists():
        return []
    cells = [ranges(hardware, "/", f"#{what}-cells", (1, 0))[0][0] for what in ("address", "size")]
    fdt = ranges(hardware, "/chosen", "linux,kho-fdt", cells)
    scratch = ranges(hardware, "/chosen", "linux,kho-scratch", cells)
    window = [int(w, 0) for w in (out / "window").read_text().split()] \
        if (out / "window").exists() else [0, 0]
    size = blob.stat().st_size if blob.exists() else 0
    fits = len(fdt) == 1 and fdt[0][0] == window[0] and size <= fdt[0][1] <= window[1]
    listed = bool(scratch) and scratch == ranges(blob, "/", "scratch")
    return [("ok" if fits else "failed",
             f"/chosen has the handover FDT where the first kernel had it: {fdt}, {window}"),
            ("ok" if listed else "failed", "/chosen has the blob's scratch areas")]


def demo(out):
    return dtc_round_trip(out) + chosen(out)


def efi(out):
    """The stub says in the console where it had the initrd from."""
    text = (out / "console.log").read_text()
    loaded = "EFI stub: Loaded initrd from LINUX_EFI_INITRD_MEDIA_GUID device path" in text
    return dtc_round_trip(out) + [("ok" if loaded else "failed", "the EFI stub loads the initrd")]


def plain_files(out):
    """Files sent before and after a kexec arrive whole."""
    names = [f"release-{i}" for i in range(2)]
    text = [(out / n).read_text() if (out / n).exists() else "" for n in names]
    good = re.search("main", text[0]) and re.search("debug", text[1])
    return [("ok" if good else "failed", "files from both kernels reached the host")]


def numa(*sizes):
    """QEMU's arguments for nodes of so many MiB; 0 is one with just a CPU."""
    args = []
    for i, mib in enumerate(sizes):
        node = f"node,nodeid={i}" + (f",cpus={i}" if i < 2 else "")
        if mib:
            args += ["-object", f"memory-backend-ram,id=node{i},size={mib}M"]
            node += f",memdev=node{i}"
        args += ["-numa", node]
    return tuple(args)


TRACE = "reserve_mem=4M:4096:trace trace_instance=boot_map@trace"
OOPS = ("ramoops.mem_name=oops ramoops.mem_size=0x100000 "
        "ramoops.console_size=0x40000 ramoops.record_size=0x10000")
RAMOOPS = f"reserve_mem=1M:4096:oops {OOPS}"
# For kernels whose pages are of different sizes.
RAMOOPS_64K = f"reserve_mem=1M:65536:oops {OOPS}"
ARM64 = ("arm64",)
GICV3 = ("-machine", "gic-version=3")
POOL = """/ { reserved-memory {
	#address-cells = <2>;
	#size-cells = <2>;
	ranges;
	pool {
		compatible = "shared-dma-pool";
		reusable;
		size = <0 0x4000000>;
		alloc-ranges = <0 0x40000000 0 0x9000000>;
	};
}; };"""
X86_64 = ("x86_64",)
KUNIT = "kho=on liveupdate=on kunit.enable=1 kunit.filter_glob=kho*"
VA_52 = "kho_logged=52-bit.Virtual.Addressing"
# Host checks, timeouts and memory differ; everything else is in the guest scripts.
SCENARIOS = [
    Scenario("plain", cmdline="", check=plain_files),
    Scenario("plain-nokho", cmdline="", script="nokho-plain"),
    Scenario("kunit", cmdline=f"{KUNIT} cma=8M", stages=1, kunit=True),
    # Another flavour has DEBUG_VM and page poisoning.
    Scenario("kunit-debug", script="kunit", flavour="debug", stages=1, kunit=True,
             cmdline=f"{KUNIT} cma=8M"),
    Scenario("demo", cmdline=f"kho=on {TRACE} {RAMOOPS}", check=demo),
    Scenario("chain", stages=3, check=dtc_round_trip),
    # A debug kernel takes five times as long to boot, and chain has shown it what it does.
    Scenario("chain-up", script="chain", cmdline="kho=on kho_second=main", smp="1", stages=3,
             check=dtc_round_trip),
    # A socket for each CPU: they must not share a cache across nodes.
    Scenario("numa", smp="2,sockets=2", qemu=numa(385, 0, 201, 438), stages=5,
             timeout=240),
    Scenario("accounting", cmdline="kho=on nokaslr", stages=6, timeout=240),
    Scenario("fragments", script="chain", cmdline="kho=on kho_fragments=20000", stages=3,
             check=dtc_round_trip),
    Scenario("chain-big", script="chain", mem="4G", stages=3, check=dtc_round_trip),
    Scenario("off-outgoing", cmdline="kho=off"),
    Scenario("off-incoming"),
    Scenario("order", stages=4),
    Scenario("abort", check=dtc_round_trip),
    Scenario("failing-notifier"),
    Scenario("tool", cmdline="kho=on reserve_mem=2M:4096:keep", check=dtc_round_trip),
    # Of these kernels small has Unix sockets.
    Scenario("keep", cmdline="kho=on liveupdate=on", flavour="small", stages=3, timeout=240,
             check=dtc_round_trip),
    Scenario("too-big", cmdline="kho=on kho_scratch=64M", stages=1),
    Scenario("nokho"),
    Scenario("kdump", cmdline=f"kho=on crashkernel={{crashkernel}} {RAMOOPS}", stages=3,
             expected="sysrq triggered crash|Call Trace|Kernel panic"),
    Scenario("kexec-load", stages=3),
    Scenario("memtest", stages=3),
    Scenario("reserve-mem", cmdline=f"kho=on {TRACE} {RAMOOPS} reserve_mem=64K:4096:other",
             stages=3, check=dtc_round_trip),
    # 93 % of all memory: 1902 blocks of 4 MiB.
    Scenario("room", mem="8G", timeout=400, check=dtc_round_trip,
             cmdline="kho=on kho_set=blocks=1902 kho_percent=93 kho_kib=8388608"),
    Scenario("room-reserve-mem", script="room", check=dtc_round_trip,
             cmdline="kho=on reserve_mem=512M:4096:half kho_half=1"),
    # What is said to be special purpose memory is reserved, and was never memory.
    Scenario("room-soft-reserved", script="room", arches=X86_64, mem="2G", check=dtc_round_trip,
             cmdline="kho=on nokaslr memmap=1200M%512M-1+0xefffffff"),
    Scenario("room-hugepages", script="room", timeout=240, check=dtc_round_trip,
             cmdline="kho=on kho_set=blocks=76 kho_more=hugepages=350 kho_pool=350 "
             "kho_says=HugeTLB:.not.allocating.350"),
    # It wants to be as high as it can in what it may have; the first initrd has the end of that.
    Scenario("reserved-size", arches=ARM64, stages=3, check=dtc_round_trip, dts=POOL,
             cmdline="kho=on kho_set=blocks=180"),
    Scenario("reserved-cma", arches=ARM64, stages=4, check=dtc_round_trip,
             dts=POOL.replace("reusable;", "reusable; linux,cma-default;"),
             cmdline="kho=on cma=16M kho_set=blocks=180"),
    # An area of vmalloc() that is larger than what is left.
    Scenario("room-asks", script="room", timeout=240, check=dtc_round_trip,
             cmdline="kho=on kho_set=blocks=1+vmalloc=671088640 "
             "kho_more=CRASH=600M+cma=600M+log_buf_len=64M+swiotlb=524288,force+kernelcore=400M+"
             "trace_buf_size=400M "
             "kho_says=crashkernel:.a.handover.leaves+CMA:.a.handover.leaves+"
             "log_buf_len:.a.handover.leaves+swiotlb:.a.handover.leaves+"
             "trace_buf_size:.a.handover.leaves+"
             "kernelcore=.*off.up.to.the.next.cold"),
    # Most of what is not preserved lies between, and comes back late.
    Scenario("room-fragments", script="room", timeout=240, check=dtc_round_trip,
             cmdline="kho=on kho_set=fragments=90000"),
    # Most memory below 4 GiB stays what it is: such a large scratch is above.
    Scenario("scratch-high", script="plain-chain", arches=X86_64, mem="5G",
             cmdline="kho=on kho_scratch=1G kho_logged=scratch:.1024.MiB.at.0x00000001"),
    Scenario("kunit-64k", arches=ARM64, script="kunit", flavour="64k", mem="2G", stages=1,
             kunit=True, cmdline=KUNIT,
             # A chunk has 16 GiB; a CMA area, what can be allocated, and a huge page, 512 MiB.
             skipped=("blocks_test", "border_test", "half_test", "full_chunk_test",
                      "run_and_bits_test", "cma_area_test", "long_range_test",
                      "larger_vmalloc_test", "huge_test")),
    Scenario("pages-64k", arches=ARM64, script="pages", mem="2G",
             cmdline=f"kho=on kho_to=64k {RAMOOPS_64K}"),
    Scenario("pages-4k", arches=ARM64, script="pages", mem="2G", flavour="64k",
             cmdline=f"kho=on kho_to=main {RAMOOPS_64K} reserve_mem=12K:65536:odd"),
    Scenario("pages-64k-refused", arches=ARM64, mem="2G"),
    Scenario("va-52", arches=ARM64, script="chain", cpu="max", stages=3,
             cmdline=f"kho=on {VA_52}", check=dtc_round_trip),
    Scenario("va-52-64k", arches=ARM64, script="chain", cpu="max,lpa2=off", flavour="64k",
             mem="2G", stages=3, cmdline=f"kho=on kho_first=64k kho_second=64k {VA_52}",
             check=dtc_round_trip),
    Scenario("rodata-on", arches=ARM64, script="chain", stages=3,
             cmdline="kho=on kho_next=rodata=on", check=dtc_round_trip),
    Scenario("gicv3", arches=ARM64, stages=3, qemu=GICV3),
    Scenario("gicv3-nolpi", arches=ARM64, script="gicv3", stages=3, qemu=GICV3,
             cmdline="kho=on irqchip.gicv3_nolpi=1"),
    Scenario("luo", cmdline="kho=on liveupdate=on", stages=3, check=dtc_round_trip),
    Scenario("luo-odd", arches=X86_64, cmdline="kho=on liveupdate=on", stages=6, timeout=240),
    Scenario("luo-debug", script="luo", arches=X86_64, stages=3, timeout=240,
             cmdline="kho=on liveupdate=on kho_second=debug"),
    Scenario("revisions", stages=3, check=dtc_round_trip),
    Scenario("unload"),
    Scenario("lockdown", arches=X86_64),
    Scenario("lockdown-off", arches=X86_64, script="lockdown", cmdline="kho=off lockdown=integrity",
             stages=1),
    Scenario("suspend", arches=X86_64, check=dtc_round_trip),
    Scenario("hibernate", arches=X86_64, swap=512, stages=3, timeout=240,
             cmdline="kho=on kho_end=poweroff", check=dtc_round_trip),
    # The first kernel uses half of the memory. The second node has only a DIMM that is
    # added: QEMU does not list that in the map of memory.
    Scenario("hotplug", arches=X86_64, smp="2,sockets=2", mem="1G,slots=1,maxmem=2G", stages=3,
             cmdline="kho=on mem=512M", expected="page dumped because: unmovable page",
             qemu=(*numa(1024, 0), "-object", "memory-backend-ram,id=dimm,size=128M",
                   "-device", "pc-dimm,memdev=dimm,node=1")),
    Scenario("chain-hashed", arches=ARM64, script="chain", flavour="debug", stages=3,
             cmdline="kho=on kho_first=debug kho_second=debug"),
    # arm64's debug flavour has little of this.
    Scenario("chain-debug", arches=X86_64, script="chain", flavour="debug", stages=3, timeout=300,
             cmdline="kho=on kho_first=debug kho_second=debug page_owner=on page_poison=1 "
             "kho_last=kmemleak=on kho_leaks=1", check=dtc_round_trip),
    # Who fails to allocate may tell how that came.
    Scenario("faults", arches=X86_64, flavour="debug", timeout=400,
             cmdline="kho=on kmemleak=on", expected="Call Trace"),
    Scenario("luo-faults", arches=X86_64, flavour="debug", timeout=400,
             cmdline="kho=on liveupdate=on kmemleak=on", expected="Call Trace"),
    Scenario("races", arches=X86_64, flavour="debug", timeout=240),
    Scenario("efi", script="chain", firmware=True, stages=3, timeout=240,
             cmdline="kho=on kho_second=main", check=efi),
    Scenario("efi-no-initrd", script="no-initrd", firmware=True, root=True, stages=3,
             timeout=240, cmdline="kho=on kho_without=1"),
    # After handovers that had one.
    Scenario("efi-no-initrd-late", script="no-initrd", firmware=True, root=True, stages=5,
             timeout=240, cmdline="kho=on kho_without=3"),
    Scenario("initrdmem", root=True),
    # What distributions set. A page of 1 GiB wants more of them.
    Scenario("server", flavour="small", root=True, stages=4, timeout=240, check=dtc_round_trip,
             cmdline="kho=on kfence.sample_interval=1 page_owner=on sysctl.vm.mem_profiling=1 "
             "ima_policy=tcb kho_has=kfence,owner,tags,ima"),
    Scenario("server-debug", script="server", flavour="small", stages=4, timeout=240,
             cmdline="kho=on debug_pagealloc=on kmemleak=on kho_has=kmemleak"),
    Scenario("server-load", script="server", flavour="small", stages=4, timeout=240, mem="4G",
             cmdline="kho=on crashkernel={crashkernel} zswap.enabled=1 hugepagesz=1G hugepages=1 "
             "kho_has=crash,gigantic,load"),
    Scenario("server-efi", script="server", flavour="small", firmware=True, stages=4,
             timeout=240, cmdline="kho=on efi=debug kho_has=efi", check=efi),
    Scenario("server-soft", arches=X86_64, script="server", flavour="small", stages=4,
             timeout=240, cmdline="kho=on memmap=256M%512M-1+0xefffffff kho_has=soft"),
    # What looks at the FDT is the same on all architectures.
    Scenario("corrupt-fdt", arches=X86_64, script="corrupt", smp="1", stages=13, timeout=240,
             cmdline="kho=off nokaslr kho_cases=fdt_cases kho_last=10"),
    Scenario("corrupt-table", script="corrupt", smp="1", stages=16, timeout=240,
             cmdline="kho=off nokaslr kho_cases=table_cases kho_last=13"),
    Scenario("chain-random", stages=7, timeout=240,
             cmdline="kho=on nokaslr kho_seed=1 kho_last=6 kho_every=5 kho_debug=2"),
    Scenario("soak-chain", soak=True, script="chain-random", stages=52, timeout=3600,
             cmdline="kho=on nokaslr kho_last=51 kho_every=10"),
    *(Scenario(f"soak-corrupt-{i}", soak=True, script="corrupt-random", smp="1",
               stages=53, timeout=3600, cmdline="kho=off nokaslr kho_last=50")
      for i in range(1, 5)),
]
