# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Renewed files are taken over by themselves: nobody's connection ends, and a file that is wrong
changes nothing but the log."""
import shutil

import pytest

from lib.clients import connect, context, lines
from lib.fakes import Fake, greets
from lib.mailreeve import Mailreeve
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


def certificate(pki):
    """What a new client is shown, in DER."""
    with context(pki).wrap_socket(connect(PROXY, 993), server_hostname=HOSTNAME) as sock:
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
        proxy.said("generation 2 serves")
        assert "frontend=other" not in "\n".join(proxy.raw())
        # A broken file: said once, and what is in use goes on.
        second = certificate(pki)
        (site.path("mail") / "privkey.pem").write_text("no key\n")
        said = proxy.said("what is in use goes on")
        assert said.startswith("<3>") and "private key" in said
        for _ in range(5):
            assert certificate(pki) == second
        # The connection from before is still there.
        idle.sendall(b"a NOOP\r\n")
        proxy.send(1)  # HUP, with the broken file: the reload is refused
        proxy.said("not reloaded")
        assert certificate(pki) == second
    assert len([line for line in proxy.raw() if "what is in use goes on" in line]) == 1
