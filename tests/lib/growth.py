# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""What Mailreeve's processes hold, memory of their own and descriptors, and whether that grows."""
import os
import re
import time

from .mailreeve import SANITIZED

# A process whose heap has grown by so much more than this, in kB, has lost something: an
# allocator's own ups and downs are less.
MEMORY_PLAY, MEMORY_SHARE = 700, 1.15
DESCRIPTORS_PLAY = 4


def held(proxy):
    """{(program, pid): (kB of its own, descriptors)} of every process that is there."""
    found = {}
    for name, pids in proxy.processes().items():
        for pid in pids:
            try:
                status = open(f"/proc/{pid}/status", encoding="ascii").read()
                own = int(re.search(r"^RssAnon:\s+(\d+) kB", status, re.MULTILINE).group(1))
                found[name, pid] = own, len(os.listdir(f"/proc/{pid}/fd"))
            except (OSError, AttributeError):
                pass  # it has just ended
    return found


def weigh(proxy, samples=10):
    """{program: (kB, descriptors)} of the largest of its processes; of several looks the least, so
    that what is only passing by does not count."""
    least = {}
    for _ in range(samples):
        now = held(proxy)
        least = {key: tuple(map(min, least.get(key, value), value)) for key, value in now.items()}
        time.sleep(0.05)
    largest = {}
    for (name, _), value in least.items():
        largest[name] = tuple(map(max, largest.get(name, value), value))
    return largest


def assert_not_grown(before, after):
    for name, (memory, descriptors) in after.items():
        was = before[name]
        print(f"{name}: {was[0]} -> {memory} kB, {was[1]} -> {descriptors} descriptors")
    for name, (memory, descriptors) in after.items():
        was = before[name]
        # What leaks does so with each deed, of which there are many; a client may be passing by.
        assert descriptors <= was[1] + DESCRIPTORS_PLAY, f"{name}: {was[1]} -> {descriptors} descriptors"
        assert SANITIZED or memory <= was[0] * MEMORY_SHARE + MEMORY_PLAY, \
            f"{name}: {was[0]} -> {memory} kB"
