# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Where certificates lie, how they are chosen, and how certbot renews them: links that change their
targets, and the hook of conf/ that tells the running Mailreeve."""
import os
import pathlib
import re
import shutil
import ssl
import subprocess

import pytest

from lib.clients import connect, context, lines
from lib.fakes import Fake, greets
from lib.mailreeve import BUILD, Mailreeve
from lib.site import PROXY, wait_until

HOOK = pathlib.Path(__file__).resolve().parents[2] / "conf/certbot-deploy-hook"
CONF = """
frontends = ( { name = "front"; bind = "192.0.2.10:993"; backend = "imap";
    tls = { certificates = %s; }; } );
backends = ( { name = "imap"; protocol = "imap"; servers = "10.0.0.11:143";
    check = { type = "none"; }; } );
"""


@pytest.fixture
def server(site):
    return Fake(site, "10.0.0.11", 143, greets(b"* OK ready\r\n"))


def shown(pki, name, algorithm=None):
    """The certificate that a client asking for that name gets, in DER."""
    tls = context(pki)
    tls.check_hostname = False
    if algorithm:  # TLS 1.2: there the suite says it
        tls.maximum_version = ssl.TLSVersion.TLSv1_2
        tls.set_ciphers(f"ECDHE+{algorithm}")
    with connect(PROXY, 993) as sock, tls.wrap_socket(sock, server_hostname=name) as sock:
        assert lines(sock) == [b"* OK ready\r\n"]
        return sock.getpeercert(binary_form=True)


def der(chain):
    return ssl.PEM_cert_to_DER_cert(pathlib.Path(chain).read_text(encoding="utf-8"))


class Certbot:
    """A directory as certbot keeps it: live/NAME/*.pem are links to archive/NAME/*N.pem."""

    def __init__(self, site, pki):
        self.top, self.pki, self.count = site.path("letsencrypt"), pki, {}
        for name in ("live", "archive", "made"):
            (self.top / name).mkdir(parents=True)
            (self.top / name).chmod(0o700)
        (self.top / "live/README").write_text("This directory contains your keys.\n")

    def renew(self, name, *names, kind="ec", expired=False):
        """A new certificate with a new key; each link is changed at once, one after the other."""
        n = self.count[name] = self.count.get(name, 0) + 1
        made = self.pki.ca.issue(f"{name}-{n}", names[0], [f"DNS:{one}" for one in names],
                                 kind=kind, expired=expired, directory=self.top / "made")
        archive, live = self.top / "archive" / name, self.top / "live" / name
        for here in (archive, live):
            here.mkdir(exist_ok=True)
        for file in ("cert", "privkey", "chain", "fullchain"):
            source = made / ("privkey.pem" if file == "privkey" else "fullchain.pem")
            shutil.copy(source, archive / f"{file}{n}.pem")
            link = live / f"{file}.pem"
            link.unlink(missing_ok=True)
            link.symlink_to(f"../../archive/{name}/{file}{n}.pem")
        return der(live / "fullchain.pem")


def hook(proxy):
    """What certbot does when it has renewed something."""
    return subprocess.run(
        [HOOK], env={"PATH": f"{BUILD}:{os.environ['PATH']}",
                     "MAILREEVE_SOCKET": str(proxy.control_socket)},
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)


def test_places(site, pki, server):
    """Every way to lie on a disk that configuration.md knows; the first certificate is the default."""
    bot = Certbot(site, pki)
    expected = {"certbot.example.org": bot.renew("certbot.example.org", "certbot.example.org")}
    (site.path("pairs") / "deeper").mkdir(parents=True)
    for place, name in (("one.pem", "one"), ("two.pem", "two"), ("three.crt", "three"),
                        ("pairs/four.crt", "four"), ("pairs/deeper/five.pem", "five"),
                        ("pairs/.six.crt", "six")):
        made = pki.ca.issue(f"made-{name}", name, [f"DNS:{name}.example.org"],
                            directory=site.directory)
        path = site.path(place)
        if name == "one":
            shutil.copy(site.path("made-one.pem"), path)  # chain and key
        else:
            shutil.copy(made / "fullchain.pem", path)
            shutil.copy(made / "privkey.pem", path.with_suffix(".key"))
        expected[f"{name}.example.org"] = der(made / "fullchain.pem")
    # A Kubernetes secret: its files are links through a directory that is a link.
    secret = site.path("secret")
    made = pki.ca.issue("made-k8s", "k8s", ["DNS:k8s.example.org"], directory=site.directory)
    (secret / "..2026_11_22").mkdir(parents=True)
    shutil.copy(made / "fullchain.pem", secret / "..2026_11_22/tls.crt")
    shutil.copy(made / "privkey.pem", secret / "..2026_11_22/tls.key")
    (secret / "..data").symlink_to("..2026_11_22")
    for name in ("tls.crt", "tls.key"):
        (secret / name).symlink_to(f"..data/{name}")
    expected["k8s.example.org"] = der(made / "fullchain.pem")
    Mailreeve(site, pki, CONF % '[ "$dir/two.pem", "$dir/letsencrypt/live", "$dir/one.pem", '
              '"$dir/three.crt", "$dir/pairs", "$dir/secret" ]')
    default = expected["two.example.org"]
    expected["six.example.org"] = default  # dot names are skipped
    expected["nobody.example.org"] = default
    expected[None] = default
    for name, certificate in expected.items():
        assert shown(pki, name) == certificate, name


def test_choice(site, pki, server):
    """Exact before wildcard, and by what kind of key the client can verify, over a real wire."""
    made = {name: der(pki.ca.issue(name, name, [f"DNS:{san}"], kind=kind,
                                   directory=site.directory) / "fullchain.pem")
            for name, san, kind in (("default", "default.example.org", "ec"),
                                    ("wild", "*.wild.example.org", "ec"),
                                    ("exact", "exact.wild.example.org", "ec"),
                                    ("both-ec", "both.example.org", "ec"),
                                    ("both-rsa", "both.example.org", "rsa"))}
    Mailreeve(site, pki, CONF % ("[ " + ", ".join(f'"$dir/{name}"' for name in made) + " ]"))
    assert shown(pki, "a.wild.example.org") == made["wild"]
    assert shown(pki, "exact.wild.example.org") == made["exact"]
    assert shown(pki, "a.exact.wild.example.org") == made["default"]
    assert shown(pki, "wild.example.org") == made["default"]
    assert shown(pki, "both.example.org") == made["both-ec"]
    assert shown(pki, "both.example.org", "ECDSA") == made["both-ec"]
    assert shown(pki, "both.example.org", "aRSA") == made["both-rsa"]


def test_best_of_live(site, pki, server):
    """An expired certificate that sorts first takes no name from its good successor, and a new
    domain that sorts first does not become the default: that is what covers hostname."""
    bot = Certbot(site, pki)
    name = "mail.example.org"
    bot.renew(name, name, expired=True)
    good = bot.renew(f"{name}-0001", name)
    proxy = Mailreeve(site, pki, CONF % '"$dir/letsencrypt/live"')
    assert shown(pki, name) == shown(pki, None) == good
    line = proxy.said(f"live/{name}/fullchain.pem is not shown for {name}, but ")
    assert line.endswith("-0001/fullchain.pem: this one expired on 2020-02-01")
    new = bot.renew("a.example.org", "a.example.org")
    assert hook(proxy).returncode == 0
    assert shown(pki, "a.example.org") == new
    assert shown(pki, None) == good


@pytest.mark.parametrize("named", ("itself", "parent"))
def test_certbot_renews(site, pki, server, named):
    """The hook's reload shows new clients the new certificate and touches no connection; a session
    goes on, for the names are the same; a renewal that went wrong changes nothing."""
    bot = Certbot(site, pki)
    first = bot.renew("mail.example.org", "mail.example.org")
    proxy = Mailreeve(site, pki, CONF % ('"$dir/letsencrypt/live/mail.example.org"'
                                         if named == "itself" else '"$dir/letsencrypt/live"'))
    tls = context(pki)
    tls.maximum_version = ssl.TLSVersion.TLSv1_2  # Python has the session when the handshake ends
    with connect(PROXY, 993, tls, "mail.example.org") as old:
        assert lines(old) == [b"* OK ready\r\n"]
        assert shown(pki, "mail.example.org") == first
        second = bot.renew("mail.example.org", "mail.example.org", kind="rsa")
        assert shown(pki, "mail.example.org") == first  # it is not read by itself so soon
        done = hook(proxy)
        assert done.returncode == 0 and re.fullmatch(
            r"certificates: generation 2, taken over: mail\.example\.org \(RSA\) until \S+\n",
            done.stdout), done.stdout
        assert shown(pki, "mail.example.org") == second
        with connect(PROXY, 993) as sock, tls.wrap_socket(
                sock, server_hostname="mail.example.org", session=old.session) as sock:
            assert lines(sock) == [b"* OK ready\r\n"] and sock.session_reused
        if named == "itself":
            (bot.top / "live/mail.example.org/privkey.pem").unlink()
            done = hook(proxy)
            assert done.returncode != 0 and "mail.example.org" in done.stdout
            assert shown(pki, "mail.example.org") == second
        old.sendall(b"still here\r\n")
        # The server hears it: this connection is from before all that.
        wait_until(lambda: b"still here\r\n" in server.seen, "what it says at the server")
    proxy.said(" in=12 .*end=client-closed")


def test_hook_without_mailreeve(site):
    """Nothing runs: there is nothing to tell, and no renewal fails because of it."""
    done = subprocess.run([HOOK], env={"PATH": os.environ["PATH"], "MAILREEVE_SOCKET":
                                       str(site.path("nothing.sock"))}, timeout=60, check=False)
    assert done.returncode == 0
