# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""TLS ends at Mailreeve; to the server it is TLS again (with and without a client certificate) or
plaintext.  In every case the server's own log names the real client and calls it secure."""
import smtplib

import pytest

from lib import postfix
from lib.clients import Imap, Smtp, connect, context, curl, port_of, s_client, swaks
from lib.dovecot import LOGIN, PORTS, SECURED, Dovecot
from lib.logins import BOTH, SERVICE, Login, at, client_of, tls_login
from lib.mailreeve import Mailreeve
from lib.postfix import Postfix
from lib.site import HOSTNAME

FRONT = {"imap": 993, "pop3": 995, "submission": 465, "sieve": 4190}

CONF = """
frontends = ( {
    name = "front";
    bind = [ "192.0.2.10:%(front)d", "[2001:db8:a::10]:%(front)d" ];
    backend = "back";
    tls = { certificates = "$pki/mail"; };
} );
backends = ( {
    name = "back";
    protocol = "%(protocol)s";
    servers = ( { name = "one"; address = "10.0.0.%(server)d:%(back)d"; } );
    check = { type = "none"; };
    %(tls)s
} );
"""
VERIFIED = 'tls = { ca_file = "$pki/ca.pem"; server_name = "dovecot.example.org"; };'
MUTUAL = VERIFIED.replace("{", '{ certificate = "$pki/proxy.pem";')


def dovecot_conf(protocol, back, tls):
    return CONF % {"protocol": protocol, "front": FRONT[protocol], "server": 11,
                   "back": PORTS[back], "tls": tls}


def postfix_conf(protocol, back, tls):
    return CONF % {"protocol": protocol, "front": 465, "server": 15, "back": back, "tls": tls}


def check_line(proxy, address, front, login_port):
    """Mailreeve's own line says the same as the server's."""
    line = proxy.ended(frontend="front", client=at(client_of(address), login_port))
    assert line["local"] == at(address, front)
    assert (line["backend"], line["server"], line["tries"]) == ("back", "one", "1")
    assert (line["tls"], line["sni"]) == ("TLSv1.3", HOSTNAME)
    assert line["end"] in ("client-closed", "server-closed") and line["while"] in ("relay", "drain")
    assert int(line["in"]) > 0 and int(line["out"]) > 0 and int(line["out_port"]) > 0


@pytest.mark.parametrize("address", BOTH)
@pytest.mark.parametrize("protocol", FRONT)
@pytest.mark.parametrize("layout", ("tls", "mutual", "plain"))
def test_dovecot(site, pki, layout, protocol, address):
    must_show = f"ssl_ca = <{pki}/ca.pem\nssl_verify_client_cert = yes\n" \
        "auth_ssl_require_client_cert = yes\nssl_require_crl = no\n"
    dovecot = Dovecot(site, pki, ssl="required", extra=must_show if layout == "mutual" else "")
    relay = Postfix(site, pki) if protocol == "submission" else None
    back = protocol if layout == "plain" else protocol + "s"
    proxy = Mailreeve(site, pki, dovecot_conf(
        protocol, back, {"tls": VERIFIED, "mutual": MUTUAL, "plain": ""}[layout]))
    login = tls_login(pki, protocol, FRONT[protocol], address)
    line = dovecot.login(SERVICE[protocol], user="alice", method="PLAIN",
                         rip=client_of(address), rport=login.port, lip=address,
                         lport=FRONT[protocol])
    assert (SECURED if layout == "plain" else " TLS") in line
    if relay:
        login.client.sendmail("alice@example.org", ["bob@example.org"], "Subject: hi\r\n\r\nhi")
        relay.line(r"to=<bob@example\.org>.*status=sent")
    login.logout()
    check_line(proxy, address, FRONT[protocol], login.port)
    assert dovecot.quarrels() == []


def test_dovecot_without_our_certificate(site, pki):
    """Where Dovecot asks for the proxy's certificate and gets none, nobody logs in: this is what
    proves that the layout above shows it."""
    dovecot = Dovecot(site, pki, extra=f"ssl_ca = <{pki}/ca.pem\nssl_verify_client_cert = yes\n"
                      "auth_ssl_require_client_cert = yes\nssl_require_crl = no\n")
    Mailreeve(site, pki, dovecot_conf("imap", "imaps", VERIFIED))
    imap = Imap(connect(BOTH[0], 993, context(pki)))
    with pytest.raises(imap.error):
        imap.login("alice", "secret")
    imap.logout()
    assert not any(f"{LOGIN}:" in line for line in dovecot.lines())


@pytest.mark.parametrize("address", BOTH)
@pytest.mark.parametrize("layout", ("tls", "plain"))
def test_postfix_submission(site, pki, layout, address):
    """Submission with Postfix behind: its log has the client, and the message arrives."""
    dovecot = Dovecot(site, pki)
    server = Postfix(site, pki, dovecot=dovecot)
    back, tls = (postfix.SMTPS, VERIFIED.replace("dovecot.", "postfix.")) if layout == "tls" else \
        (postfix.PLAIN, "")
    proxy = Mailreeve(site, pki, postfix_conf("submission", back, tls))
    login = tls_login(pki, "submission", 465, address)
    login.client.sendmail("alice@example.org", ["alice@example.org"], "Subject: hello\r\n\r\nhello")
    login.logout()
    peer = rf"unknown\[{client_of(address)}\]:{login.port}"
    server.line(rf": client={peer}, sasl_method=PLAIN, sasl_username=alice")
    if layout == "tls":
        server.line(rf"TLS connection established from {peer}: TLSv1\.3")
    server.line(r"to=<alice@example\.org>.*status=sent")
    check_line(proxy, address, 465, login.port)
    assert server.quarrels() == []


