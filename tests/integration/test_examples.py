# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""The default file and every file in conf/examples, as they are shipped, with nothing changed but
addresses, ports, certificates and their names: real clients log in, and the server's log has them."""
import pathlib
import re

import pytest

from lib.clients import Imap, Smtp, connect, context, port_of
from lib.dovecot import LOGIN, NAME_IS_LOST, SECURED, Dovecot
from lib.logins import BOTH, Login, client_of, plain_login, tls_login
from lib.mailreeve import Mailreeve
from lib.postfix import Postfix
from lib.site import wait_until

CONF = pathlib.Path(__file__).resolve().parents[2] / "conf"
ADDRESS = BOTH[0]
CLIENT = client_of(ADDRESS)
POSTFIX = {"25", "465", "587"}  # ports behind which the examples have Postfix
FILES = {
    "/etc/letsencrypt/live/mail.example.org": "$pki/mail",
    "/etc/mailreeve/backend-ca.pem": "$pki/ca.pem",
    "/etc/mailreeve/client-ca.pem": "$pki/ca.pem",
    "/etc/mailreeve/proxy.pem": "$pki/proxy/fullchain.pem",
    "/etc/mailreeve/proxy.key": "$pki/proxy/privkey.pem",
}


def shipped(name):
    """The file with this site's addresses: Dovecot's servers from 10.0.0.11 on, Postfix's from .15 on,
    on the port that the file adds 10000 to (ManageSieve's 14190 is 4190)."""
    text = (CONF / name).read_text()
    for theirs, ours in FILES.items():
        text = text.replace(theirs, ours)
    text = re.sub(r'"\*:(\d+)"', r'[ "192.0.2.10:\1", "[2001:db8:a::10]:\1" ]', text)

    def server(found):
        number, port = int(found[2] or 1), found[3]
        return f"10.0.0.{number + (14 if port in POSTFIX else 10)}:{port}"
    text = re.sub(r"(127\.0\.0\.1|10\.0\.0\.([1-4])):1(?:00|0)?(\d{2,4})\b", server, text)

    # Each backend's servers show the certificate of Dovecot's or Postfix's name.
    parts = re.split(r"(?=protocol = )", text)
    for number, part in enumerate(parts):
        name = "postfix" if re.match(r'protocol = "(smtp|submission)"', part) else "dovecot"
        authority = "" if "ca_file" in part else 'ca_file = "$pki/ca.pem"; '
        parts[number] = re.sub(r'server_name = "[^"]*"',
                               f'{authority}server_name = "{name}.example.org"', part)
    text = "".join(parts)
    # What is not there to be substituted would be the host's own.
    left = [line for line in text.splitlines()
            if not line.lstrip().startswith("#") and re.search(r"/etc/|127\.0\.0\.1|\"\*:|:1\d{4}\b", line)]
    assert left == []
    return text


def logins(dovecots):
    """What they say of alice's; a line may come after the answer that the client has."""
    def found():
        return [line for dovecot in dovecots for line in dovecot.lines()
                if f"{LOGIN}: user=<alice>" in line]
    return wait_until(found, "a login in a server's log")


def imaps_login(site, pki, dovecots, secure):
    login = tls_login(pki, "imap", 993)
    lines = logins(dovecots)
    login.logout()
    assert len(lines) == 1 and f"rip={CLIENT}" in lines[0] and f"rport={login.port}" in lines[0]
    assert secure in lines[0]


def test_every_example_has_a_test():
    tests = {name.removeprefix("test_").replace("_", "-") for name in globals() if name.startswith("test_")}
    assert {path.stem for path in (CONF / "examples").glob("*.conf")} <= tests


def test_default_file(site, pki):
    dovecot = Dovecot(site, pki)
    postfix = Postfix(site, pki, dovecot=dovecot)
    proxy = Mailreeve(site, pki, shipped("mailreeve.conf"))
    imaps_login(site, pki, [dovecot], SECURED)
    login = tls_login(pki, "submission", 465)
    login.client.sendmail("alice@example.org", ["alice@example.org"], "Subject: hi\r\n\r\nhi")
    login.logout()
    postfix.line(rf": client=unknown\[{CLIENT}\]:{login.port}, sasl_method=PLAIN, sasl_username=alice")
    assert proxy.control("status").startswith("OK: ")


def test_tls_to_tls(site, pki):
    dovecots = [Dovecot(site, pki, number=n, ssl="required") for n in range(2)]
    Mailreeve(site, pki, shipped("examples/tls-to-tls.conf"))
    imaps_login(site, pki, dovecots, " TLS")


