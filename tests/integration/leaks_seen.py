# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""That a leak would be seen, in each of the programs.  Of `make leaks` alone, whose programs lose
memory when they are asked to (tests/lib/walls_down.c), so pytest finds it only by its name."""
import os
import signal

import pytest

from lib.fakes import Fake, greets
from lib.mailreeve import Mailreeve
from lib.site import wait_until

CONF = """
frontends = ( { name = "front"; bind = "192.0.2.10:993"; backend = "back";
    tls = { certificates = "$pki/mail"; }; } );
backends = ( { name = "back"; protocol = "imap"; servers = "10.0.0.11:143"; } );
"""


@pytest.mark.parametrize("name", ("mailreeve", "mailreeve-worker", "mailreeve-checker",
                                  "mailreeve-keeper"))
def test_seen(site, pki, name):
    Fake(site, "10.0.0.11", 143, greets(b"* OK\r\n"))
    proxy = Mailreeve(site, pki, CONF)
    pid = proxy.processes()[name][0]
    os.kill(pid, signal.SIGRTMIN + 1)
    wait_until(lambda: pending(pid) == 0, "the signal to arrive")
    # The master says so by its status, too, and that is looked at first.
    with pytest.raises(AssertionError, match="LeakSanitizer: detected memory leaks|exit status 1"):
        proxy.stop()
    assert "7777 byte(s) leaked in 1 allocation(s)" in "\n".join(proxy.raw())


def pending(pid):
    """The signals that a process has not taken yet."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        fields = dict(line.split(":", 1) for line in status)
    return int(fields["SigPnd"], 16) | int(fields["ShdPnd"], 16)
