# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""A site with many of something: connections, workers, servers, frontends, certificates.

Used by idle.py and scale.py.  A process may have 20,000 descriptors on some machines, and between
two addresses there are 28,000 ports to connect from, so clients and backends come as several
processes, each pair of them on ports of its own."""
import json
import os
import resource
import shutil
import subprocess
import time
import types

import bench

EACH = 9000             # connections of one worker: two descriptors each
# Connections of one client or backend process.  With more than 14,000 to one address the kernel
# looks at every second port in vain before each connect.
CLIENT = 6000


def descriptors():
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def many_certificates(count):
    """So many self-signed certificates, each for a name of its own; made once."""
    d = os.path.join(bench.BUILD, "pki", "many")
    os.makedirs(d, exist_ok=True)
    for i in range(count):
        path = os.path.join(d, f"{i}.pem")
        if os.path.exists(path):
            continue
        made = subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", "-", "-days", "3650", "-subj", f"/CN=s{i}.example.org",
             "-addext", f"subjectAltName=DNS:s{i}.example.org"],
            check=True, capture_output=True, text=True).stdout
        with open(path + ".new", "w") as f:
            f.write(made)
        os.rename(path + ".new", path)
    return d


def open_all(loads, count):
    """Has each client open connections up to count and leave them idle; they work at once."""
    for load in loads:
        load.tell(str(count))
    for load in loads:
        said = load.line()              # an error by itself when nothing moves for 30 seconds
        if said != f"AT {count}":
            raise RuntimeError("load said " + said)
    time.sleep(2)


class Crowd:
    """Mailreeve between client and backend processes.  What is many is asked for by name; the rest is one."""
    base_port = 23000

    def __init__(self, connections=100, workers=0, servers=1, frontends=1, certificates=1,
                 tls_backend=False):
        self.workers = workers or -(-connections // EACH)
        self.parts = max(1, -(-connections // CLIENT))
        self.share = -(-connections // self.parts)
        self.connections, self.procs, self.loads = connections, [], []
        # Below the kernel's own ports; the oldest are free again when their turn comes.
        step = 3000 if frontends > 100 else 100
        Crowd.base_port = 23000 + (Crowd.base_port - 23000 + step) % 6000
        self.ports = [Crowd.base_port + 10 + i for i in range(self.parts)]
        self.bports = [Crowd.base_port + 50 + i for i in range(self.parts)]
        self.dir = os.path.join(bench.RUN, "crowd")
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.log = open(os.path.join(self.dir, "log"), "w")
        self.conf = os.path.join(self.dir, "conf")
        self.tls_backend = tls_backend
        with open(self.conf, "w") as f:
            f.write(self.text(servers, frontends, certificates))
        try:
            for port in self.bports:
                self.start([f"{bench.BUILD}/backend", "-p", str(port), "-x"] +
                           (["-t", bench.certificates() + "/ec.pem"] if tls_backend else []), port)
            top = os.path.dirname(bench.BUILD)
            self.proxy = self.start([f"{top}/mailreeve", "-L", top, "-c", self.conf],
                                    self.ports[-1])
            self.wait_ready()
        except Exception:
            self.stop()
            raise
        self.base = bench.memory(self.pids(), (0, 0))["pss"]

    def wait_ready(self):
        """The ports are there before the workers are."""
        end = time.monotonic() + 60
        while " ready\n" not in bench.read(os.path.join(self.dir, "log")):
            if time.monotonic() > end or self.proxy.poll() is not None:
                raise RuntimeError("not ready: "
                                   + bench.read(os.path.join(self.dir, "log"))[-1000:])
            time.sleep(0.05)

    def pids(self):
        return bench.family(self.proxy.pid)

    def text(self, servers, frontends, certificates):
        pki = bench.certificates()
        certs = [f"{pki}/ec.pem"]
        if certificates > 1:
            certs += [f"{many_certificates(certificates - 1)}/{i}.pem"
                      for i in range(certificates - 1)]
        tls = "certificates = (%s);" % ", ".join(f'"{c}"' for c in certs)
        # What is counted in frontends are others than the one that serves the load.
        fronts = [("f0", ", ".join(f'"127.0.0.1:{p}"' for p in self.ports))]
        fronts += [(f"f{i}", f'"127.0.0.1:{Crowd.base_port + 100 + i}"')
                   for i in range(1, frontends)]
        front = ",\n".join(
            f'{{ name = "{n}"; protocol = "imap"; bind = ({b}); backend = "b"; tls = {{ {tls} }}; }}'
            for n, b in fronts)
        back = ""
        if self.tls_backend:
            back = f'tls = {{ verify = "required"; ca_file = "{pki}/ca.crt"; ' \
                   'server_name = "localhost"; };'
        server = ",\n".join(
            f'{{ name = "s{i}"; address = "127.0.0.1:{self.bports[i % self.parts]}"; }}'
            for i in range(max(servers, self.parts)))
        return (f'user = "61001"; keeper_user = "61002"; checker_user = "61003";\n'
                f'state_directory = "{self.dir}"; workers = {self.workers};\n'
                f'control = {{ socket = "{self.dir}/control.sock"; }};\n'
                f'log = {{ connections = "none"; }};\n'
                f'frontends = (\n{front}\n);\n'
                f'backends = ( {{ name = "b"; protocol = "imap"; check = {{ type = "none"; }};\n'
                f'send_proxy = "v2-ssl"; {back} servers = (\n{server}\n); }} );\n')

    def start(self, cmd, port):
        p = subprocess.Popen(cmd, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL,
                             cwd=self.dir, preexec_fn=bench.max_fds, start_new_session=True)
        self.procs.append(p)
        if not bench.wait_port(port, p, 60):
            raise RuntimeError(f"{cmd[0]} does not listen on {port}: "
                               + bench.read(os.path.join(self.dir, "log"))[-1000:])
        return p

    def hold(self, connections=None):
        """Opens the connections, each with a greeting and one exchange, and leaves them."""
        if not self.loads:
            self.loads = [bench.Load(f"-n {self.share} idle", p) for p in self.ports]
        open_all(self.loads, -(-(connections or self.connections) // self.parts))

    def memory(self):
        return bench.memory(self.pids(), (0, 0))

    def work(self, args, per):
        """CPU seconds of Mailreeve for this load, divided by per(its answer)."""
        load, pids = bench.Load(args, self.ports[0]), self.pids()
        try:
            before = bench.cpu_ns(pids)
            load.tell("go")
            answer = json.loads(load.line())
            time.sleep(0.25)
            after = bench.cpu_ns(pids)
        finally:
            load.end()
        if answer["fail"]:
            raise RuntimeError(f"{answer['fail']} connections failed")
        return sum(after[p] - before[p] for p in pids) / 1e9 / per(answer)

    def stop(self):
        for load in self.loads:
            load.end()
        bench.Stage.stop(types.SimpleNamespace(procs=self.procs, log=self.log))
