# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""A child that dies again and again: the master waits longer and longer before the next one, says
so, serves meanwhile with what it has, and goes on as before when the cause is gone."""
import os
import re
import shutil
import signal

import pytest

from lib.clients import connect, context, lines
from lib.fakes import Fake, greets, server_context
from lib.mailreeve import BUILD, Mailreeve
from lib.site import PROXY, wait_until
from lib.traffic import ECHO, Traffic, echo

CONF = """
frontends = ( { name = "front"; bind = "192.0.2.10:993"; backend = "back";
    tls = { certificates = "$pki/mail"; }; } );
backends = ( { name = "back"; servers = "10.0.0.11:1143";
    check = { type = "tcp"; interval = "1s"; send_proxy = "none"; }; } );
"""


@pytest.fixture
def brittle(site):
    """A directory of helpers, each of which dies at birth while a file there says so."""
    directory = site.path("brittle")
    directory.mkdir()
    for role in ("worker", "checker", "keeper"):
        shutil.copy(BUILD / f"mailreeve-{role}", directory / f"honest-{role}")
        shutil.copy(BUILD / "hostile/brittle", directory / f"mailreeve-{role}")
    return directory


def rows(proxy, role):
    table = [line.split() for line in proxy.control("show workers").splitlines()[1:]]
    return [row for row in table if row[1] == role]


def serving(proxy, role):
    """Process ids of those that serve."""
    return [int(row[3]) for row in rows(proxy, role) if row[4] == "serving"]


def history(proxy, role, slot, when):
    """What the log says of one child: how often it died of the cause, and the delays told."""
    log = proxy.log.read_text()
    died = len(re.findall(rf"{role} {slot} \(pid \d+\) {HOW[when]}", log))
    return died, [int(ms) for ms in re.findall(
        rf"{role} {slot}: restarting in (\d+) ms", log)]


def talks(pki):
    with connect(PROXY, 993, context(pki)) as sock:
        assert lines(sock) == [ECHO]
        Traffic.talk(sock, b"hello\r\n")


HOW = {"early": "ended with status 9", "ready": r"was killed by signal 6 \(Aborted\)"}
# Before READY every death makes the next one wait.  After it five in ten seconds do, the first of
# which is the kill below.
FREE = {"early": 0, "ready": 3}


@pytest.mark.parametrize("role", ["worker", "checker", "keeper"])
@pytest.mark.parametrize("when", ["early", "ready"])
def test_crash_loop(site, pki, brittle, role, when):
    Fake(site, "10.0.0.11", 1143, echo)
    proxy = Mailreeve(site, pki, CONF, helpers=brittle)
    stayer = connect(PROXY, 993, context(pki))
    assert lines(stayer) == [ECHO]
    # A worker without a connection: the one that has the client serves on.
    wait_until(lambda: role != "worker" or {row[7] for row in rows(proxy, role)} == {"0", "1"},
               "the client's worker")
    victim = next(row for row in rows(proxy, role) if role != "worker" or row[7] == "0")
    slot = int(victim[2])
    cause = brittle / f"dies-{when}-{role}"
    cause.touch()
    os.kill(int(victim[3]), signal.SIGKILL)
    wait_until(lambda: len(history(proxy, role, slot, when)[1]) >= 4, "four delays", 30)
    died, delays = history(proxy, role, slot, when)
    # Each twice as long as the one before, and no other births than these.
    assert delays == [100 * 2 ** n for n in range(len(delays))]
    assert died - len(delays) - FREE[when] in (0, 1)
    Traffic.talk(stayer, b"still here\r\n")
    if role != "keeper":
        talks(pki)
    cause.unlink()
    count = 2 if role == "worker" else 1
    wait_until(lambda: len(serving(proxy, role)) == count, "all to serve again", 30)
    for _ in range(8):
        talks(pki)
    Traffic.talk(stayer, b"still here\r\n")
    stayer.close()
    proxy.baseline = proxy.descriptors()


DOORS = """
frontends = (
    { name = "tls"; bind = "192.0.2.10:993"; backend = "back"; tls = { certificates = "$pki/mail"; }; },
    { name = "plain"; bind = "192.0.2.10:143"; backend = "back"; },
    { name = "through"; bind = "192.0.2.10:995"; backend = "secret"; tls = { mode = "passthrough"; }; } );
