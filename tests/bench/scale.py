#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""scale.py OUT [ROUNDS]: how cost grows with the number of open connections, workers, servers,
frontends and certificates.  Writes OUT.md, two tables, and OUT.dat, which scale.gp draws.

Rounds are interleaved, and a cell is the median of its rounds: CPU milliseconds of all of
Mailreeve's processes for 1,000 handshakes, 100,000 messages and a GiB, and memory."""
import datetime
import os
import signal
import statistics
import sys

import bench
import table
from crowd import EACH, Crowd, descriptors

MEASURES = (
    ("handshake", "-c 16 -n 600 hs", lambda r: r["ok"] / 1e3),
    ("message", "-c 20 -q 4000 -n 4000 ping", lambda r: r["ok"] / 1e5),
    ("GiB", f"-c 4 -s {64 * bench.MIB} down", lambda r: r["bytes"] / (1 << 30)),
)
WORKERS = (1, 2, 4, 8)
CONNECTIONS = (100, 1000, 10000, 50000)
KINDS = ("servers", "frontends", "certificates")
COUNTS = (1, 10, 100, 1000)


def look(crowd):
    row = {name: crowd.work(args, per) * 1e3 for name, args, per in MEASURES}
    row["MiB"] = crowd.memory()["pss"] / bench.MIB
    return row


def room(workers):
    """Connections that so many workers can hold, two descriptors each."""
    return workers * min(EACH, descriptors() // 2 - 200)


def with_connections(workers, most, note):
    """One site whose open connections become more and more."""
    points = [n for n in CONNECTIONS if n <= min(room(workers), most)]
    crowd = Crowd(connections=points[-1], workers=workers)
    try:
        for n in points:
            crowd.hold(n)
            note((workers, n), look(crowd))
    finally:
        crowd.stop()


def with_many(kind, count, note):
    crowd = Crowd(workers=2, **{kind: count})
    try:
        row = {"base": crowd.base / bench.MIB}
        crowd.hold()
        row.update(look(crowd))
        note((kind, count), row)
    finally:
        crowd.stop()


def measure(rounds):
    got = {}

    def note(key, row):
        got.setdefault(key, []).append(row)
        print(*key, {k: round(v, 1) for k, v in row.items()}, flush=True)

    def attempt(what, *args):
        try:
            what(*args, note)
        except Exception as e:          # the others go on; its cells have a round less
            print(*args, f"{type(e).__name__}: {e}", file=sys.stderr, flush=True)

    for rep in range(rounds):
        for workers in WORKERS:
            # Opening the most takes minutes: once.
            attempt(with_connections, workers, CONNECTIONS[-1 if rep == 0 else -2])
        for kind in KINDS:
            for count in COUNTS:
                if count + 100 < descriptors():     # the master has one for every frontend
                    attempt(with_many, kind, count)
    return {key: dict({k: statistics.median(r[k] for r in rows) for k in rows[0]}, n=len(rows))
            for key, rows in got.items()}


def each(got, workers, n):
    """Bytes that a connection adds, from the first point on."""
    first = CONNECTIONS[0]
    if n == first or (workers, first) not in got:
        return ""
    more = (got[workers, n]["MiB"] - got[workers, first]["MiB"]) * bench.MIB
    return f"{more / (n - first):.0f}"


HEAD = """# How cost grows

`make bench-scale`, {date}, {machine},
which clients and servers use as well. A cell is the median of its rounds (the last column); one with much else on
the machine may be 15 % off. CPU is that of all of Mailreeve's processes, memory their PSS.

![the same, drawn](scale.svg)

## Open connections and workers

The work is done beside so many other connections that are open and idle.

| workers | connections | ms per 1,000 handshakes | ms per 100,000 messages | ms per GiB to the client | MiB | bytes a connection | rounds |
|---:|---:|---:|---:|---:|---:|---:|---:|
"""
MANY = """
## Servers, frontends, certificates

Two workers, 100 connections.

| of | how many | ms per 1,000 handshakes | ms per 100,000 messages | ms per GiB to the client | MiB without connections | rounds |
|---|---:|---:|---:|---:|---:|---:|
"""


def cells(row):
    return f"{row['handshake']:.0f} | {row['message']:.0f} | {row['GiB']:.0f}"


def tables(f, got):
    f.write(HEAD.format(date=datetime.date.today(), machine=table.machine()))
    blank = []
    for workers in WORKERS:
        for n in CONNECTIONS:
            row = got.get((workers, n))
            if row:
                f.write(f"| {workers} | {n:,} | {cells(row)} | {row['MiB']:.1f} | "
                        f"{each(got, workers, n)} | {row['n']} |\n")
            else:
                f.write(f"| {workers} | {n:,} | | | | | | 0 |\n")
                if n > room(workers):
                    blank.append(f"{n:,} with {workers}")
    if blank:
        f.write(f"\nBlank: a process may have {descriptors():,} descriptors here, and a connection "
                f"takes two of its worker's: {'; '.join(blank)}.\n")
    f.write(MANY)
    for kind in KINDS:
        for count in COUNTS:
            row = got.get((kind, count))
            f.write(f"| {kind} | {count:,} | " +
                    (f"{cells(row)} | {row['base']:.1f} | {row['n']} |\n" if row else
                     "| | | | 0 |\n"))


def data(f, got):
    """A block for each line of the drawing."""
    for keys in ([[(w, n) for n in CONNECTIONS] for w in WORKERS] +
                 [[(k, n) for n in COUNTS] for k in KINDS]):
        for key in keys:
            row = got.get(key)
            if row:
                f.write(f"{key[1]} {row['handshake']:.3f} {row['message']:.3f} {row['GiB']:.3f} "
                        f"{row.get('base', row['MiB']):.3f}\n")
        f.write("\n\n")


def main():
    out, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    bench.max_fds()
    got = measure(rounds)
    with open(out + ".md", "w") as f:
        tables(f, got)
    with open(out + ".dat", "w") as f:
        data(f, got)
    return 0


if __name__ == "__main__":
    sys.exit(main())
