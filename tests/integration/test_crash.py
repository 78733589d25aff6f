# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""The master dies: its workers go on, and the next master finds ports, queue and workers again."""
import ctypes
import os
import signal
import threading
import time

import pytest

from lib.clients import connect, context, lines
from lib.fakes import Fake
from lib.mailreeve import BUILD, Mailreeve
from lib.manager import Manager
from lib.site import HOSTNAME, PROXY, wait_until
from lib.traffic import ECHO, Traffic, echo

CONF = """
frontends = ( { name = "front"; bind = "192.0.2.10:993"; backend = "back";
    tls = { certificates = "$pki/mail"; }; },
  { name = "plain"; bind = "*:143"; backend = "back"; } );
backends = ( { name = "back"; servers = "10.0.0.11:1143"; check = { type = "none"; }; } );
"""


def rows(proxy, process="worker"):
    table = [line.split() for line in proxy.control("show workers").splitlines()[1:]]
    return [row for row in table if row[1] == process]


def restart(proxy, manager):
    """Kill the master and start another with what the store has."""
    proxy.process.kill()
    proxy.process.wait()
    with open(proxy.log, "a", encoding="utf-8") as stderr:
        proxy.process = manager.start(
            [BUILD / "mailreeve", "-c", proxy.config, "-L", BUILD], stderr)


def test_workers_outlive_the_master(site, pki):
    """No store: who is connected notices nothing, and the workers end with their last client."""
    Fake(site, "10.0.0.11", 1143, echo)
    proxy = Mailreeve(site, pki, CONF)
    sock = connect(PROXY, 993, context(pki))
    assert lines(sock) == [ECHO]
    proxy.process.kill()
    proxy.process.wait()
    proxy.stopped = True
    proxy.control_socket.unlink()
    # Checker and idle worker end; the worker with the client, and its keeper, stay.
    wait_until(lambda: "mailreeve-checker" not in proxy.processes() and
               len(proxy.processes()["mailreeve-worker"]) == 1, "the idle ones to end")
    for _ in range(3):
        Traffic.talk(sock, b"still here\r\n")
        time.sleep(0.2)
    sock.close()
    wait_until(lambda: proxy.processes() == {}, "the last worker and its keeper to end")


def test_next_master_takes_over(site, pki):
    Fake(site, "10.0.0.11", 1143, echo)
    manager = Manager(site)
    proxy = Mailreeve(site, pki, CONF, env=manager.environment())
    wait_until(lambda: "READY=1" in manager.said, "READY")
    stayers = [connect(PROXY, 993, context(pki)) for _ in range(4)]
    for sock in stayers:
        assert lines(sock) == [ECHO]
    silent = connect(PROXY, 993)
    wait_until(lambda: proxy.info()["CurrConns"] == "5", "all to be there")
    old = {row[3] for row in rows(proxy)}
    proxy.process.kill()
    proxy.process.wait()
    # Nobody accepts, and nobody is refused: the queue is in the kernel.
    waiting, greeted = connect(PROXY, 143), []
    thread = threading.Thread(target=lambda: greeted.extend(lines(waiting)), daemon=True)
    thread.start()
    Traffic.talk(stayers[0], b"still here\r\n")
    restart(proxy, manager)
    thread.join(20)
    assert greeted == [ECHO]
    waiting.close()
    proxy.said(r"generation 1 of an earlier master goes on with 2 workers")
    wait_until(lambda: proxy.info()["Generation"] == "2", "the new generation")
    found = {row[3]: row for row in rows(proxy) if row[0] == "1"}
    assert sum(int(row[7]) for row in found.values()) == 5
    assert set(found) <= old
    # All that is open is counted, also one that has not shaken hands and has no server.
    wait_until(lambda: proxy.info()["CurrConns"] == "5", "who waited to be gone")
    assert "5 connections" in "".join(proxy.control("status").splitlines()[:2])
    wait_until(lambda: any("5 connections" in line for line in manager.said), "STATUS")
    silent.close()
    for sock in stayers:
        Traffic.talk(sock, b"still here\r\n")
        sock.close()
    wait_until(lambda: {row[0] for row in rows(proxy)} == {"2"}, "the old workers to end")
    # The store has what the new master needs, and nothing of the old workers.
    wait_until(lambda: not [n for n in manager.store if n.startswith(("w-1-", "g-1-"))],
               "the store to forget them")
    assert len([n for n in manager.store if n.startswith("l-")]) == 2
    assert len([n for n in manager.store if n.startswith("w-2-")]) == 8
    proxy.baseline = proxy.descriptors()