backends = (
    { name = "back"; servers = "10.0.0.11:1143"; check = { type = "none"; }; },
    { name = "secret"; servers = "10.0.0.11:1993"; check = { type = "none"; }; } );
"""


def test_without_a_keeper(site, pki, brittle):
    """Whoever needs a signature waits at the port, and is refused in the end; the others are served
    all the time."""
    Fake(site, "10.0.0.11", 1143, echo)
    Fake(site, "10.0.0.11", 1993, greets(ECHO), tls=server_context(pki))
    proxy = Mailreeve(site, pki, DOORS, helpers=brittle)
    (brittle / "hangs-keeper").touch()
    os.kill(serving(proxy, "keeper")[0], signal.SIGKILL)
    wait_until(lambda: rows(proxy, "keeper")[0][4] == "starting", "the keeper that hangs")
    waiting = [connect(PROXY, 993) for _ in range(3)]
    for again in range(2):
        with connect(PROXY, 143) as sock:
            assert lines(sock) == [ECHO]
        with connect(PROXY, 995, context(pki), name="dovecot.example.org") as sock:
            assert lines(sock) == [ECHO]
        if not again:
            assert [sock.recv(1) for sock in waiting] == [b""] * 3
    proxy.said("no keeper has served for 5 s: connections to frontends that end TLS are refused")
    (brittle / "hangs-keeper").unlink()
    os.kill(int(rows(proxy, "keeper")[0][3]), signal.SIGKILL)
    wait_until(lambda: serving(proxy, "keeper"), "a keeper that serves")
    talks(pki)
    proxy.said("the keeper serves again; 3 connections were refused in the meantime")
    for sock in waiting:
        sock.close()
    # Workers were served by nobody meanwhile, and that was not their fault.
    assert "worker" not in "".join(line for line in proxy.raw() if "killed" in line)
    proxy.baseline = proxy.descriptors()


@pytest.mark.parametrize("when", ["early", "ready"])
def test_all_workers_in_a_crash_loop(site, pki, brittle, when):
    """Nobody is refused: who comes meanwhile waits, and is served when the cause is gone."""
    Fake(site, "10.0.0.11", 1143, echo)
    proxy = Mailreeve(site, pki, CONF, helpers=brittle)
    cause = brittle / f"dies-{when}-worker"
    cause.touch()
    for pid in serving(proxy, "worker"):
        os.kill(pid, signal.SIGKILL)
    for slot in range(2):
        wait_until(lambda s=slot: len(history(proxy, "worker", s, when)[1]) >= 2, "delays", 30)
    sock = connect(PROXY, 993)
    cause.unlink()
    sock = context(pki).wrap_socket(sock, server_hostname="mail.example.org")
    assert lines(sock) == [ECHO]
    sock.close()
    wait_until(lambda: len(serving(proxy, "worker")) == 2, "all to serve again", 30)
    proxy.baseline = proxy.descriptors()


@pytest.mark.skipif("LONG" not in os.environ, reason="takes more than a minute: make kills-long")
def test_hangs_at_its_start(site, pki, brittle):
    """... which a child may do for a minute; the other worker serves meanwhile."""
    Fake(site, "10.0.0.11", 1143, echo)
    proxy = Mailreeve(site, pki, CONF, helpers=brittle)
    (brittle / "hangs-worker").touch()
    os.kill(int(rows(proxy, "worker")[0][3]), signal.SIGKILL)
    wait_until(lambda: rows(proxy, "worker")[0][4] == "starting", "the one that hangs")
    talks(pki)
    (brittle / "hangs-worker").unlink()
    wait_until(lambda: "worker 0" in proxy.log.read_text()
               and "did not become ready within 60 s: killed" in proxy.log.read_text(), "its end", 90)
    wait_until(lambda: len(serving(proxy, "worker")) == 2, "both to serve again")
    talks(pki)
    proxy.baseline = proxy.descriptors()
