# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""The one line of a connection: every field, in order, in text and JSON, and no byte of a stranger
in it that could forge another line or move a terminal."""
import json
import re
import socket
import ssl
import struct

import pytest

from lib.clients import connect, context, lines, port_of, rest
from lib.fakes import Fake, greets
from lib.logins import BOTH, at, client_of
from lib.mailreeve import Mailreeve
from lib.site import PROXY, wait_until

FIELDS = ("conn frontend client via local backend server out_port tries tls cipher sni cert resumed "
          "alpn verify cn in out ms_tls ms_connect ms_total end while why").split()

CONF = """
log = { format = "%(format)s"; connections = "%(connections)s"; client = "%(client)s"; };
frontends = ( { name = "imaps"; bind = [ "192.0.2.10:993", "[2001:db8:a::10]:993" ];
    backend = "dovecot"; tls = { %(tls)s }; } );
backends = ( { name = "dovecot"; protocol = "imap"; check = { type = "none"; };
    servers = ( { name = "dovecot1"; address = "10.0.0.11:143"; } ); } );
"""
IMPLICIT = 'certificates = "$pki/mail";'
PASSTHROUGH = 'mode = "passthrough";'


def conf(fmt="text", connections="end", client="full", tls=IMPLICIT):
    return CONF % {"format": fmt, "connections": connections, "client": client, "tls": tls}


def one_session(pki, address, **tls):
    """A greeting, a line each way; the client's port."""
    with connect(address, 993, context(pki, **tls)) as sock:
        assert lines(sock) == [b"* OK hello\r\n"]
        sock.sendall(b"a NOOP\r\n")
        sock.unwrap()
        return port_of(sock)


@pytest.mark.parametrize("address", BOTH)
@pytest.mark.parametrize("fmt", ("text", "json"))
def test_fields(site, pki, fmt, address):
    Fake(site, "10.0.0.11", 143, greets(b"* OK hello\r\n"))
    proxy = Mailreeve(site, pki, conf(fmt))
    port = one_session(pki, address, alpn=["imap"])
    line = proxy.ended(frontend="imaps")
    raw = next(text for text in proxy.raw() if "frontend" in text)
    keys = list(json.loads(raw)) if fmt == "json" else re.findall(r"(?:^|\s)([a-z_]+)=", raw)
    assert keys == ["time", *(["level"] if fmt == "json" else []), *FIELDS, "proc"]
    assert line["proc"] == "worker0" and line.get("level", "info") == "info"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    expected = {
        "frontend": "imaps", "client": at(client_of(address), port), "via": "-",
        "local": at(address, 993), "backend": "dovecot", "server": "dovecot1", "tries": "1",
        "tls": "TLSv1.3", "cipher": "TLS_AES_128_GCM_SHA256", "sni": "mail.example.org",
        "cert": "mail.example.org", "resumed": "0", "alpn": "imap", "verify": "-", "cn": "-",
        "in": "8", "out": "12", "end": "client-closed", "while": "relay"}
    assert {key: str(line[key]) for key in expected} == expected
    for key in ("conn", "out_port"):
        assert int(line[key]) > 0
    assert 0 <= int(line["ms_tls"]) <= int(line["ms_total"])
    if fmt == "json":  # numbers are numbers
        for key in ("conn", "out_port", "tries", "in", "out", "ms_tls", "ms_connect", "ms_total"):
            assert isinstance(line[key], (int, str)) and str(line[key]).isdigit()


STRICT = IMPLICIT + "strict_sni = true;"


@pytest.mark.parametrize("name, tls, alpn, end", (
    ("nobody.example.org", STRICT, None, "tls-error"), ("mail.example.org", IMPLICIT, "http/1.1", "tls-error"),
    ("mail.example.org", IMPLICIT + 'verify = "required"; client_ca = "$pki/ca.pem";', None, "client-certificate")))
def test_name_of_a_failed_handshake(site, pki, name, tls, alpn, end):
    """Whom the client wanted is known, and says which of a site's users cannot get in."""
    proxy = Mailreeve(site, pki, conf(tls=tls))
    with pytest.raises(OSError):
        with connect(PROXY, 993, context(pki, alpn=alpn and [alpn]), name) as sock:
            sock.recv(1)
    assert proxy.ended(end=end)["sni"] == name


def test_json_from_the_start(site, pki):
    """As soon as the file has been read, all that is said is JSON: warnings and the start too."""
    Fake(site, "10.0.0.11", 143, greets(b"* OK hello\r\n"))
    proxy = Mailreeve(site, pki, conf("json"))
    proxy.stop()
    lines = [json.loads(line) for line in proxy.raw()]
    said = [line["msg"] for line in lines]
    assert "ready" in said and any("TLS ends here" in words for words in said)
    assert {line["level"] for line in lines} == {"notice", "warning", "info"}
    assert not any(words.startswith("time=") for words in said)


@pytest.mark.parametrize("change", (("name =", "nane ="), ("frontends", "frontends = (")))
def test_json_of_a_wrong_file(site, pki, change):
    """What is wrong with the file is JSON as well, where the file asks for it."""
    proxy = Mailreeve(site, pki, conf("json").replace(*change, 1), wait=False)
    assert proxy.process.wait(20) != 0
    lines = [json.loads(line) for line in proxy.raw()]
    assert any(line["level"] == "error" and "mailreeve.conf:" in line["msg"] for line in lines)


