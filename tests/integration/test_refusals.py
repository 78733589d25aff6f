# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""No server takes the connection: the client is told so in its own protocol."""
import contextlib
import socket
import struct
import time

import pytest

from lib.clients import connect, context, lines, rest
from lib.fakes import Fake, closes, greets, hangs, server_context
from lib.mailreeve import Mailreeve
from lib.site import PROXY

CONF = """
timeouts = { connect = "%(connect)s"; };
frontends = ( { name = "front"; bind = "192.0.2.10:%(port)d"; backend = "back"; %(front_tls)s } );
backends = ( {
    name = "back"; protocol = "%(protocol)s"; balance = "first"; retries = 3;
    servers = ( %(servers)s );
    check = { type = "none"; };
    %(back_tls)s
} );
"""
FRONT_TLS = 'tls = { certificates = "$pki/mail"; };'
WORDS = {"imap": b"* BYE ", "pop3": b"-ERR ", "smtp": b"421 ", "submission": b"421 ",
         "sieve": b"BYE "}


def conf(protocol, servers=("10.0.0.11:143",), front_tls="", back_tls="", connect_timeout="5s"):
    return CONF % {"protocol": protocol, "port": 993, "front_tls": front_tls, "back_tls": back_tls,
                   "servers": ", ".join(f'"{s}"' for s in servers), "connect": connect_timeout}


def refused(pki, protocol, tls=True):
    """What a client reads, which must be one line in its protocol and then a clean end."""
    sock = connect(PROXY, 993, context(pki) if tls else None)
    with sock:
        said = rest(sock)  # raises where TLS ends without close_notify
    assert said.startswith(WORDS[protocol]) and said.endswith(b"\r\n") and said.count(b"\n") == 1
    assert b"mail.example.org" in said
    return said


@pytest.mark.parametrize("tls", (False, True), ids=("plain", "tls"))
@pytest.mark.parametrize("protocol", WORDS)
def test_nobody_there(site, pki, protocol, tls):
    proxy = Mailreeve(site, pki, conf(protocol, front_tls=FRONT_TLS if tls else ""))
    refused(pki, protocol, tls)
    line = proxy.ended(frontend="front", end="connect-failed")
    assert line["while"] == "connect" and "refused" in line["why"]


def test_next_server(site, pki):
    """Two servers refuse, the third one serves; the client hears nothing of it."""
    Fake(site, "10.0.0.13", 143, greets(b"* OK third\r\n"))
    proxy = Mailreeve(site, pki, conf("imap", ("10.0.0.11:143", "10.0.0.12:143", "10.0.0.13:143"),
                                      front_tls=FRONT_TLS))
    with connect(PROXY, 993, context(pki)) as sock:
        assert lines(sock) == [b"* OK third\r\n"]
    line = proxy.ended(frontend="front")
    assert (line["server"], line["tries"]) == ("10.0.0.13:143", "3")


def test_retries_end(site, pki):
    """retries = 3: after the first server three others are asked, not a fifth one."""
    fifth = Fake(site, "10.0.0.15", 143, greets(b"* OK fifth\r\n"))
    proxy = Mailreeve(site, pki, conf("imap", [f"10.0.0.{n}:143" for n in range(11, 16)]))
    refused(pki, "imap", tls=False)
    assert proxy.ended(frontend="front")["tries"] == "4"
    assert not fifth.headers


def says(*pieces, reset=False):
    """The header, then these words one after the other, and the end."""
    def behave(fake, sock):
        fake.header(sock)
        sock = fake.tls.wrap_socket(sock, server_side=True) if fake.tls else sock
        for piece in pieces:
            sock.sendall(piece)
            time.sleep(0.2)
        if reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    return behave


@pytest.mark.parametrize("protocol, pieces, why", (
    ("imap", [b"* BYE Too many connections\r\n"], "the server said no more than '* BYE Too many connections'"),
    ("pop3", [b"-ERR [SYS/", b"TEMP] busy\r\n"], "the server said no more than '-ERR [SYS/TEMP] busy'"),
    ("smtp", [b"421-4.7.0 mx\r\n421 4.7.0 bye\r\n"], "the server said no more than '421-4.7.0 mx'"),
    ("smtp", [b'554 "no\\\x1b[2J'], "the server said no more than '554 ?no??[2J'"),
    ("imap", [b"* BAD Error in command received\r\n"], "send_proxy to none"),
    ("smtp", [b"500 5.5.2 Error: bad syntax\r\n"], "send_proxy to none"),
    ("imap", [b"\x15\x03\x01\x00\x02\x02\x46"], "answers in TLS: it is a TLS port"),
))
def test_last_words(site, pki, protocol, pieces, why):
    """A server that ends the connection after its first words, though nobody checks it: the log
    has them."""
    Fake(site, "10.0.0.11", 143, says(*pieces))
    proxy = Mailreeve(site, pki, conf(protocol))
    with connect(PROXY, 993) as sock:
        assert rest(sock) == b"".join(pieces)
    line = proxy.ended(frontend="front", end="server-closed")
    assert why in line["why"] and line["tries"] == "1"


