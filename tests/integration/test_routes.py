# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""`routes`: the name that a client asks for chooses the backend, with TLS ended here and for
passthrough by a look at the ClientHello, however that comes; what is none touches no server."""
import contextlib
import socket
import ssl
import struct
import time

import pytest

from lib.clients import PATIENCE, add_extension, connect, context, lines, rest
from lib.fakes import Fake, server_context
from lib.hello import ECH, ech_grease, hello, in_records, share_of, sni
from lib.mailreeve import Mailreeve
from lib.proxyheader import AUTHORITY
from lib.site import CLIENT, HOSTNAME, PROXY, wait_until

# Of every backend: its server for what is decrypted here, and its TLS server for passthrough.
BACKENDS = {"default": "10.0.0.11", "exact": "10.0.0.12", "wild": "10.0.0.13", "both": "10.0.0.14"}
IMPLICIT, PASSTHROUGH, RAW = 993, 1993, 2993
ROUTES = """routes = (
    { sni = "mail.example.org"; backend = "exact-%(kind)s"; },
    { sni = "*.wild.example.org"; backend = "wild-%(kind)s"; },
    { sni = [ "*.both.example.org", "Both.Example.org", "late.wild.example.org" ];
      backend = "both-%(kind)s"; } );
timeouts = { handshake = "%(handshake)s"; };
"""


def conf(handshake="30s"):
    fronts, backs = [], []
    for kind, port, server_port, tls in (
            ("plain", IMPLICIT, 143, 'certificates = [ "$pki/mail", "$pki/other" ];'),
            ("tls", PASSTHROUGH, 993, 'mode = "passthrough";'),
            ("raw", RAW, 7, 'mode = "passthrough";')):
        fronts.append(f"""{{ name = "{kind}"; bind = "192.0.2.10:{port}"; tls = {{ {tls} }};
            backend = "default-{kind}"; {ROUTES % {"kind": kind, "handshake": handshake}} }}""")
        backs += [f"""{{ name = "{name}-{kind}"; protocol = "tcp"; check = {{ type = "none"; }};
            servers = "{address}:{server_port}"; proxy_tlvs = "authority"; }}"""
                  for name, address in BACKENDS.items()]
    return f"frontends = ( {', '.join(fronts)} );\nbackends = ( {', '.join(backs)} );\n"


def tells(name):
    """Says its name, then takes what comes until the end; all of it is one item of `seen`."""
    def behave(fake, sock):
        fake.header(sock)
        sock = fake.tls.wrap_socket(sock, server_side=True) if fake.tls else sock
        sock.sendall(name.encode() + b"\n")
        fake.seen.append(rest(sock))
        sock.close()
    return behave


@pytest.fixture
def servers(site, pki):
    found = {}
    for name, address in BACKENDS.items():
        found[IMPLICIT, name] = Fake(site, address, 143, tells(name))
        found[PASSTHROUGH, name] = Fake(site, address, 993, tells(name),
                                        tls=server_context(pki, "mail"))
        found[RAW, name] = Fake(site, address, 7, tells(name))
    return found


@pytest.fixture
def proxy(site, pki, servers):
    return Mailreeve(site, pki, conf())


def any_name(pki):
    """TLS that takes whatever certificate comes: here it is not what is asked about."""
    tls = context(pki)
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    return tls


def reached(port, tls, name):
    """The backend whose server a client with this name comes to."""
    with connect(PROXY, port, tls, name) as sock:
        return lines(sock)[0].decode().strip()


NAMES = {
    HOSTNAME: "exact",
    "MAIL.Example.ORG": "exact",
    "mail.example.org.": "exact",  # a final dot says the same
    "a.mail.example.org": "default",  # no name of a route ends in it
    "mail.example.org.example.net": "default",
    "a.wild.example.org": "wild",
    "a-b_c.WILD.example.org": "wild",
    "late.wild.example.org": "wild",  # the first route that matches
    "a.b.wild.example.org": "default",  # a star stands for one label
    "wild.example.org": "default",  # and not for none
    "xwild.example.org": "default",
    "both.example.org": "both",
    "x.both.example.org": "both",
    "other.example.net": "default",
    None: "default",
}


@pytest.mark.parametrize("port", (IMPLICIT, PASSTHROUGH))
def test_names(proxy, pki, servers, port):
    tls = any_name(pki)
    for name, backend in NAMES.items():
        count = len(servers[port, backend].headers)
        assert reached(port, tls, name) == backend, name
        header = servers[port, backend].headers[count]
        said = name.lower().removesuffix(".").encode() if name else None
        assert header.tlvs.get(AUTHORITY) == said
    kind = "plain" if port == IMPLICIT else "tls"
    proxy.said(f"frontend={kind} .*end=", len(NAMES))
    found = [(line["sni"], line["backend"]) for line in proxy.lines()
             if line.get("frontend") == kind and "end" in line]
    assert sorted(found) == sorted((name or "-", f"{backend}-{kind}")
                                   for name, backend in NAMES.items())


@pytest.mark.parametrize("version", (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3))
@pytest.mark.parametrize("port", (IMPLICIT, PASSTHROUGH))
@pytest.mark.parametrize("what", ("ECH GREASE", "post-quantum", "large", "all of them"))
def test_extensions(proxy, pki, servers, port, version, what):
    """A whole session with what modern clients send beside the name."""
    tls = any_name(pki)
    tls.maximum_version = version
    if what in ("ECH GREASE", "all of them"):
        add_extension(tls, ECH, ech_grease())
    if what in ("post-quantum", "all of them"):
        add_extension(tls, 0xEAEA, bytes(1216 + 4))  # as much as the share that this OpenSSL lacks
    if what in ("large", "all of them"):
        add_extension(tls, 0xDADA, bytes(9000))
    for name in (HOSTNAME, "a.wild.example.org", None):
        assert reached(port, tls, name) == NAMES[name]


@pytest.mark.parametrize("port", (IMPLICIT, PASSTHROUGH))
def test_resumed_sessions_go_by_name_too(proxy, pki, servers, port):
    """Each reconnect goes where its own name says, with a session of the same name or another."""
    tls, sessions = any_name(pki), {}
    tls.maximum_version = ssl.TLSVersion.TLSv1_2  # Python has the session when the handshake ends
    for name in (HOSTNAME, "a.wild.example.org", HOSTNAME, "a.wild.example.org", "both.example.org"):
        session = sessions.get(name, sessions.get(HOSTNAME))
        with connect(PROXY, port) as sock, tls.wrap_socket(
                sock, server_hostname=name, session=session) as sock:
            assert lines(sock)[0].decode().strip() == NAMES[name]
            if port == IMPLICIT:
                assert sock.session_reused == (name in sessions)
            sessions[name] = sock.session


# ClientHellos in front of servers that take every byte as it comes: what arrives is what was sent.

HELLOS = {
    "with a name": hello(sni(HOSTNAME)),
    "no name": hello(b""),
    "no extensions": hello(None),
    "post-quantum": hello(share_of(0x11EC, 1216) + sni("a.wild.example.org")),
    "ECH GREASE": hello(struct.pack("!HH", ECH, len(ech_grease())) + ech_grease() +
                        sni("x.both.example.org")),
    "nearly 16 KiB": hello(share_of(0xEAEA, 15800) + sni("a.wild.example.org")),
    "an empty name": hello(sni("")),
    "a name with a NUL": hello(sni("mail.example.org\0")),
    "a name of 255 bytes": hello(sni("m" * 255)),
    "an address": hello(sni("192.0.2.10")),
}
EXPECTED = {"with a name": "exact", "post-quantum": "wild", "ECH GREASE": "both",
            "nearly 16 KiB": "wild"}
CUTS = {
    "whole": lambda data: [data],
    "byte by byte": lambda data: [data[i:i + 1] for i in range(len(data))],
    "head alone": lambda data: [data[:5], data[5:]],
    "before the last byte": lambda data: [data[:-1], data[-1:]],
    "records of 100": lambda data: [in_records(data, 100)],
    "records of 1 in segments of 7": lambda data: [
        in_records(data, 1)[i:i + 7] for i in range(0, len(in_records(data, 1)), 7)],
    "records of 3, byte by byte": lambda data: [
        in_records(data, 3)[i:i + 1] for i in range(len(in_records(data, 3)))],
    "a second record in the same segment": lambda data: [data + b"\x14\x03\x03\0\1\1" * 3],
}


def pieces(what, cut):
    """How this one is sent; in tiny pieces only what is small enough to be one at all."""
    if what == "nearly 16 KiB" and ("records" in cut or "record in" in cut):
        cut = "whole"
    if what == "post-quantum" and cut == "records of 3, byte by byte":
        cut = "records of 100"
    return CUTS[cut](HELLOS[what])


@pytest.mark.parametrize("cut", CUTS)
def test_fragments(proxy, servers, cut):
    for what in HELLOS:
        parts = pieces(what, cut)
        server = servers[RAW, EXPECTED.get(what, "default")]
        count = len(server.seen)
        with connect(PROXY, RAW) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for part in parts:
                sock.sendall(part)
            assert lines(sock) == [EXPECTED.get(what, "default").encode() + b"\n"], what
            sock.sendall(b"and more")
            sock.shutdown(socket.SHUT_WR)
            assert rest(sock) == b""
        wait_until(lambda: len(server.seen) > count, "the server's bytes")  # pylint: disable=cell-var-from-loop
        assert server.seen[count] == b"".join(parts) + b"and more"


NO_HELLOS = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: mail.example.org\r\n\r\n",
    "IMAP": b"a LOGIN alice secret\r\n",
    "SSL 2": b"\x80\x2e\x01\x00\x02" + bytes(43),
    "an alert": b"\x15\x03\x01\0\2\2\x28",
    "a ServerHello": b"\x16\x03\x03\0\4\2\0\0\0",
    "an empty record": b"\x16\x03\x01\0\0",
    "a record of 16,385 bytes": b"\x16\x03\x01\x40\x01\1",
    "a message of 16 MiB": b"\x16\x03\x01\0\4\1\xff\xff\xff",
    "too long in records": in_records(hello(share_of(0xEAEA, 20000)), 16000),
    "too long by its records": in_records(hello(share_of(0xEAEA, 4000)), 1),
    "an extension longer than all": hello(b"\0\0\xff\xff\0"),
    "a name longer than its extension": hello(struct.pack("!HHHBH", 0, 5, 3, 0, 99)),
    "bytes behind the extensions": hello(sni(HOSTNAME), behind=b"x"),
}


@pytest.mark.parametrize("what", NO_HELLOS)
def test_what_is_none(proxy, servers, what):
    """Closed at once, without a byte, long before the time for a hello is over; no server hears."""
    start = time.monotonic()
    with connect(PROXY, PASSTHROUGH) as sock:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            sock.sendall(NO_HELLOS[what])
            assert rest(sock) == b""
    line = proxy.ended(frontend="tls")
    assert (line["end"], line["while"], line["server"]) == ("tls-error", "hello", "-")
    assert line["why"] == "not a TLS ClientHello"
    assert int(line["ms_total"]) < 30000 and time.monotonic() - start < 30
    assert not [fake for fake in servers.values() if fake.headers or fake.errors]


SILENT = {"nothing": b"", "a byte": b"\x16", "half": HELLOS["with a name"][:60],
          "all but a byte": HELLOS["with a name"][:-1],
          "half, in records": in_records(HELLOS["post-quantum"], 9)[:700]}


@pytest.mark.parametrize("port", (IMPLICIT, PASSTHROUGH))
def test_silence(site, pki, servers, port):
    """Whoever says nothing, or not all of it, is waited for as long as `handshake` says."""
    proxy = Mailreeve(site, pki, conf("2s"))
    with contextlib.ExitStack() as stack:
        for data in SILENT.values():
            sock = stack.enter_context(connect(PROXY, port))
            sock.sendall(data)
        proxy.said("end=timeout", len(SILENT))
    found = [line for line in proxy.lines() if line.get("end") == "timeout"]
    assert len(found) == len(SILENT)
    assert {line["while"] for line in found} == \
        {"handshake" if port == IMPLICIT else "hello"}
    assert all(int(line["ms_total"]) >= 2000 and line["server"] == "-" for line in found)
    assert not [fake for fake in servers.values() if fake.headers or fake.errors]


@pytest.mark.parametrize("port", (IMPLICIT, PASSTHROUGH))
def test_a_slow_hello_wins_no_time(site, pki, servers, port):
    """The time counts from the start, not from the last byte."""
    proxy = Mailreeve(site, pki, conf("1s"))
    data = HELLOS["nearly 16 KiB"]
    with connect(PROXY, port) as sock:
        sock.settimeout(0.05)
        ended = False
        for i in range(len(data)):  # 800 s
            try:
                sock.sendall(data[i:i + 1])
                if sock.recv(1) == b"":
                    ended = True
            except TimeoutError:
                continue
            except OSError:
                ended = True
            if ended:
                break
        assert ended and i < 2000
    assert proxy.ended(end="timeout")["server"] == "-"


def test_a_client_that_leaves(proxy, servers):
    """In the middle of its hello, by FIN and by RST: no server, and its own words in the log."""
    for data in SILENT.values():
        with connect(PROXY, PASSTHROUGH) as sock:
            sock.sendall(data)
    proxy.said("end=client-closed", len(SILENT))
    sock = socket.create_connection((PROXY, PASSTHROUGH), PATIENCE, (CLIENT, 0))
    sock.sendall(SILENT["half"])
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
    assert proxy.ended(end="client-reset")["while"] == "hello"
    assert not [fake for fake in servers.values() if fake.headers or fake.errors]
