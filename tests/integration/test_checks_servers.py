# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Checks of real servers, on the very ports that clients' connections use, and how quiet they are."""
import os
import re
import time

from lib import postfix
from lib.checker import Checker
from lib.clients import Smtp, connect
from lib.dovecot import DIRECT, PORTS, Dovecot
from lib.logins import Login
from lib.postfix import Postfix

# Ten seconds in the short form, a minute in the long one.
SECONDS = 60 if os.environ.get("CHECKS_LONG") else 10

# A PROXY port for Dovecot's LMTP, which the site's own has not.
PROXY_LMTP = """
service lmtp {
  inet_listener lmtp-proxied {
    address = 10.0.0.11
    port = 10024
    haproxy = yes
  }
}
"""

HEAD = 'frontends = ( { name = "front"; bind = "192.0.2.10:143"; backend = "%s"; } );\n'
BACKEND = """{ name = "%s"; protocol = "%s"; servers = "%s"; %s
    check = { interval = "1s"; %s }; }"""
TLS = 'tls = { ca_file = "$pki/ca.pem"; server_name = "%s.example.org"; };'


def backend(name, protocol, server, more="", check=""):
    return BACKEND % (name, protocol, server, more, check)


def conf(*backends):
    first = re.search(r'name = "([^"]*)"', backends[0])[1]
    return HEAD % first + "backends = (\n" + ",\n".join(backends) + "\n);\n"


def dovecot_backends(address):
    found = []
    for name, port in PORTS.items():
        tls = TLS % "dovecot" if name.endswith("s") else ""
        protocol = name.removesuffix("s")
        found.append(backend(name, protocol, f"{address}:{port}", tls))
    none = 'send_proxy = "none";'
    found.append(backend("lmtp", "lmtp", f"{address}:24", none))
    found.append(backend("lmtp-proxy", "lmtp", f"{address}:10024"))
    found.append(backend("imap-direct", "imap", f"{address}:{DIRECT + 143}", none))
    found.append(backend("imap-v1", "imap", f"{address}:143", 'send_proxy = "v1";'))
    found.append(backend("imap-local", "imap", f"{address}:143", "", 'send_proxy = "local";'))
    found.append(backend("imap-tls", "imap", f"{address}:993", TLS % "dovecot", 'type = "tls";'))
    found.append(backend("imap-expect", "imap", f"{address}:143", "",
                         'type = "expect"; expect = "* OK";'))
    found.append(backend("imap-tcp", "imap", f"{address}:143", "", 'type = "tcp";'))
    return found


def postfix_backends(address):
    none = 'send_proxy = "none";'
    return [
        backend("mx", "smtp", f"{address}:{postfix.MX}"),
        backend("mx-local", "smtp", f"{address}:{postfix.MX}", "", 'send_proxy = "local";'),
        backend("mx-v1", "smtp", f"{address}:{postfix.MX}", 'send_proxy = "v1";'),
        backend("mx-tcp", "smtp", f"{address}:{postfix.MX}", "", 'type = "tcp";'),
        backend("p-submission", "submission", f"{address}:{postfix.SUBMISSION}"),
        backend("p-smtps", "submission", f"{address}:{postfix.SMTPS}", TLS % "postfix"),
        backend("p-plain", "submission", f"{address}:{postfix.PLAIN}"),
        backend("p-direct", "smtp", f"{address}:{postfix.DIRECT}", none),
    ]


def talk(address, p_address, until):
    """Real clients, one after another, at the servers' direct ports; how many were served."""
    served = 0
    while time.monotonic() < until:
        for protocol in ("imap", "pop3", "sieve"):
            Login(protocol, connect(address, DIRECT + PORTS[protocol])).logout()
            served += 1
        client = Smtp(connect(p_address, postfix.DIRECT))
        client.helo("client.example.net")
        client.quit()
        served += 1
    return served