def test_crashes_under_load(site, pki):
    Fake(site, "10.0.0.11", 1143, echo)
    manager = Manager(site)
    proxy = Mailreeve(site, pki, CONF, env=manager.environment())
    stayers = [connect(PROXY, 993, context(pki)) for _ in range(6)]
    for sock in stayers:
        assert lines(sock) == [ECHO]
    traffic = Traffic(context(pki), port=993, stayers=0, threads=3)
    crashes = 5
    for number in range(crashes):
        time.sleep(0.5)
        restart(proxy, manager)
        wait_until(lambda n=number: "Generation" in info(proxy)
                   and int(info(proxy)["Generation"]) >= n + 2, "the next master")
    failures = traffic.stop()
    for sock in stayers:
        Traffic.talk(sock, b"still here\r\n")
        sock.close()
    # What was accepted and not yet handed over dies with the master: next to nothing.
    print(f"{len(failures)} failures in {crashes} crashes: {failures}")
    assert len(failures) <= crashes
    wait_until(lambda: len(rows(proxy)) == 2, "the old workers to end")
    proxy.baseline = proxy.descriptors()


def test_a_place_that_is_empty_after_two_crashes(site, pki):
    """A worker that the first of them has left ends before the second: its place has no tally."""
    Fake(site, "10.0.0.11", 1143, echo)
    manager = Manager(site)
    proxy = Mailreeve(site, pki, CONF, env=manager.environment())
    socks = [connect(PROXY, 993, context(pki)) for _ in range(2)]
    for sock in socks:
        assert lines(sock) == [ECHO]
    first, second = (row[3] for row in rows(proxy))

    def left():
        """The first generation's workers that are still there."""
        return [row[3] for row in rows(proxy) if row[0] == "1" and row[3] != "0"]

    restart(proxy, manager)
    wait_until(lambda: info(proxy).get("Generation") == "2", "the next master")
    assert left() == [first, second]
    socks[0].close()
    wait_until(lambda: left() == [second], "the first worker to end")
    wait_until(lambda: "w-1-0-tally" not in manager.store, "the store to forget it")
    restart(proxy, manager)
    wait_until(lambda: info(proxy).get("Generation") == "3", "the one after it")
    assert info(proxy)["Log_lines_lost"] == "0"
    assert left() == [second]
    Traffic.talk(socks[1], b"still here\r\n")
    socks[1].close()
    wait_until(lambda: {row[0] for row in rows(proxy)} == {"3"}, "the last old worker to end")
    proxy.baseline = proxy.descriptors()


def test_drain_bounds_an_earlier_masters_generation(site, pki):
    Fake(site, "10.0.0.11", 1143, echo)
    manager = Manager(site)
    proxy = Mailreeve(site, pki, CONF + 'timeouts = { drain = "1s"; };\n',
                      env=manager.environment())
    sock = connect(PROXY, 993, context(pki))
    assert lines(sock) == [ECHO]
    restart(proxy, manager)
    assert lines(sock) == []  # close_notify, not a cut
    proxy.ended(frontend="front", end="drain")
    wait_until(lambda: {row[0] for row in rows(proxy)} == {"2"}, "the old workers to end")
    proxy.baseline = proxy.descriptors()


def info(proxy):
    try:
        return proxy.info()
    except (OSError, AssertionError):
        return {}


WALL = 0x40000000
SEIZE, INTERRUPT = 0x4206, 0x4207
ptrace = ctypes.CDLL(None, use_errno=True).ptrace