def test_last_words_in_tls(site, pki):
    Fake(site, "10.0.0.11", 143, says(b"* BYE tired\r\n"), tls=server_context(pki))
    proxy = Mailreeve(site, pki, conf("imap", front_tls=FRONT_TLS, back_tls='tls = { verify = "none"; };'))
    # The server ends TLS without a close_notify, and so does the proxy.
    with contextlib.suppress(OSError), connect(PROXY, 993, context(pki)) as sock:
        rest(sock)
    assert "'* BYE tired'" in proxy.ended(frontend="front", end="server-closed")["why"]


def test_no_last_words_after_a_dialogue(site, pki):
    """What it ended with is not the greeting then."""
    def behave(fake, sock):
        fake.header(sock)
        sock.sendall(b"+OK ready\r\n")
        lines(sock)
        sock.sendall(b"-ERR no\r\n")
        sock.close()
    Fake(site, "10.0.0.11", 143, behave)
    proxy = Mailreeve(site, pki, conf("pop3"))
    with connect(PROXY, 993) as sock:
        lines(sock)
        sock.sendall(b"USER a\r\n")
        assert rest(sock) == b"-ERR no\r\n"
    assert "ready" not in proxy.ended(frontend="front").get("why", "")


@pytest.mark.parametrize("retries", (0, 1, 3))
@pytest.mark.parametrize("servers", (1, 2))
def test_tries_are_attempts(site, pki, servers, retries):
    """Nobody listens on any of them: tries= is the first attempt and its retries, not servers."""
    proxy = Mailreeve(site, pki, conf("imap", [f"10.0.0.{11 + n}:143" for n in range(servers)])
                      .replace("retries = 3", f"retries = {retries}"))
    refused(pki, "imap", tls=False)
    line = proxy.ended(frontend="front", end="connect-failed")
    assert line["tries"] == str(retries + 1)


def test_hung_host(site, pki):
    """A server that accepts but never begins TLS is left when `connect` has passed."""
    Fake(site, "10.0.0.11", 993, hangs)
    Fake(site, "10.0.0.12", 993, greets(b"* OK second\r\n"), tls=server_context(pki))
    proxy = Mailreeve(site, pki, conf(
        "imap", ("10.0.0.11:993", "10.0.0.12:993"), front_tls=FRONT_TLS, connect_timeout="1s",
        back_tls='tls = { ca_file = "$pki/ca.pem"; server_name = "dovecot.example.org"; };'))
    start = time.monotonic()
    with connect(PROXY, 993, context(pki)) as sock:
        assert lines(sock) == [b"* OK second\r\n"]
    assert 0.9 < time.monotonic() - start < 5
    assert proxy.ended(frontend="front")["server"] == "10.0.0.12:993"


def test_all_hang(site, pki):
    Fake(site, "10.0.0.11", 993, hangs)
    proxy = Mailreeve(site, pki, conf(
        "imap", ("10.0.0.11:993",), front_tls=FRONT_TLS, connect_timeout="1s",
        back_tls='tls = { ca_file = "$pki/ca.pem"; server_name = "dovecot.example.org"; };'))
    refused(pki, "imap")
    line = proxy.ended(frontend="front", end="connect-failed")
    assert line["while"] == "backend-tls" and line["why"] != "-"


@pytest.mark.parametrize("case", ("name", "authority", "expired"))
def test_wrong_certificate(site, pki, case):
    """A server that is not who it should be gets no byte of the client's; the line says why."""
    certificate, settings, why = {
        "name": ("other", 'server_name = "dovecot.example.org"', "other.example.net"),
        "authority": ("backend", 'server_name = "dovecot.example.org"', ""),
        "expired": ("expired", 'server_name = "mail.example.org"', "expired"),
    }[case]
    server = Fake(site, "10.0.0.11", 993, greets(b"* OK\r\n"), tls=server_context(pki, certificate))
    ca = "rogue" if case == "authority" else "ca"
    proxy = Mailreeve(site, pki, conf(
        "imap", ("10.0.0.11:993",), front_tls=FRONT_TLS,
        back_tls=f'tls = {{ ca_file = "$pki/{ca}.pem"; {settings}; }};'))
    refused(pki, "imap")
    line = proxy.ended(frontend="front", end="connect-failed")
    assert line["while"] == "backend-tls" and why in line["why"] and line["why"] != "-"
    assert not server.seen


def test_passthrough_says_nothing(site, pki):
    """Inside TLS that is not ours nothing can be said: the connection ends."""
    proxy = Mailreeve(site, pki, conf("imap", front_tls='tls = { mode = "passthrough"; };'))
    with pytest.raises(OSError):
        connect(PROXY, 993, context(pki))
    assert proxy.ended(frontend="front", end="connect-failed")["sni"] == "mail.example.org"


def test_closed_at_once(site, pki):
    """A server that takes the connection and closes it: the client sees its end, nothing more."""
    Fake(site, "10.0.0.11", 143, closes)
    proxy = Mailreeve(site, pki, conf("imap", front_tls=FRONT_TLS))
    with connect(PROXY, 993, context(pki)) as sock:
        try:
            assert rest(sock) == b""
        except ConnectionResetError:
            pass  # the server's close met our header
    assert proxy.ended(frontend="front")["end"] in ("server-closed", "server-reset")
