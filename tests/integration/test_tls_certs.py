# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Certificates by the hundred, wrong ones, and sessions that outlive workers, reloads and hosts."""
import os
import re
import shutil
import signal
import ssl
import subprocess

import pytest

from lib import proxyheader
from lib.clients import PATIENCE, connect, context, lines, run
from lib.fakes import Fake, greets
from lib.mailreeve import Mailreeve, check
from lib.pki import new_key, openssl
from lib.site import HOSTNAME, PROXY, wait_until

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


def edit(change):
    return lambda path: path.write_text(change(path.read_text()))


def in_base64(text):
    """One line of it is no longer what it was."""
    some = text.splitlines()
    return "\n".join([*some[:2], "A" * len(some[2]), *some[3:], ""])


def forbid(path):
    path.chmod(0o600)
    os.chown(path, 12345, 12345)


def dangle(path):
    path.unlink()
    path.symlink_to("nothing")


# What is wrong with one of two hundred: its file, what is done to that, the words for it.
BROKEN = {
    100: ("fullchain.pem", edit(in_base64),
          r"fullchain\.pem: certificate 1 in it cannot be read; write the file again"),
    101: ("fullchain.pem", edit(lambda text: text[:300]), r"fullchain\.pem has no certificate"),
    102: ("fullchain.pem", edit(lambda text: ""), r"fullchain\.pem has no certificate"),
    103: ("privkey.pem", edit(lambda text: text[:100]),
          r"privkey\.pem: a block begins that has no end"),
    104: ("privkey.pem", edit(in_base64),
          r"privkey\.pem: no private key in it can be read; write the file again"),
    105: ("privkey.pem", edit(lambda text: text * 2),
          r"privkey\.pem has 2 private keys, expected one"),
    106: ("privkey.pem", lambda path: new_key(path, "rsa"),
          r"privkey\.pem \(RSA 2048\) does not belong to \S*/fullchain\.pem \(EC P-256\)"),
    107: ("privkey.pem", lambda path: openssl("ec", "-in", path, "-aes128", "-passout", "pass:x",
                                              "-out", path),
          r"privkey\.pem: the key is encrypted; write it without a pass phrase, .*"),
    108: ("privkey.pem", forbid,
          r'privkey\.pem belongs to "12345", mode 0600; the master has no right to override that: '
          r"chgrp root, chmod 0640"),
    109: ("privkey.pem", dangle, r"privkey\.pem: No such file or directory"),
    110: ("privkey.pem", lambda path: path.unlink(),
          r"fullchain\.pem has no private key, and there is no privkey\.pem beside it"),
    111: ("privkey.pem", edit(lambda text: ""), r"privkey\.pem has no private key"),
}


@pytest.mark.timeout(300)  # openssl is called two hundred times
def test_two_hundred_and_some_broken(site, pki, server):
    """A parent directory as certbot's live: every certificate serves its name, each broken one is
    an error line with what to do, and nothing more."""
    live = site.path("live")
    live.mkdir()
    (live / "README").write_text("not for Mailreeve\n")
    pki.ca.issue("host000", "n0.example.org", ["DNS:n0.example.org"], directory=live)
    (live / "host000.pem").unlink()
    for n in range(1, 200):
        here = live / f"host{n:03}"
        here.mkdir()
        # Keys are dear: all but the names is shared.
        shutil.copy(live / "host000/privkey.pem", here / "privkey.pem")
    issue_many(pki, live)
    for n, (name, change, _) in BROKEN.items():
        change(live / f"host{n:03}" / name)
    text = conf('"$dir/live"')
    done = check(site, pki, text)
    assert done.returncode == 0 and "configuration ok" in done.stdout
    proxy = Mailreeve(site, pki, text)
    for n, (_, _, why) in BROKEN.items():
        line = proxy.said(f"host{n:03}")
        assert re.search(
            rf"mailreeve\.conf:3: \S*/live/host{n:03}/{why}; left out$", line)
        assert len([line for line in proxy.raw() if f"host{n:03}" in line]) == 1
        found = [line for line in done.stdout.splitlines() if f"host{n:03}" in line]
        assert len(found) == 1 and "warning" not in found[0] and found[0].endswith("; left out")
    assert len([line for line in proxy.raw() if line.endswith("; left out")]) == len(BROKEN)
    for n in (0, 1, 57, 99, 112, 199):
        assert meet(pki, f"n{n}.example.org")[0] == [f"n{n}.example.org"]
    with pytest.raises(ssl.SSLCertVerificationError):  # it gets the default's
        meet(pki, "n100.example.org")


