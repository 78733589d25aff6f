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

from lib.mailreeve import BUILD, Mailreeve
from lib.site import PROXY, wait_until

PLAIN = """
workers = 3;
frontends = ( { name = "front"; bind = "192.0.2.10:143"; backend = "back"; } );
backends = ( { name = "back"; servers = "10.0.0.11:143"; check = { type = "none"; }; } );
"""
LONG = "LONG" in os.environ
CONNECTIONS = 20000 if LONG else 2000
AT_ONCE = 100
EVERY = 0.05


def workers(proxy):
    """Slot: process id of the workers that serve."""
    rows = [line.split() for line in proxy.control("show workers").splitlines()[1:]]
    return {row[2]: int(row[3]) for row in rows if row[1] == "worker" and row[4] == "serving"}


class Load:
    """So many connections, some at a time; each says its own name and expects to hear it."""

    def __init__(self, total, sources):
        self.total, self.sources = total, sources
        self.started = self.done = 0
        self.lost = []
        self.selector = selectors.DefaultSelector()

    def start(self):
        sock = socket.socket()
        sock.setblocking(False)
        sock.bind((self.sources[self.started % len(self.sources)], 0))
        sock.connect_ex((PROXY, 143))
        self.started += 1
        self.selector.register(sock, selectors.EVENT_WRITE, time.monotonic())

    def end(self, sock, good):
        if not good:
            address, port = sock.getsockname()
            self.lost.append(f"{address}:{port}")
        self.selector.unregister(sock)
        sock.close()
        self.done += 1

    def step(self):
        while self.started < self.total and self.started - self.done < AT_ONCE:
            self.start()
        for key, events in self.selector.select(0.01):
            sock, name = key.fileobj, b"%s:%d" % (key.fileobj.getsockname()[0].encode(),
                                                  key.fileobj.getsockname()[1])
            try:
                if events & selectors.EVENT_WRITE:
                    sock.send(name)
                    self.selector.modify(sock, selectors.EVENT_READ, key.data)
                else:
                    self.end(sock, sock.recv(64) == name)
            except OSError:
                self.end(sock, False)
        late = time.monotonic() - 30
        for key in list(self.selector.get_map().values()):
            assert key.data > late, f"{key.fileobj.getsockname()} was never answered"


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
    kills, slot, due = 0, 0, time.monotonic() + EVERY
    while load.done < load.total:
        load.step()
        if time.monotonic() < due:
            continue
        due = time.monotonic() + EVERY
        serving = workers(proxy)
        slot = (slot + 1) % 3
        if pid := serving.get(str(slot)):
            os.kill(pid, signal.SIGKILL)
            kills += 1
    return kills


def test_untouched_connections_survive(site, pki, stand_in):
    proxy = Mailreeve(site, pki, PLAIN, helpers=stand_in(worker="mortal"))
    load = Load(CONNECTIONS, ["192.0.2.10", "198.51.100.7", "10.0.0.12", "10.0.0.13"])
    kills = kill_under(load, proxy)
    print(f"{load.total} connections, {kills} kills, {len(load.lost)} lost")
    touched = set(re.findall(r"touching (\S+)", proxy.log.read_text()))
    assert kills >= CONNECTIONS // 200
    assert [name for name in load.lost if name not in touched] == []
    assert len(load.lost) < kills
    # Nothing stays behind of them.
    wait_until(lambda: proxy.info()["CurrConns"] == "0", "all records to be gone")
    assert "is started in" not in proxy.log.read_text(), "back-off without a reason"