def test_mutual_tls(site, pki):
    must_show = f"ssl_ca = <{pki}/ca.pem\nssl_verify_client_cert = yes\n" \
        "auth_ssl_require_client_cert = yes\nssl_require_crl = no\n"
    dovecot = Dovecot(site, pki, ssl="required", extra=must_show)
    Mailreeve(site, pki, shipped("examples/mutual-tls.conf"))
    imaps_login(site, pki, [dovecot], " TLS")


@pytest.mark.skipif(NAME_IS_LOST, reason="this Dovecot loses the name")
def test_client_certificates(site, pki):
    dovecot = Dovecot(site, pki, extra="auth_ssl_username_from_cert = yes\n")
    Mailreeve(site, pki, shipped("examples/client-certificates.conf"))
    imap = Imap(connect(ADDRESS, 993, context(pki, certificate="alice")))
    port = port_of(imap)
    assert imap.authenticate("EXTERNAL", lambda challenge: b"")[0] == "OK"
    imap.logout()
    dovecot.login("imap", user="alice", method="EXTERNAL", rip=CLIENT, rport=port)


def test_tls_to_plain(site, pki):
    dovecot = Dovecot(site, pki)
    Mailreeve(site, pki, shipped("examples/tls-to-plain.conf"))
    for protocol, port in ("imap", 993), ("pop3", 995):
        login = tls_login(pki, protocol, port)
        assert SECURED in dovecot.login(protocol, user="alice", rip=CLIENT, rport=login.port)
        login.logout()


def test_plain(site, pki):
    dovecot = Dovecot(site, pki, ssl="no", extra="disable_plaintext_auth = no\n")
    Mailreeve(site, pki, shipped("examples/plain.conf"))
    login = plain_login("imap", 143)
    line = dovecot.login("imap", user="alice", rip=CLIENT, rport=login.port)
    assert " TLS" not in line and SECURED not in line
    login.logout()


def test_backend_starttls(site, pki):
    dovecot = Dovecot(site, pki, ssl="required")
    postfix = Postfix(site, pki, dovecot=dovecot)
    Mailreeve(site, pki, shipped("examples/backend-starttls.conf"))
    theirs = context(pki)
    theirs.check_hostname = False  # the servers' own certificates
    for protocol, port, service in ("imap", 143, "imap"), ("sieve", 4190, "managesieve"):
        login = Login(protocol, connect(ADDRESS, port), starttls=theirs)
        assert " TLS" in dovecot.login(service, user="alice", rip=CLIENT, rport=login.port)
        login.logout()
    login = Login("submission", connect(ADDRESS, 587), starttls=theirs)
    login.client.sendmail("alice@example.org", ["alice@example.org"], "Subject: hi\r\n\r\nhi")
    login.logout()
    postfix.line(rf": client=unknown\[{CLIENT}\]:{login.port}, sasl_method=PLAIN, sasl_username=alice")


def test_passthrough(site, pki):
    dovecots = [Dovecot(site, pki, number=n) for n in range(2)]
    Mailreeve(site, pki, shipped("examples/passthrough.conf"))
    theirs = context(pki)
    theirs.check_hostname = False
    login = Login("imap", connect(ADDRESS, 993, theirs))
    login.logout()
    lines = logins(dovecots)
    assert len(lines) == 1 and f"rip={CLIENT}" in lines[0] and " TLS" in lines[0]


@pytest.mark.timeout(240)
def test_four_ports(site, pki):
    dovecots = [Dovecot(site, pki, number=n, ssl="required") for n in range(4)]
    mtas = [Postfix(site, pki, number=n, dovecot=dovecots[0]) for n in range(4, 8)]
    proxy = Mailreeve(site, pki, shipped("examples/four-ports.conf"))
    imaps_login(site, pki, dovecots, " TLS")

    def logged(pattern):
        return wait_until(lambda: any(re.search(pattern, line) for mta in mtas for line in mta.lines()),
                          pattern)

    smtp = Smtp(connect(ADDRESS, 25))
    port = port_of(smtp)
    smtp.sendmail("bob@example.org", ["alice@example.org"], "Subject: hello\r\n\r\nhello")
    smtp.quit()
    assert logged(rf"CONNECT from \[{CLIENT}\]:{port} to \[{ADDRESS}\]:25")

    theirs = context(pki)
    theirs.check_hostname = False
    for login in (tls_login(pki, "submission", 465),
                  Login("submission", connect(ADDRESS, 587), starttls=theirs)):
        login.client.sendmail("alice@example.org", ["alice@example.org"], "Subject: hi\r\n\r\nhi")
        login.logout()
        assert logged(rf": client=unknown\[{CLIENT}\]:{login.port}, sasl_method=PLAIN, sasl_username=alice")
    assert proxy.control("status").startswith("OK: 16 of 16 servers up")
