# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Workers die under load: what they had not touched is served by others, what they had is lost,
and no more than one connection a death."""
import os
import re
import selectors
import signal
import socket
import time

import pytest

from lib.clients import connect, context, lines
from lib.fakes import Fake
from lib.mailreeve import BUILD, Mailreeve
from lib.site import PROXY, wait_until
from lib.traffic import ECHO, echo

PLAIN = """
workers = 3;
frontends = ( { name = "front"; bind = "192.0.2.10:143"; backend = "back"; } );
backends = ( { name = "back"; servers = "10.0.0.11:143"; check = { type = "none"; }; } );
"""
TLS = """
workers = 2;
frontends = ( { name = "front"; bind = "192.0.2.10:993"; backend = "back";
    tls = { certificates = "$pki/mail"; }; } );
backends = ( { name = "back"; servers = "10.0.0.11:1143"; check = { type = "none"; }; } );
"""
LONG = "LONG" in os.environ
CONNECTIONS, KILLS = (20000, 1000) if LONG else (2000, 100)  # at least
AT_ONCE = 100
EVERY = 0.05
SOURCES = ["192.0.2.10", "198.51.100.7", "10.0.0.12", "10.0.0.13"]
PORTS = range(2000, 60000)


def workers(proxy):
    """Slot: process id of the workers that serve."""
    rows = [line.split() for line in proxy.control("show workers").splitlines()[1:]]
    return {row[2]: int(row[3]) for row in rows if row[1] == "worker" and row[4] == "serving"}


class Load:
    """Connections, some at a time; each says its own name and expects to hear it.  No two have the
    same address and port, so a name in the log is of one connection."""

    def __init__(self):
        self.names = ((source, port) for port in PORTS for source in SOURCES)
        self.started = self.done = 0
        self.lost = []
        self.selector = selectors.DefaultSelector()

    def start(self):
        name = next(self.names)
        sock = socket.socket()
        sock.setblocking(False)
        sock.bind(name)
        sock.connect_ex((PROXY, 143))
        self.started += 1
        self.selector.register(sock, selectors.EVENT_WRITE, (b"%s:%d" % (name[0].encode(), name[1]),
                                                             time.monotonic()))

    def end(self, sock, name, good):
        if not good:
            self.lost.append(name.decode())
        self.selector.unregister(sock)
        sock.close()
        self.done += 1

    def step(self, more):
        while more and self.started - self.done < AT_ONCE:
            self.start()
        for key, events in self.selector.select(0.01):
            sock, (name, _) = key.fileobj, key.data
            try:
                if events & selectors.EVENT_WRITE:
                    sock.send(name)
                    self.selector.modify(sock, selectors.EVENT_READ, key.data)
                else:
                    self.end(sock, name, sock.recv(64) == name)
            except OSError:
                self.end(sock, name, False)
        late = time.monotonic() - 60
        for key in list(self.selector.get_map().values()):
            assert key.data[1] > late, f"{key.data[0]} was never answered"


@pytest.fixture
def stand_in(site):
    """A directory of helpers in which one's place is taken by another program."""
    def make(**programs):
        directory = site.path("helpers")
        directory.mkdir()
        for role in ("worker", "checker", "keeper"):
            (directory / f"mailreeve-{role}").symlink_to(
                BUILD / "hostile" / programs[role] if role in programs
                else BUILD / f"mailreeve-{role}")
        return directory
    return make


def kill_under(load, proxy):
    """Run a load and kill a serving worker every 50 ms; how many were killed."""
    kills, slot, due, more = 0, 0, time.monotonic() + EVERY, True
    while more or load.done < load.started:
        load.step(more)
        more = kills < KILLS or load.started < CONNECTIONS
        if not more or time.monotonic() < due:
            continue
        due = time.monotonic() + EVERY
        serving = workers(proxy)
        slot = (slot + 1) % 3
        if pid := serving.get(str(slot)):
            os.kill(pid, signal.SIGKILL)
            kills += 1
    return kills


def held(proxy):
    """How many descriptors the processes of each program hold, without saying which process."""
    counts = {}
    for process, count in sorted(proxy.descriptors().items()):
        counts.setdefault(process.split()[0], []).append(count)
    return {program: sorted(each) for program, each in counts.items()}


@pytest.mark.timeout(900 if LONG else 120)
def test_untouched_connections_survive(site, pki, stand_in):
    proxy = Mailreeve(site, pki, PLAIN, helpers=stand_in(worker="mortal"))
    wait_until(lambda: len(workers(proxy)) == 3, "three workers")
    before, load, start = held(proxy), Load(), time.monotonic()
    assert {name: len(each) for name, each in before.items()} == {
        "mailreeve": 1, "mailreeve-worker": 3, "mailreeve-checker": 1, "mailreeve-keeper": 1}
    kills = kill_under(load, proxy)
    touched = set(re.findall(r"touching (\S+)", proxy.log.read_text()))
    untouched = [name for name in load.lost if name not in touched]
    print(f"{load.done} connections, {kills} kills in {time.monotonic() - start:.0f} s, "
          f"{len(load.lost)} lost, {len(untouched)} of them untouched")
    assert untouched == []
    assert len(load.lost) < kills
    # Nothing stays behind of them.
    wait_until(lambda: proxy.info()["CurrConns"] == "0", "all records to be gone")
    # A starved machine may have one that was killed five times before it finished anything.
    assert proxy.log.read_text().count("is started in") <= kills // 20, "back-off without a reason"
    # The keeper got a channel to every worker that was born, and the master everything of theirs.
    wait_until(lambda: held(proxy) == before, f"the same descriptors as before, {before}; "
               f"now {held(proxy)}")
    print(f"descriptors before and after: {before}")


def test_whoever_said_nothing_yet_outlives_every_worker(site, pki):
    """The worker itself this time.  Of TLS clients the first byte is theirs: until then they are
    untouched, however many workers die that have them."""
    Fake(site, "10.0.0.11", 1143, echo)
    proxy = Mailreeve(site, pki, TLS)
    silent = [connect(PROXY, 993) for _ in range(50)]
    for _ in range(4):
        pids = wait_until(lambda: len(workers(proxy)) == 2 and connections(proxy) == 50
                          and set(workers(proxy).values()), "two workers with all the clients")
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda p=pids: not p & set(workers(proxy).values()), "the deaths to be seen")
    for sock in silent:
        with context(pki).wrap_socket(sock, server_hostname="mail.example.org") as tls:
            assert lines(tls) == [ECHO]
    proxy.baseline = proxy.descriptors()


def connections(proxy):
    """How many connections the workers have between them."""
    rows = [line.split() for line in proxy.control("show workers").splitlines()[1:]]
    return sum(int(row[7]) for row in rows if row[1] == "worker")
