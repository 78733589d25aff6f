# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""What scanners see: sslscan and nmap against both policies find exactly the suites of the policy,
ours first, no older version and no renegotiation."""
import re
import xml.etree.ElementTree

import pytest

from lib.clients import run
from lib.fakes import Fake, greets
from lib.mailreeve import Mailreeve
from lib.site import HOSTNAME, PROXY

CONF = """
log = { connections = "none"; };
frontends = (
  { name = "intermediate"; bind = "192.0.2.10:993"; backend = "imap";
    tls = { certificates = [ "$pki/mail", "$pki/mail-rsa" ]; }; },
  { name = "modern"; bind = "192.0.2.10:1993"; backend = "imap";
    tls = { certificates = "$pki/mail"; policy = "modern"; }; } );
backends = ( { name = "imap"; protocol = "imap"; servers = "10.0.0.11:143";
    check = { type = "none"; }; } );
"""
TLS13 = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
TLS12 = {f"ECDHE-{key}-{cipher}" for key in ("ECDSA", "RSA") for cipher in
         ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")}
SUITES = {993: TLS13 | TLS12, 1993: TLS13}


@pytest.fixture
def proxy(site, pki):
    Fake(site, "10.0.0.11", 143, greets(b"* OK ready\r\n"))
    return Mailreeve(site, pki, CONF)


def test_sslscan(site, proxy):
    for port, suites in SUITES.items():
        report = site.path(f"sslscan-{port}.xml")
        done = run("sslscan", f"--xml={report}", f"--sni-name={HOSTNAME}", "--no-colour",
                   f"{PROXY}:{port}", seconds=120)
        assert done.returncode == 0
        scan = xml.etree.ElementTree.parse(report).getroot().find("ssltest")
        assert {c.get("cipher") for c in scan.iter("cipher")} == suites
        versions = {p.get("version") for p in scan.iter("protocol") if p.get("enabled") == "1"}
        assert versions == ({"1.2", "1.3"} if port == 993 else {"1.3"})
        # Ours is the order, and the fastest comes first.
        assert [c.get("cipher") for c in scan.iter("cipher") if c.get("status") == "preferred"
                ][0] == "TLS_AES_128_GCM_SHA256"
        assert scan.find("renegotiation").get("supported") == "0"


def test_nmap(proxy):
    done = run("nmap", "-Pn", "-n", "-p", "993,1993", "--script", "ssl-enum-ciphers", PROXY,
               seconds=120)
    names = set(re.findall(r"\b(TLS_\w+) ", done.stdout))
    expected = {"TLS_AKE_WITH_" + name.removeprefix("TLS_") for name in TLS13}
    for name in TLS12:
        key, cipher = re.fullmatch(r"ECDHE-(\w+?)-(.*)", name).groups()
        cipher = cipher.replace("AES", "AES_").replace("-", "_")
        cipher = cipher.replace("CHACHA20_POLY1305", "CHACHA20_POLY1305_SHA256")
        expected.add(f"TLS_ECDHE_{key}_WITH_{cipher}")
    assert names == expected
    assert "least strength: A" in done.stdout and not re.search(r"warnings:", done.stdout)
