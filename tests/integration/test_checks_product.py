# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""The whole product in front of a real Dovecot and Postfix, with a check a second on the very ports
that clients' connections go to."""
import contextlib
import ctypes
import os
import re
import signal
import subprocess
import time

import pytest

from lib import postfix
from lib.clients import Smtp, connect, lines
from lib.dovecot import PORTS, Dovecot
from lib.fake_dns import FakeDns
from lib.fakes import Fake, echoes, greets, server_context
from lib.logins import plain_login
from lib.mailreeve import Mailreeve
from lib.postfix import Postfix
from lib.site import PROXY, SERVERS, SERVERS6, wait_until

LONG = bool(os.environ.get("CHECKS_LONG"))
SECONDS = 60 if LONG else 10

FRONTEND = '{ name = "%s"; bind = "192.0.2.10:%d"; backend = "%s"; }'
BACKEND = """{ name = "%s"; protocol = "%s"; receiver = "%s"; servers = "%s:%d";
    check = { interval = "1s"; }; }"""


def conf(rows):
    """rows: name, protocol, receiver, address, port."""
    fronts = [FRONTEND % (name, port, name) for name, _, _, _, port in rows]
    return "frontends = ( %s );\nbackends = ( %s );\n" % (
        ",\n".join(fronts), ",\n".join(BACKEND % row for row in rows))


def visit(protocol):
    login = plain_login(protocol, PORTS[protocol])
    login.logout()


def test_clients_and_checks_together(site, pki):
    """Nobody is refused, no server complains, nothing flaps."""
    dovecot = Dovecot(site, pki, extra="disable_plaintext_auth = no\n")
    mta = Postfix(site, pki, dovecot=dovecot, greet_wait="3s")
    rows = [(name, name, "dovecot", dovecot.address, PORTS[name]) for name in ("imap", "pop3", "sieve")]
    rows += [("mx", "smtp", "postfix", mta.address, postfix.MX),
             ("plain", "submission", "postfix", mta.address, postfix.PLAIN)]
    proxy = Mailreeve(site, pki, conf(rows))
    states = wait_until(lambda: len([line for line in proxy.raw() if "state=up was=checking" in line])
                        == len(rows), "all servers to be up")
    assert states
    served, until = 0, time.monotonic() + SECONDS
    while time.monotonic() < until:
        for protocol in ("imap", "pop3", "sieve"):
            visit(protocol)
            served += 1
        client = Smtp(connect(PROXY, postfix.PLAIN))
        client.login("alice", "secret", initial_response_ok=True)
        client.quit()
        served += 1
    assert served >= SECONDS
    assert dovecot.quarrels() == [] and mta.quarrels() == []
    noise = re.compile("getpeername|throttl|fatal|pipelining|HANGUP|PREGREET")
    assert [line for line in mta.lines() if noise.search(line)] == []
    assert [line for line in proxy.raw() if re.search(r"state=(?!up was=checking)", line)] == []
    ends = [fields["end"] for fields in proxy.lines() if "end" in fields and "conn" in fields]
    assert set(ends) <= {"client-closed", "server-closed"}, ends


@pytest.mark.skipif(not LONG, reason="takes more than a minute: make check-long")
def test_power_failure(site, pki):
    """A node loses its power: whoever is on it, silent or sending, is free again after `keepalive`
    and a minute."""
    Fake(site, SERVERS[0], 1110, echoes)
    proxy = Mailreeve(site, pki, """
frontends = ( { name = "front"; bind = "192.0.2.10:110"; backend = "back";
                timeouts = { keepalive = "5s"; }; } );
backends = ( { name = "back"; protocol = "tcp"; servers = "10.0.0.11:1110";
               check = { type = "none"; }; } );
""")
    silent, sending = connect(PROXY, 110), connect(PROXY, 110)
    for sock in (silent, sending):
        sock.settimeout(90)
        sock.sendall(b"hello")
        assert sock.recv(5) == b"hello"
    subprocess.run(["nft", "-f", "-"], text=True, check=True, timeout=10, input="""
table inet power {
  chain out { type filter hook output priority 0; ip daddr 10.0.0.11 drop; }
  chain back { type filter hook input priority 0; ip saddr 10.0.0.11 drop; }
}
""")
    off = time.monotonic()
    sending.sendall(b"anybody there?")
    for sock in (silent, sending):
        try:
            assert sock.recv(100) == b""
        except ConnectionResetError:
            pass
        assert time.monotonic() - off < 5 + 60 + 10
    proxy.said("conn=.* end=", 2)
    ends = [fields["end"] for fields in proxy.lines() if "end" in fields and "conn" in fields]
    assert len(ends) == 2, ends
    subprocess.run(["nft", "delete", "table", "inet", "power"], check=True, timeout=10)


