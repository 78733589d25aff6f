# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Children in an attacker's hands against a real master: it kills who lies, closes what they sent,
stays up, never sleeps, and serves."""
import re
import shutil
import socket
import time
from collections import deque

import pytest

from lib.mailreeve import BUILD, Mailreeve
from lib.site import CLIENT, PROXY, wait_until

CONF = """
hostname = "h%d.example.org";
workers = 2;
frontends = ( { name = "front"; bind = "192.0.2.10:143"; backend = "back"; } );
backends = ( { name = "back"; servers = "10.0.0.11:143"; check = { type = "%s"; }; } );
"""
# Deeds that are not answered by a kill: their doer dies by itself, or may do that.
TOLERATED = {"linger-and-touch", "linger-and-die", "mark-and-die", "read-and-die", "spoil-tallies",
             "flood-messages", "flood-suspects", "flood-log", "close-channel", "flood-reports",
             "linger-and-close"}


@pytest.fixture
def den(site):
    """The directory of helpers in which one role is played by the liar."""
    def make(role):
        directory = site.path("den")
        directory.mkdir()
        for name in ("worker", "checker", "keeper"):
            shutil.copy(BUILD / f"mailreeve-{name}", directory / f"mailreeve-{name}")
        # Whoever serves must answer without a server behind it.
        shutil.copy(BUILD / "hostile/mortal", directory / "mailreeve-worker")
        shutil.copy(directory / f"mailreeve-{role}", directory / f"honest-{role}")
        shutil.copy(BUILD / "hostile/liar", directory / f"mailreeve-{role}")
        return directory
    return make


class Visitor:
    """A client that says its name and hears it, or not; and others that never read."""

    def __init__(self, patience=20):
        self.patience = patience
        self.mute = deque()
        self.heard, self.lost, self.slowest, self.longest = 0, set(), 0.0, 0.0
        self.last = time.monotonic()  # that one was served; `longest`: without one

    def visit(self):
        mute = socket.create_connection((PROXY, 143), 10, (CLIENT, 0))
        self.mute.append(mute)
        if len(self.mute) > 500:
            self.mute.popleft().close()
        start = time.monotonic()
        with socket.create_connection((PROXY, 143), 10, (CLIENT, 0)) as sock:
            name = b"%d" % sock.getsockname()[1]
            sock.settimeout(self.patience)
            try:
                sock.sendall(name)
                good = sock.recv(64) == name
            except (ConnectionResetError, TimeoutError):
                good = False
        if good:
            self.heard += 1
            self.longest = max(self.longest, time.monotonic() - self.last)
            self.last = time.monotonic()
            self.slowest = max(self.slowest, time.monotonic() - start)
        else:
            self.lost.add(name.decode())

    def leave(self):
        while self.mute:
            self.mute.popleft().close()


def judge(proxy, directory, role, least):
    """Every lie was punished, and nothing worse happened."""
    told = [line.split() for line in (directory / "journal").read_text().splitlines()]
    assert len(told) >= least, told
    unpunished = []

    def all_punished():
        log = proxy.log.read_text(errors="backslashreplace")
        killed = set(re.findall(rf"{role} \d+ \(pid (\d+)\) [^:]+: killed", log))
        unpunished[:] = [entry for entry in told
                         if entry[2] not in TOLERATED and entry[1] not in killed]
        return not unpunished
    # The latest may still wait for a busy master.
    wait_until(all_punished, "every liar to be killed")
    log = proxy.log.read_text(errors="backslashreplace")
    assert "SURVIVED" not in log
    raw = proxy.log.read_bytes()
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f-\xff]", raw), "the log has control bytes"
    assert max(map(len, raw.splitlines())) <= 4096
    return told


@pytest.mark.timeout(300)
def test_lying_worker(site, pki, den):
    directory = den("worker")
    proxy = Mailreeve(site, pki, CONF % (0, "none"), helpers=directory)
    (directory / "armed").touch()
    # The liar may keep whom it was given waiting; the next one is perhaps luckier.
    visitor, deadline = Visitor(patience=0.2), time.monotonic() + 250
    while not (directory / "told").exists():
        assert time.monotonic() < deadline, (directory / "next").read_text()
        visitor.visit()
    told = judge(proxy, directory, "worker", 150)
    print(f"{len(told)} lies, {visitor.heard} clients served, {len(visitor.lost)} lost, "
          f"the slowest waited {visitor.slowest:.2f} s")
    assert visitor.heard > len(told) / 2
    # A master that sleeps for a liar's socket sleeps for thirty seconds.
    assert visitor.longest < 10
    # A connection that was touched goes to nobody else, said or unsaid.
    for entry in told:
        if entry[2] in ("mark-and-die", "read-and-die"):
            assert entry[3] in visitor.lost or entry[3] not in visitor_names(proxy)
    visitor.leave()
    wait_until(lambda: proxy.info()["CurrConns"] == "0", "all records to be gone")


def visitor_names(proxy):
    """The clients that the honest worker has touched."""
    return set(re.findall(r"touching \S+:(\d+)", proxy.log.read_text(errors="replace")))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("role, least", [("checker", 150), ("keeper", 150)])
def test_lying_checker_or_keeper(site, pki, den, role, least):
    directory = den(role)
    proxy = Mailreeve(site, pki, CONF % (0, "tcp" if role == "checker" else "none"),
                      helpers=directory, wait=False)
    wait_until(lambda: "generation 1 serves" in proxy.log.read_text(), "the first generation")
    proxy.baseline = proxy.descriptors()
    visitor, deadline, number = Visitor(), time.monotonic() + 250, 0
    while not (directory / "told").exists():
        assert time.monotonic() < deadline, (directory / "next").read_text()
        # A new generation has no back-off yet: five lies can be told at once.
        (directory / "armed").unlink(missing_ok=True)
        number += 1
        proxy.rewrite(CONF % (number, "tcp" if role == "checker" else "none"))
        assert proxy.control("reload") == f"reloaded: generation {number + 1}\n"
        before = count(directory)
        (directory / "armed").touch()
        again = time.monotonic() + 3
        while count(directory) < before + 5 and time.monotonic() < again and \
                not (directory / "told").exists():
            visitor.visit()
    told = judge(proxy, directory, role, least)
    print(f"{len(told)} lies, {visitor.heard} clients served, {len(visitor.lost)} lost, "
          f"the slowest waited {visitor.slowest:.2f} s")
    assert visitor.lost == set()
    assert visitor.slowest < 5
    visitor.leave()


def count(directory):
    try:
        return int((directory / "next").read_text().strip("\0\n") or 0)
    except FileNotFoundError:
        return 0
