# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Everything at once: traffic, slow clients, reloads, upgrades, deaths of every process, servers that
go away.  At the end every client's account is exact and no process has grown.
`make soak T=SECONDS` lets it last."""
import os
import random
import shutil
import signal
import threading
import time

from lib.clients import connect, context, lines
from lib.fakes import Fake
from lib.mailreeve import BUILD, Mailreeve
from lib.site import PROXY, wait_until
from lib.traffic import ECHO, Traffic, echo

SECONDS = int(os.environ.get("T", "12"))
CONF = """
hostname = "h%d.example.org";
frontends = ( { name = "front"; bind = "192.0.2.10:993"; backend = "back";
    tls = { certificates = "$pki/mail"; }; },
  { name = "plain"; bind = "192.0.2.10:143"; backend = "back"; } );
backends = ( { name = "back"; servers = [ "10.0.0.11:1143", "10.0.0.12:1143" ];
    check = { type = "tcp"; interval = "500ms"; send_proxy = "none"; }; } );
"""


class SlowReader:
    """Asks for much and reads little at a time; every byte must come, once and in order."""

    def __init__(self, tls):
        self.tls, self.failures = tls, []
        self.bytes = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            with connect(PROXY, 993, self.tls) as sock:
                assert lines(sock) == [ECHO]
                number = 0
                while not self.stopping.is_set():
                    number += 1
                    text = b"%d " % number * 2000 + b"\r\n"
                    sender = threading.Thread(target=sock.sendall, args=(text,))
                    sender.start()
                    got = b""
                    while len(got) < len(text):
                        piece = sock.recv(2048)
                        assert piece, "cut"
                        got += piece
                        time.sleep(0.002)
                    sender.join()
                    assert got == text, "bytes differ"
                    self.bytes += len(got)
        except (OSError, AssertionError) as error:
            self.failures.append(repr(error))


def rows(proxy):
    return [line.split() for line in proxy.control("show workers").splitlines()[1:]]


def pid_of(proxy, process):
    """One of the current generation that serves, or None."""
    current = proxy.info().get("Generation")
    found = [row for row in rows(proxy) if row[0] == current and row[1] == process
             and row[4] == "serving"]
    return int(random.choice(found)[3]) if found else None


def test_everything_at_once(site, pki):
    programs = site.path("programs")
    programs.mkdir()
    for name in ("mailreeve", "mailreeve-worker", "mailreeve-checker", "mailreeve-keeper"):
        shutil.copy(BUILD / name, programs / name)
    Fake(site, "10.0.0.11", 1143, echo)
    second = Fake(site, "10.0.0.12", 1143, echo)
    proxy = Mailreeve(site, pki, CONF % 0, program=programs / "mailreeve", helpers=programs)
    traffic = Traffic(context(pki), port=993, stayers=0, threads=3)
    slow = SlowReader(context(pki))
    random.seed(SECONDS)
    done = {"reload": 0, "upgrade": 0, "worker": 0, "keeper": 0, "checker": 0, "server": 0}
    start, memory = time.monotonic(), None
    while time.monotonic() - start < SECONDS:
        time.sleep(0.25)
        deed = random.choice(sorted(done))
        if deed == "reload":
            proxy.rewrite(CONF % (done[deed] + 1))
            assert proxy.control("reload").startswith("reloaded: ")
        elif deed == "upgrade":
            seen = proxy.log.read_text().count("re-executed")
            proxy.send(signal.SIGUSR2)
            proxy.said("re-executed", seen + 1)
            wait_until(lambda: settled(proxy), "the new version to serve")
        elif deed == "server":
            # Its checks fail, connections go to the other one, then it is back.
            second.stop()
            time.sleep(0.3)
            second = Fake(site, "10.0.0.12", 1143, echo)
        elif pid := pid_of(proxy, deed):
            os.kill(pid, signal.SIGKILL)
        done[deed] += 1
        if memory is None and time.monotonic() - start > SECONDS / 3:
            memory = int(proxy.info()["Memory_master_KB"])
    slow.stopping.set()
    slow.thread.join(20)
    failures = traffic.stop()
    print(f"{done}, {traffic.count} connections, {len(failures)} lost, "
          f"{slow.bytes} bytes read slowly")
    assert sum(done.values()) >= SECONDS
    # Who is lost was with a process that was killed, or with the server that went away; and the
    # slow one stays as long as nothing of that kind happens to it.
    kills = done["worker"] + done["keeper"] + done["server"] + done["upgrade"]
    assert len(failures) <= kills * len(traffic.threads), failures
    assert not [f for f in failures + slow.failures if "heard" in f and "heard []" not in f]
    assert "bytes differ" not in "".join(slow.failures)
    wait_until(lambda: {row[0] for row in rows(proxy)} == {proxy.info()["Generation"]},
               "older generations to end", 60)
    now = int(proxy.info()["Memory_master_KB"])
    print(f"the master's memory: {memory} -> {now} kB")
    assert now < memory * 1.5
    for sock in [connect(PROXY, port, tls) for port, tls in ((143, None), (993, context(pki)))]:
        assert lines(sock) == [ECHO]
        sock.close()
    proxy.baseline = {k: v + 4 for k, v in proxy.descriptors().items()}


def settled(proxy):
    try:
        current = proxy.info()["Generation"]
        return all(row[4] == "serving" for row in rows(proxy) if row[0] == current)
    except (OSError, AssertionError, KeyError):
        return False
