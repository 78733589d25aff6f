#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""idle.py [CONNECTIONS [SECONDS]]: what idle TLS connections cost: memory, descriptors, CPU.

As many workers, clients and backends as the limit of descriptors asks for."""
import os
import sys
import time

import bench
from crowd import Crowd, descriptors


def main():
    bench.max_fds()
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 50000
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 20
    began = time.monotonic()
    crowd = Crowd(connections=n)
    try:
        crowd.hold()
        took = time.monotonic() - began
        memory = crowd.memory()
        fds = {p: len(os.listdir(f"/proc/{p}/fd")) for p in crowd.pids}
        before, t0 = bench.cpu_ns(crowd.pids), time.monotonic()
        time.sleep(seconds)
        after, t1 = bench.cpu_ns(crowd.pids), time.monotonic()
    finally:
        crowd.stop()
    cpu = sum(after[p] - before[p] for p in crowd.pids) / 1e9 / (t1 - t0)
    print(f"{n} idle TLS connections, TLS to plain, greeted and one exchange each; "
          f"open after {took:.0f} s")
    print(f"processes      {len(crowd.pids)}, of them {crowd.workers} workers; "
          f"{crowd.parts} clients, {crowd.parts} backends; {descriptors()} descriptors a process")
    print(f"memory         {(memory['pss'] - crowd.base) / n:.0f} bytes a connection; "
          f"{memory['pss'] / bench.MIB:.1f} MiB in all, {crowd.base / bench.MIB:.1f} without any")
    print(f"page tables    {memory['pte'] / n:.0f} bytes a connection")
    print(f"descriptors    {sum(fds.values()) / n:.2f} a connection; the master holds "
          f"{fds[crowd.proxy.pid]}")
    print(f"CPU while idle {cpu * 1e3:.2f} ms a second, "
          f"{cpu / n * 1e9:.0f} ns a second and connection")
    return 0


if __name__ == "__main__":
    sys.exit(main())
