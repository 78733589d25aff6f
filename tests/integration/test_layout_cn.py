# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Client certificates: the CN logs in over SASL EXTERNAL, and never without a chain that verified
(Dovecot before 2.4.4 believes every CN that a PROXY header holds)."""
import ssl

import pytest

from lib import proxyheader
from lib.clients import Imap, connect, context, port_of, rest
from lib.dovecot import NAME_IS_LOST, SECURED, Dovecot
from lib.fakes import Fake
from lib.logins import BOTH, Login, at, client_of
from lib.mailreeve import Mailreeve
from lib.site import HOSTNAME

CONF = """
frontends = ( {
    name = "front";
    bind = [ "192.0.2.10:993", "[2001:db8:a::10]:993" ];
    backend = "back";
    tls = { certificates = "$pki/mail"; verify = "%s"; client_ca = "$pki/ca.pem"; };
} );
backends = ( {
    name = "back";
    protocol = "imap";
    send_proxy = "v2-ssl-cn";
    servers = "10.0.0.11:143";
    check = { type = "none"; };
} );
"""
EXTERNAL = "auth_ssl_username_from_cert = yes\n"


def external(imap):
    """AUTHENTICATE EXTERNAL, asking for no name: whoever the certificate says."""
    return imap.authenticate("EXTERNAL", lambda challenge: b"")


@pytest.mark.skipif(NAME_IS_LOST, reason="this Dovecot loses the name")
@pytest.mark.parametrize("address", BOTH)
@pytest.mark.parametrize("verify", ("required", "optional"))
def test_external(site, pki, verify, address):
    dovecot = Dovecot(site, pki, extra=EXTERNAL)
    proxy = Mailreeve(site, pki, CONF % verify)
    for user in ("alice", "bob"):
        imap = Imap(connect(address, 993, context(pki, certificate=user)))
        port = port_of(imap)
        assert external(imap)[0] == "OK"
        line = dovecot.login("imap", user=user, method="EXTERNAL", rip=client_of(address),
                             rport=port, lip=address)
        assert SECURED in line
        imap.logout()
        line = proxy.ended(frontend="front", client=at(client_of(address), port))
        assert (line["verify"], line["cn"], line["resumed"]) == ("0", user, "0")


def test_no_certificate(site, pki):
    """verify = "optional": without a certificate a password is needed."""
    dovecot = Dovecot(site, pki, extra=EXTERNAL)
    proxy = Mailreeve(site, pki, CONF % "optional")
    imap = Imap(connect(BOTH[0], 993, context(pki)))
    with pytest.raises(imap.error):
        external(imap)
    imap.login("alice", "secret")
    dovecot.login("imap", user="alice", method="PLAIN", rip=client_of(BOTH[0]))
    imap.logout()
    line = proxy.ended(frontend="front")
    assert (line["verify"], line["cn"]) == ("-", "-")


def refused(sock):
    """Read until the alert, which TLS 1.3 sends after the client thinks that all is well."""
    with pytest.raises(ssl.SSLError) as alert:
        rest(sock)
        raise AssertionError("the connection ended without an alert")
    sock.close()
    return str(alert.value)


def test_certificate_required(site, pki):
    dovecot = Dovecot(site, pki, extra=EXTERNAL)
    proxy = Mailreeve(site, pki, CONF % "required")
    assert "CERTIFICATE_REQUIRED" in refused(connect(BOTH[0], 993, context(pki)))
    line = proxy.ended(frontend="front", end="client-certificate")
    assert line["while"] == "handshake" and line["server"] == "-"
    assert not any("imap-login" in line for line in dovecot.lines())


@pytest.mark.parametrize("verify", ("required", "optional"))
def test_rogue_authority(site, pki, verify):
    """alice's name under a certificate from somebody else's authority."""
    dovecot = Dovecot(site, pki, extra=EXTERNAL)
    proxy = Mailreeve(site, pki, CONF % verify)
    assert "UNKNOWN_CA" in refused(connect(BOTH[0], 993, context(pki, certificate="rogue-alice")))
    line = proxy.ended(frontend="front", end="client-certificate")
    assert line["while"] == "handshake" and line["cn"] == "-" and line["verify"] != "0"
    assert not any("imap-login" in line for line in dovecot.lines())


def one_line(fake, sock):
    fake.header(sock)
    sock.sendall(b"* OK\r\n")


def test_header(site, pki):
    """What the header says, byte by byte, and that no ticket lets a later client be alice."""
    fake = Fake(site, "10.0.0.11", 143, one_line)
    Mailreeve(site, pki, CONF % "optional")
    ctx = context(pki, certificate="alice")
    sessions = []
    for again in (False, True):
        sock = ctx.wrap_socket(connect(BOTH[0], 993), server_hostname=HOSTNAME,
                               session=sessions[0] if again else None)
        rest(sock)
        assert not sock.session_reused
        sessions.append(sock.session)
        sock.close()
    assert len(fake.headers) == 2
    for header in fake.headers:
        assert header.client == (proxyheader.CLIENT_SSL | proxyheader.CLIENT_CERT_CONN
                                 | proxyheader.CLIENT_CERT_SESS)
        assert header.verify == 0 and header.ssl[proxyheader.SSL_CN] == b"alice"
        assert header.ssl[proxyheader.SSL_VERSION] == b"TLSv1.3"


def test_header_without_certificate(site, pki):
    fake = Fake(site, "10.0.0.11", 143, one_line)
    Mailreeve(site, pki, CONF % "optional")
    sock = connect(BOTH[0], 993, context(pki))
    rest(sock)
    sock.close()
    header, = fake.headers
    assert header.client == proxyheader.CLIENT_SSL
    assert header.verify != 0 and proxyheader.SSL_CN not in header.ssl


def test_password_still_works(site, pki):
    """A client with a certificate may log in with its password as well."""
    dovecot = Dovecot(site, pki)
    Mailreeve(site, pki, CONF % "required")
    login = Login("imap", connect(BOTH[0], 993, context(pki, certificate="bob")), user="alice")
    dovecot.login("imap", user="alice", method="PLAIN", rport=login.port)
    login.logout()
