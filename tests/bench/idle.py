#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""idle.py CONNECTIONS [--seconds 60] [--peer mailreeve,haproxy26] [--test idle,tt-idle]

What idle TLS connections cost: memory, descriptors, CPU and wake-ups.

Mailreeve gets as many workers as the limit of descriptors asks for; a peer is started as often as
that asks for.  Memory is a slope: a tenth of the connections is opened before the first look, so
what a process needs anyhow is not in it.  Each connection was greeted and had one exchange."""
import argparse
import json
import os
import signal
import sys
import time
import types

import bench
from crowd import EACH, Crowd, descriptors, open_all


class Herd:
    """A peer, as often as its descriptors ask for."""

    def __init__(self, name, test, connections):
        self.stages, self.loads = [], []
        count = -(-connections // EACH)
        self.share = -(-connections // count)
        self.workers = count
        args = types.SimpleNamespace(base_port=21000, workers=1 if count > 1 else 2)
        try:
            for _ in range(count):
                self.stages.append(bench.Stage(bench.Peer(name), test, args))
        except Exception:
            self.stop()
            raise

    def pids(self):
        return [p for s in self.stages for p in s.pids()]

    def hold(self, connections):
        if not self.loads:
            self.loads = [bench.Load(f"-n {self.share} idle", s.port) for s in self.stages]
        open_all(self.loads, -(-connections // len(self.loads)))

    def stop(self):
        for load in self.loads:
            load.end()
        for stage in self.stages:
            stage.stop()


def look(pids):
    """Bytes: what the processes have allocated, their page tables, what the whole kernel has."""
    out = dict(user=0, tables=0)
    for p in pids:
        status = bench.read(f"/proc/{p}/status")
        out["user"] += bench.kib_field(status, "RssAnon") * 1024
        out["tables"] += bench.kib_field(status, "VmPTE") * 1024
    out["kernel"] = bench.kib_field(bench.read("/proc/meminfo"), "SUnreclaim") * 1024
    return out


def wakeups(pids):
    return sum(bench.kib_field(bench.read(f"/proc/{p}/task/{t}/status"), "voluntary_ctxt_switches")
               for p in pids for t in os.listdir(f"/proc/{p}/task"))


def measure(peer, test, n, seconds):
    began = time.monotonic()
    if peer == "mailreeve":
        crowd = Crowd(connections=n, tls_backend=test == "tt-idle")
    else:
        crowd = Herd(peer, test, n)
    try:
        first = n // 10
        crowd.hold(first)
        pids = crowd.pids()
        one = look(pids)
        crowd.hold(n)
        took = time.monotonic() - began
        two = look(pids)
        fds = sum(len(os.listdir(f"/proc/{p}/fd")) for p in pids)
        cpu, wakes, t0 = bench.cpu_ns(pids), wakeups(pids), time.monotonic()
        time.sleep(seconds)
        span = time.monotonic() - t0
        now = bench.cpu_ns(pids)
        cpu = sum(now[p] - cpu[p] for p in pids) / 1e9 / span
        wakes = (wakeups(pids) - wakes) / span
    finally:
        crowd.stop()
    out = {k: (two[k] - one[k]) / (n - first) for k in one}
    out.update(peer=peer, test=test, connections=n, open_seconds=took, processes=len(pids),
               fds=fds / n, total=two["user"], cpu_ms=cpu * 1e3, wakeups=wakes, seconds=span)
    return out


def show(r):
    title = bench.Peer(r["peer"]).title.split(" (")[0]
    what = "TLS on both sides" if r["test"] == "tt-idle" else "TLS to plain"
    print(f"{title}: {r['connections']} idle connections, {what}; open after "
          f"{r['open_seconds']:.0f} s; {r['processes']} processes, {descriptors()} descriptors each "
          f"at the most\n"
          f"  user memory    {r['user']:.0f} bytes a connection, {r['total'] / bench.MIB:.1f} MiB "
          f"in all\n"
          f"  page tables    {r['tables']:.0f} bytes a connection\n"
          f"  kernel         {r['kernel']:.0f} bytes a connection, of the whole machine: half of it "
          f"is client's and server's\n"
          f"  descriptors    {r['fds']:.2f} a connection\n"
          f"  CPU while idle {r['cpu_ms']:.2f} ms and {r['wakeups']:.1f} wake-ups a second, over "
          f"{r['seconds']:.0f} s", flush=True)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("connections", type=int)
    ap.add_argument("--seconds", type=float, default=60)
    ap.add_argument("--peer", default="mailreeve")
    ap.add_argument("--test", default="idle")
    args = ap.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    bench.max_fds()
    path = os.path.join(bench.BUILD, "idle.json")
    with open(path, "a") as f:
        for test in args.test.split(","):
            for peer in args.peer.split(","):
                r = measure(peer, test, args.connections, args.seconds)
                show(r)
                f.write(json.dumps(r) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
