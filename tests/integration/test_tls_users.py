# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Whom a client certificate names, and when it names nobody: only one clean common name of a
certificate that verified goes to a server."""
import re
import ssl

import pytest

from lib import proxyheader
from lib.clients import connect, context, lines
from lib.fakes import Fake, greets
from lib.mailreeve import Mailreeve
from lib.pki import CONFIG, Authority
from lib.site import HOSTNAME, PROXY

FRONT = """{ name = "%s"; bind = "192.0.2.10:%d"; backend = "imap"; tls = { verify = "%s";
    certificates = "$pki/mail"; client_ca = "$dir/people.pem"; client_crl = "$dir/crl.pem"; }; }"""
MODES = {"optional": 993, "required": 1993}
CONF = "frontends = (" + ",".join(FRONT % (mode, port, mode) for mode, port in MODES.items()) + """);
backends = ( { name = "imap"; protocol = "imap"; servers = "10.0.0.11:143";
    send_proxy = "v2-ssl-cn"; receiver = "dovecot"; check = { type = "none"; }; } );
"""
# The old way to choose a string's type: beyond Latin-1 that is a BMPString.
BMP = CONFIG.replace("[req]\n", "[req]\nstring_mask = default\n")
# Subject as openssl's -subj has it, and the name that goes to the server.
NAMES = {
    "plain": ("/CN=alice", "alice"),
    "with an at": ("/CN=alice@example.org", "alice@example.org"),
    "blanks inside": ("/CN=Alice of Oz", "Alice of Oz"),
    "UTF-8": ("/CN=zoë żółw", "zoë żółw"),
    "BMPString": ("/CN=żółw", "żółw"),
    "64 bytes": ("/CN=" + "a" * 64, "a" * 64),
    "64 characters": ("/CN=" + "ż" * 64, "ż" * 64),
    "two": ("/CN=alice/CN=admin", None),
    "two of the same": ("/CN=alice/CN=alice", None),
    "two in one": ("/CN=alice+CN=admin", None),
    "none": ("/O=Example/OU=alice", None),
    "a newline": ("/CN=alice\nadmin", None),
    "a return": ("/CN=alice\r", None),
    "an escape": ("/CN=\x1b[2Jalice", None),
    "a delete": ("/CN=alice\x7f", None),
    "C1 control": ("/CN=alice\u0085", None),
}


@pytest.fixture
def people(site):
    """An authority for clients' certificates, and its list of one that it has revoked."""
    authority = Authority(site.directory, "people")
    authority.issue("revoked", "alice")
    authority.issue("expired", "alice", expired=True)
    authority.revoke("revoked", crl=site.path("crl.pem"))
    return authority


@pytest.fixture
def fake(site):
    return Fake(site, "10.0.0.11", 143, greets(b"* OK ready\r\n"))


def visit(pki, port, directory=None, version=None):
    """The greeting, if the client came that far."""
    tls = context(pki)
    if directory:
        tls.load_cert_chain(directory / "fullchain.pem", directory / "privkey.pem")
    if version:
        tls.maximum_version = version
    with connect(PROXY, port) as sock, tls.wrap_socket(sock, server_hostname=HOSTNAME) as sock:
        return lines(sock)


@pytest.mark.parametrize("mode", MODES)
def test_names(site, pki, people, fake, mode):
    proxy = Mailreeve(site, pki, CONF)
    key = None
    for what, (subject, name) in NAMES.items():
        directory = people.sign(site.path(what.replace(" ", "-")), subject, key=key,
                                config=BMP if what == "BMPString" else CONFIG)
        key = directory / "privkey.pem"
        text = directory / "fullchain.pem"
        assert what != "BMPString" or b"\x1e\x08\x01\x7c" in ssl.PEM_cert_to_DER_cert(text.read_text())
        assert visit(pki, MODES[mode], directory) == [b"* OK ready\r\n"], what
        header = fake.headers[-1]
        sent = header.ssl.get(proxyheader.SSL_CN)
        assert sent == (name.encode() if name else None), what
        assert header.verify == 0
        assert header.client == proxyheader.CLIENT_SSL | proxyheader.CLIENT_CERT_CONN | \
            proxyheader.CLIENT_CERT_SESS
        proxy.said(rf"frontend={mode} .*end=client-closed", len(fake.headers))
    logged = [line["cn"] for line in proxy.lines() if "cn" in line]
    assert sorted(one == "-" for one in logged) == sorted(not name for _, name in NAMES.values())
    assert {"alice", "Alice of Oz"} <= set(logged)


REFUSED = {
    "expired": "certificate expired on 2020-02-01",
    "revoked": "certificate is revoked",
    "rogue": 'certificate is issued by \\"rogue\\", which',
    "of itself": "self-signed certificate",
}


@pytest.mark.parametrize("version", (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3))
@pytest.mark.parametrize("mode", MODES)
def test_refused(site, pki, people, fake, mode, version):
    """In both modes: a certificate that does not verify is worse than none."""
    proxy = Mailreeve(site, pki, CONF)
    own = site.path("own")
    # What calls itself an authority of its own making.
    Authority(site.directory, "alone")
    own.mkdir()
    (own / "fullchain.pem").write_bytes(site.path("alone.pem").read_bytes())
    (own / "privkey.pem").write_bytes((site.path("alone.ca") / "key").read_bytes())
    directories = {"expired": site.path("expired"), "revoked": site.path("revoked"),
                   "rogue": pki.directory / "rogue-alice", "of itself": own}
    for what, why in REFUSED.items():
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            visit(pki, MODES[mode], directories[what], version)
        proxy.said(rf'frontend={mode} .* cn=- .*end=client-certificate .*why="client certificate: '
                   rf"{re.escape(why)}")
    if mode == "required":
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            visit(pki, MODES[mode], None, version)
        proxy.said('end=client-certificate .*why="client certificate: none was sent"')
    assert not fake.headers


def test_without_one(site, pki, people, fake):
    Mailreeve(site, pki, CONF)
    assert visit(pki, MODES["optional"]) == [b"* OK ready\r\n"]
    assert fake.headers[0].client == proxyheader.CLIENT_SSL and fake.headers[0].verify != 0
    assert proxyheader.SSL_CN not in fake.headers[0].ssl
