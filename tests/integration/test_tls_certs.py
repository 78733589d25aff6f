# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Certificates by the hundred, wrong ones, and sessions that outlive workers, reloads and hosts."""
import re
import shutil
import ssl

import pytest

from lib.clients import connect, context, lines
from lib.fakes import Fake, greets
from lib.mailreeve import Mailreeve, check
from lib.site import HOSTNAME, PROXY

CONF = """
frontends = ( { name = "front"; bind = "192.0.2.10:%(port)d"; backend = "imap";
    tls = { certificates = %(certificates)s; %(more)s }; } );
backends = ( { name = "imap"; protocol = "imap"; servers = "10.0.0.11:143";
    check = { type = "none"; }; } );
%(top)s
"""


def conf(certificates, port=993, more="", top=""):
    return CONF % {"certificates": certificates, "port": port, "more": more, "top": top}


def meet(pki, name=HOSTNAME, port=993, session=None, version=None):
    """A connection that reads the greeting: the certificate's names, the session, if it resumed."""
    tls = meet.contexts.setdefault((id(pki), version), context(pki))
    if version:
        tls.maximum_version = version
    sock = connect(PROXY, port)
    with tls.wrap_socket(sock, server_hostname=name, session=session) as sock:
        assert lines(sock) == [b"* OK ready\r\n"]
        names = sorted(value for _, value in sock.getpeercert().get("subjectAltName", ()))
        return names, sock.session, sock.session_reused


meet.contexts = {}  # Python resumes within one context only


@pytest.fixture
def server(site):
    return Fake(site, "10.0.0.11", 143, greets(b"* OK ready\r\n"))


def test_two_hundred_and_a_broken_one(site, pki, server):
    """A parent directory as certbot's live: every certificate serves its name, the broken one is
    an error line and nothing more."""
    live = site.path("live")
    live.mkdir()
    pki.ca.issue("one", "n0.example.org", ["DNS:n0.example.org"], directory=live)
    for n in range(1, 200):
        here = live / f"host{n:03}"
        here.mkdir()
        # Keys are dear: all but the names is shared.
        shutil.copy(live / "one/privkey.pem", here / "privkey.pem")
    chains = issue_many(pki, live)
    whole = (live / "host100/fullchain.pem").read_text().splitlines()
    (live / "host100/fullchain.pem").write_text("\n".join([*whole[:3], "A" * 64, *whole[4:], ""]))
    (live / "one.pem").unlink()
    proxy = Mailreeve(site, pki, conf('"$dir/live"'))
    said = proxy.said("host100")
    assert said.startswith("<3>") and re.search(
        r"mailreeve\.conf:3: \S*/live/host100/fullchain\.pem: .*; left out$", said)
    assert len([line for line in proxy.raw() if "host100" in line]) == 1
    assert chains == 199
    for n in (1, 57, 99, 101, 199):
        assert meet(pki, f"n{n}.example.org")[0] == [f"n{n}.example.org"]
    with pytest.raises(ssl.SSLCertVerificationError):  # it gets the default's
        meet(pki, "n100.example.org")


def issue_many(pki, live):
    """fullchain.pem for host001 to host199, by one call of openssl each."""
    import subprocess  # pylint: disable=import-outside-toplevel
    count = 0
    for n in range(1, 200):
        here = live / f"host{n:03}"
        subprocess.run(
            ["openssl", "req", "-x509", "-new", "-config", pki.ca.config, "-key",
             here / "privkey.pem", "-CA", pki.ca.certificate, "-CAkey", pki.ca.key, "-subj",
             f"/CN=n{n}", "-days", "30", "-addext", f"subjectAltName=DNS:n{n}.example.org", "-out",
             here / "fullchain.pem"], check=True, stderr=subprocess.DEVNULL, timeout=60)
        count += 1
    return count


