# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""No server takes the connection: the client is told so in its own protocol."""
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
        assert rest(sock) == b""
    assert proxy.ended(frontend="front")["end"] in ("server-closed", "server-reset")
