#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""table.py [README]: the last `make bench` as a table; with a file's name, put into that file
between its two markers.

Mailreeve's own figure is the median of its rounds.  The others' are ratios to it: each is taken
within a round, so what the machine did meanwhile is in both; median, least and most."""
import csv
import datetime
import json
import os
import platform
import re
import statistics
import sys

import bench

PEERS = ["mailreeve", "haproxy26", "hitch", "nginx", "stunnel"]
# test, what it is for a reader, its unit, and how many of them a figure of the raw results is
ROWS = [
    ("hs13", "full TLS 1.3 handshake, ECDSA", "µs", 1e3),
    ("hs13-rsa", "full TLS 1.3 handshake, RSA-2048", "µs", 1e3),
    ("hs13-resume", "resumed TLS 1.3 handshake", "µs", 1e3),
    ("hs12", "full TLS 1.2 handshake, ECDSA", "µs", 1e3),
    ("hs12-resume", "resumed TLS 1.2 handshake", "µs", 1e3),
    ("storm", "2,000 clients at once, each", "µs", 1e3),
    ("tt-hs13", "TLS on both sides: handshakes", "µs", 1e3),
    ("pass-conn", "without TLS: a connection", "µs", 1e3),
    ("ping", "100-byte message and answer", "µs", 1e1),
    ("down-16", "a GiB to 16 clients", "ms", 1e3),
    ("down-64k", "the same in pieces of 64 KiB", "ms", 1e3),
    ("up-16", "a GiB from 16 clients", "ms", 1e3),
    ("tt-down-16", "TLS on both sides: a GiB to 16 clients", "ms", 1e3),
    ("pass-down-16", "without TLS: a GiB to 16 clients", "ms", 1e3),
    ("idle", "idle connection, TLS to plain", "bytes", 1),
    ("tt-idle", "idle connection, TLS on both sides", "bytes", 1),
]
BEGIN, END = "<!-- make bench-table: begin -->", "<!-- make bench-table: end -->"


def results():
    """By test and peer: the figures of the rounds."""
    got = {}
    with open(bench.RAW, newline="") as f:
        for row in csv.DictReader(f):
            if not bench.broken(row):
                got.setdefault((row["test"], row["peer"]), {})[row["rep"]] = \
                    float(row["cpu_per_unit"])
    return got


def ratios(ours, theirs):
    both = [theirs[rep] / ours[rep] for rep in theirs if ours.get(rep, 0) > 0]
    if not both:
        return ""
    middle = f"{statistics.median(both):.2f}"
    return middle if len(both) == 1 else f"{middle} ({min(both):.2f}–{max(both):.2f})"


def versions():
    out = []
    for name in PEERS:
        # "nginx 1.22 stream (Debian 12; ...)": the name and the version
        title = bench.Peer(name).title
        out.append("Mailreeve" if name == "mailreeve" else " ".join(title.split()[:2]))
    return out


def machine():
    cpu = re.search(r"^model name\s*:\s*(.*)", bench.read("/proc/cpuinfo"), re.M)
    system = re.search(r'^PRETTY_NAME="(.*)"', bench.read("/etc/os-release"), re.M)
    return (f"{os.cpu_count()} CPUs ({cpu.group(1) if cpu else platform.machine()}), "
            f"{system.group(1) if system else 'an unknown system'}, Linux "
            f"{platform.release().split('-')[0]}")


def table():
    got = results()
    rounds = max((len(v) for v in got.values()), default=0)
    day = datetime.date.fromtimestamp(os.path.getmtime(bench.RAW))
    lines = [f"CPU time (user and system) of each proxy's own processes, two workers each, and what "
             f"an idle connection adds to\ntheir memory. For Mailreeve the figure itself, for the "
             f"others a multiple of it: median of {rounds} rounds that\ntake turns "
             f"(least–most). {day}, {machine()},\n`make bench`; clients and servers run on the same "
             f"CPUs.\n",
             "| | " + " | ".join(versions()) + " |", "|---|" + "---:|" * len(PEERS)]
    for test, words, unit, scale in ROWS:
        ours = got.get((test, "mailreeve"))
        if not ours:
            continue
        cells = [f"{statistics.median(ours.values()) * scale:,.0f} {unit}"]
        cells += [ratios(ours, got.get((test, p), {})) for p in PEERS[1:]]
        lines.append(f"| {words} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n" + many_idle()


def many_idle():
    """The largest crowd that `make bench-idle` has held, its last measurement."""
    path = os.path.join(bench.BUILD, "idle.json")
    if not os.path.exists(path):
        return ""
    runs = [json.loads(line) for line in bench.read(path).splitlines()]
    runs = [r for r in runs if r["peer"] == "mailreeve" and r["test"] == "idle"]
    r = max(reversed(runs), key=lambda r: r["connections"], default=None)
    if r is None:
        return ""
    return (f"\n{r['connections']:,} idle connections, TLS to plain, at once (`make bench-idle`): "
            f"{r['user']:.0f} bytes of memory each,\n{r['total'] / bench.MIB:.0f} MiB in all, and "
            f"{r['cpu_ms']:.1f} ms of CPU a second for all {r['processes']} processes together.\n")


def main():
    text = table()
    if len(sys.argv) < 2:
        sys.stdout.write(text)
        return 0
    old = bench.read(sys.argv[1])
    before, begin, rest = old.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        print(f"{sys.argv[1]} has no markers", file=sys.stderr)
        return 1
    with open(sys.argv[1], "w") as f:
        f.write(f"{before}{begin}\n{text}{end}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