def test_what_the_check_finds(site, pki, server):
    """`mailreeve -t` names the file and says what to do."""
    pair = site.path("pair")
    pair.mkdir()
    shutil.copy(pki.chain("mail-rsa"), pair / "fullchain.pem")
    shutil.copy(pki.key("mail"), pair / "privkey.pem")
    done = check(site, pki, conf('"$dir/pair"'))
    assert done.returncode == 1
    assert re.search(r"checked\.conf:3: \S*/pair/privkey\.pem \(EC P-256\) does not belong to "
                     r"\S*/pair/fullchain\.pem \(RSA 2048\)$", done.stdout, re.MULTILINE)
    shutil.copy(pki.key("mail-rsa"), pair / "privkey.pem")
    done = check(site, pki, conf('"$dir/pair"'))
    assert done.returncode == 0 and "configuration ok" in done.stdout
    (pair / "fullchain.pem").write_text("no certificate\n")
    done = check(site, pki, conf('"$dir/pair"'))
    assert done.returncode == 1 and "pair/fullchain.pem" in done.stdout
    done = check(site, pki, conf('"$pki/expired"'))
    assert done.returncode == 0 and re.search(
        r"checked\.conf:3: \S*/expired/fullchain\.pem: the certificate expired on 2020-02-01$",
        done.stdout, re.MULTILINE)
    done = check(site, pki, conf('"$pki/mail"', more='ciphers = "AES128-SHA";'))
    assert done.returncode == 1 and "RSA key exchange" in done.stdout


VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_reconnect_resumes(site, pki, server, version):
    """Whichever worker takes it, before and after a reload that changes something else."""
    proxy = Mailreeve(site, pki, conf('"$pki/mail"', top="workers = 4;"))
    _, session, reused = meet(pki, version=version)
    assert not reused
    for n in range(10):
        if n == 5:
            proxy.rewrite(conf('"$pki/mail"', top='workers = 4; timeouts = { stop = "29s"; };'))
            assert proxy.control("reload").startswith("reloaded: generation 2")
        _, fresh, reused = meet(pki, session=session, version=version)
        assert reused, n
        session = fresh or session
    proxy.said("resumed=", 11)
    assert sorted(line["resumed"] for line in proxy.lines() if "resumed" in line) == \
        ["0"] + ["1"] * 10


@pytest.mark.parametrize("version", VERSIONS)
def test_hosts_with_one_seed(site, pki, server, version):
    """Two instances with the same ticket_seed resume each other's sessions; a third with another
    seed does not, nor does anybody resume under another name."""
    for name, seed in (("seed", b"s" * 32), ("other-seed", b"o" * 32)):
        site.path(name).write_bytes(seed)
        site.path(name).chmod(0o600)
    for port, seed in ((993, "seed"), (1993, "seed"), (2993, "other-seed")):
        Mailreeve(site, pki, conf('"$pki/mail"', port=port, more=f'ticket_seed = "$dir/{seed}";',
                                  top=f'control = {{ socket = "$dir/{port}.sock"; }};'),
                  log=site.log_file(f"mailreeve-{port}"))
    _, session, _ = meet(pki, version=version)
    _, fresh, reused = meet(pki, port=1993, session=session, version=version)
    assert reused
    session = fresh or session
    assert not meet(pki, port=2993, session=session, version=version)[2]
    assert not meet(pki, "a.mail.example.org", session=session, version=version)[2]


@pytest.mark.parametrize("verify", ("optional", "required"))
def test_no_tickets_with_client_certificates(site, pki, server, verify):
    proxy = Mailreeve(site, pki, conf('"$pki/mail"', more=f'verify = "{verify}"; '
                                      'client_ca = "$pki/ca.pem";'))
    for version in VERSIONS:
        tls = context(pki, "alice")
        tls.maximum_version = version
        session = None
        for _ in range(2):
            with tls.wrap_socket(connect(PROXY, 993), server_hostname=HOSTNAME,
                                 session=session) as sock:
                assert lines(sock) == [b"* OK ready\r\n"]
                assert not sock.session_reused
                session = sock.session if sock.session and sock.session.has_ticket else None
                assert session is None
    assert {line["resumed"] for line in proxy.lines() if "resumed" in line} <= {"0"}