def test_what_is_not_even_a_file(site, pki, server):
    """Names in a directory that lead to nothing, or where nobody may look: an error line each; and
    what is in use there stays, with the reason."""
    live = site.path("live")
    live.mkdir()
    for one in ("a", "b"):
        pki.ca.issue(one, one, [f"DNS:{one}.example.org"], directory=live)
        (live / f"{one}.pem").unlink()
    for name in ("c.pem", "d.crt"):
        shutil.copy(live / "a/privkey.pem", (live / name).with_suffix(".key"))
    (live / "c.pem").symlink_to("nothing")
    os.mkfifo(live / "d.crt")
    shutil.copytree(live / "b", live / "e")
    (live / "e").chmod(0o700)
    os.chown(live / "e", 12345, 12345)
    closed = r'belongs to "12345", mode 0700; the master has no right to override that: chgrp root, chmod 0750'
    text = conf('"$dir/live"')
    done = check(site, pki, text)
    assert done.returncode == 0 and "configuration ok" in done.stdout
    for words in (r"c\.pem: No such file or directory", r"d\.crt: not a regular file", f"e {closed}"):
        assert re.search(rf"checked\.conf:3: \S*/live/{words}; left out$", done.stdout, re.MULTILINE), done.stdout
    proxy = Mailreeve(site, pki, text)
    (live / "b").chmod(0o700)
    os.chown(live / "b", 12345, 12345)
    proxy.send(signal.SIGHUP)
    assert re.search(rf"mailreeve\.conf:3: \S*/live/b {closed}; keeping the files already loaded", proxy.said("not reloaded"))
    assert meet(pki, "b.example.org")[0] == ["b.example.org"]


@pytest.mark.parametrize("number", BROKEN)
def test_named_itself(site, pki, number):
    """What is only left out of many is a refusal where it was named, with the same words."""
    name, change, why = BROKEN[number]
    pki.ca.issue("host", "n.example.org", ["DNS:n.example.org"], directory=site.directory)
    change(site.path("host") / name)
    done = check(site, pki, conf('"$dir/host"'))
    assert done.returncode == 1 and "configuration ok" not in done.stdout
    if number == 110:  # a directory with a certificate and without any key
        why = r"fullchain\.pem has no private key, and there is no privkey\.pem beside it; left out"
    assert re.search(rf"checked\.conf:3: \S*/host/{why}$", done.stdout, re.MULTILINE), done.stdout


def issue_many(pki, live):
    """fullchain.pem for host001 to host199, by one call of openssl each."""
    for n in range(1, 200):
        here = live / f"host{n:03}"
        openssl("req", "-x509", "-new", "-config", pki.ca.config, "-key", here / "privkey.pem",
                "-CA", pki.ca.certificate, "-CAkey", pki.ca.key, "-subj", f"/CN=n{n}", "-days",
                "30", "-addext", f"subjectAltName=DNS:n{n}.example.org", "-out",
                here / "fullchain.pem")


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
        r"checked\.conf:3: \S*/expired/fullchain\.pem: the certificate expired on 2020-02-01; renew it$",
        done.stdout, re.MULTILINE)
    done = check(site, pki, conf('"$pki/mail"', more='ciphers = "AES128-SHA";'))
    assert done.returncode == 1 and "RSA key exchange" in done.stdout


def test_seeds_and_users_that_are_wrong(site, pki):
    """With the line that names them and what to do."""
    site.write("seed", "x" * 31, 0o600)
    for more, top, line in (('ticket_seed = "$dir/seed";', "", 3),
                            ("", '\ntls = { policy = "modern";\n ticket_seed = "$dir/seed"; };', 8)):
        done = check(site, pki, conf('"$pki/mail"', more=more, top=top))
        assert done.returncode == 1 and re.search(
            rf"checked\.conf:{line}: \S*/seed has 31 bytes, a ticket seed needs 32: \(umask 077; head "
            r"-c 32 /dev/urandom >\S*/seed\)$", done.stdout, re.MULTILINE), done.stdout
    done = check(site, pki, conf('"$pki/mail"', more='ticket_seed = "$dir/none";'))
    assert done.returncode == 1 and re.search(
        r"checked\.conf:3: \S*/none: No such file or directory$", done.stdout, re.MULTILINE)
    site.write("seed", "x" * 32, 0o644)
    done = check(site, pki, conf('"$pki/mail"', more='ticket_seed = "$dir/seed";'))
    assert done.returncode == 0 and re.search(
        r"^warning: \S*checked\.conf:3: \S*/seed is readable by everybody \(mode 0644\), .*: chmod "
        r"0600$", done.stdout, re.MULTILINE)
    done = check(site, pki, conf('"$pki/mail"', top='\nuser = "nobody-at-all";\nkeeper_user = "0";\n'
                                 'checker_user = "64001";'))
    assert done.returncode == 1
    assert re.search(r'checked\.conf:7: user "nobody-at-all" does not exist; create it: useradd ',
                     done.stdout)
    assert re.search(r'checked\.conf:8: keeper_user "0" is root or in root\'s group; name another$',
                     done.stdout, re.MULTILINE)
    done = check(site, pki, conf('"$pki/mail"', top='\nuser = "64001";\nkeeper_user = "064001";'))
    assert done.returncode == 1
    assert re.search(r'checked\.conf:8: user "64001" and keeper_user "064001" are the same user; '
                     'name another: ', done.stdout)


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


