# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""ClientHellos as they really come: byte by byte, cut into many TLS records, larger than a segment,
with a post-quantum key share; and those that are refused, each with its alert and its log line."""
import socket
import ssl
import struct

import pytest

from lib.clients import PATIENCE, connect, context, lines, rest
from lib.fakes import Fake, greets
from lib.hello import ALERT, HANDSHAKE, extension, hello, in_records, share, sni
from lib.mailreeve import Mailreeve
from lib.site import CLIENT, HOSTNAME, PROXY

CONF = """
frontends = (
  { name = "front"; bind = "192.0.2.10:993"; backend = "imap"; tls = { certificates = "$pki/mail"; }; },
  { name = "strict"; bind = "192.0.2.10:1993"; backend = "imap";
    tls = { certificates = [ "$pki/mail", "$pki/other" ]; strict_sni = true; }; } );
backends = ( { name = "imap"; protocol = "imap"; servers = "10.0.0.11:143";
    check = { type = "none"; }; } );
"""


@pytest.fixture
def proxy(site, pki):
    Fake(site, "10.0.0.11", 143, greets(b"* OK ready\r\n"))
    return Mailreeve(site, pki, CONF)


def shake(pki, change, alpn=("imap",), version=None):
    """A handshake whose first flight goes out as change(bytes) says, in so many pieces; the
    greeting that comes through."""
    tls = context(pki)
    tls.set_alpn_protocols(list(alpn))
    if version:
        tls.maximum_version = version
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    obj = tls.wrap_bio(incoming, outgoing, server_hostname=HOSTNAME)
    with socket.create_connection((PROXY, 993), PATIENCE, (CLIENT, 0)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        first = True
        while True:
            try:
                obj.do_handshake()
                break
            except ssl.SSLWantReadError:
                flight = outgoing.read()
                for piece in change(flight) if first else [flight]:
                    sock.sendall(piece)
                first = False
                incoming.write(sock.recv(65536))
        sock.sendall(outgoing.read())
        while True:
            try:
                return obj.read(100), len(flight)
            except ssl.SSLWantReadError:
                incoming.write(sock.recv(65536))


CHANGES = {
    "as it is": lambda hello: [hello],
    "byte by byte": lambda hello: [hello[i:i + 1] for i in range(len(hello))],
    "header alone": lambda hello: [hello[:5], hello[5:]],
    "records of 100 bytes": lambda hello: [in_records(hello, 100)],
    "records of 1 byte": lambda hello: [in_records(hello, 1)],
    "records of 3 bytes in segments of 7": lambda hello: [
        in_records(hello, 3)[i:i + 7] for i in range(0, len(in_records(hello, 3)), 7)],
}


@pytest.mark.parametrize("version", (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3))
@pytest.mark.parametrize("change", CHANGES)
def test_fragments(proxy, pki, change, version):
    greeting, _ = shake(pki, CHANGES[change], version=version)
    assert greeting == b"* OK ready\r\n"
    line = proxy.ended(frontend="front")
    assert (line["sni"], line["alpn"]) == (HOSTNAME, "imap")


@pytest.mark.parametrize("size", (2000, 9000, 15000))
def test_large(proxy, pki, size):
    """Larger than a segment, larger than any real one; ours is the last protocol of many."""
    names = [f"protocol-{n:011d}" for n in range(size // 21)] + ["imap"]
    greeting, length = shake(pki, lambda hello: [hello], names)
    assert greeting == b"* OK ready\r\n" and length > size * 0.9
    assert proxy.ended(frontend="front")["alpn"] == "imap"


GROUPS = extension(10, struct.pack("!HHHHH", 8, 0x2A2A, 0x11EC, 0x001D, 0x0017))
ALGORITHMS = extension(13, struct.pack("!HH", 2, 0x0403))
VERSIONS = extension(43, b"\x02\x03\x04")
BASEPOINT = b"\x09" + bytes(31)


def say(data, port=993):
    """What comes back, as a list of (type, contents) of TLS records."""
    with socket.create_connection((PROXY, port), PATIENCE, (CLIENT, 0)) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        got, found = rest(sock), []
    while got:
        kind, _, length = struct.unpack("!BHH", got[:5])
        found.append((kind, got[5:5 + length]))
        got = got[5 + length:]
    return found


def test_post_quantum_share(proxy):
    """X25519MLKEM768 first, with its 1216 bytes, as browsers send it since 2024: answered at once,
    by an OpenSSL without it with X25519, whose share is there too."""
    shares = share(0x2A2A, b"\0") + share(0x11EC, bytes(1184) + BASEPOINT) + share(0x001D, BASEPOINT)
    answer = say(hello(sni(HOSTNAME) + GROUPS + ALGORITHMS + VERSIONS +
                       extension(51, struct.pack("!H", len(shares)) + shares)))
    kind, server_hello = answer[0]
    assert kind == HANDSHAKE and server_hello[0] == 2
    group, length = (0x11EC, 1120) if ssl.OPENSSL_VERSION_INFO >= (3, 5) else (0x001D, 32)
    assert struct.pack("!HHHH", 51, 4 + length, group, length) in server_hello
    assert proxy.ended(frontend="front")["sni"] in (HOSTNAME, "-")


def test_no_compression(proxy):
    """DEFLATE is offered first; TLS 1.2 goes on without."""
    offered = hello(sni(HOSTNAME) + GROUPS + ALGORITHMS + extension(11, b"\x01\x00"))
    deflate = offered.replace(b"\x00\xff\x01\x00", b"\x00\xff\x02\x01\x00")
    deflate = deflate[:3] + struct.pack("!HB", len(deflate) - 5, 1) + \
        struct.pack("!I", len(deflate) - 9)[1:] + deflate[9:]
    answer = say(deflate)
    kind, server_hello = answer[0]
    assert kind == HANDSHAKE and server_hello[0] == 2
    session = server_hello[38]
    suite, method = struct.unpack("!HB", server_hello[39 + session:42 + session])
    assert (suite, method) == (0xC02B, 0)


# What is refused: bytes, the alert's number (None: no alert), and the log's words.
REFUSED = {
    "no ALPN of ours": (hello(sni("mail.example.org") + GROUPS + ALGORITHMS + VERSIONS +
                              extension(51, struct.pack("!H", 36) + share(0x001D, BASEPOINT)) +
                              extension(16, b"\0\x09\x08http/1.1")),
                        993, 120, "client's ALPN has no protocol of ours"),
    "an unknown name": (hello(sni("nobody.example.org") + GROUPS + ALGORITHMS + VERSIONS +
                              extension(51, struct.pack("!H", 36) + share(0x001D, BASEPOINT))),
                        1993, 112, 'no certificate for \\"nobody.example.org\\" (strict_sni)'),
    "TLS 1.0": (hello(b"", 0x0301), 993, 70, "client offers TLSv1 only"),
    "TLS 1.1": (hello(b"", 0x0302), 993, 70, "client offers TLSv1.1 only"),
    "no cipher of ours": (hello(ALGORITHMS).replace(b"\xc0\x2b", b"\x00\x2f"), 993, 40,
                          "no shared cipher"),
    "an extension that is longer than all": (
        hello(b"\x00\x00\xff\xff\x00"), 993, 50, None),
    "a name with a NUL": (hello(sni("mail\0.example.org") + GROUPS + ALGORITHMS), 993, None, None),
    "HTTP": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 993, None, "not TLS: an HTTP request"),
    "IMAP": (b"a LOGIN alice secret\r\n", 993, None, "not TLS"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(proxy, what):
    data, port, number, why = REFUSED[what]
    alerts = [contents for kind, contents in say(data, port) if kind == ALERT]
    if number:
        assert [alert[1] for alert in alerts] == [number]
    line = proxy.ended(end="tls-version" if what.startswith("TLS 1.") else "tls-error")
    assert line["while"] == "handshake"
    if why:
        assert line["why"] == why
    # And the next client is served.
    tls = context(proxy.pki)
    with connect(PROXY, 993, tls) as sock:
        assert lines(sock) == [b"* OK ready\r\n"]
