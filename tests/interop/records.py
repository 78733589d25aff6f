#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""worker/record against other TLS libraries: GnuTLS, Java and NSS, in both versions and all suites,
GnuTLS and Java as client and as server.

    records.py RECORD_PEER [STEP]      STEP 1 tries every record size from 1 to 16384

Every byte that is sent must come back before the next is sent, so a record of each size goes both
ways.  Runs on loopback: give it a network namespace of its own (`make interop` does)."""
import contextlib
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import gnutls

HERE = pathlib.Path(__file__).parent
LAST = 16384
SECONDS = 300  # for one test
SUITES = {  # GnuTLS's names and Java's
    "1.3": [("AES-128-GCM", "TLS_AES_128_GCM_SHA256"), ("AES-256-GCM", "TLS_AES_256_GCM_SHA384"),
            ("CHACHA20-POLY1305", "TLS_CHACHA20_POLY1305_SHA256")],
    "1.2": [("AES-128-GCM", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
            ("AES-256-GCM", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
            ("CHACHA20-POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256")],
}  # fmt: skip


class World:
    def __init__(self, peer, step, directory):
        self.peer, self.step, self.dir, self.port = peer, step, directory, 20000
        self.cert, self.key = f"{directory}/cert.pem", f"{directory}/key.pem"
        self.store = f"{directory}/store.p12"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", self.key, "-out", self.cert)  # fmt: skip
        run("openssl", "pkcs12", "-export", "-in", self.cert, "-inkey", self.key, "-out", self.store,
            "-passout", "pass:test", "-name", "test")  # fmt: skip

    def next_port(self):
        self.port += 1
        return str(self.port)

    @contextlib.contextmanager
    def server(self, *options):
        """Our echo server; yields its port and what waits for its report of a connection."""
        port = self.next_port()
        with subprocess.Popen([self.peer, "-l", "-C", self.cert, "-K", self.key, *options, port],
                              stdout=subprocess.PIPE, text=True) as process:  # fmt: skip
            try:
                assert process.stdout.readline() == "ready\n"
                yield port, lambda: process.stdout.readline().strip()
            finally:
                process.terminate()

    def client(self, port, *options):
        """Our client, to the end; its report."""
        done = subprocess.run([self.peer, "-n", f"1-{LAST}", "-s", str(self.step), *options, port], timeout=300,
                              stdout=subprocess.PIPE, text=True, check=False)  # fmt: skip
        return done.stdout.strip()


def run(*words, **more):
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=300, **more).stdout


def expect(report, end, version):
    assert report.startswith(f"taken TLSv{version} ") and f"end={end}" in report, report


def sizes(step):
    return [*range(1, LAST + 1, step), LAST]


# ---- GnuTLS ----


def priority(version, cipher):
    return f"NORMAL:-VERS-ALL:+VERS-TLS{version}:-CIPHER-ALL:+{cipher}"


class Pace:
    """GnuTLS ends a connection on which more than eight KeyUpdates come within a second: both
    sides together stay below that, and yet there are some in the shortest run."""

    def __init__(self):
        self.count, self.next = 0, 0

    def due(self):
        if self.count >= 2 and time.monotonic() < self.next:
            return False
        self.count, self.next = self.count + 1, time.monotonic() + 0.5
        return True


def quarters(w):
    """The option for our side: four KeyUpdates in a run."""
    return ("-u", str(max(3, len(sizes(w.step)) // 4)))


def gnutls_client(w, version, cipher, options=(), **more):
    """A client of GnuTLS on our server; KeyUpdates of both sides, padding, every size."""
    r = random.Random(1)
    data, pace = r.randbytes(LAST), Pace()
    with w.server(*options) as (port, report):
        s = gnutls.Session(gnutls.CLIENT, socket.create_connection(("127.0.0.1", int(port))),
                           priority(version, cipher), **more)  # fmt: skip
        for round_, n in enumerate(sizes(w.step)):
            padded = version == "1.3" and not more and round_ % 3 == 0 and n < LAST - 500
            padding = r.randrange(500) if padded else 0
            s.send(data[:n], padding)
            if version == "1.3" and pace.due():
                s.key_update(pace.count % 2)
            assert s.receive(n) == data[:n], f"other bytes at size {n}"
        if version == "1.2":
            assert s.renegotiate() == gnutls.NO_RENEGOTIATION, "renegotiation is not refused"
            s.send(b"and on")
            assert s.receive(6) == b"and on"
        s.close()
        expect(report(), "close_notify", version)


def gnutls_server(w, version, cipher, **more):
    """A server of GnuTLS for our client, which changes its keys now and then."""
    failed = []
    port = w.next_port()
    listener = socket.create_server(("127.0.0.1", int(port)))

    def serve():
        try:
            with listener:
                sock, _ = listener.accept()
            s = gnutls.Session(gnutls.SERVER, sock, priority(version, cipher), w.cert, w.key, **more)
            pace = Pace()
            while data := s.receive(1):
                waiting = gnutls.lib.gnutls_record_check_pending(s.session)
                s.send(data + s.receive(waiting))
                if version == "1.3" and pace.due():
                    s.key_update(pace.count % 2)
            s.close()
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=serve)
    thread.start()
    report = w.client(port, *quarters(w))
    thread.join(60)
    assert not failed, failed
    expect(report, "done", version)


def gnutls_all(w):
    for version, suites in SUITES.items():
        for cipher, _ in suites:
            yield f"client {version} {cipher}", lambda v=version, c=cipher: gnutls_client(w, v, c, quarters(w))
            yield f"server {version} {cipher}", lambda v=version, c=cipher: gnutls_server(w, v, c)
        for size in (512, 4096):
            # GnuTLS offers max_fragment_length (which OpenSSL takes) and record_size_limit
            yield (f"client {version} records of {size} at most",
                   lambda v=version, n=size: gnutls_client(w, v, "AES-128-GCM", max_size=n))  # fmt: skip


# ---- Java ----


def java(w, *words):
    limits = pathlib.Path(w.dir, "security")
    # a KeyUpdate of its own for every 64 KiB
    limits.write_text("jdk.tls.keyLimits=AES/GCM/NoPadding KeyUpdate 2^16, ChaCha20-Poly1305 KeyUpdate 2^16\n")
    return ["java", f"-Djava.security.properties={limits}", "-Xshare:auto", "-cp", w.dir, "Echo", *words]


def java_client(w, version, suite):
    with w.server("-u", "11") as (port, report):
        every = "5" if version == "1.3" else "0"
        out = run(*java(w, "client", port, w.store, f"TLSv{version}", suite, "1", str(LAST), str(w.step), every))
        assert out == "done\n", out
        expect(report(), "close_notify", version)


def java_server(w, version, suite):
    port = w.next_port()
    with subprocess.Popen(java(w, "server", port, w.store, f"TLSv{version}", suite), stdout=subprocess.PIPE,
                          text=True) as process:  # fmt: skip
        assert process.stdout.readline() == "ready\n"
        expect(w.client(port, "-u", "7"), "done", version)
        assert process.stdout.readline() == "done\n"


def java_all(w):
    run("javac", "-d", w.dir, str(HERE / "Echo.java"))
    for version, suites in SUITES.items():
        for _, suite in suites:
            yield f"client {suite}", lambda v=version, s=suite: java_client(w, v, s)
            yield f"server {suite}", lambda v=version, s=suite: java_server(w, v, s)


# ---- programs that send their standard input and print what comes ----


def lines(w, command, version):
    """Send lines and wait until all have come back."""
    payload = "".join(f"{i} {'x' * (i * 37 % 900)}\n" for i in range(600))
    with w.server() as (port, report):
        words = [word.format(port=port) for word in command]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as process:  # fmt: skip
            got, deadline = [], time.monotonic() + 30
            os.set_blocking(process.stdout.fileno(), False)
            rest = payload.encode()
            want = set(payload.splitlines())
            while want and time.monotonic() < deadline and process.poll() is None:
                # not more than the other side can have answered to
                if rest:
                    process.stdin.write(rest[:2000])
                    process.stdin.flush()
                    rest = rest[2000:]
                time.sleep(0.005)
                got.append(process.stdout.read() or b"")
                if not rest:
                    want -= set(b"".join(got).decode(errors="replace").splitlines())
            process.terminate()
        assert not want, f"{len(want)} lines did not come back"
        assert re.match(f"taken TLSv{version} ", report())


def nss_all(w):
    for version in SUITES:
        command = ["tstclnt", "-D", "-o", "-h", "127.0.0.1", "-p", "{port}", "-V", f"tls{version}:tls{version}"]
        yield f"client {version}", lambda c=command, v=version: lines(w, c, v)


def gnutls_cli_all(w):
    for version in SUITES:
        command = ["gnutls-cli", "--no-ca-verification", "-p", "{port}", "--priority",
                   f"NORMAL:-VERS-ALL:+VERS-TLS{version}", "127.0.0.1"]  # fmt: skip
        yield f"client {version}", lambda c=command, v=version: lines(w, c, v)


PEERS = {
    "GnuTLS": (None, gnutls_all),
    "gnutls-cli": ("gnutls-cli", gnutls_cli_all),
    "Java": ("javac", java_all),
    "NSS": ("tstclnt", nss_all),
}


def too_long(*_):
    raise TimeoutError(f"not done after {SECONDS} s")


def main():
    signal.signal(signal.SIGALRM, too_long)
    passed = failed = 0
    with tempfile.TemporaryDirectory() as directory:
        w = World(os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 97, directory)
        only = sys.argv[3:]
        for name, (program, tests) in PEERS.items():
            if only and name not in only:
                continue
            if program and not shutil.which(program):
                print(f"{name}: {program} is not installed, left out")
                continue
            for what, test in tests(w):
                start = time.monotonic()
                signal.alarm(SECONDS)
                try:
                    test()
                    passed += 1
                    print(f"{name}: {what}: {time.monotonic() - start:.1f} s", flush=True)
                except (AssertionError, OSError, gnutls.Error, subprocess.SubprocessError) as error:
                    failed += 1
                    print(f"{name}: {what}: FAILED: {error} {getattr(error, 'stderr', '') or ''}", flush=True)
    signal.alarm(0)
    print(f"{passed} passed, {failed} failed")
    return failed != 0


sys.exit(main())