def test_server_that_never_spoke(site, pki):
    """Without checks: a connection that ends before the server's first byte says what may be wrong,
    and with which key it is mended."""
    Fake(site, SERVERS[0], 1143, lambda _fake, sock: sock.close())
    proxy = Mailreeve(site, pki, """
frontends = ( { name = "front"; bind = "192.0.2.10:143"; backend = "back"; } );
backends = ( { name = "back"; protocol = "imap"; servers = "10.0.0.11:1143";
               check = { type = "none"; }; } );
""")
    with contextlib.suppress(ConnectionResetError), connect(PROXY, 143) as sock:
        assert sock.recv(100) == b""
    line = proxy.said(r"end=server-")
    assert 'without a word; does it expect our PROXY header?' in line, line
    assert "haproxy_trusted_networks" in line and "send_proxy to none" in line, line


CLONE_NEWNS = 0x20000


@pytest.fixture
def resolv(site):
    """This process alone has another /etc/resolv.conf."""
    assert ctypes.CDLL(None).unshare(CLONE_NEWNS) == 0
    ours = site.write("resolv.conf", "nameserver 10.0.0.20\noptions timeout:1 attempts:1\n")
    for arguments in (["--make-rprivate", "/"], ["--bind", ours, "/etc/resolv.conf"]):
        subprocess.run(["mount", *arguments], check=True, timeout=10)
    yield
    subprocess.run(["umount", "/etc/resolv.conf"], check=True, timeout=10)


def test_names(site, pki, resolv):
    """A server by name: told when it gets an address, followed to another one without a reload."""
    name = "pop3.example.org"
    dns = FakeDns(site, "10.0.0.20", {name: [SERVERS[0]]})
    for number in (0, 1):
        Fake(site, SERVERS[number], 1110, greets(b"+OK s%d\r\n" % number))
    proxy = Mailreeve(site, pki, """
frontends = ( { name = "front"; bind = "192.0.2.10:110"; backend = "back"; } );
backends = ( { name = "back"; protocol = "pop3"; servers = ( { name = "s"; address = "%s:1110"; } );
               check = { interval = "500ms"; type = "tcp"; }; } );
""" % name)

    def greeting():
        with connect(PROXY, 110) as sock:
            return lines(sock)
    proxy.said(r"server=back/s address=10.0.0.11:1110 was=- name=pop3.example.org")
    proxy.said(r"server=back/s state=up was=checking")
    assert greeting() == [b"+OK s0\r\n"]
    dns.zone[name] = [SERVERS[1]]
    proxy.said(r"server=back/s address=10.0.0.12:1110 was=10.0.0.11:1110")
    wait_until(lambda: greeting() == [b"+OK s1\r\n"], "a client at the new address")
    dns.ways.add("silent")
    proxy.said(r'server=back/s dns=failed name=pop3.example.org why="DNS: Timeout')
    assert greeting() == [b"+OK s1\r\n"]
    assert not [line for line in proxy.raw() if "state=down" in line]