def test_nothing_but_tickets(site, pki, server):
    """TLS 1.2 without tickets: a session's id is remembered by nobody."""
    Mailreeve(site, pki, conf('"$pki/mail"'))
    tls = context(pki)
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    tls.options |= ssl.OP_NO_TICKET
    session = None
    for _ in range(3):
        with tls.wrap_socket(connect(PROXY, 993), server_hostname=HOSTNAME, session=session) as sock:
            assert lines(sock) == [b"* OK ready\r\n"]
            assert not sock.session_reused
            session = sock.session


def s_client(pki, then, *more):
    """openssl s_client, told `then` when it has seen the greeting; everything that it says."""
    with subprocess.Popen(
            ["openssl", "s_client", "-connect", f"{PROXY}:993", "-servername", HOSTNAME, "-CAfile",
             pki.ca.certificate, *map(str, more)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, bufsize=0) as process:
        said = b""
        while b"* OK ready" not in said:
            more = os.read(process.stdout.fileno(), 4096)
            assert more, said
            said += more
        if then:
            process.stdin.write(then)  # after this the connection does not last
        else:
            process.stdin.close()
        said += process.stdout.read()
        process.wait(PATIENCE)
    return said.decode(errors="backslashreplace")


def test_no_early_data(site, pki, server):
    """No ticket permits it, and what comes all the same is not taken."""
    Mailreeve(site, pki, conf('"$pki/mail"'))
    saved, early = site.path("session"), site.write("early", "a NOOP\r\n")
    s_client(pki, b"", "-tls1_3", "-sess_out", saved)
    assert "Max Early Data: 0" in run("openssl", "sess_id", "-in", saved, "-noout", "-text").stdout
    said = s_client(pki, b"", "-tls1_3", "-sess_in", saved, "-early_data", early)
    assert "Reused, TLSv1.3" in said
    assert "Early data was not sent" in said or "Early data was rejected" in said
    assert b"a NOOP\r\n" not in server.seen


@pytest.mark.parametrize("detach", ("true", "false"))
def test_no_renegotiation(site, pki, server, detach):
    """A client that wants another handshake in the middle gets none, and harms nobody else."""
    proxy = Mailreeve(site, pki, conf('"$pki/mail"', more=f"detach = {detach};"))
    with connect(PROXY, 993, context(pki)) as other:
        assert lines(other) == [b"* OK ready\r\n"]
        said = s_client(pki, b"R\n", "-tls1_2")  # its word for it
        assert "RENEGOTIATING" in said and "no renegotiation" in said
        proxy.ended(frontend="front")
        other.sendall(b"b NOOP\r\n")
        wait_until(lambda: b"b NOOP\r\n" in server.seen, "the other's line at the server")


# The TLV goes only where it does no harm: receiver, protocol, what was negotiated, what is sent.
ALPN = (("dovecot", "imap", "imap", b"imap"), ("dovecot", "pop3", "pop3", b"pop3"),
        ("dovecot", "submission", "smtp", None), ("dovecot", "submission", "submission", None),
        ("dovecot", "sieve", "managesieve", None), ("generic", "imap", "imap", b"imap"),
        ("generic", "sieve", "managesieve", b"managesieve"), ("generic", "smtp", "smtp", None),
        ("postfix", "submission", "smtp", b"smtp"), ("haproxy", "smtp", "smtp", b"smtp"),
        ("haproxy", "imap", None, None))


def test_alpn_for_receivers(site, pki, server):
    fronts, backs = [], []
    for n, (receiver, protocol, _, _) in enumerate(ALPN):
        fronts.append(f"""{{ name = "f{n}"; bind = "192.0.2.10:{2000 + n}"; backend = "b{n}";
            tls = {{ certificates = "$pki/mail"; }}; }}""")
        backs.append(f"""{{ name = "b{n}"; protocol = "{protocol}"; servers = "10.0.0.11:143";
            receiver = "{receiver}"; proxy_tlvs = "alpn"; check = {{ type = "none"; }}; }}""")
    Mailreeve(site, pki, f"frontends = ({','.join(fronts)});\nbackends = ({','.join(backs)});\n")
    for n, (receiver, protocol, offered, sent) in enumerate(ALPN):
        with connect(PROXY, 2000 + n, context(pki, alpn=[offered] if offered else None)) as sock:
            assert lines(sock) == [b"* OK ready\r\n"]
            assert sock.selected_alpn_protocol() == offered
        assert server.headers[-1].tlvs.get(proxyheader.ALPN) == sent, (receiver, protocol, offered)
