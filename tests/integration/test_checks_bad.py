# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Servers that are not well, each in its own way: down, with a reason in words."""
import re
import socket
import struct
import threading
import time

import pytest

from lib.checker import Checker
from lib.fakes import Fake, server_context
from lib.site import SERVERS, wait_until

HEAD = 'frontends = ( { name = "front"; bind = "192.0.2.10:143"; backend = "%s"; } );\n'
CONF = HEAD % "back" + """
backends = ( { name = "back"; protocol = "%s"; servers = "10.0.0.11:1143"; send_proxy = "none"; %s
    check = { interval = "200ms"; timeout = "1s"; fall = 2; %s }; } );
"""
DOVECOT = 'tls = { ca_file = "$pki/ca.pem"; server_name = "dovecot.example.org"; };'


def says(*parts, pause=0.2, then=None):
    """Say one part after another, then wait for the end of the connection."""
    def behave(_fake, sock):
        for n, part in enumerate(parts):
            time.sleep(pause if n else 0)
            sock.sendall(part)
        if then:
            then(sock)
        else:
            while sock.recv(65536):
                pass
    return behave


def answers(greeting, answer):
    """Greet, and answer whatever comes."""
    def behave(_fake, sock):
        sock.sendall(greeting)
        sock.recv(65536)
        sock.sendall(answer)
        while sock.recv(65536):
            pass
    return behave


def streams(chunk):
    def behave(_fake, sock):
        while True:
            sock.sendall(chunk)
    return behave


def closes(_fake, sock):
    sock.close()


