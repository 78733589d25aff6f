#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Side-by-side benchmark of TLS mail proxies.

    bench.py --peer NAME[,NAME] --test NAME[,NAME] [--reps 3] [--size 0.5] [--minutes 11]
    bench.py --list
    bench.py --report

table.py makes the README's table of it.

A peer is one file, peers/NAME.peer (see README.md). The main number is the
CPU time of the proxy's own processes per unit of work; wall figures are there
too, but the client and the backend share the machine with the proxy.
"""
import argparse
import csv
import json
import os
import re
import resource
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(os.environ.get("BENCH_BUILD", "build/bench"))
RUN = os.path.join(BUILD, "run")
RAW = os.path.join(BUILD, "raw.csv")
FIELDS = ["time", "peer", "test", "rep", "unit", "cpu_per_unit", "user_share",
          "rate", "rate_unit", "load1", "extra"]
MIB = 1 << 20

# test: mode of the proxy, arguments of the load tool, what is counted.
# unit: hs1k = per 1,000 connections, gib = per GiB, msg100k = per 100,000.
TESTS = {
    "hs13":        ("tls", "-c 32 -n 3000 hs", "hs1k"),
    "hs13-rsa":    ("tls", "-c 32 -n 2000 hs", "hs1k"),
    "hs13-resume": ("tls", "-c 32 -n 4000 -R hs", "hs1k"),
    "hs12":        ("tls", "-2 -c 32 -n 3000 hs", "hs1k"),
    "hs12-resume": ("tls", "-2 -c 32 -n 4000 -R hs", "hs1k"),
    "storm":       ("tls", "-n 2000 storm", "hs1k"),
    "down-1":      ("tls", f"-c 1 -s {1024 * MIB} down", "gib"),
    "down-16":     ("tls", f"-c 16 -s {64 * MIB} down", "gib"),
    "down-64k":    ("tls", f"-c 16 -s 65536 -r 512 down", "gib"),
    "up-1":        ("tls", f"-c 1 -s {1024 * MIB} up", "gib"),
    "up-16":       ("tls", f"-c 16 -s {64 * MIB} up", "gib"),
    "up-64k":      ("tls", f"-c 16 -s 65536 -r 512 up", "gib"),
    "ping":        ("tls", "-c 100 -q 3000 -n 12000 ping", "msg100k"),
    "tt-hs13":     ("tlstls", "-c 32 -n 2000 hs", "hs1k"),
    "tt-down-16":  ("tlstls", f"-c 16 -s {64 * MIB} down", "gib"),
    "tt-up-16":    ("tlstls", f"-c 16 -s {64 * MIB} up", "gib"),
    "pass-conn":   ("pass", "-P -c 32 -n 8000 hs", "hs1k"),
    "pass-down-1": ("pass", f"-P -c 1 -s {2048 * MIB} down", "gib"),
    "pass-down-16": ("pass", f"-P -c 16 -s {128 * MIB} down", "gib"),
    "pass-up-16":  ("pass", f"-P -c 16 -s {128 * MIB} up", "gib"),
    "pass-ping":   ("pass", "-P -c 100 -q 3000 -n 12000 ping", "msg100k"),
    "idle":        ("tls", "idle", "conn"),
    "tt-idle":     ("tlstls", "idle", "conn"),
    "pass-idle":   ("pass", "-P idle", "conn"),
}
RSA = {"hs13-rsa"}
# What the README's table shows; of the rest each is somebody's who looks for something.
TABLE = ["hs13", "hs13-rsa", "hs13-resume", "hs12", "hs12-resume", "storm", "down-16", "down-64k",
         "up-16", "ping", "tt-hs13", "tt-down-16", "pass-conn", "pass-down-16", "idle", "tt-idle"]


# -- small helpers ---------------------------------------------------------

def read(path):
    with open(path) as f:
        return f.read()


def family(pid):
    """The process and all its descendants."""
    kids = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            stat = read(f"/proc/{name}/stat")
        except OSError:
            continue
        kids.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(
            int(name))
    out, todo = [], [pid]
    while todo:
        p = todo.pop()
        out.append(p)
        todo += kids.get(p, [])
    return [p for p in out if os.path.exists(f"/proc/{p}/stat")]


def cpu_ns(pids):
    """CPU time of whole processes, ended threads included, in ns."""
    return {p: time.clock_gettime_ns((~p << 3) | 2) for p in pids}


def ticks(pids):
    user = system = 0
    for p in pids:
        f = read(f"/proc/{p}/stat").rpartition(")")[2].split()
        user, system = user + int(f[11]), system + int(f[12])
    return user, system


def machine():
    """Busy and stolen CPU seconds of the whole machine since it started."""
    f = [int(x) / 100 for x in read("/proc/stat").splitlines()[0].split()[1:]]
    return f[0] + f[1] + f[2] + f[5] + f[6], f[7]


def wait_quiet(limit, most):
    """Waits until others use less than limit cores, most seconds at most."""
    end = time.monotonic() + most
    while limit > 0:
        busy = machine()[0]
        time.sleep(0.3)
        if (machine()[0] - busy) / 0.3 < limit or time.monotonic() > end:
            return


def kib_field(text, name):
    m = re.search(rf"^{name}:\s+(\d+)", text, re.M)
    return int(m.group(1)) if m else 0


def memory(pids, ports):
    """Memory of the proxy (bytes) and what the kernel holds for it."""
    out = dict(pss=0, rss=0, pte=0, threads=0, fds=0)
    for p in pids:
        roll = read(f"/proc/{p}/smaps_rollup")
        status = read(f"/proc/{p}/status")
        out["pss"] += kib_field(roll, "Pss") * 1024
        out["rss"] += kib_field(roll, "Rss") * 1024
        out["pte"] += kib_field(status, "VmPTE") * 1024
        out["threads"] += kib_field(status, "Threads")
        out["fds"] += len(os.listdir(f"/proc/{p}/fd"))
    info = read("/proc/meminfo")
    out["sys_slab"] = kib_field(info, "Slab") * 1024
    out["sys_kstack"] = kib_field(info, "KernelStack") * 1024
    # skmem of the proxy's own sockets: those bound to its listening port
    # and those connected to the backend.
    out["skmem"] = out["sockets"] = 0
    listen, backend = ports
    ss = subprocess.run(
        ["ss", "-Htnm", f"( sport = :{listen} or dport = :{backend} )"],
        capture_output=True, text=True).stdout
    for m in re.finditer(r"skmem:\(r(\d+),rb\d+,t(\d+),tb\d+,f(\d+),w(\d+),"
                         r"o(\d+)", ss):
        out["skmem"] += sum(int(x) for x in m.groups())
        out["sockets"] += 1
    return out


def listening(port):
    for line in read("/proc/net/tcp").splitlines()[1:]:
        f = line.split()
        if f[3] == "0A" and f[1].endswith(f":{port:04X}"):
            return True
    return False


def wait_port(port, proc, secs=10):
    end = time.monotonic() + secs
    while time.monotonic() < end:
        if proc.poll() is not None:
            return False
        if listening(port):
            return True
        time.sleep(0.02)
    return False


def max_fds():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


# -- certificates ----------------------------------------------------------

def certificates():
    d = os.path.join(BUILD, "pki")
    if os.path.exists(os.path.join(d, "rsa.pem")):
        return d
    os.makedirs(d, exist_ok=True)

    def ssl(*args):
        subprocess.run(["openssl", *args], check=True, cwd=d,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(os.path.join(d, "ext"), "w") as f:
        f.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n"
                "extendedKeyUsage=serverAuth\n")
    ssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
        "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out",
        "ca.crt", "-days", "3650", "-subj", "/CN=bench CA")
    for name, spec in (("ec", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]),
                       ("rsa", ["rsa:2048"])):
        ssl("req", "-new", "-newkey", *spec, "-nodes", "-keyout",
            f"{name}.key", "-out", f"{name}.csr", "-subj", "/CN=localhost")
        ssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey",
            "ca.key", "-CAcreateserial", "-days", "3650", "-extfile", "ext",
            "-out", f"{name}.crt")
        with open(os.path.join(d, f"{name}.pem"), "w") as f:
            for part in ("crt", "key"):
                f.write(read(os.path.join(d, f"{name}.{part}")))
    return d


# -- peers -----------------------------------------------------------------

class Peer:
    def __init__(self, name):
        self.name = name
        text = read(os.path.join(ROOT, "peers", name + ".peer"))
        head, _, self.body = text.partition("\n%%\n")
        self.head = {}
        for line in head.splitlines():
            if line.strip() and not line.startswith("#"):
                key, _, value = line.partition("=")
                self.head[key.strip()] = value.strip()
        self.title = self.head.get("title", name)
        self.modes = self.head["modes"].split()

    def runs(self, test):
        if test in self.head.get("skip", "").split():
            return False
        return TESTS[test][0] in self.modes

    def fill(self, text, values):
        return re.sub(r"@([A-Z0-9]+)@", lambda m: str(values[m.group(1)]),
                      text)

    def render(self, mode, values):
        keep, out = True, []
        for line in self.body.splitlines():
            if line.startswith("%if "):
                keep = mode in line.split()[1:]
            elif line.startswith("%end"):
                keep = True
            elif keep:
                out.append(line)
        return self.fill("\n".join(out) + "\n", values)

    def version(self, values):
        cmd = self.head.get("version")
        if not cmd:
            return ""
        r = subprocess.run(shlex.split(self.fill(cmd, values)),
                           capture_output=True, text=True)
        return (r.stdout + r.stderr).strip().splitlines()[0]


def peers():
    return sorted(f[:-5] for f in os.listdir(os.path.join(ROOT, "peers"))
                  if f.endswith(".peer"))


class Stage:
    """A backend and a proxy in front of it, running."""

    def __init__(self, peer, test, args):
        self.peer, self.procs, self.log = peer, [], None
        mode = TESTS[test][0]
        base = args.base_port
        # A new pair of ports per stage keeps TIME_WAIT of the last one away.
        Stage.turn = (getattr(Stage, "turn", -1) + 1) % 40
        self.port = base + 10 + 4 * Stage.turn
        self.bport = self.port + 1
        # SO_REUSEPORT would share the port with a left-over process.
        for port in (self.port, self.bport, self.port + 2):
            if listening(port):
                raise RuntimeError(f"port {port} is taken")
        pki = certificates()
        kind = "rsa" if test in RSA else "ec"
        self.dir = os.path.join(RUN, peer.name)
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.values = dict(
            PORT=self.port, BPORT=self.bport, PORT2=self.port + 2,
            CERT=f"{pki}/{kind}.pem", CRT=f"{pki}/{kind}.crt",
            KEY=f"{pki}/{kind}.key", CA=f"{pki}/ca.crt", DIR=self.dir,
            ROOT=ROOT, BUILD=BUILD, TOP=os.path.dirname(BUILD), MODE=mode, WORKERS=args.workers,
            CONF=os.path.join(self.dir, "conf"),
            SUITES="TLS_AES_128_GCM_SHA256",
            CIPHERS="ECDHE-ECDSA-AES128-GCM-SHA256:"
                    "ECDHE-RSA-AES128-GCM-SHA256")
        with open(self.values["CONF"], "w") as f:
            f.write(peer.render(mode, self.values))
        self.log = open(os.path.join(self.dir, "log"), "w")
        backend = [f"{BUILD}/backend", "-p", str(self.bport)]
        if mode not in peer.head.get("no_proxy", "").split():
            backend += ["-x"]
        if mode == "tlstls":
            backend += ["-t", f"{pki}/ec.pem"]
        if peer.head.get("backend", "yes") == "yes":
            self.start(backend, self.bport)
        self.proxy = self.start(
            shlex.split(peer.fill(peer.head["command"], self.values)),
            self.port)
        self.wait_ready(peer.head.get("ready"))
        time.sleep(0.3)

    def start(self, cmd, port):
        p = subprocess.Popen(cmd, stdout=self.log, stderr=self.log,
                             stdin=subprocess.DEVNULL, cwd=self.dir,
                             preexec_fn=max_fds, start_new_session=True)
        self.procs.append(p)
        if not wait_port(port, p):
            log = read(os.path.join(self.dir, "log"))[-2000:]
            self.stop()
            raise RuntimeError(f"{cmd[0]} does not listen on {port}: {log}")
        return p

    def wait_ready(self, words):
        """Its log says when it is ready: the port alone is there before the workers are."""
        end = time.monotonic() + 20
        while words and words not in read(os.path.join(self.dir, "log")):
            if time.monotonic() > end:
                self.stop()
                raise RuntimeError(f"{self.peer.name} is not ready")
            time.sleep(0.02)

    def pids(self):
        return family(self.proxy.pid)

    def stop(self):
        for p in reversed(self.procs):
            if p.poll() is None:
                tree = family(p.pid)
                p.send_signal(signal.SIGTERM)
                try:
                    p.wait(3)
                except subprocess.TimeoutExpired:
                    p.kill()
                    p.wait()
                for pid in tree:        # workers a master left behind
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
        if self.log:
            self.log.close()


# -- one measurement -------------------------------------------------------

class Load:
    def __init__(self, args, port):
        self.p = subprocess.Popen([f"{BUILD}/load", "-p", str(port),
                                   *args.split()], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True,
                                  preexec_fn=max_fds)
        self.expect("READY")

    def line(self):
        s = self.p.stdout.readline()
        if not s:
            raise RuntimeError("load: " + self.p.stderr.read().strip())
        return s.strip()

    def expect(self, word):
        s = self.line()
        if not s.startswith(word):
            raise RuntimeError("load said " + s)

    def tell(self, s):
        self.p.stdin.write(s + "\n")
        self.p.stdin.flush()

    def end(self):
        self.p.stdin.close()
        try:
            self.p.wait(30)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()


def autopsy(stage, test, r):
    """Keeps what can be seen of a run in which connections failed."""
    path = os.path.join(BUILD, "failures.log")
    with open(path, "a") as f:
        print(f"== {time.ctime()} {stage.peer.name} {test} {r}", file=f)
        for p in stage.procs:
            for pid in family(p.pid):
                print(pid, read(f"/proc/{pid}/comm").strip(),
                      read(f"/proc/{pid}/wchan"), file=f)
                print(re.sub(r"\s+", " ", read(f"/proc/{pid}/stat")), file=f)
        f.write(subprocess.run(
            ["ss", "-tanH", f"( sport = :{stage.port} or sport = "
             f":{stage.bport} or dport = :{stage.bport} )",
             "exclude", "time-wait"], capture_output=True,
            text=True).stdout[:6000])
        f.write(read(os.path.join(stage.dir, "log"))[-2000:])


def less(load_args, test, size):
    """The same load with so much of the work; a storm stays what it is."""
    if test == "storm" or size == 1:
        return load_args
    # The bytes of a connection shrink, not those of its pieces.
    what = "-r" if " -r " in load_args else "-n" if "-n " in load_args else "-s"
    return re.sub(rf"{what} (\d+)", lambda m: f"{what} {max(1, int(int(m.group(1)) * size))}",
                  load_args)


def measure_work(stage, test, size):
    mode, load_args, unit = TESTS[test]
    load = Load(less(load_args, test, size), stage.port)
    try:
        pids = stage.pids()
        ours = [stage.procs[0].pid, load.p.pid]
        c0, t0, o0 = cpu_ns(pids), ticks(pids), cpu_ns(ours)
        m0, w0 = machine(), time.monotonic()
        load.tell("go")
        r = json.loads(load.line())
        if r["fail"]:
            autopsy(stage, test, r)
        time.sleep(0.25)                # closes still under way
        c1, t1, o1 = cpu_ns(pids), ticks(pids), cpu_ns(ours)
        m1, w1 = machine(), time.monotonic()
    finally:
        load.end()
    cpu = sum(c1[p] - c0[p] for p in pids) / 1e9
    user, system = t1[0] - t0[0], t1[1] - t0[1]
    if unit == "gib":
        work, rate, rate_unit = (r["bytes"] / (1 << 30),
                                 r["bytes"] / MIB / r["secs"], "MiB/s")
    elif unit == "hs1k":
        work, rate, rate_unit = r["ok"] / 1e3, r["ok"] / r["secs"], "conn/s"
    else:
        work, rate, rate_unit = r["ok"] / 1e5, r["ok"] / r["secs"], "msg/s"
    extra = {k: r[k] for k in ("ok", "fail", "refused", "reset", "eof",
                               "resumed", "p50_us", "p99_us", "p999_us",
                               "max_us", "secs") if r[k]}
    extra["cpu_s"] = round(cpu, 4)
    if len(stage.procs) > 1:
        extra["backend_cpu_s"] = round((o1[ours[0]] - o0[ours[0]]) / 1e9, 4)
    extra["load_cpu_s"] = round((o1[ours[1]] - o0[ours[1]]) / 1e9, 4)
    # What the rest of the machine did meanwhile, in cores: the noise.
    mine = cpu + sum(o1[p] - o0[p] for p in ours if p not in pids) / 1e9
    extra["other_cores"] = round((m1[0] - m0[0] - mine) / (w1 - w0), 3)
    extra["steal_cores"] = round((m1[1] - m0[1]) / (w1 - w0), 3)
    return dict(unit=unit, cpu_per_unit=cpu / work if work else 0,
                user_share=user / (user + system) if user + system else 0,
                rate=rate, rate_unit=rate_unit, extra=extra)


def measure_idle(stage, test, args):
    points = [int(x) for x in
              stage.peer.head.get("idle", args.idle).split(",")]
    if test == "tt-idle":
        points = [int(x) for x in stage.peer.head.get(
            "idle_tt", ",".join(map(str, points))).split(",")]
    load = Load(f"-n {points[-1]} " + TESTS[test][1], stage.port)
    ports = (stage.port, stage.bport)
    try:
        seen = [memory(stage.pids(), ports)]
        for n in points:
            load.tell(str(n))
            load.expect("AT")
            time.sleep(args.settle)
            seen.append(memory(stage.pids(), ports))
    finally:
        load.end()
    dn = points[-1] - points[0]
    slope = {k: (seen[-1][k] - seen[1][k]) / dn for k in seen[0]}
    extra = {"points": points, "base_pss": seen[0]["pss"],
             "pss": [m["pss"] for m in seen[1:]],
             "slope": {k: round(v, 3) for k, v in slope.items()}}
    return dict(unit="conn", cpu_per_unit=slope["pss"], user_share=0,
                rate=seen[-1]["pss"] / MIB, rate_unit=f"MiB@{points[-1]}",
                extra=extra)


def measure(name, test, args):
    peer = Peer(name)
    stage = Stage(peer, test, args)
    try:
        if TESTS[test][1].endswith("idle"):
            return measure_idle(stage, test, args)
        return measure_work(stage, test, args.size)
    finally:
        stage.stop()


def store(row):
    new = not os.path.exists(RAW)
    os.makedirs(os.path.dirname(RAW), exist_ok=True)
    with open(RAW, "a", newline="") as f:
        w = csv.DictWriter(f, FIELDS)
        if new:
            w.writeheader()
        w.writerow(row)


# -- the report ------------------------------------------------------------

SCALE = {"hs1k": (1e3, "CPU ms per 1,000"), "gib": (1e3, "CPU ms per GiB"),
         "msg100k": (1e3, "CPU ms per 100k msg"),
         "conn": (1, "PSS bytes per connection")}


def broken(row):
    """A run that lost most of its connections measured nothing."""
    extra = json.loads(row["extra"])
    return extra.get("fail", 0) > extra.get("ok", 0)


def matrix(raw, floors):
    """One line per test, one column per peer: median (times the best)."""
    names = [p for p in peers() if any(r["peer"] == p for r in raw)]
    names.sort(key=lambda n: n in floors)
    print("| test | unit | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 2) + "|")
    for test in TESTS:
        med = {}
        for n in names:
            v = [float(r["cpu_per_unit"]) for r in raw
                 if (r["peer"], r["test"]) == (n, test) and not broken(r)]
            if v:
                med[n] = statistics.median(v)
        if not med:
            continue
        scale, unit = SCALE[TESTS[test][2]]
        best = min([v for n, v in med.items() if n not in floors] or [1])
        cells = [f"{med[n] * scale:.0f} ({med[n] / best:.2f})" if n in med
                 else "-" for n in names]
        print(f"| {test} | {unit} | " + " | ".join(cells) + " |")


def table(raw, floors):
    groups = {}
    for row in raw:
        groups.setdefault(row["test"], {}).setdefault(row["peer"],
                                                      []).append(row)
    for test in TESTS:
        if test not in groups:
            continue
        rows = []
        for peer, got in groups[test].items():
            good = [r for r in got if not broken(r)]
            if not good:
                continue
            if len(good) < len(got):
                print(f"<!-- {test} {peer}: {len(got) - len(good)} broken "
                      "run(s) left out -->")
            got = good
            vals = [float(r["cpu_per_unit"]) for r in got]
            rows.append((statistics.median(vals), min(vals), max(vals), peer,
                         got))
        rows.sort()
        best = min([r[0] for r in rows if r[3] not in floors] or [rows[0][0]])
        floor = min([r[0] for r in rows if r[3] in floors], default=None)
        unit = rows[0][4][0]["unit"]
        scale, name = SCALE[unit]
        print(f"\n### {test} ({TESTS[test][0]}: `{TESTS[test][1]}`)\n")
        print(f"| peer | {name}: median (min..max) | n | x best | x floor |"
              " user % | wall rate | notes |")
        print("|---|---|---|---|---|---|---|---|")
        for med, lo, hi, peer, got in rows:
            rate = statistics.median(float(r["rate"]) for r in got)
            user = statistics.median(float(r["user_share"]) for r in got)
            ex = [json.loads(r["extra"]) for r in got]
            notes = []
            for k in ("p50_us", "p99_us"):
                if unit == "msg100k" or test == "storm":
                    notes.append(f"{k[:3]} "
                                 f"{statistics.median(e[k] for e in ex):.0f}"
                                 " us")
            bad = sum(e.get("fail", 0) for e in ex)
            if bad:
                notes.append(f"failed {bad}")
            if "resume" in test:
                share = (sum(e.get("resumed", 0) for e in ex) /
                         max(1, sum(e.get("ok", 0) for e in ex)))
                notes.append(f"resumed {share:.0%}")
            if unit == "conn":
                s = {k: statistics.median(e["slope"][k] for e in ex)
                     for k in ex[0]["slope"]}
                notes.append(
                    f"base {ex[0]['base_pss'] / MIB:.1f} MiB; per conn: "
                    f"fds {s['fds']:.2f}, threads {s['threads']:.2f}, page "
                    f"tables {s['pte']:.0f}, skmem {s['skmem']:.0f}, "
                    f"system slab {s['sys_slab']:.0f}, kernel stacks "
                    f"{s['sys_kstack']:.0f}; points {ex[0]['points']}")
            xf = f"{med / floor:.2f}" if floor else ""
            xb = f"{med / best:.2f}" if best else ""
            print(f"| {peer} | {med * scale:.0f} ({lo * scale:.0f}.."
                  f"{hi * scale:.0f}) | {len(got)} | {xb} | {xf} | "
                  f"{user:.0%} | {rate:.0f} {got[0]['rate_unit']} | "
                  f"{'; '.join(notes)} |")


def main():
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.
                                 RawDescriptionHelpFormatter)
    ap.add_argument("--peer", default="all")
    ap.add_argument("--test", default="all")
    ap.add_argument("--reps", type=int, default=3)
    ap.add_argument("--first", type=int, default=0,
                    help="number of the first round")
    ap.add_argument("--workers", type=int, default=2)
    ap.add_argument("--base-port", type=int, default=21000)
    ap.add_argument("--idle", default="2000,9000",
                    help="connection counts of the idle tests")
    ap.add_argument("--settle", type=float, default=2.0)
    ap.add_argument("--quiet", type=float, default=0.3,
                    help="start only when others use fewer cores than this")
    ap.add_argument("--wait", type=float, default=20,
                    help="but wait no longer than this, in seconds")
    ap.add_argument("--raw", default=RAW, help="results file")
    ap.add_argument("--size", type=float, default=1, help="so much of the work of each test")
    ap.add_argument("--minutes", type=float, default=0, help="begin nothing after so many")
    ap.add_argument("--fresh", action="store_true", help="forget earlier results")
    ap.add_argument("--list", action="store_true")
    ap.add_argument("--report", action="store_true")
    args = ap.parse_args()
    # An ordinary exit, so that what was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    globals()["RAW"] = os.path.abspath(args.raw)
    if args.list:
        for n in peers():
            p = Peer(n)
            print(f"{n:16} {p.title} [{' '.join(p.modes)}]")
        print("tests:", " ".join(TESTS))
        return 0
    if args.report:
        with open(RAW, newline="") as f:
            raw = list(csv.DictReader(f))
        floors = {n for n in peers() if Peer(n).head.get("floor")}
        matrix(raw, floors)
        table(raw, floors)
        return 0
    if args.peer == "all":
        names = peers()
    elif args.peer == "table":
        names = [n for n in peers() if not Peer(n).head.get("floor")]
    else:
        names = args.peer.split(",")
    tests = {"all": list(TESTS), "table": TABLE}.get(args.test) or args.test.split(",")
    if args.fresh and os.path.exists(RAW):
        os.unlink(RAW)
    end = time.monotonic() + (args.minutes or 1e6) * 60
    bad = 0
    for rep in range(args.first, args.first + args.reps):      # peers side by side in every round
        for test in tests:
            if test.endswith("idle") and rep > args.first:
                continue                # bytes do not depend on the moment
            turn = 2 * rep % len(names)
            for name in names[turn:] + names[:turn]:
                if not Peer(name).runs(test):
                    continue
                if os.path.exists(os.path.join(RUN, "stop")):
                    return 1            # somebody asked for an early end
                if time.monotonic() > end:
                    print(f"time is up in round {rep}", file=sys.stderr)
                    return 1 if bad else 0
                wait_quiet(args.quiet, args.wait)
                load1 = os.getloadavg()[0]
                try:
                    r = measure(name, test, args)
                except Exception as e:          # go on with the others
                    print(f"{test} {name}: {type(e).__name__}: {e}",
                          file=sys.stderr, flush=True)
                    bad += 1
                    continue
                ex = r.pop("extra")
                print(f"{test:13} {name:14} {r['cpu_per_unit']:10.4f} "
                      f"per {r['unit']}  {r['rate']:9.1f} {r['rate_unit']}"
                      f"  {json.dumps(ex)}", flush=True)
                store(dict(r, time=round(time.time(), 1), peer=name,
                           test=test, rep=rep, load1=load1,
                           extra=json.dumps(ex)))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
