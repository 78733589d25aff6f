#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""scale.py OUT [REPS]: how cost grows with the number of connections, workers, servers, frontends
and certificates.  Writes OUT.md, a table, and OUT.dat, which scale.gp draws.

Rounds are interleaved, and a cell is the median of its rounds: CPU milliseconds of all of
Mailreeve's processes for 1,000 handshakes, 100,000 messages and a GiB, and memory."""
import datetime
import os
import statistics
import sys

import bench
from crowd import CLIENT, Crowd, descriptors

MEASURES = (
    ("handshake", "-c 16 -n 600 hs", 1e3, lambda r: r["ok"] / 1e3),
    ("message", "-c 20 -q 4000 -n 4000 ping", 1e3, lambda r: r["ok"] / 1e5),
    ("GiB", f"-c 4 -s {64 * bench.MIB} down", 1e3, lambda r: r["bytes"] / (1 << 30)),
)
AXES = (
    ("connections", (100, 1000, 10000, 50000), {}),
    ("workers", (1, 2, 4, 8), {}),
    ("servers", (1, 10, 100, 1000), {"workers": 2}),
    ("frontends", (1, 10, 100, 1000), {"workers": 2}),
    ("certificates", (1, 10, 100, 1000), {"workers": 2}),
)


def cell(axis, value, fixed):
    crowd = Crowd(**{axis: value, **fixed})
    try:
        crowd.hold()
        memory = crowd.memory()["pss"]
        row = {name: crowd.work(args, per) * scale for name, args, scale, per in MEASURES}
        row["base"] = crowd.base / bench.MIB
        row["bytes"] = (memory - crowd.base) / crowd.connections
        return row
    finally:
        crowd.stop()


def possible(axis, value):
    """The master has a descriptor for every frontend, a client process one a connection."""
    limit = descriptors()
    return limit > 2000 and (axis != "connections" or limit > CLIENT + 100 or value < limit / 2)


def main():
    out, reps = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    bench.max_fds()
    got, blanks = {}, set()
    for rep in range(reps):
        for axis, values, fixed in AXES:
            for value in values:
                if not possible(axis, value):
                    blanks.add((axis, value))
                    continue
                if axis == "connections" and value > 20000 and rep > 0:
                    continue            # minutes to open: once
                try:
                    row = cell(axis, value, fixed)
                except Exception as e:
                    print(f"{axis} {value}: {type(e).__name__}: {e}", file=sys.stderr, flush=True)
                    continue
                got.setdefault((axis, value), []).append(row)
                print(axis, value, {k: round(v, 2) for k, v in row.items()}, flush=True)
    write(out, got, blanks)
    return 0


def write(out, got, blanks):
    names = ["handshake", "message", "GiB", "base", "bytes"]
    with open(out + ".md", "w") as md, open(out + ".dat", "w") as dat:
        md.write(f"# How cost grows\n\n`make bench-scale`, "
                 f"{datetime.date.today()}, {os.cpu_count()} CPUs shared with clients and "
                 f"backends; medians of the rounds (column n).\nA cell with much else on the "
                 f"machine may be 15 % off.  CPU is that of all of Mailreeve's processes.  Memory is "
                 f"PSS: without a\nconnection, and for each of the connections that are open "
                 f"(100 but in the first rows, where the\npages of a process are what is "
                 f"seen).\n\n")
        md.write("| of | number | ms per 1,000 handshakes | ms per 100,000 messages | ms per GiB "
                 "to the client | MiB without connections | bytes a connection | n |\n"
                 + "|---" * 8 + "|\n")
        for axis, values, _ in AXES:
            for value in values:
                rows = got.get((axis, value))
                if not rows:
                    md.write(f"| {axis} | {value:,} | | | | | | 0 |\n")
                    continue
                med = {k: statistics.median(r[k] for r in rows) for k in names}
                md.write(f"| {axis} | {value:,} | {med['handshake']:.0f} | {med['message']:.0f} | "
                         f"{med['GiB']:.0f} | {med['base']:.1f} | {med['bytes']:.0f} | "
                         f"{len(rows)} |\n")
                dat.write(f"{value} " + " ".join(f"{med[k]:.4f}" for k in names) + "\n")
            dat.write("\n\n")
        for axis, value in sorted(blanks):
            md.write(f"\n{value:,} {axis}: a process may have only {descriptors()} descriptors "
                     f"here.\n")
        md.write("\n![the same, drawn](scale.svg)\n")


if __name__ == "__main__":
    sys.exit(main())