def resets(_fake, sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


SECOND = b"220-second line\r\n"

BAD = [
    # name, protocol, behave, check, status, words
    ("mute", "imap", says(), "", 12, "connected, but not a word within 1 s"),
    ("mute smtp", "smtp", says(), "", 12, "connected, but not a word within 1 s"),
    ("half a greeting", "smtp", says(b"220-wait for it\r\n", b"220"), "", 12,
     "not all of the greeting within 1 s: '220'"),
    ("drops", "imap", says(*(bytes([c]) for c in b"* OK and so on and on"), pause=0.3), "", 12,
     "not all of the greeting within 1 s: '* O"),
    ("hung at goodbye", "pop3", says(b"+OK hello\r\n", then=lambda _: time.sleep(3)), "", 12,
     "connected, but not an answer to our goodbye within 1 s"),
    ("421", "smtp", says(b"421 4.3.2 No system resources\r\n"), "", 17,
     "refuses: '421 4.3.2 No system resources'"),
    ("421 after a teaser", "smtp", says(b"220-wait\r\n", b"421 4.3.2 busy\r\n"), "", 17,
     "refuses: '421 4.3.2 busy'"),
    ("554", "lmtp", says(b"554 5.7.1 go away\r\n"), "", 17, "refuses: '554 5.7.1 go away'"),
    ("bye", "imap", says(b"* BYE Server shutting down.\r\n"), "", 17,
     "refuses: '* BYE Server shutting down.'"),
    ("err", "pop3", says(b"-ERR [SYS/TEMP] no\r\n"), "", 17, "refuses: '-ERR [SYS/TEMP] no'"),
    ("no", "sieve", says(b'NO "try later"\r\n'), "", 17, "refuses: 'NO ?try later?'"),
    ("sieve bye", "sieve", says(b"BYE {9}\r\ntry later\r\n"), "", 17, "refuses: 'BYE try later'"),
    ("no goodbye", "smtp", answers(b"220 hi\r\n", b"500 5.5.2 bad syntax\r\n"), "", 17,
     "at our goodbye: '500 5.5.2 bad syntax'"),
    ("wrong protocol", "imap", says(b"220 mail ESMTP\r\n"), "", 13, "not IMAP: '220 mail ESMTP'"),
    ("escape codes", "smtp", says(b"421 \x1b[31;1m\x07\x9bRED\xc2\x9b\x00 \"\\\r\n"), "", 17,
     "refuses: '421 ?[31;1m??RED??? ??'"),
    ("streams lines", "smtp", streams(SECOND * 100), "", 13,
     "4096 bytes and not all of the greeting: '220-second line"),
    ("streams no line", "imap", streams(b"x" * 65536), "", 13,
     "4096 bytes and not all of the greeting: 'xxxx"),
    ("streams zeros", "pop3", streams(b"\0" * 65536), "", 13,
     "4096 bytes and not all of the greeting: '????"),
    ("streams, no needle", "imap", streams(b"* NO\r\n"), 'type = "expect"; expect = "* OK";', 13,
     "4096 bytes and not all of what is expected: '* NO??* NO"),
    ("closes", "imap", closes, "", 13, "closed without a word; does it expect a PROXY header? Set"),
    ("resets", "imap", resets, "", None, "connection reset"),
    ("reset after a header", "imap", resets, 'send_proxy = "proxy";', None, "connection reset"),
    ("no TLS", "imap", says(b"* OK hello\r\n"), "tls = { verify = \"none\"; };", 11, None),
    ("mute instead of TLS", "imap", says(), "tls = { verify = \"none\"; };", 10,
     "TLS handshake not done within 1 s; is it a TLS port?"),
    ("closes instead of TLS", "imap", closes, "tls = { verify = \"none\"; };", 11, None),
]


def down(site, pki, protocol, check, more=""):
    """Wait until the server is down; its last result."""
    checker = Checker(site, pki, CONF % (protocol, more, check))
    return checker, checker.result("back/10.0.0.11:1143+0", lambda r: r.state == "down")


@pytest.mark.parametrize("name,protocol,behave,check,status,words", BAD, ids=[b[0] for b in BAD])
def test_down_with_a_reason(site, pki, name, protocol, behave, check, status, words):
    fake = Fake(site, SERVERS[0], 1143, behave)
    checker, result = down(site, pki, protocol, check)
    print(name, result)
    assert not result.ok and result.status == (status or result.status), result
    if words is not None:
        assert result.text.startswith(words), result
    assert 10 < len(result.text) < 300 and result.text.isprintable()
    # It is asked again, and nothing of its connections is left.
    checker.result(result.server, lambda r: r.at > result.at)
    fake.stop()
    wait_until(lambda: checker.results()[-1].text == "connection refused", "the end of the server")
    wait_until(lambda: checker.descriptors() <= 10, f"{checker.descriptors()} descriptors to go")


CERTIFICATES = [
    # what the server shows, what is expected of it, words of the reason
    ("expired", 'ca_file = "$pki/ca.pem"; server_name = "mail.example.org";', "expired"),
    ("mail", 'ca_file = "$pki/ca.pem"; server_name = "dovecot.example.org";', "dovecot.example.org"),
    ("mail", 'ca_file = "$pki/ca.pem";', "10.0.0.11"),
    ("backend", 'ca_file = "$pki/rogue.pem"; server_name = "dovecot.example.org";', "ca_file"),
]


@pytest.mark.parametrize("certificate,expected,words", CERTIFICATES)
def test_certificate(site, pki, certificate, expected, words):
    """A certificate that is not as it must be: down, and the reason says what is wrong with it."""
    context = server_context(pki, certificate)

    def behave(fake, sock):
        with fake.tls.wrap_socket(sock, server_side=True) as tls:
            tls.sendall(b"* OK hello\r\n")
            tls.recv(1000)
    Fake(site, SERVERS[0], 1143, behave, tls=context)
    checker, result = down(site, pki, "imap", "", "tls = { %s };" % expected)
    assert (result.ok, result.status) == (False, 11)
    assert "certificate" in result.text and words in result.text, result.text
    assert certificate == "expired" or re.search("; set (server_name|ca_file)", result.text), result


def test_plain_to_a_tls_port(site, pki):
    """A server that waits for TLS: the first check that hears nothing says so."""
    def behave(fake, sock):
        with fake.tls.wrap_socket(sock, server_side=True) as tls:
            tls.recv(1000)
    Fake(site, SERVERS[0], 1143, behave, tls=server_context(pki, "mail"))
    checker = Checker(site, pki, CONF % ("imap", "", ""))
    result = checker.result("back/10.0.0.11:1143+0")
    assert result.status == 13 and result.text.startswith("answers in TLS: it is a TLS port"), result


PASSTHROUGH = """
frontends = ( { name = "front"; bind = "192.0.2.10:993"; backend = "back";
                tls = { mode = "passthrough"; }; } );
backends = ( { name = "back"; protocol = "imap"; servers = "10.0.0.11:1143"; send_proxy = "none";
    check = { interval = "200ms"; timeout = "1s"; fall = 2; %s }; } );
"""


def test_passthrough_says_no_inside_tls(site, pki):
    """A handshake proves little: the protocol is asked inside TLS that nobody verifies; a plain
    port of the same server will do, too."""
    def behave(fake, sock):
        with fake.tls.wrap_socket(sock, server_side=True) as tls:
            tls.sendall(b"* BYE no mail store\r\n")
            tls.recv(1000)
    Fake(site, SERVERS[0], 1143, behave, tls=server_context(pki, "expired"))
    Fake(site, SERVERS[0], 143, answers(b"* OK hello\r\n", b"* BYE\r\nx OK\r\n"))
    checker = Checker(site, pki, PASSTHROUGH % "")
    result = checker.result("back/10.0.0.11:1143+0", lambda r: r.state == "down")
    assert result.status == 17 and "* BYE no mail store" in result.text, result
    checker.stop()
    checker = Checker(site, pki, PASSTHROUGH % "port = 143; tls = false;")
    assert checker.result("back/10.0.0.11:1143+0").ok


def test_days_of_an_expired_certificate(site, pki):
    """Where nothing is verified, the certificate is told of all the same."""
    def behave(fake, sock):
        with fake.tls.wrap_socket(sock, server_side=True) as tls:
            tls.sendall(b"* OK hello\r\n")
            tls.recv(1000)
            tls.sendall(b"* BYE\r\nx OK\r\n")
    Fake(site, SERVERS[0], 1143, behave, tls=server_context(pki, "expired"))
    checker = Checker(site, pki, CONF % ("imap", 'tls = { verify = "none"; };', ""))
    assert checker.result("back/10.0.0.11:1143+0", count=3).state == "up"
    [report] = checker.reports("days")
    assert int(report[3]) < -1000


def test_nobody_there(site, pki):
    """Refused; and a host that swallows every packet."""
    _, result = down(site, pki, "imap", "")
    assert (result.ok, result.status, result.text) == (False, 8, "connection refused")


def test_up_again(site, pki):
    """Down, then two good answers in a row: up."""
    well = threading.Event()

    def behave(_fake, sock):
        if not well.is_set():
            sock.sendall(b"* BYE no\r\n")
            return
        sock.sendall(b"* OK yes\r\n")
        assert sock.recv(100) == b"x LOGOUT\r\n"
        sock.sendall(b"* BYE\r\nx OK\r\n")
        assert sock.recv(100) == b""
    fake = Fake(site, SERVERS[0], 1143, behave)
    checker, result = down(site, pki, "imap", 'rise = 2; fast_interval = "50ms";')
    well.set()
    up = checker.result(result.server, lambda r: r.state == "up")
    states = [r.state for r in checker.results() if r.at > result.at and r.ok]
    assert states[:2] == ["going-up", "up"] and up.text == "IMAP server serves"
    assert fake.errors == []


def test_intervals(site, pki):
    """interval while up, fast_interval on the way, down_interval while down; CHECK_NOW at once."""
    well = threading.Event()
    well.set()

    def behave(_fake, sock):
        if well.is_set():
            sock.sendall(b"+OK\r\n")
            sock.recv(100)
            sock.sendall(b"+OK\r\n")
    Fake(site, SERVERS[0], 1143, behave)
    conf = CONF.replace('interval = "200ms"; timeout = "1s"; fall = 2;', 'interval = "1s";')
    checker = Checker(site, pki, conf % (
        "pop3", "", 'fast_interval = "100ms"; down_interval = "400ms"; rise = 3; fall = 3;'))
    server = "back/10.0.0.11:1143+0"
    checker.result(server, count=4)
    well.clear()
    bottom = checker.result(server, lambda r: r.state == "down", count=3)
    results = [r for r in checker.results() if r.at <= bottom.at]
    gaps = {}
    for one, two in zip(results[1:], results[2:]):
        gaps.setdefault(one.state, []).append(two.at - one.at)
    # A busy machine may be late, and then the next gap is short; but not every time.
    for state, least, most in (("up", 900, 1150), ("going-down", 80, 250), ("down", 350, 550)):
        assert max(gaps[state]) >= least and min(gaps[state]) <= most, gaps
    # A suspicion does not wait.
    well.set()
    up = checker.result(server, lambda r: r.state == "up" and r.at > bottom.at)
    time.sleep(0.1)
    checker.command("now 0")
    again = checker.result(server, lambda r: r.at > up.at)
    assert again.at - up.at < 900
    # In maintenance there are no checks.
    checker.command("maint 0 1")
    time.sleep(1.2)
    before = len(checker.results())
    time.sleep(1.5)
    assert len(checker.results()) == before
    checker.command("maint 0 0")
    checker.result(server, count=before + 1)


def test_hung_servers_delay_nobody(site, pki):
    """A thousand servers that say nothing, one that is well: its checks come on time."""
    hung = socket.create_server((SERVERS[1], 1143), backlog=4096)

    def behave(_fake, sock):
        sock.sendall(b"+OK\r\n")
        sock.recv(100)
        sock.sendall(b"+OK\r\n")
    Fake(site, SERVERS[0], 1143, behave)
    servers = ",".join('{ name = "h%d"; address = "10.0.0.12:%d"; check_port = 1143; }' % (n, 2000 + n)
                       for n in range(1000))
    checker = Checker(site, pki, HEAD % "good" + """
backends = ( { name = "good"; protocol = "pop3"; servers = "10.0.0.11:1143"; send_proxy = "none";
               check = { interval = "500ms"; }; },
             { name = "hung"; protocol = "pop3"; servers = ( %s );
               check = { interval = "2s"; timeout = "2s"; }; } );
""" % servers)
    last = checker.result("good/10.0.0.11:1143+0", count=16)
    results = checker.results("good/10.0.0.11:1143+0")
    # A starved machine may hold up one or the other; behind the hung ones all would be late.
    assert all(r.ok for r in results), results
    assert sorted(r.ms for r in results)[len(results) // 2] < 500, results
    assert last.at < 16 * 500 * 3
    assert len([r for r in checker.results() if r.server.startswith("hung/")]) >= 2000
    assert all("not a word" in r.text for r in checker.results() if r.server.startswith("hung/"))
    hung.close()


def test_master_does_not_read(site, pki):
    """A full pipe makes nobody wait, loses no result and mixes none up."""
    def behave(_fake, sock):
        sock.sendall(b"+OK\r\n")
        sock.recv(100)
        sock.sendall(b"+OK\r\n")
    Fake(site, SERVERS[0], 1143, behave)
    servers = ",".join('{ name = "s%d"; address = "10.0.0.11:%d"; check_port = 1143; }' % (n, 2000 + n)
                       for n in range(300))
    checker = Checker(site, pki, HEAD % "good" + """
backends = ( { name = "good"; protocol = "pop3"; servers = ( %s );
               check = { interval = "500ms"; }; } );
""" % servers)
    checker.command("pause 4000")
    time.sleep(3)
    # It still answers the master, and does not spin.
    checker.command("ping")
    wait_until(lambda: [r for r in checker.reports("message") if r[2] == "PONG"], "a PONG", 2)
    wait_until(lambda: len({r.server for r in checker.results()}) == 300, "all the results")
    assert all(r.ok for r in checker.results())


def test_ends_with_its_master(site, pki):
    """The end of the master's channel is the end of the checker."""
    Fake(site, SERVERS[0], 1143, says())
    checker = Checker(site, pki, CONF % ("imap", "", ""))
    pid = checker.pid()
    checker.process.kill()
    checker.process.wait()
    checker.stopped = True
    wait_until(lambda: pid not in site.processes(), "the checker to end", 2)
