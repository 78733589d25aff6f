# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Health as clients feel it: nobody waits for a dead server, none is lost on the way to another."""
import collections
import contextlib
import re
import signal
import socket
import threading
import time

import pytest

from lib.clients import connect, lines
from lib.fakes import Fake, hangs
from lib.mailreeve import Mailreeve
from lib.site import PROXY, SERVERS, wait_until

CONF = """
frontends = ( { name = "front"; bind = "192.0.2.10:110"; backend = "back"; %(frontend)s } );
backends = ( { name = "back"; protocol = "pop3"; %(backend)s
    servers = ( %(servers)s );
    check = { interval = "500ms"; %(check)s }; } );
timeouts = { connect = "5s"; };
"""
PORT = 1110
PROMPT = 2.5  # seconds, on a busy machine; a dead server would cost 5


def conf(servers=None, backend="", check="", frontend="", extra=()):
    """The first four servers, or those with these texts behind their address."""
    servers = servers or [""] * 4
    rows = [f'{{ name = "s{n + 1}"; address = "{SERVERS[n]}:{PORT}"; {more} }}'
            for n, more in enumerate(servers)]
    return CONF % {"servers": ", ".join(rows), "backend": backend, "check": check,
                   "frontend": frontend}


def pop3(name, greeting=b"+OK "):
    """Says its name in the greeting, keeps the connection until QUIT."""
    def behave(fake, sock):
        fake.header(sock)
        sock.sendall(greeting + name.encode() + b"\r\n")
        while got := lines(sock):
            sock.sendall(b"+OK\r\n")
            if got == [b"QUIT\r\n"]:
                return
    return behave


def server(site, number):
    return Fake(site, SERVERS[number - 1], PORT, pop3(f"s{number}"))


class Swallows:
    """A host that has been switched off: packets go there and nothing comes back."""

    def __init__(self, site, number):
        self.listener = socket.create_server((SERVERS[number - 1], PORT), backlog=0)
        # A queue that is full drops what comes next.
        self.full = [socket.socket() for _ in range(2)]
        for sock in self.full:
            sock.setblocking(False)
            sock.connect_ex((SERVERS[number - 1], PORT))
        site.programs.append(self)

    def stop(self):
        for sock in (self.listener, *self.full):
            sock.close()


def visit(stay=False):
    """One client: the server's name, and how long the greeting took."""
    began = time.monotonic()
    sock = connect(PROXY, 110)
    [greeting] = lines(sock)
    took = time.monotonic() - began
    assert greeting.startswith(b"+OK s"), greeting
    if stay:
        return greeting.split()[1].decode(), took, sock
    sock.sendall(b"QUIT\r\n")
    lines(sock, 2)
    sock.close()
    return greeting.split()[1].decode(), took