def hang(pid):
    """Let it do nothing more, in a way that its parent is not told of."""
    for request in SEIZE, INTERRUPT:
        assert ptrace(request, pid, None, None) == 0, os.strerror(ctypes.get_errno())
    os.waitpid(pid, WALL)


WAYS = {
    "killed": lambda pid: os.kill(pid, signal.SIGKILL),
    "stopped": lambda pid: os.kill(pid, signal.SIGSTOP),
    "hung": hang,
}


@pytest.mark.parametrize("way", WAYS)
def test_keeper_that_does_not_serve_is_replaced(site, pki, way):
    """Who is in the middle of a handshake fails, who is connected goes on, and the next keeper is
    there at once, or as soon as the silence of the last one has lasted a second."""
    Fake(site, "10.0.0.11", 1143, echo)
    proxy = Mailreeve(site, pki, CONF)
    sock = connect(PROXY, 993, context(pki))
    assert lines(sock) == [ECHO]
    for _ in range(2):
        keeper = rows(proxy, "keeper")[0][3]
        shaking = connect(PROXY, 993)
        WAYS[way](int(keeper))
        start = time.monotonic()
        if way != "killed":
            with pytest.raises(OSError):
                context(pki).wrap_socket(shaking, server_hostname=HOSTNAME)
        shaking.close()
        if way == "hung":
            os.waitpid(int(keeper), WALL)
        wait_until(lambda k=keeper: rows(proxy, "keeper")[0][3] != k
                   and rows(proxy, "keeper")[0][4] == "serving", "another keeper")
        took = time.monotonic() - start
        print(f"{way}: {took:.2f} s")
        assert took < 6
        Traffic.talk(sock, b"still here\r\n")
        with connect(PROXY, 993, context(pki)) as another:
            assert lines(another) == [ECHO]
    if way != "killed":
        proxy.said(f"keeper 0 .* {'is stopped' if way == 'stopped' else 'does not answer'}: killed", 2)
    # Nobody holds a channel to a keeper that is gone: looked at in the end, against the start.
    sock.close()


def test_hung_worker_is_replaced(site, pki):
    """... when it does not take what it was handed; the others serve meanwhile."""
    Fake(site, "10.0.0.11", 1143, echo)
    proxy = Mailreeve(site, pki, CONF)
    hung = int(rows(proxy)[0][3])
    os.kill(hung, signal.SIGSTOP)
    served = 0
    waiting = []
    for _ in range(8):
        sock = connect(PROXY, 993)
        waiting.append(sock)
    sockets = [connect(PROXY, 143) for _ in range(20)]
    proxy.said(rf"worker 0 \(pid {hung}\) does not take the connections")
    for sock in sockets:
        served += lines(sock) == [ECHO]
        sock.close()
    for sock in waiting:
        sock.close()
    assert served == 20
    wait_until(lambda: rows(proxy)[0][4] == "serving", "another worker")
    proxy.baseline = proxy.descriptors()


def test_hung_checker_is_replaced(site, pki):
    """... after ten seconds of silence; who is connected, and who comes, does not notice."""
    Fake(site, "10.0.0.11", 1143, echo)
    proxy = Mailreeve(site, pki, CONF)
    sock = connect(PROXY, 993, context(pki))
    assert lines(sock) == [ECHO]
    hung = rows(proxy, "checker")[0][3]
    os.kill(int(hung), signal.SIGSTOP)
    with connect(PROXY, 993, context(pki)) as another:
        assert lines(another) == [ECHO]
    wait_until(lambda: f"checker 0 (pid {hung}) does not answer: killed" in proxy.log.read_text(),
               "its end", 60)
    wait_until(lambda: rows(proxy, "checker")[0][4] == "serving", "another checker")
    assert rows(proxy, "checker")[0][3] != hung
    Traffic.talk(sock, b"still here\r\n")
    sock.close()
    proxy.baseline = proxy.descriptors()