@pytest.mark.parametrize("address", BOTH)
@pytest.mark.parametrize("layout", ("tls", "plain"))
def test_postfix_smtp(site, pki, layout, address):
    """protocol smtp: mail for a local user, without a login."""
    server = Postfix(site, pki)
    back, tls = (postfix.SMTPS, VERIFIED.replace("dovecot.", "postfix.")) if layout == "tls" else \
        (postfix.PLAIN, "")
    proxy = Mailreeve(site, pki, postfix_conf("smtp", back, tls))
    smtp = Smtp(connect(address, 465, context(pki)))
    port = port_of(smtp)
    smtp.sendmail("bob@example.net", ["alice@example.org"], "Subject: hello\r\n\r\nhello")
    with pytest.raises(smtplib.SMTPRecipientsRefused):  # relaying is for those who log in
        smtp.sendmail("bob@example.net", ["carol@example.com"], "Subject: no\r\n\r\nno")
    smtp.quit()
    server.line(rf": client=unknown\[{client_of(address)}\]:{port}$")
    check_line(proxy, address, 465, port)


# The same road with clients of another make.

@pytest.mark.parametrize("address", BOTH)
def test_curl(site, pki, address):
    dovecot = Dovecot(site, pki)
    proxy = Mailreeve(site, pki, CONF % {"protocol": "imap", "front": 993, "server": 11,
                                         "back": PORTS["imap"], "tls": ""})
    done = curl(pki, f"imaps://{HOSTNAME}/", address, 993, "-u", "alice:secret")
    assert done.returncode == 0 and "INBOX" in done.stdout
    dovecot.login("imap", user="alice", rip=client_of(address), lip=address)
    # curl offers no ALPN to mail servers, and is not asked to.
    assert proxy.ended(frontend="front")["alpn"] == "-"


def test_curl_pop3(site, pki):
    dovecot = Dovecot(site, pki)
    Mailreeve(site, pki, dovecot_conf("pop3", "pop3s", VERIFIED))
    done = curl(pki, f"pop3s://{HOSTNAME}/", BOTH[0], 995, "-u", "alice:secret")
    assert done.returncode == 0
    dovecot.login("pop3", user="alice", rip=client_of(BOTH[0]), lip=BOTH[0])


@pytest.mark.parametrize("address", BOTH)
def test_swaks(site, pki, address):
    dovecot = Dovecot(site, pki)
    server = Postfix(site, pki, dovecot=dovecot)
    Mailreeve(site, pki, postfix_conf("submission", postfix.PLAIN, ""))
    done = swaks(pki, address, 465, "--tls-on-connect", "--auth", "LOGIN", "--auth-user", "alice",
                 "--auth-password", "secret")
    assert done.returncode == 0
    server.line(rf": client=unknown\[{client_of(address)}\]:\d+, sasl_method=LOGIN, "
                "sasl_username=alice")


@pytest.mark.parametrize("version", ("-tls1_2", "-tls1_3"))
def test_s_client(site, pki, version):
    """TLS 1.2 and 1.3, whole session in one piece: what is said right behind the handshake
    reaches the server."""
    dovecot = Dovecot(site, pki)
    proxy = Mailreeve(site, pki, dovecot_conf("imap", "imaps", VERIFIED))
    done = s_client(pki, BOTH[0], 993, "a LOGIN alice secret\nb LOGOUT\n", version)
    assert "a OK" in done.stdout and "b OK" in done.stdout
    dovecot.login("imap", user="alice", rip=client_of(BOTH[0]))
    assert proxy.ended(frontend="front")["tls"] == version[1:].replace("tls1_", "TLSv1.")


def test_rsa(site, pki):
    """A client that takes RSA only gets the RSA certificate, one that can EC the other."""
    dovecot = Dovecot(site, pki)
    Mailreeve(site, pki, dovecot_conf("imap", "imap", "").replace(
        '"$pki/mail"', '[ "$pki/mail", "$pki/mail-rsa" ]'))
    for algorithms, word in (("rsa_pss_rsae_sha256", "RSA"), ("ecdsa_secp256r1_sha256", "ECDSA")):
        done = s_client(pki, BOTH[0], 993, "a LOGIN alice secret\nb LOGOUT\n",
                        "-sigalgs", algorithms)
        assert "b OK" in done.stdout, word
    dovecot.login("imap", user="alice")


def test_big_message(site, pki):
    """8 MiB up and down again, unchanged."""
    dovecot = Dovecot(site, pki)
    Mailreeve(site, pki, dovecot_conf("imap", "imaps", VERIFIED))
    message = b"Subject: big\r\n\r\n" + b"".join(
        b"%07d %s\r\n" % (n, b"x" * 119) for n in range(8 * 8192))
    login = Login("imap", connect(BOTH[0], 993, context(pki)))
    imap = login.client
    assert imap.append("INBOX", None, None, message)[0] == "OK"
    imap.select("INBOX")
    assert imap.fetch("1", "(BODY.PEEK[])")[1][0][1] == message
    login.logout()
    assert dovecot.quarrels() == []
