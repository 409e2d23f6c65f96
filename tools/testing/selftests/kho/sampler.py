# SPDX-License-Identifier: GPL-2.0
"""Owns a rough profile of a guest: asks QEMU's monitor again and again where the CPU
is, and counts the kernel's functions."""

import re
import socket
import threading
import time
from bisect import bisect_right
from collections import Counter
from contextlib import suppress


class Sampler(threading.Thread):
    """Samples while it is on. Ends with the guest."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.on, self.seen = path, threading.Event(), []

    def qemu(self):
        return ("-monitor", f"unix:{self.path},server=on,wait=off")

    def run(self):
        self.on.wait()
        # The guest's end ends the connection.
        with socket.socket(socket.AF_UNIX) as monitor, suppress(OSError):
            monitor.connect(str(self.path))
            text = b""
            while data := monitor.recv(65536):
                text += data
                if text.endswith(b"(qemu) "):
                    if self.on.is_set():
                        self.seen += re.findall(rb"(?:RIP| PC)=([0-9a-f]+)", text)
                    text = b""
                    time.sleep(0.002)
                    monitor.sendall(b"info registers\n")

    def functions(self, system_map):
        """How often each function was seen."""
        symbols = sorted((int(line.split()[0], 16), line.split()[2])
                         for line in system_map.read_text().splitlines()
                         if line.split()[1] in "tTwW")
        starts = [start for start, _ in symbols]
        count = Counter()
        for rip in self.seen:
            i = bisect_right(starts, int(rip, 16)) - 1
            count["(not in the kernel)" if i < 0 else symbols[i][1]] += 1
        return count
