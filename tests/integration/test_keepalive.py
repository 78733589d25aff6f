# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Peers that are gone without a word: a client whose link goes down is noticed, one that only does
not read is not."""
import ctypes
import queue
import re
import socket
import subprocess
import threading

import pytest

from lib.clients import connect
from lib.fakes import Fake
from lib.mailreeve import Mailreeve
from lib.site import CLONE_NEWNET, PROXY, wait_until

CONF = """
workers = 1;
frontends = ( { name = "front"; bind = "192.0.2.10:143"; protocol = "imap"; backend = "back";
                timeouts = { keepalive = "%s"; }; } );
backends = ( { name = "back"; protocol = "imap"; send_proxy = "none"; servers = "10.0.0.11:1143";
               check = { type = "none"; }; } );
"""
NEAR, FAR = "203.0.113.1", "203.0.113.2"


def holds(fake, sock):
    """Greets; what else it sends is the test's to say, who finds its sockets in `seen`."""
    sock.settimeout(110)
    sock.sendall(b"* OK\r\n")
    fake.seen.append(sock)
    while sock.recv(65536):
        pass


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, timeout=20)


class Phone:
    """A client in a network of its own, at the end of a cable."""

    def __init__(self):
        self.tasks, self.results = queue.Queue(), queue.Queue()
        threading.Thread(target=self._run, daemon=True).start()
        ip("link", "add", "near", "type", "veth", "peer", "name", "far",
           "netns", str(self.results.get(timeout=20)))
        ip("address", "add", f"{NEAR}/24", "dev", "near")
        ip("link", "set", "near", "up")
        self.do(lambda: [ip(*words.split()) for words in (
            f"address add {FAR}/24 dev far", "link set far up", f"route add {PROXY} via {NEAR}")])

    def _run(self):
        """A thread may have another network than its process."""
        assert ctypes.CDLL(None).unshare(CLONE_NEWNET) == 0
        self.results.put(threading.get_native_id())
        while task := self.tasks.get():
            try:
                self.results.put(task())
            except Exception as error:  # pylint: disable=broad-except
                self.results.put(error)

    def do(self, task):
        """Run it in there."""
        self.tasks.put(task)
        result = self.results.get(timeout=30)
        if isinstance(result, Exception):
            raise result
        return result

    def connect(self):
        sock = self.do(lambda: socket.create_connection((PROXY, 143), 20))
        assert sock.recv(6) == b"* OK\r\n"
        return sock

    def lose_the_link(self):
        self.do(lambda: ip("link", "set", "far", "down"))

    def close(self):
        self.tasks.put(None)


@pytest.fixture
def phone(site):
    phone = Phone()
    yield phone
    phone.close()


# The proxy's own ends.
CLIENT_SIDE, SERVER_SIDE = "sport = :143", "dport = :1143"


def timers(side):
    """The keep-alive timers of the proxy's sockets on this side, in seconds; None: it has none."""
    table = subprocess.run(["ss", "-Htno", "state", "established", side],
                           stdout=subprocess.PIPE, text=True, check=True, timeout=20).stdout
    found = [re.search(r"timer:\(keepalive,([^,]*),", row) for row in table.splitlines()]
    return [seconds(hit.group(1)) if hit else None for hit in found]


def seconds(text):
    """ss's `1min59sec`, `29sec`, `1.9sec` or `900ms`."""
    minutes, secs, ms = re.fullmatch(r"(?:(\d+)min)?(?:([\d.]+)sec)?(?:(\d+)ms)?", text).groups()
    return int(minutes or 0) * 60 + float(secs or 0) + int(ms or 0) / 1000


def test_both_sides_have_it(site, pki):
    """By `timeouts.keepalive`, which a reload may change though the port stays open."""
    Fake(site, "10.0.0.11", 1143, holds)
    proxy = Mailreeve(site, pki, CONF % "2m")
    for number, (value, low, high) in enumerate((("2m", 60, 120), ("10m", 540, 600), ("0s", 0, 0))):
        if number:
            proxy.rewrite(CONF % value)
            proxy.control("reload")
            proxy.said(f"generation {number + 1} serves")
        with connect(PROXY, 143) as sock:
            assert sock.recv(6) == b"* OK\r\n"
            for side in (CLIENT_SIDE, SERVER_SIDE):
                found = timers(side)
                assert len(found) == 1, found
                if high:
                    assert low <= found[0] <= high, (value, found)
                else:
                    assert found == [None]
        wait_until(lambda: not timers(CLIENT_SIDE) and not timers(SERVER_SIDE), "the connection to be over")


@pytest.mark.timeout(150)
def test_link_down(site, pki, phone):
    """A client goes away, silent or with bytes that it never acknowledges: its connection ends a
    minute after `keepalive`.  One that is there and reads nothing all that time gets everything."""
    server = Fake(site, "10.0.0.11", 1143, holds)
    proxy = Mailreeve(site, pki, CONF % "2s")
    clients = {}
    for name, dial in (("lazy", lambda: connect(PROXY, 143)), ("silent", phone.connect),
                       ("owing", phone.connect)):
        clients[name] = dial()
        wait_until(lambda: len(server.seen) == len(clients), "the connection to be at the server")
    assert clients["lazy"].recv(6) == b"* OK\r\n"
    ports = {name: sock.getsockname()[1] for name, sock in clients.items()}
    lazy, _, owing = server.seen
    # More than all buffers take together: the window of the lazy one is closed.
    lazy.settimeout(1)
    sent = 0
    with pytest.raises(TimeoutError):
        while True:
            sent += lazy.send(bytes(65536))
    phone.lose_the_link()
    owing.sendall(b"* BYE\r\n")
    wait_until(lambda: len([line for line in proxy.raw() if " end=" in line]) == 2,
               "both connections to end", 100)
    for name in ("silent", "owing"):
        fields = proxy.ended(client=f"{FAR}:{ports[name]}")
        assert (fields["end"], fields["while"]) == ("client-reset", "relay")
        assert fields["why"]
        assert int(fields["ms_total"]) >= 60000
    lazy.shutdown(socket.SHUT_WR)
    got = 0
    while data := clients["lazy"].recv(1 << 20):
        got += len(data)
    assert got == sent
