# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Signatures that the keeper makes for the others, of every kind, behind the walls: as the server
towards clients, and towards servers that ask for a certificate, for the worker and the checker."""
import re

import pytest

from lib.clients import connect, lines, run
from lib.fakes import Fake, greets
from lib.mailreeve import Mailreeve
from lib.site import CLIENT, HOSTNAME, PROXY, listening, wait_until

# Version, algorithm in OpenSSL's words, the key's kind, what a peer says of it before OpenSSL 3.5.
SCHEMES = [
    ("1_3", "ecdsa_secp256r1_sha256", "ec", "ECDSA"),
    ("1_3", "rsa_pss_rsae_sha256", "rsa", "RSA-PSS"),
    ("1_3", "ed25519", "ed25519", "ED25519"),
    ("1_2", "ecdsa_secp256r1_sha256", "ec", "ECDSA"),
    ("1_2", "rsa_pss_rsae_sha256", "rsa", "RSA-PSS"),
    ("1_2", "rsa_pkcs1_sha256", "rsa", "RSA"),
    ("1_2", "ed25519", "ed25519", "ED25519"),
]
# From 3.5 on it says the whole name.
FORMERLY = {"ECDSA_SECP256R1_SHA256": "ECDSA", "RSA_PSS_RSAE_SHA256": "RSA-PSS",
            "RSA_PKCS1_SHA256": "RSA"}
PORTS = {"ec": 993, "rsa": 994, "ed25519": 995}

FRONT = """
frontends = ( { name = "%(kind)s"; bind = "192.0.2.10:%(port)d"; backend = "back";
    tls = { certificates = "$dir/%(kind)s"; }; } );
backends = ( { name = "back"; servers = "10.0.0.11:143"; check = { type = "none"; }; } );
"""
BACK = """
frontends = ( { name = "front"; bind = "192.0.2.10:143"; backend = "back"; } );
backends = ( { name = "back"; servers = "10.0.0.11:993"; send_proxy = "none";
    tls = { ca_file = "$pki/ca.pem"; server_name = "dovecot.example.org";
        certificate = "$dir/%(kind)s.pem"; };
    check = { type = "tls"; interval = "1h"; }; } );
"""


def certificate(site, pki, kind):
    pki.ca.issue(kind, HOSTNAME, [f"DNS:{HOSTNAME}"], kind=kind, directory=site.directory)


def signed(output):
    """The kinds of signature that OpenSSL has seen, in the order of the handshakes."""
    names = re.findall(r"^Signature type: (\S+)$", output, re.MULTILINE)
    return [FORMERLY.get(name.upper(), name.upper()) for name in names]


@pytest.mark.parametrize("kind", PORTS)
def test_as_a_server(site, pki, kind):
    Fake(site, "10.0.0.11", 143, greets(b"* OK\r\n"))
    certificate(site, pki, kind)
    Mailreeve(site, pki, FRONT % {"kind": kind, "port": PORTS[kind]})
    for version, algorithm, _, name in (scheme for scheme in SCHEMES if scheme[2] == kind):
        done = run("openssl", "s_client", "-brief", "-connect", f"{PROXY}:{PORTS[kind]}", "-bind",
                   f"{CLIENT}:0", "-servername", HOSTNAME, "-verify_hostname", HOSTNAME, "-CAfile",
                   pki.directory / "ca.pem", "-verify_return_error", f"-tls{version}",
                   "-sigalgs", algorithm, text="")
        assert done.returncode == 0 and signed(done.stdout) == [name], algorithm


class Asks:
    """openssl s_server that wants a certificate, signed this way, and says lines backwards."""

    def __init__(self, site, pki, version, algorithm):
        self.output = site.log_file("s_server")
        with open(self.output, "w", encoding="utf-8") as output:
            self.process = site.spawn(
                ["openssl", "s_server", "-brief", "-rev", "-accept", "10.0.0.11:993", "-cert",
                 pki.chain("backend"), "-key", pki.key("backend"), "-CAfile",
                 pki.directory / "ca.pem", "-Verify", "1", "-verify_return_error",
                 f"-tls{version}", "-client_sigalgs", algorithm], output)
        site.programs.append(self)
        wait_until(lambda: listening("10.0.0.11", 993), "s_server")

    def signed(self):
        return signed(self.output.read_text())

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.mark.parametrize("version, algorithm, kind, name", SCHEMES)
def test_as_a_client(site, pki, version, algorithm, kind, name):
    certificate(site, pki, kind)
    server = Asks(site, pki, version, algorithm)
    proxy = Mailreeve(site, pki, BACK % {"kind": kind})
    proxy.said(r"server=back/\S+ state=up")
    checks = wait_until(server.signed, "the checker's signature")
    assert set(checks) == {name}
    # s_server serves one after the other.
    with connect(PROXY, 143) as sock:
        sock.sendall(b"live\n")
        assert lines(sock) == [b"evil\n"]
    wait_until(lambda: len(server.signed()) > len(checks), "the worker's signature")
    assert server.signed() == checks + [name]
