# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""What goes wrong in the field: each case ends in one clear line, and nothing is left (the site
checks descriptors, processes and files at the end of every test)."""
import contextlib
import socket
import time

import pytest

from lib.clients import connect, context, lines, rest
from lib.dovecot import Dovecot
from lib.fakes import Fake, greets, server_context
from lib.logins import tls_login
from lib.mailreeve import Mailreeve, check
from lib.site import PROXY, wait_until

CONF = """
frontends = ( { name = "front"; bind = "192.0.2.10:993"; backend = "back"; %(tls)s
    timeouts = { handshake = "1s"; idle = "1s"; }; } );
backends = ( { name = "back"; protocol = "imap"; retries = 0; check = { type = "none"; };
    servers = "10.0.0.11:143"; %(back_tls)s } );
"""
FRONT_TLS = 'tls = { certificates = "$pki/mail"; };'
PASSTHROUGH = 'tls = { mode = "passthrough"; };'
BACK_TLS = 'tls = { ca_file = "$pki/ca.pem"; server_name = "dovecot.example.org"; };'


def conf(tls=FRONT_TLS, back_tls=""):
    return CONF % {"tls": tls, "back_tls": back_tls}


def until_end(sock):
    """Read to the end, whichever it is."""
    try:
        return rest(sock)
    except ConnectionResetError:
        return b""


CLIENTS = {
    "garbage": (b"\x80\x01\xff garbage that is no TLS at all \x00\x00\r\n", {"tls-error"}),
    "http": (b"GET / HTTP/1.1\r\nHost: mail.example.org\r\n\r\n", {"tls-error"}),
    "imap": (b"a LOGIN alice secret\r\n", {"tls-error"}),
    "ssl2": (b"\x80\x2e\x01\x00\x02" + bytes(43), {"tls-error"}),
    "half a hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(90), {"timeout"}),
    "one byte": (b"\x16", {"timeout"}),
    "nothing": (b"", {"timeout"}),
    "a huge record": (b"\x16\x03\x01\xff\xff" + b"x" * 70000, {"tls-error"}),
    "an alert": (b"\x15\x03\x01\x00\x02\x02\x28", {"tls-error"}),
}


@pytest.mark.parametrize("case", CLIENTS)
@pytest.mark.parametrize("tls", (FRONT_TLS, PASSTHROUGH), ids=("implicit", "passthrough"))
def test_clients_without_tls(site, pki, tls, case):
    """No server is touched, and the client is gone within `handshake`."""
    data, ends = CLIENTS[case]
    server = Fake(site, "10.0.0.11", 143, greets(b"* OK\r\n"))
    proxy = Mailreeve(site, pki, conf(tls))
    start = time.monotonic()
    with connect(PROXY, 993) as sock:
        try:
            sock.sendall(data)
            until_end(sock)
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert time.monotonic() - start < 15
    line = proxy.ended(frontend="front")
    assert line["end"] in ends, line
    assert line["while"] in ("handshake", "hello") and line["server"] == "-"
    assert line["why"] not in ("", "-") or line["end"] == "timeout"
    assert not server.headers and not server.errors


@pytest.mark.parametrize("case", ("nothing", "half a hello"))
def test_clients_that_leave(site, pki, case):
    """The same, but the client does not wait for us."""
    proxy = Mailreeve(site, pki, conf())
    with connect(PROXY, 993) as sock:
        sock.sendall(CLIENTS[case][0])
    line = proxy.ended(frontend="front", end="client-closed")
    assert line["while"] == "handshake"


def test_slow_hello(site, pki):
    """`handshake` is absolute: a byte now and then does not prolong it."""
    proxy = Mailreeve(site, pki, conf())
    start = time.monotonic()
    with connect(PROXY, 993) as sock:
        sock.settimeout(0.1)
        for byte in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200):
            try:
                sock.sendall(bytes([byte]))
                if not sock.recv(1):
                    break
            except TimeoutError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                break
    assert 0.8 < time.monotonic() - start < 5
    assert proxy.ended(frontend="front")["end"] == "timeout"


def test_idle(site, pki):
    """Nobody says a word for `idle`: both sides end in order."""
    server = Fake(site, "10.0.0.11", 143, greets(b"* OK\r\n"))
    proxy = Mailreeve(site, pki, conf())
    with connect(PROXY, 993, context(pki)) as sock:
        assert rest(sock) == b"* OK\r\n"  # raises where close_notify is missing
    assert proxy.ended(frontend="front", end="idle")["while"] == "relay"
    assert not server.errors


def test_tls_server_on_plain_port(site, pki):
    """We expect plaintext, the server waits for a handshake: neither says a word."""
    def accept_tls(fake, sock):
        fake.header(sock)
        fake.tls.wrap_socket(sock, server_side=True)
    Fake(site, "10.0.0.11", 143, accept_tls, tls=server_context(pki))
    proxy = Mailreeve(site, pki, conf())
    with connect(PROXY, 993, context(pki)) as sock:
        sock.sendall(b"a NOOP\r\n")
        # The server may close with our words unread: then both ends see a reset.
        with contextlib.suppress(ConnectionResetError):
            rest(sock)
    assert proxy.ended(frontend="front")["end"] in ("server-closed", "server-reset", "idle")


def test_plain_server_on_tls_port(site, pki):
    """We begin TLS, the server greets in plaintext: the line says what that means."""
    Fake(site, "10.0.0.11", 143, greets(b"* OK Dovecot ready.\r\n"))
    proxy = Mailreeve(site, pki, conf(back_tls=BACK_TLS))
    with connect(PROXY, 993, context(pki)) as sock:
        assert rest(sock).startswith(b"* BYE ")
    line = proxy.ended(frontend="front", end="connect-failed")
    assert line["while"] == "backend-tls" and "plain text" in line["why"]


def test_dovecot_without_header(site, pki):
    """A Dovecot that does not expect our header takes it for a bad command or refuses it."""
    Dovecot(site, pki)
    proxy = Mailreeve(site, pki, conf().replace("10.0.0.11:143", "10.0.0.11:10143"))
    with connect(PROXY, 993, context(pki)) as sock:
        lines(sock)
        until_end(sock)
    assert proxy.ended(frontend="front")["server"] == "10.0.0.11:10143"


@pytest.mark.parametrize("send_proxy", ("none",))
def test_dovecot_misses_header(site, pki, send_proxy):
    """The reverse: Dovecot waits for a header that never comes, and closes."""
    dovecot = Dovecot(site, pki)
    proxy = Mailreeve(site, pki, conf().replace("retries", f'send_proxy = "{send_proxy}"; retries'))
    with connect(PROXY, 993, context(pki)) as sock:
        sock.sendall(b"a NOOP\r\n")
        until_end(sock)
    assert proxy.ended(frontend="front")["end"] in ("server-closed", "server-reset", "idle")
    wait_until(lambda: any("haproxy" in line for line in dovecot.quarrels()), "Dovecot's line")


def test_full_disk(site, pki):
    """The log's disk is full: mail goes on, the lines that were lost are counted, and logging
    resumes when there is room."""
    Dovecot(site, pki)
    disk = site.small_disk("disk", 65536)
    site.logs["mailreeve"] = disk / "mailreeve.log"
    proxy = Mailreeve(site, pki, conf(), log=disk / "mailreeve.log")
    with open(disk / "filler", "wb", buffering=0) as filler, pytest.raises(OSError):
        while True:
            filler.write(bytes(512))
    for _ in range(20):  # more lines than fit the last page of the log
        tls_login(pki, "imap", 993).logout()
    wait_until(lambda: proxy.info()["Log_lines_lost"] != "0", "lost lines to be counted")
    (disk / "filler").unlink()
    login = tls_login(pki, "imap", 993)
    login.logout()
    proxy.ended(client=f"198.51.100.7:{login.port}")


@pytest.mark.parametrize("start", (False, True), ids=("-t", "start"))
def test_key_of_another(site, pki, start):
    """A certificate with a key that is not its own: nothing starts, and it is said why."""
    directory = site.path("mixed")
    directory.mkdir()
    for name, source in (("fullchain.pem", pki.chain("mail")), ("privkey.pem", pki.key("mail-rsa"))):
        site.write(f"mixed/{name}", open(source, encoding="ascii").read(), mode=0o600)
    text = conf().replace("$pki/mail", "$dir/mixed")
    if start:
        proxy = Mailreeve(site, pki, text, wait=False)
        wait_until(lambda: proxy.process.poll() is not None, "mailreeve to refuse to start")
        assert proxy.process.returncode == 78
        said = "\n".join(proxy.raw())
    else:
        done = check(site, pki, text)
        assert done.returncode == 1
        said = done.stdout
    assert "privkey.pem" in said and "fullchain.pem" in said and "does not belong to" in said


def test_many_at_once(site, pki):
    """200 clients that say nothing do not keep one from being served."""
    Fake(site, "10.0.0.11", 143, greets(b"* OK\r\n"))
    proxy = Mailreeve(site, pki, conf())
    silent = [connect(PROXY, 993) for _ in range(200)]
    with connect(PROXY, 993, context(pki)) as sock:
        assert lines(sock) == [b"* OK\r\n"]
    for sock in silent:
        until_end(sock)
        sock.close()
    wait_until(lambda: sum(line.get("end") == "timeout" for line in proxy.lines()) == 200,
               "a line for each silent client")


def test_reset_at_once(site, pki):
    """Connections that are gone before anybody looks at them."""
    proxy = Mailreeve(site, pki, conf())
    for _ in range(50):
        sock = connect(PROXY, 993)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
    proxy.at_rest()
    assert proxy.process.poll() is None