def test_journal(site, pki):
    """Only the journal gets priorities; it knows the time."""
    Fake(site, "10.0.0.11", 143, greets(b"* OK hello\r\n"))
    log = site.path("journal.log")
    log.touch()
    stream = f"{log.stat().st_dev}:{log.stat().st_ino}"
    proxy = Mailreeve(site, pki, conf(), log=log, env={"JOURNAL_STREAM": stream})
    one_session(pki, PROXY)
    proxy.ended(frontend="imaps")
    assert all(re.match(r"<[3-7]>", line) and "time=" not in line for line in proxy.raw())
    assert "<5>ready" in proxy.raw()


def test_refused_by_an_alert(site, pki):
    """A client that does not know our CA says so, and so does the log."""
    proxy = Mailreeve(site, pki, conf())
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(PROXY, 993, ssl.create_default_context())
    assert proxy.ended(end="tls-refused")["alert"] == "unknown_ca"


def test_too_old(site, pki):
    proxy = Mailreeve(site, pki, conf(tls=IMPLICIT + 'policy = "modern";'))
    tls = context(pki)
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(OSError):
        connect(PROXY, 993, tls)
    assert proxy.ended(end="tls-version")["why"] == "client offers TLSv1.2 only"


def test_both(site, pki):
    """connections = "both": a line at the beginning as well, with the same conn."""
    Fake(site, "10.0.0.11", 143, greets(b"* OK hello\r\n"))
    proxy = Mailreeve(site, pki, conf(connections="both"))
    one_session(pki, PROXY)
    conn = proxy.ended(frontend="imaps")["conn"]
    first, last = [line for line in proxy.raw() if f"conn={conn} " in line]
    assert " end=" not in first and "frontend=imaps client=198.51.100.7:" in first and " end=" in last


def test_none(site, pki):
    Fake(site, "10.0.0.11", 143, greets(b"* OK hello\r\n"))
    proxy = Mailreeve(site, pki, conf(connections="none"))
    one_session(pki, PROXY)
    wait_until(lambda: proxy.info()["CumConns"] == "1", "the connection to be counted")
    proxy.at_rest()
    assert not any("conn=" in line for line in proxy.raw())


@pytest.mark.parametrize("address, prefix", ((BOTH[0], "198.51.100.0/24"),
                                             (BOTH[1], "2001:db8:c::/48")))
def test_prefix(site, pki, address, prefix):
    """client = "prefix": the network only, and no port."""
    Fake(site, "10.0.0.11", 143, greets(b"* OK hello\r\n"))
    proxy = Mailreeve(site, pki, conf(client="prefix"))
    one_session(pki, address)
    assert proxy.ended(frontend="imaps")["client"] == prefix
    assert not any(f"{client_of(address)}" in line for line in proxy.raw())


def hello(sni):
    """A ClientHello whose server name is these bytes, whatever they are."""
    name = struct.pack(">HBH", len(sni) + 3, 0, len(sni)) + sni
    extensions = struct.pack(">HH", 0, len(name)) + name
    extensions += struct.pack(">HHBBB", 43, 3, 2, 3, 4)  # TLS 1.3
    extensions += bytes.fromhex("000a00040002001d000d000400020403")
    extensions += bytes.fromhex("003300260024001d0020") + bytes(range(1, 33))
    body = b"\x03\x03" + bytes(32) + b"\0" + b"\0\x02\x13\x01" + b"\x01\0"
    body += struct.pack(">H", len(extensions)) + extensions
    handshake = b"\x01" + struct.pack(">I", len(body))[1:] + body
    return b"\x16\x03\x01" + struct.pack(">H", len(handshake)) + handshake


HOSTILE = {
    "newline": b"a\nconn=1 frontend=imaps end=client-closed",
    "quote": b'a" end=client-closed cn="root',
    "escape": b"\x1b[2J\x1b]0;owned\x07",
    "zero": b"a\0b",
    "utf-8": "postfach.bücher‮.example".encode(),
    "latin": b"\xff\xfe\x80",
    "blank": b"a b=c",
    "backslash": b"a\\n",
}


@pytest.mark.parametrize("fmt", ("text", "json"))
@pytest.mark.parametrize("tls", (IMPLICIT, PASSTHROUGH), ids=("implicit", "passthrough"))
def test_hostile_sni(site, pki, tls, fmt):
    """Whatever stands in the server name: one line each, all ASCII, the fields as many as ever."""
    Fake(site, "10.0.0.11", 143, greets(b"* OK hello\r\n"))
    proxy = Mailreeve(site, pki, conf(fmt, tls=tls))
    for n, sni in enumerate(HOSTILE.values(), 1):
        with connect(PROXY, 993) as sock:
            sock.sendall(hello(sni))
            sock.shutdown(socket.SHUT_WR)
            try:
                rest(sock)
            except ConnectionResetError:
                pass
        wait_until(lambda n=n: sum("end" in line for line in proxy.lines()) == n, "its line")
    for raw in proxy.log.read_bytes().splitlines():
        assert all(32 <= byte < 127 for byte in raw), raw
    ends = [line for line in proxy.lines() if "end" in line]
    assert len(ends) == len(HOSTILE)
    for line in ends:
        assert [key for key in line if key != "level"] == ["time", *FIELDS, "proc"]
        assert line["frontend"] == "imaps" and line["cn"] == "-"
