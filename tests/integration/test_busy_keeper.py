# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""A keeper that has more to sign than it can is busy, not dead."""
import threading

import pytest

from lib.clients import connect, context, lines
from lib.fakes import Fake
from lib.mailreeve import Mailreeve
from lib.site import HOSTNAME, PROXY
from lib.traffic import ECHO, echo

CONF = """
workers = 16;
frontends = ( { name = "front"; bind = "192.0.2.10:993"; protocol = "imap"; backend = "back";
    tls = { certificates = "$dir/long"; tickets = false; };
    timeouts = { handshake = "60s"; }; } );
backends = ( { name = "back"; protocol = "imap"; servers = "10.0.0.11:1143";
    check = { type = "none"; }; } );
"""
CLIENTS, EACH = 120, 8


@pytest.mark.timeout(300)
def test_long_signatures(site, pki):
    """RSA with 4096 bits, and many more clients than two processors have time for: all of them are
    served, sooner or later, by the same processes."""
    pki.ca.issue("long", HOSTNAME, [f"DNS:{HOSTNAME}"], kind="rsa4096", directory=site.directory)
    Fake(site, "10.0.0.11", 1143, echo)
    proxy = Mailreeve(site, pki, CONF)
    before = proxy.processes()
    tls, failures, done = context(pki), [], []

    def client():
        for _ in range(EACH):
            try:
                sock = connect(PROXY, 993)
                sock.settimeout(100)
                with tls.wrap_socket(sock, server_hostname=HOSTNAME) as secured:
                    assert lines(secured) == [ECHO]
                done.append(1)
            except (OSError, AssertionError) as error:
                failures.append(error)

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [] and len(done) == CLIENTS * EACH
    log = proxy.log.read_text()
    assert "killed" not in log and "refused" not in log and "is started in" not in log
    assert {name: sorted(pids) for name, pids in proxy.processes().items()} == \
        {name: sorted(pids) for name, pids in before.items()}