def test_quiet_and_well(site, pki):
    """A check a second on every port: all servers are well, no server complains, clients are served."""
    dovecot = Dovecot(site, pki, ssl="yes", extra=PROXY_LMTP + "disable_plaintext_auth = no\n")
    mta = Postfix(site, pki, dovecot=dovecot, greet_wait="3s")
    backends = dovecot_backends(dovecot.address) + postfix_backends(mta.address)
    checker = Checker(site, pki, conf(*backends))
    served = talk(dovecot.address, mta.address, time.monotonic() + SECONDS)
    assert served > SECONDS
    names = [re.search(r'name = "([^"]*)"', b)[1] for b in backends]
    for name in names:
        results = [r for r in checker.results() if r.server.startswith(name + "/")]
        bad = [r for r in results if not r.ok]
        assert not bad, bad
        # postscreen lets a check wait for 3 s.
        assert len(results) >= (SECONDS // 6 if name.startswith("mx") else SECONDS // 2), name
        assert len({r.state for r in results}) == 1, results
    assert dovecot.quarrels() == []
    assert mta.quarrels() == []
    noise = re.compile("getpeername|throttl|fatal|lost connection|pipelining|HANGUP|PREGREET")
    assert [line for line in mta.lines() if noise.search(line)] == []
    # The teaser was there, and the checker waited for what follows it.
    assert [r for r in checker.results() if r.server.startswith("mx/") and r.ms > 2500]
    days = {row[2].split("/")[0]: int(row[3]) for row in checker.reports("days")}
    assert days == dict.fromkeys(["imaps", "pop3s", "submissions", "sieves", "imap-tls", "p-smtps"], 89)


def test_tcp_is_never_seen(site, pki):
    """A plain tcp check leaves no line in any log."""
    dovecot = Dovecot(site, pki)
    mta = Postfix(site, pki, dovecot=dovecot)
    addresses = [f"{dovecot.address}:{port + shift}" for port in dovecot.ports
                 for shift in (0, DIRECT)] + [f"{mta.address}:{port}" for port in postfix.PORTS]
    backends = [backend(f"b{n}", "tcp", address) for n, address in enumerate(addresses)]
    mta.line("daemon started")  # which may come late
    before = len(dovecot.lines()), len(mta.lines())
    checker = Checker(site, pki, conf(*backends))
    time.sleep(SECONDS / 2)
    results = checker.results()
    assert len(results) >= len(backends) * SECONDS / 4
    assert all(r.ok and r.text == "connected" for r in results), results
    # Accepted connections would be logged when they end: after a while, all are.
    time.sleep(1)
    assert (len(dovecot.lines()), len(mta.lines())) == before


def test_mismatches_name_the_key(site, pki):
    """A header that a server does not expect, one that it misses, plain text to TLS and the other
    way round: the reason names the key on both sides."""
    dovecot = Dovecot(site, pki, ssl="yes")
    mta = Postfix(site, pki, dovecot=dovecot)
    none, well = 'send_proxy = "none";', dovecot.address
    theirs, posts = "haproxy_trusted_networks", "smtpd_upstream_proxy_protocol"
    cases = {
        # a backend, words of the reason
        backend("sent", "imap", f"{well}:{DIRECT + 143}"): ("send_proxy to none", theirs),
        backend("sent-pop3", "pop3", f"{well}:{DIRECT + 110}"): ("send_proxy to none", theirs),
        backend("sent-sieve", "sieve", f"{well}:{DIRECT + 4190}"): ("send_proxy to none", theirs),
        backend("sent-smtp", "smtp", f"{mta.address}:{postfix.DIRECT}"): ("send_proxy to none", posts),
        backend("missed", "imap", f"{well}:143", none): ("Set send_proxy", theirs),
        backend("missed-smtp", "smtp", f"{mta.address}:{postfix.PLAIN}", none): (
            "Set send_proxy", posts),
        backend("plain", "imap", f"{well}:{DIRECT + 993}", none): ("it is a TLS port; set tls",),
        backend("plain-header", "imap", f"{well}:993"): ("it is a TLS port; set tls",),
        backend("tls", "imap", f"{well}:143", TLS % "dovecot"): ("is this a TLS port?",),
        backend("ca", "imap", f"{well}:993", 'tls = { ca_file = "$pki/rogue.pem"; };'): (
            "; set ca_file",),
    }
    checker = Checker(site, pki, conf(*cases))
    for each, words in cases.items():
        name = re.search(r'name = "([^"]*)"', each)[1]
        result = checker.result(re.search(r'name = "([^"]*)"', each)[1] + "/" + re.search(
            r'servers = "([^"]*)"', each)[1] + "+0")
        print(name, result.text)
        assert not result.ok and all(word in result.text for word in words), (name, result.text)