def test_reload_asks(site, pki, resolv):
    """A reload asks DNS, also one that finds nothing new in the file."""
    name = "pop3.example.org"
    dns = FakeDns(site, "10.0.0.20", {name: [SERVERS[0]]}, ttl=3600)
    for number in (0, 1):
        Fake(site, SERVERS[number], 1110, greets(b"+OK\r\n"))
    proxy = Mailreeve(site, pki, """
frontends = ( { name = "front"; bind = "192.0.2.10:110"; backend = "back"; } );
backends = ( { name = "back"; protocol = "pop3"; servers = ( { name = "s"; address = "%s:1110"; } );
               check = { interval = "500ms"; type = "tcp"; }; } );
""" % name)
    proxy.said(r"server=back/s state=up was=checking")
    dns.zone[name] = [SERVERS[1]]
    proxy.send(signal.SIGHUP)
    proxy.said(r"server=back/s address=10.0.0.12:1110 was=10.0.0.11:1110")


def test_all_addresses(site, pki, resolv):
    """resolve = "all": the log's server= and why= say which of a name's servers it was, as the
    lines about their states do."""
    name = "pop3.example.org"
    FakeDns(site, "10.0.0.20", {name: [SERVERS[0], SERVERS6[0]]})
    servers = {address: Fake(site, address, 1110, greets(b"+OK\r\n"))
               for address in (SERVERS[0], SERVERS6[0])}
    proxy = Mailreeve(site, pki, """
frontends = ( { name = "front"; bind = "192.0.2.10:110"; backend = "back"; } );
backends = ( { name = "back"; protocol = "pop3"; balance = "roundrobin"; check = { type = "none"; };
               servers = ( { name = "s"; address = "%s:1110"; resolve = "all"; } ); } );
workers = 1; # each has a round of its own
""" % name)
    for address in servers:
        proxy.said(rf"server=back/s-{address} address=")

    def visit():
        with connect(PROXY, 110) as sock:
            return lines(sock)
    for _ in range(4):
        visit()
    proxy.said("end=client-closed", 4)
    names = {address: f"s-{address}" for address in servers}
    assert sorted(line["server"] for line in proxy.lines() if "end" in line) == \
        sorted([*names.values()] * 2)
    for address, server in servers.items():
        assert len(server.headers) == 2, address
        server.listen_no_more()
    visit()
    line = proxy.ended(end="connect-failed")
    assert line["server"] in names.values()
    assert line["why"] == f"{line['server']}: Connection refused"


def test_forty_addresses(site, pki, resolv):
    """32 servers out of a name with 40 addresses, and the next one named with the remedy."""
    name = "pop3.example.org"
    many = [f"10.9.0.{n}" for n in range(1, 41)]
    FakeDns(site, "10.0.0.20", {name: many})
    proxy = Mailreeve(site, pki, """
frontends = ( { name = "front"; bind = "192.0.2.10:110"; backend = "back"; } );
backends = ( { name = "back"; protocol = "pop3"; check = { type = "none"; };
               servers = ( { name = "s"; address = "%s:1110"; resolve = "all"; } ); } );
""" % name)
    proxy.said(rf"server=back/s name={name} address=10.9.0.33 why=\"the name has more than 32 "
               r"addresses: this one and those after it get no clients; give the name fewer, ")
    for address in many[:32]:
        proxy.said(rf"server=back/s-{address} address={address}:1110")
    assert not any("10.9.0.34" in line for line in proxy.raw())


def test_certificate_that_expires(site, pki):
    """Told once, not at every check."""
    def behave(fake, sock):
        with fake.tls.wrap_socket(sock, server_side=True) as tls:
            tls.recv(1000)
    Fake(site, SERVERS[0], 1110, behave, tls=server_context(pki, "expired"))
    proxy = Mailreeve(site, pki, """
frontends = ( { name = "front"; bind = "192.0.2.10:110"; backend = "back"; } );
backends = ( { name = "back"; protocol = "pop3"; servers = ( { name = "s"; address = "10.0.0.11:1110"; } );
               send_proxy = "none"; tls = { verify = "none"; };
               check = { interval = "200ms"; type = "tls"; }; } );
""")
    proxy.said(r'server=back/s why="the server\'s certificate has expired"')
    time.sleep(1)
    assert len([line for line in proxy.raw() if "certificate has expired" in line]) == 1
