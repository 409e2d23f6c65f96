# SPDX-License-Identifier: GPL-2.0
"""Owns what is shown of the kernels' builds while they run: how many objects are done of
how many, and how long the others may take. On a terminal that is one line for all
builds, in place; elsewhere, one a minute for each."""

import re
import subprocess
import time

from common import T0, on_terminal, status, step

EVERY = 60
# How kbuild names what it compiles, and make -n what it would.
COMPILES = r"  (?:CC|AS)(?: \[M\])? +\S+\.o"
DONE, PLANNED = re.compile(COMPILES), re.compile("echo '" + COMPILES)
# The time that others took tells nothing before this many are done.
FEW = 20

_under_way = []


class Build:
    """One that is under way."""

    def __init__(self, name):
        self.name, self.done, self.total = name, 0, 0
        self.start, self.shown = 0, time.time()

    def __enter__(self):
        _under_way.append(self)
        show()
        return self

    def __exit__(self, *_):
        _under_way.remove(self)
        show()

    def left(self):
        """From what the others took; linking is not in it."""
        if self.done < FEW or self.done >= self.total:
            return ""
        minutes = (time.time() - self.start) / self.done * (self.total - self.done) / 60
        return f", about {minutes:.0f} min left" if minutes >= 1.5 else ", about a minute left"

    def text(self):
        if not self.total:
            return f"{self.name}: {f'{self.done} objects' if self.done else 'preparing'}"
        if self.done >= self.total:
            return f"{self.name}: {self.done} objects, linking"
        return f"{self.name}: {self.done} of {self.total} objects{self.left()}"

    def on_line(self, line):
        self.start = self.start or time.time()
        self.done += bool(DONE.match(line))
        if time.time() - self.shown < (0.2 if on_terminal() else EVERY):
            return
        self.shown = time.time()
        if on_terminal():
            show()
        else:
            step(f"kernel {self.text()}")


def show():
    texts = "; ".join(b.text() for b in list(_under_way))
    status(f"[{time.time() - T0:6.1f}s] kernel {texts}" if texts else "")


def planned(make):
    """How many objects this make would compile, before it links; 0 if that cannot be told."""
    # Even make -n links, if it is to make vmlinux.
    p = subprocess.run([*make, "-n", "KBUILD_MODULES=1", "."], capture_output=True,
                       text=True, errors="replace")
    return 0 if p.returncode else len(PLANNED.findall(p.stdout))
