# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Clients of other makes: GnuTLS, NSS, Java, Python; every version and suite of the policy, with
EC, RSA and Ed25519 certificates.  Each sends a line and gets it back, so that records of both
directions are understood, and Mailreeve's log names the version and suite that the client wanted."""
import pathlib
import ssl
import subprocess

import pytest

from lib.clients import PATIENCE, connect, context, curl, lines, run
from lib.fakes import Fake, echoes
from lib.mailreeve import Mailreeve
from lib.site import HOSTNAME, PROXY

PORTS = {"ec": 1001, "rsa": 1002, "ed25519": 1003}
CONF = "frontends = (" + ",".join("""
    { name = "%s"; bind = "192.0.2.10:%d"; backend = "echo"; protocol = "tcp";
      tls = { certificates = "$dir/%s"; }; }""" % (kind, port, kind)
                                  for kind, port in PORTS.items()) + """);
backends = ( { name = "echo"; protocol = "tcp"; servers = "10.0.0.11:7"; check = { type = "none"; };
    } );
"""
# Suites by OpenSSL's name: version, NSS's number, GnuTLS's priorities, Java's name.
SUITES = {
    "TLS_AES_128_GCM_SHA256": ("1.3", "1301", "+AES-128-GCM", "TLS_AES_128_GCM_SHA256"),
    "TLS_AES_256_GCM_SHA384": ("1.3", "1302", "+AES-256-GCM", "TLS_AES_256_GCM_SHA384"),
    "TLS_CHACHA20_POLY1305_SHA256": ("1.3", "1303", "+CHACHA20-POLY1305",
                                     "TLS_CHACHA20_POLY1305_SHA256"),
    "ECDHE-ECDSA-AES128-GCM-SHA256": ("1.2", "C02B", "+ECDHE-ECDSA:+AES-128-GCM",
                                      "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    "ECDHE-ECDSA-AES256-GCM-SHA384": ("1.2", "C02C", "+ECDHE-ECDSA:+AES-256-GCM",
                                      "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    "ECDHE-ECDSA-CHACHA20-POLY1305": ("1.2", "CCA9", "+ECDHE-ECDSA:+CHACHA20-POLY1305",
                                      "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    "ECDHE-RSA-AES128-GCM-SHA256": ("1.2", "C02F", "+ECDHE-RSA:+AES-128-GCM",
                                    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    "ECDHE-RSA-AES256-GCM-SHA384": ("1.2", "C030", "+ECDHE-RSA:+AES-256-GCM",
                                    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    "ECDHE-RSA-CHACHA20-POLY1305": ("1.2", "CCA8", "+ECDHE-RSA:+CHACHA20-POLY1305",
                                    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
}
# In TLS 1.2 the suite says what kind of key signs; Ed25519 counts as ECDSA (RFC 8422).
PAIRS = [(suite, kind) for suite in SUITES for kind in PORTS
         if suite.startswith("TLS_") or ("RSA-" in suite.replace("ECDSA", "")) == (kind == "rsa")]


@pytest.fixture
def proxy(site, pki):
    Fake(site, "10.0.0.11", 7, echoes)
    names = ["DNS:mail.example.org"]
    for kind in PORTS:
        pki.ca.issue(kind, HOSTNAME, names, kind=kind, directory=site.directory)
    return Mailreeve(site, pki, CONF)


def spoken(proxy, suite, kind, count=1):
    """The log lines of connections with this suite to this frontend; there must be `count`."""
    wanted = {"frontend": kind, "cipher": suite, "tls": f"TLSv{SUITES[suite][0]}"}
    proxy.said(rf"frontend={kind} .*cipher={suite} .*end=client-closed", count)
    found = [line for line in proxy.lines()
             if all(line.get(key) == value for key, value in wanted.items())]
    assert len(found) == count
    return found


def ask(arguments, ends=True):
    """Run a client that passes standard input on, until it prints what the server echoed; one that
    does not end by itself when there is no more is ended."""
    process = subprocess.Popen([str(a) for a in arguments], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
    try:
        process.stdin.write(b"hello from afar\n")
        output = []
        for line in iter(process.stdout.readline, b""):
            output.append(line)
            if b"hello from afar" in line:
                break
        process.stdin.close()
        if ends:
            output += process.stdout.readlines()
            process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    text = b"".join(output).decode(errors="backslashreplace")
    print("$", *arguments, f"\n{text}")
    assert "hello from afar" in text
    return text


def test_gnutls(proxy, pki):
    for suite, kind in PAIRS:
        version, _, priorities, _ = SUITES[suite]
        if version == "1.3":
            priorities = f"NONE:+VERS-TLS1.3:{priorities}:+AEAD:+GROUP-ALL:+SIGN-ALL:+CTYPE-X509"
        else:
            priorities = f"NONE:+VERS-TLS1.2:{priorities}:+AEAD:+GROUP-ALL:+SIGN-ALL:+COMP-NULL" \
                ":+CTYPE-X509"
        ask(["gnutls-cli", "--priority", priorities, "--port", PORTS[kind],
             "--x509cafile", pki.ca.certificate, "--sni-hostname", HOSTNAME, "--verify-hostname",
             HOSTNAME, PROXY])
        spoken(proxy, suite, kind)


def test_gnutls_resumes(proxy, pki):
    """--resume connects twice, the second time with the first one's session."""
    for suite, priorities in (("TLS_AES_256_GCM_SHA384", "NORMAL:-VERS-ALL:+VERS-TLS1.3"),
                              ("ECDHE-ECDSA-AES128-GCM-SHA256", "NORMAL:-VERS-ALL:+VERS-TLS1.2")):
        text = ask(["gnutls-cli", "--resume", "--waitresumption", "--priority",
                    priorities, "--port", PORTS["ec"], "--x509cafile", pki.ca.certificate,
                    "--sni-hostname", HOSTNAME, "--verify-hostname", HOSTNAME, PROXY])
        assert "This is a resumed session" in text, suite


def test_nss(site, proxy, pki):
    db = f"sql:{site.directory}"
    run("certutil", "-N", "-d", db, "--empty-password")
    run("certutil", "-A", "-d", db, "-n", "ca", "-t", "C,,", "-i", pki.ca.certificate)
    for suite, kind in PAIRS:
        if kind == "ed25519":
            continue  # this NSS has no Ed25519 certificates
        version, number, _, _ = SUITES[suite]
        ask(["tstclnt", "-4", "-C", "-h", PROXY, "-p",
             PORTS[kind], "-d", db, "-a", HOSTNAME, "-V", f"tls{version}:tls{version}", "-c",
             f":{number}"], ends=False)
        spoken(proxy, suite, kind)


@pytest.mark.timeout(300)
def test_java(site, proxy, pki):
    source = pathlib.Path(__file__).parent.parent / "lib/TlsClient.java"
    assert run("javac", "-d", site.directory, source, seconds=110).returncode == 0
    questions = []
    for suite, kind in PAIRS:
        version, _, _, name = SUITES[suite]
        questions += [PORTS[kind], f"TLSv{version}", name]
    done = run("java", "-cp", site.directory, "TlsClient", pki.ca.certificate, HOSTNAME, PROXY,
               *questions, seconds=110)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [f"{SUITES[suite][3]} resumed" for suite, _ in PAIRS]
    for suite, kind in PAIRS:
        assert [line["resumed"] for line in spoken(proxy, suite, kind, 2)] == ["0", "1"]


def test_python(proxy, pki):
    for suite, kind in PAIRS:
        tls = context(pki)
        if SUITES[suite][0] == "1.2":
            tls.maximum_version = ssl.TLSVersion.TLSv1_2
            tls.set_ciphers(suite)
        elif suite != "TLS_AES_128_GCM_SHA256":
            continue  # Python cannot choose among those of TLS 1.3
        with connect(PROXY, PORTS[kind], tls) as sock:
            sock.sendall(b"hello\n")
            assert lines(sock) == [b"hello\n"]
            sock.unwrap()
        spoken(proxy, suite, kind)


def imap(fake, sock):
    """As much of IMAP as curl needs to log in and out."""
    fake.header(sock)
    sock.sendall(b"* OK [CAPABILITY IMAP4rev1] ready\r\n")
    while got := lines(sock):
        tag, command = got[0].split()[:2]
        extra = {b"CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n",
                 b"LIST": b'* LIST () "/" "hello from afar"\r\n'}.get(command, b"")
        sock.sendall(extra + tag + b" OK done\r\n")


def test_curl(site, pki):
    """An IMAP session in each suite, as any script would hold one."""
    Fake(site, "10.0.0.11", 143, imap)
    for kind in PORTS:
        pki.ca.issue(kind, HOSTNAME, ["DNS:mail.example.org"], kind=kind, directory=site.directory)
    proxy = Mailreeve(site, pki, CONF.replace('protocol = "tcp"', 'protocol = "imap"').replace(
        "10.0.0.11:7", "10.0.0.11:143"))
    for suite, kind in PAIRS:
        version = SUITES[suite][0]
        wanted = ["--tlsv1.3", "--tls13-ciphers", suite] if version == "1.3" else \
            ["--tls-max", "1.2", "--ciphers", suite]
        done = curl(pki, f"imaps://{HOSTNAME}:{PORTS[kind]}/", PROXY, PORTS[kind], "-u", "alice:secret",
                    *wanted)
        assert done.returncode == 0 and "hello from afar" in done.stdout
        spoken(proxy, suite, kind)
