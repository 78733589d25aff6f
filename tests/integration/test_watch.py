# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Renewed files are taken over by themselves: nobody's connection ends, and a file that is wrong
changes nothing but the log."""
import os
import re
import shutil
import time
import signal

import pytest

from lib.clients import connect, context, lines
from lib.fakes import Fake, greets
from lib.mailreeve import Mailreeve
from lib.pki import new_key
from lib.site import HOSTNAME, PROXY, wait_until

CONF = """
watch = "200ms";
frontends = ( { name = "front"; bind = "192.0.2.10:993"; backend = "imap";
    tls = { certificates = "$dir/mail"; }; } );
backends = ( { name = "imap"; protocol = "imap"; servers = "10.0.0.11:143";
    check = { type = "none"; }; } );
"""


@pytest.fixture
def server(site):
    return Fake(site, "10.0.0.11", 143, greets(b"* OK ready\r\n"))


def certificate(pki, name=HOSTNAME):
    """What a new client is shown, in DER."""
    with context(pki).wrap_socket(connect(PROXY, 993), server_hostname=name) as sock:
        assert lines(sock) == [b"* OK ready\r\n"]
        return sock.getpeercert(binary_form=True)


def issue(site, pki, name):
    """A new certificate with a new key, put where the configuration looks, at once."""
    new, old = site.path(name), site.path("mail")
    new.mkdir()
    pki.ca.issue(name, HOSTNAME, [f"DNS:{HOSTNAME}"], directory=new)
    here = new / name if (new / name).is_dir() else new
    old.mkdir(exist_ok=True)
    for file in ("fullchain.pem", "privkey.pem"):
        shutil.copy(here / file, old / (file + ".new"))
    for file in ("privkey.pem", "fullchain.pem"):
        (old / (file + ".new")).rename(old / file)


def test_the_configuration_by_itself(site, pki, server):
    """watch_config: a ConfigMap is replaced by renaming a link, and nobody tells us."""
    conf = CONF.replace("$dir/mail", "$pki/mail")
    proxy = Mailreeve(site, pki, "watch_config = true;\n" + conf)
    link = site.path("..data")

    def put(text, name):
        """As the kubelet does it: a directory, and a link to it that is renamed into its place."""
        proxy.rewrite(text)
        (site.path(name)).mkdir()
        proxy.config.rename(site.path(name) / "mailreeve.conf")
        new = site.path("..new")
        new.symlink_to(site.path(name))
        new.rename(link)
        if not proxy.config.is_symlink():
            proxy.config.symlink_to(link / "mailreeve.conf")

    put("watch_config = true;\n" + conf.replace('"front"', '"other"'), "..first")
    proxy.said("generation 2 serves")
    certificate(pki)
    assert proxy.ended(frontend="other")
    # A wrong one is said once; status has it, and a good one ends that.
    site.path("..second").mkdir()
    (site.path("..second") / "mailreeve.conf").write_text("half = edited")
    site.path("..new").symlink_to(site.path("..second"))
    site.path("..new").rename(link)
    proxy.said("not reloaded")
    assert "reload refused" in proxy.control("status").splitlines()[0]
    time.sleep(1)  # some looks later
    assert len([line for line in proxy.raw() if "not reloaded" in line]) == 1
    site.path("..new").symlink_to(site.path("..first"))
    site.path("..new").rename(link)
    wait_until(lambda: "reload refused" not in proxy.control("status"), "the refusal to be over")
    info = proxy.info()
    assert info["Reload_error"] == "-" and info["Config_differs"] == "no" and info["Generation"] == "2"


def test_renewed_by_itself(site, pki, server):
    issue(site, pki, "first")
    proxy = Mailreeve(site, pki, CONF)
    with context(pki).wrap_socket(connect(PROXY, 993), server_hostname=HOSTNAME) as idle:
        assert lines(idle) == [b"* OK ready\r\n"]
        first = idle.getpeercert(binary_form=True)
        # The configuration's own changes wait for a reload.
        proxy.rewrite(CONF.replace('name = "front"', 'name = "other"'))
        issue(site, pki, "second")
        wait_until(lambda: certificate(pki) != first, "the new certificate")
        proxy.said(rf"certificates taken over: {HOSTNAME} \(EC\) until 20\d\d-\d\d-\d\d$")
        assert "frontend=other" not in "\n".join(proxy.raw())
        # A broken file: said once, and the files already loaded stay in use.
        second = certificate(pki)
        (site.path("mail") / "privkey.pem").write_text("no key\n")
        said = proxy.said("keeping the files already loaded")
        assert "private key" in said
        for _ in range(5):
            assert certificate(pki) == second
        # The connection from before is still there.
        idle.sendall(b"a NOOP\r\n")
        proxy.send(1)  # HUP, with the broken file: the reload is refused
        proxy.said("not reloaded")
        assert certificate(pki) == second
    assert len([line for line in proxy.raw() if "keeping the files already loaded" in line]) == 1


@pytest.mark.parametrize("name", ("$dir/mail", "$dir/mail/fullchain.pem"))
def test_what_is_held(site, pki, server, name):
    """DANE: the TLSA record comes first, so the administrator says when the new key serves."""
    issue(site, pki, "first")
    key = ' key = "$dir/mail/privkey.pem";' if name.endswith("pem") else ""
    held = CONF.replace('"$dir/mail"', f'( {{ certificate = "{name}";{key} hold = true; }}, "$pki/other.pem" )')
    proxy = Mailreeve(site, pki, held)
    first = certificate(pki)
    issue(site, pki, "second")
    # What stands beside it is watched as ever, and a new configuration changes nothing of it.
    proxy.rewrite(held.replace('name = "front"', 'name = "front"; hostname = "new.example.org"'))
    proxy.send(1)
    proxy.said("generation 2 serves")
    assert certificate(pki) == first
    proxy.send(12)  # USR2
    proxy.said("re-executed, version")
    wait_until(lambda: proxy.info()["Generation"] == "3", "the generation of the new program")
    assert certificate(pki) == first
    (site.path("mail") / "privkey.pem").write_text("no key\n")
    proxy.rewrite(held)
    proxy.send(1)
    wait_until(lambda: proxy.info()["Generation"] == "4", "a reload with half a renewal")
    assert certificate(pki) == first
    issue(site, pki, "third")
    proxy.control("reload certificates")
    assert certificate(pki) != first


def swap(text):
    """Written beside it and put in its place, as is usual."""
    def change(path):
        (path.parent / "new").write_text(text)
        (path.parent / "new").rename(path)
    return change


def cut(path):
    path.write_text(path.read_text()[:300])


def other_key(path):
    """Half of a renewal: the new key is there, the new certificate is not."""
    new_key(path.parent / "new", "ec")
    (path.parent / "new").rename(path)


# What happens to one pair of a directory, and the words for it.
LOST = {
    "empty": ("fullchain.pem", swap(""), r"fullchain\.pem has no certificate; keeping the files already loaded"),
    "empty-key": ("privkey.pem", swap(""), r"privkey\.pem has no private key; keeping the files already loaded"),
    "no-pem": ("fullchain.pem", swap("0\x82\x03\n"),
               r"fullchain\.pem has no certificate; keeping the files already loaded"),
    "cut": ("fullchain.pem", cut, r"fullchain\.pem has no certificate; keeping the files already loaded"),
    "half": ("privkey.pem", other_key,
             r"privkey\.pem \(EC P-256\) does not belong to .*; keeping the files already loaded"),
    "key-gone": ("privkey.pem", lambda path: path.unlink(),
                 r"fullchain\.pem has no private key, .*; keeping the files already loaded"),
    "gone": ("", shutil.rmtree, r"fullchain\.pem is no longer there; keeping the files already loaded; .*"),
    "name-gone": ("", None, r"no certificate covers b\.example\.org any more, which \S*/live/b/"
                            r"fullchain\.pem did; keeping the files already loaded; .*"),
}


@pytest.mark.parametrize("how", LOST)
def test_what_is_in_use_stays(site, pki, server, how):
    """A pair of a directory that is not usable any more takes nobody's name away, neither when the
    files are watched nor at a reload; the error is said once; when it is good again it serves."""
    name, change, words = LOST[how]
    live = site.path("live")
    live.mkdir()
    for one in ("a", "b"):
        pki.ca.issue(one, one, [f"DNS:{one}.example.org"], directory=live)
        (live / f"{one}.pem").unlink()
    proxy = Mailreeve(site, pki, CONF.replace("$dir/mail", "$dir/live"))
    before = certificate(pki, "b.example.org")
    if change:
        change(live / "b" / name)
    else:
        renew(site, pki, live / "b", "c.example.org")
    assert re.search(f"mailreeve\\.conf:\\d+: .*{words}$", proxy.said("keeping the files already loaded"))
    for _ in range(4):
        assert certificate(pki, "b.example.org") == before
    # What only a worker can find is refused like a reload, with a line for the outcome.
    by_worker = how in ("half", "name-gone")
    proxy.send(signal.SIGHUP)
    assert re.search(words, proxy.said("not reloaded"))
    assert certificate(pki, "b.example.org") == before
    said = [line for line in proxy.raw() if re.search(f": .*{words}$", line)]
    assert len(said) == 3 + by_worker, said
    assert not [line for line in proxy.raw() if "s taken over" in line or "left out" in line]
    renew(site, pki, live / "b", "b.example.org")
    wait_until(lambda: certificate(pki, "b.example.org") != before, "the new certificate")
    proxy.said(r"certificates taken over: b\.example\.org \(EC\) until")


@pytest.mark.parametrize("how", LOST)
def test_an_upgrade_takes_nothing_away(site, pki, server, how):
    """... either: the new program knows what the old one shows, and goes on with it."""
    name, change, words = LOST[how]
    live = site.path("live")
    live.mkdir()
    for one in ("a", "b"):
        pki.ca.issue(one, one, [f"DNS:{one}.example.org"], directory=live)
        (live / f"{one}.pem").unlink()
    conf = CONF.replace("200ms", "7d")
    proxy = Mailreeve(site, pki, conf.replace("$dir/mail", "$dir/live"))
    before = certificate(pki, "b.example.org")
    if change:
        change(live / "b" / name)
    else:
        renew(site, pki, live / "b", "c.example.org")
    for count in (1, 2):  # the second one learns of it from a program that has only been told
        proxy.send(signal.SIGUSR2)
        wait_until(lambda: len([line for line in proxy.raw() if re.search(
            f"upgrade to .* (incomplete|refused): .*{words.removesuffix('$')}", line)]) == count,
            "the outcome of the upgrade")
        assert certificate(pki, "b.example.org") == before
    # The trial compares with nothing; it changes nothing either.
    assert not [line for line in proxy.raw() if re.search("taken over|left out", line) and "proc=trial" not in line]
    renew(site, pki, live / "b", "b.example.org")
    proxy.send(signal.SIGUSR2)
    proxy.said(r"certificates taken over: b\.example\.org \(EC\) until")
    assert certificate(pki, "b.example.org") != before


def renew(site, pki, here, name):
    """A new certificate with a new key, in place of what is there, at once."""
    renew.count += 1
    made = pki.ca.issue(f"renewed{renew.count}", name, [f"DNS:{name}"], directory=site.directory)
    here.mkdir(exist_ok=True)
    both = site.path(f"both{renew.count}")
    both.mkdir()
    for file in ("fullchain.pem", "privkey.pem"):
        shutil.copy(made / file, both / file)
    here.rename(site.path(f"old{renew.count}"))
    os.rename(both, here)


renew.count = 0
