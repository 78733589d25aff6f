# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""No TLS at Mailreeve: plaintext all the way, the server's own STARTTLS, TLS passed through."""
import pytest

from lib import postfix
from lib.clients import Smtp, connect, context, lines, port_of, s_client
from lib.dovecot import PORTS, SECURED, Dovecot
from lib.logins import BOTH, SERVICE, Login, at, client_of, plain_login, tls_login
from lib.mailreeve import Mailreeve
from lib.postfix import Postfix

PROTOCOLS = tuple(SERVICE)

CONF = """
frontends = ( {
    name = "front";
    bind = [ "192.0.2.10:%(port)d", "[2001:db8:a::10]:%(port)d" ];
    backend = "back";
    %(tls)s
} );
backends = ( {
    name = "back";
    protocol = "%(protocol)s";
    servers = "10.0.0.%(server)d:%(port)d";
    check = { type = "none"; };
} );
"""
PASSTHROUGH = 'tls = { mode = "passthrough"; };'
DOVECOT = "dovecot.example.org"  # the name in the servers' own certificate


def conf(protocol, port, server=11, tls=""):
    return CONF % {"protocol": protocol, "port": port, "server": server, "tls": tls}


def with_relay(site, pki, protocol):
    """Dovecot's submission service needs a server to pass mail on to."""
    if protocol == "submission":
        Postfix(site, pki)


def check_line(proxy, address, port, client_port, sni="-"):
    line = proxy.ended(frontend="front", client=at(client_of(address), client_port))
    assert (line["local"], line["backend"]) == (at(address, port), "back")
    assert (line["tls"], line["cipher"], line["sni"], line["cert"]) == ("-", "-", sni, "-")
    # A client that closes before it has read the server's last words resets.
    assert line["end"] in ("client-closed", "client-reset", "server-closed") and int(line["in"]) > 0


@pytest.mark.parametrize("address", BOTH)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plaintext(site, pki, protocol, address):
    """Dovecot without TLS."""
    dovecot = Dovecot(site, pki, ssl="no", extra="disable_plaintext_auth = no\n")
    with_relay(site, pki, protocol)
    proxy = Mailreeve(site, pki, conf(protocol, PORTS[protocol]))
    login = plain_login(protocol, PORTS[protocol], address)
    line = dovecot.login(SERVICE[protocol], user="alice", rip=client_of(address),
                         rport=login.port, lip=address, lport=PORTS[protocol])
    assert " TLS" not in line and SECURED not in line
    login.logout()
    check_line(proxy, address, PORTS[protocol], login.port)
    assert dovecot.quarrels() == []


@pytest.mark.parametrize("address", BOTH)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_starttls_of_the_server(site, pki, protocol, address):
    """The client's STARTTLS goes through to Dovecot; a plaintext login does not."""
    dovecot = Dovecot(site, pki, ssl="required")
    with_relay(site, pki, protocol)
    proxy = Mailreeve(site, pki, conf(protocol, PORTS[protocol]))
    tls = context(pki)
    tls.check_hostname = False  # it is the server's certificate, not the site's
    login = Login(protocol, connect(address, PORTS[protocol]), starttls=tls)
    line = dovecot.login(SERVICE[protocol], user="alice", rip=client_of(address),
                         rport=login.port, lip=address)
    assert " TLS" in line
    login.logout()
    check_line(proxy, address, PORTS[protocol], login.port)


@pytest.mark.parametrize("address", BOTH)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_passthrough(site, pki, protocol, address):
    """TLS ends at Dovecot: the client sees Dovecot's certificate, Mailreeve only the SNI."""
    dovecot = Dovecot(site, pki, ssl="required")
    with_relay(site, pki, protocol)
    port = PORTS[protocol + "s"]
    proxy = Mailreeve(site, pki, conf(protocol, port, tls=PASSTHROUGH))
    login = tls_login(pki, protocol, port, address, name=DOVECOT)
    line = dovecot.login(SERVICE[protocol], user="alice", rip=client_of(address),
                         rport=login.port, lip=address, lport=port)
    assert " TLS" in line
    login.logout()
    check_line(proxy, address, port, login.port, sni=DOVECOT)
    assert dovecot.quarrels() == []


@pytest.mark.parametrize("version", ("-tls1_2", "-tls1_3"))
def test_passthrough_s_client(site, pki, version):
    dovecot = Dovecot(site, pki, ssl="required")
    Mailreeve(site, pki, conf("imap", 993, tls=PASSTHROUGH))
    done = s_client(pki, BOTH[0], 993, "a LOGIN alice secret\nb LOGOUT\n", version,
                    "-verify_hostname", DOVECOT, "-servername", DOVECOT)
    assert "b OK" in done.stdout
    dovecot.login("imap", user="alice", rip=client_of(BOTH[0]))


@pytest.mark.parametrize("address", BOTH)
def test_smtp_plaintext(site, pki, address):
    """Port 25 with postscreen behind: its teaser line comes at once, its greeting after a pause,
    and both name the client."""
    server = Postfix(site, pki)
    proxy = Mailreeve(site, pki, conf("smtp", postfix.MX, server=15))
    sock = connect(address, 25)
    assert lines(sock) == [b"220-postfix.example.org please wait\r\n"]
    smtp = Smtp(sock)  # reads the rest of the greeting
    port = port_of(smtp)
    smtp.sendmail("bob@example.net", ["alice@example.org"], "Subject: hello\r\n\r\nhello")
    smtp.quit()
    client = client_of(address)
    server.line(rf"CONNECT from \[{client}\]:{port} to \[{address}\]:25")
    server.line(rf"PASS NEW \[{client}\]:{port}")
    server.line(rf": client=unknown\[{client}\]:{port}")
    server.line(r"to=<alice@example\.org>.*status=sent")
    check_line(proxy, address, 25, port)
    assert server.quarrels() == []


@pytest.mark.parametrize("address", BOTH)
def test_submission_starttls_of_postfix(site, pki, address):
    dovecot = Dovecot(site, pki)
    server = Postfix(site, pki, dovecot=dovecot)
    proxy = Mailreeve(site, pki, conf("submission", postfix.SUBMISSION, server=15))
    tls = context(pki)
    tls.check_hostname = False
    login = Login("submission", connect(address, 587), starttls=tls)
    login.client.sendmail("alice@example.org", ["bob@example.org"], "Subject: hello\r\n\r\nhello")
    login.logout()
    peer = rf"unknown\[{client_of(address)}\]:{login.port}"
    server.line(rf"TLS connection established from {peer}: TLSv1\.3")
    server.line(rf": client={peer}, sasl_method=PLAIN, sasl_username=alice")
    server.line(r"to=<bob@example\.org>.*status=sent")
    check_line(proxy, address, 587, login.port)


@pytest.mark.parametrize("address", BOTH)
def test_submission_passthrough(site, pki, address):
    dovecot = Dovecot(site, pki)
    server = Postfix(site, pki, dovecot=dovecot)
    proxy = Mailreeve(site, pki, conf("submission", postfix.SMTPS, server=15, tls=PASSTHROUGH))
    login = tls_login(pki, "submission", 465, address, name="postfix.example.org")
    login.logout()
    server.line(rf"TLS connection established from unknown\[{client_of(address)}\]:{login.port}")
    check_line(proxy, address, 465, login.port, sni="postfix.example.org")