class Crowd:
    """Clients, one after the other from several threads, until stop(); what became of each."""

    def __init__(self, threads=4):
        self.visits, self.failures, self.over = [], [], threading.Event()
        self.threads = [threading.Thread(target=self._run) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def _run(self):
        while not self.over.is_set():
            try:
                self.visits.append((time.monotonic(), *visit()))
            except (OSError, AssertionError, ValueError) as failure:
                self.failures.append(failure)
            time.sleep(0.01)

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join(30)
        return self.visits


def rows(proxy):
    """`show servers state` by server name: HAProxy's columns."""
    answer = proxy.control("show servers state").splitlines()
    assert answer[0] == "1"
    head = answer[1].removeprefix("# ").split()
    return {row["srv_name"]: row for row in
            (dict(zip(head, line.split())) for line in answer[2:] if line)}


def op_states(proxy):
    return {name: int(row["srv_op_state"]) for name, row in rows(proxy).items()}


def test_two_of_four_dead(site, pki):
    """Two nodes live, one refuses, one is switched off: from the first moment nobody waits for a
    dead one."""
    server(site, 1)
    server(site, 3)
    Swallows(site, 4)
    proxy = Mailreeve(site, pki, conf(), wait=False)
    # As soon as the port is open.
    def served():
        try:
            return visit()
        except OSError:
            return None
    wait_until(served, "the first client")
    crowd = Crowd()
    time.sleep(4)
    visits = crowd.stop()
    proxy.wait_ready()
    assert crowd.failures == []
    assert len(visits) > 100
    assert {name for _, name, _ in visits} == {"s1", "s3"}
    assert max(took for _, _, took in visits) < PROMPT
    wait_until(lambda: op_states(proxy) == {"s1": 2, "s2": 0, "s3": 2, "s4": 0}, "the states", 15)
    line = proxy.said(r'server=back/s2 state=down was=checking why="connection refused"')
    assert re.search(r"ms=\d+ up=2/4", line)
    proxy.said(r'server=back/s4 state=down was=checking why="no answer to our connect within 5 s"')


def test_first_client_waits_for_the_first_check(site, pki):
    """While no server has been checked a client waits, up to `connect`."""
    def slow(fake, sock):
        fake.header(sock)
        time.sleep(0.7)
        sock.sendall(b"+OK s1\r\n")
        lines(sock, 1)
        sock.sendall(b"+OK\r\n")
    Fake(site, SERVERS[0], PORT, slow)
    proxy = Mailreeve(site, pki, conf([""]), wait=False)

    def served():
        up = [line for line in proxy.raw() if "state=up" in line]
        try:
            return visit()[0], up
        except ConnectionRefusedError:
            return None
    name, up_before = wait_until(served, "the first client")
    assert (name, up_before) == ("s1", [])
    proxy.wait_ready()


def turned_away(proxy):
    """A client for whom there is no server, as soon as the port is open: the log's why=."""
    def told():
        try:
            with connect(PROXY, 110) as sock:
                return lines(sock)
        except ConnectionRefusedError:
            return None
    assert wait_until(told, "the first client")[0].startswith(b"-ERR ")
    return proxy.ended(end="no-server")["why"]


def status(proxy):
    """Of the servers' checks; none while nobody answers at the socket."""
    with contextlib.suppress(OSError, AssertionError, IndexError):
        return {row["srv_check_status"] for row in rows(proxy).values()}
    return set()


@pytest.mark.parametrize("way", ("never checked", "failed", "down"))
def test_no_check_has_passed(site, pki, way):
    """Said of servers that were never checked and of those that failed a check and are not down
    yet, for it is true of both; not of those that are down."""
    if way == "never checked":
        Fake(site, SERVERS[0], PORT, hangs)
    proxy = Mailreeve(site, pki, conf([""], check='timeout = "60s"; fall = %d;' % (
        1 if way == "down" else 100)).replace('connect = "5s"', 'connect = "1s"'), wait=False)
    if way != "never checked":
        # 8: HAProxy's L4CON, a check that found the port closed.
        wait_until(lambda: status(proxy) == {"8"}, "a failed check")
    assert turned_away(proxy) == (
        "no server is up" if way == "down" else "no server has passed a check yet")
    if way == "never checked":
        assert status(proxy) == {"1"}


def test_a_server_dies(site, pki):
    """A server goes and comes back while clients come: none of them notices."""
    fakes = {n: server(site, n) for n in range(1, 5)}
    proxy = Mailreeve(site, pki, conf(check='fast_interval = "100ms";'))
    wait_until(lambda: set(op_states(proxy).values()) == {2}, "all four to be up")
    crowd = Crowd()
    time.sleep(0.5)
    fakes[2].listen_no_more()
    gone = time.monotonic()
    line = proxy.said(r"server=back/s2 state=down was=up")
    took = time.monotonic() - gone
    assert 'why="connection refused"' in line and "up=3/4" in line
    # A client's connection has told of it before the next check was due.
    assert took < PROMPT
    time.sleep(0.3)
    fakes[2] = server(site, 2)
    proxy.said(r"server=back/s2 state=up was=down")
    back = time.monotonic()
    wait_until(lambda: [1 for at, name, _ in crowd.visits if name == "s2" and at > back],
               "a client on s2")
    visits = crowd.stop()
    assert crowd.failures == [], crowd.failures
    assert max(waited for _, _, waited in visits) < PROMPT


def test_switched_off(site, pki):
    """A server's host is switched off: the clients that were on their way to it wait for `connect`
    once, later ones not at all."""
    server(site, 1)
    second = server(site, 2)
    proxy = Mailreeve(site, pki, conf(["", ""], check='timeout = "1s"; fast_interval = "100ms"; fall = 2;',
                                      ).replace('connect = "5s"', 'connect = "3s"'))
    wait_until(lambda: set(op_states(proxy).values()) == {2}, "both to be up")
    second.stop()
    Swallows(site, 2)
    crowd = Crowd()
    proxy.said(r"server=back/s2 state=down was=up")
    down = time.monotonic()
    time.sleep(4)
    visits = crowd.stop()
    assert crowd.failures == []
    assert {name for _, name, _ in visits} == {"s1"}
    # Those that were under way when it was found out.
    waited = [(at, took) for at, _, took in visits if took > PROMPT]
    assert len(waited) <= 8 and max([took for _, took in waited], default=0) < 3 + PROMPT
    assert all(at < down + 3 + PROMPT / 2 for at, _ in waited)


def test_reload_keeps_states(site, pki):
    """A reload forgets nothing: nobody is checking again, no client is refused."""
    server(site, 1)
    server(site, 3)
    proxy = Mailreeve(site, pki, conf())
    for n, state in ((1, "up"), (2, "down"), (3, "up"), (4, "down")):
        proxy.said(f"server=back/s{n} state={state}")
    said = len([line for line in proxy.raw() if "server=back/" in line])
    crowd = Crowd()
    generation = proxy.info()["Generation"]
    for extra in ("idle", "half_closed"):
        proxy.rewrite(conf(frontend='timeouts = { %s = "2m"; };' % extra))
        proxy.send(signal.SIGHUP)
        wait_until(lambda now=generation: proxy.info()["Generation"] != now, "the new generation")
        generation = proxy.info()["Generation"]
        states = op_states(proxy)
        assert states == {"s1": 2, "s2": 0, "s3": 2, "s4": 0}
        assert [row["srv_check_status"] for row in rows(proxy).values()] == ["15", "8", "15", "8"]
    time.sleep(1)
    visits = crowd.stop()
    assert crowd.failures == []
    assert {name for _, name, _ in visits} == {"s1", "s3"}
    assert max(waited for _, _, waited in visits) < PROMPT
    assert len([line for line in proxy.raw() if "server=back/" in line]) == said


def test_new_server_after_reload(site, pki):
    """A server that a reload brings is checked before it gets a client; the others stay up."""
    server(site, 1)
    proxy = Mailreeve(site, pki, conf([""]))
    server(site, 2)
    proxy.rewrite(conf(["", ""]))
    proxy.send(signal.SIGHUP)
    wait_until(lambda: op_states(proxy) == {"s1": 2, "s2": 2}, "the second server")
    proxy.said(r"server=back/s2 state=up was=checking")
    assert not [line for line in proxy.raw() if "server=back/s1 state=down" in line]


def test_initial_up(site, pki):
    """`initial = "up"`: clients at once, before any check."""
    server(site, 1)
    Mailreeve(site, pki, conf([""], check='initial = "up"; interval = "5s";').replace(
        'interval = "500ms"; ', ""))
    assert visit()[0] == "s1"


def test_no_checks(site, pki):
    """`type = "none"`: no server is ever checked; the one that refuses is left for the other."""
    server(site, 1)
    proxy = Mailreeve(site, pki, conf(["", ""], check='type = "none";'))
    assert {visit()[0] for _ in range(20)} == {"s1"}
    assert op_states(proxy) == {"s1": 2, "s2": 2}


def test_backups(site, pki):
    """Backups serve once no other server can, all of them; on_up = close_backup sends them home."""
    fakes = {n: server(site, n) for n in range(1, 5)}
    proxy = Mailreeve(site, pki, conf(["", "", "backup = true;", "backup = true;"],
                                      backend='on_up = "close_backup";',
                                      check='fast_interval = "100ms";'))
    wait_until(lambda: set(op_states(proxy).values()) == {2}, "all four to be up")
    assert {visit()[0] for _ in range(20)} == {"s1", "s2"}
    fakes[1].stop()
    proxy.said("server=back/s1 state=down")
    assert {visit()[0] for _ in range(10)} == {"s2"}
    fakes[2].stop()
    # Before the checks say so the retries do.
    assert visit()[0] in ("s3", "s4")
    proxy.said("server=back/s2 state=down")
    assert {visit()[0] for _ in range(20)} == {"s3", "s4"}
    name, _, sock = visit(stay=True)
    assert name in ("s3", "s4")
    server(site, 1)
    proxy.said("server=back/s1 state=up")
    sock.settimeout(5)
    assert sock.recv(100) == b""
    proxy.ended(server=name, end="server-down")
    assert {visit()[0] for _ in range(10)} == {"s1"}


@pytest.mark.parametrize("what", ["close", "keep"])
def test_on_down(site, pki, what):
    """on_down = close: who is on a server that goes down is let go; keep: stays."""
    well = threading.Event()
    well.set()

    def behave(fake, sock):
        fake.header(sock)
        sock.sendall(b"+OK s1\r\n" if well.is_set() else b"-ERR no\r\n")
        while lines(sock):
            sock.sendall(b"+OK\r\n")
    Fake(site, SERVERS[0], PORT, behave)
    proxy = Mailreeve(site, pki, conf([""], backend=f'on_down = "{what}";',
                                      check='fast_interval = "100ms";'))
    _, _, sock = visit(stay=True)
    well.clear()
    line = proxy.said("server=back/s1 state=down")
    assert "why=\"refuses: '-ERR no'\"" in line
    if what == "close":
        sock.settimeout(5)
        assert sock.recv(100) == b""
        proxy.ended(server="s1", end="server-down")
    else:
        time.sleep(2)
        sock.sendall(b"NOOP\r\n")
        assert lines(sock) == [b"+OK\r\n"]
    sock.close()


def test_full(site, pki):
    """max_connections: another server, and a polite refusal when all are full."""
    server(site, 1)
    server(site, 2)
    proxy = Mailreeve(site, pki, conf(["max_connections = 3;", "max_connections = 2;"]) + "workers = 1;\n")
    stay = [visit(stay=True) for _ in range(5)]
    assert collections.Counter(name for name, _, _ in stay) == {"s1": 3, "s2": 2}
    sock = connect(PROXY, 110)
    [refusal] = lines(sock)
    assert refusal.startswith(b"-ERR") and sock.recv(1) == b""
    proxy.ended(end="server-full")
    for _, _, sock in stay[:1]:
        sock.close()
    wait_until(lambda: proxy.ended(end="client-closed"), "the first to leave")
    assert visit()[0] in ("s1", "s2")


def test_slowstart(site, pki):
    """A server that returns gets its share little by little."""
    fakes = {n: server(site, n) for n in (1, 2)}
    proxy = Mailreeve(site, pki, conf(["", ""], backend='slowstart = "6s"; balance = "roundrobin";',
                                      check='fast_interval = "100ms"; rise = 1;') + "workers = 1;\n")
    # A start of Mailreeve is no return of a server.
    assert set(op_states(proxy).values()) == {2}
    fakes[2].stop()
    proxy.said("server=back/s2 state=down")
    server(site, 2)
    proxy.said("server=back/s2 state=up was=down")
    assert op_states(proxy)["s2"] == 1

    def share():
        names = [visit()[0] for _ in range(100)]
        return names.count("s2")
    early = share()
    wait_until(lambda: op_states(proxy)["s2"] == 2, "the end of the slow start")
    late = share()
    assert early < 35 and 45 <= late <= 55, (early, late)


def test_nobody_there(site, pki):
    """No server at all: a polite refusal at once, in the protocol's words."""
    proxy = Mailreeve(site, pki, conf(["", ""], check='fast_interval = "100ms"; fall = 1;'))
    proxy.said("server=back/s2 state=down")
    proxy.said("server=back/s1 state=down")
    began = time.monotonic()
    sock = connect(PROXY, 110)
    [refusal] = lines(sock)
    assert refusal.startswith(b"-ERR") and sock.recv(1) == b""
    assert time.monotonic() - began < PROMPT
    proxy.ended(end="no-server")
    status = proxy.control("status")
    assert "connection refused" in status and "back" in status


def test_leastconn_across_workers(site, pki):
    """Each worker counts the connections of all: one after the other, clients share out evenly."""
    for n in range(1, 5):
        server(site, n)
    proxy = Mailreeve(site, pki, conf(["", "", "", "weight = 200;"]) + "workers = 3;\n")
    wait_until(lambda: set(op_states(proxy).values()) == {2}, "all four to be up")
    stay = [visit(stay=True) for _ in range(50)]
    assert collections.Counter(name for name, _, _ in stay) == {"s1": 10, "s2": 10, "s3": 10, "s4": 20}
    for _, _, sock in stay:
        sock.close()


def test_source(site, pki):
    """A client stays with its server, moves when that goes, and comes home when it returns."""
    fakes = {f"s{n}": server(site, n) for n in range(1, 5)}
    proxy = Mailreeve(site, pki, conf(backend='balance = "source";', check='fast_interval = "100ms";'))
    wait_until(lambda: set(op_states(proxy).values()) == {2}, "all four to be up")
    [home] = {visit()[0] for _ in range(20)}
    fakes[home].listen_no_more()
    proxy.said(f"server=back/{home} state=down")
    [refuge] = {visit()[0] for _ in range(20)}
    assert refuge != home
    fakes[home].stop()
    server(site, int(home[1:]))
    proxy.said(f"server=back/{home} state=up was=down")
    # A worker that has met the dead one avoids it for two seconds more.
    wait_until(lambda: {visit()[0] for _ in range(10)} == {home}, "the way home")
