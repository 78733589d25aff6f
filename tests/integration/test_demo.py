# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""`make demo`, without anybody at the keyboard."""
import os
import pathlib
import re
import signal

import pytest

from lib.clients import Imap, connect, context
from lib.site import wait_until

DEMO = pathlib.Path(__file__).parent.parent / "demo"


class Here:
    """A certificate directory of somebody else."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)


@pytest.mark.parametrize("ending", (signal.SIGINT, signal.SIGTERM))
def test_demo(site, ending):
    output = site.log_file("demo")
    with output.open("w") as stdout:
        demo = site.spawn([DEMO], stdout)
    try:
        wait_until(lambda: demo.poll() is not None or "\nReady;" in output.read_text(),
                   "the demonstration to be ready", 60)
        text = output.read_text()
        assert demo.poll() is None, text
        # What it promises to show: both servers name the client's own address.
        assert re.search(r"imap-login: Info: Login: user=<alice>.* rip=127\.0\.0\.7, ", text)
        assert re.search(r"client=unknown\[127\.0\.0\.7\]:\d+, .*sasl_username=alice", text)
        assert re.search(r"to=<bob@example\.org>.*status=sent", text)
        assert re.search(r"frontend=imaps client=127\.0\.0\.7:\d+", text)
        # A client of one's own, as it is told to: bob reads what alice sent.
        directory = pathlib.Path(re.search(r"/\S*mailreeve-demo-\w+", text)[0])
        imap = Imap(connect("127.0.0.1", 10993, context(Here(directory / "pki")),
                            source="127.0.0.9"))
        imap.login("bob", "secret")
        imap.select("INBOX")
        assert b"Subject: hello" in imap.fetch("1", "(BODY.PEEK[HEADER])")[1][0][1]
        imap.logout()
        os.killpg(demo.pid, ending)
        assert demo.wait(30) == 0 or ending == signal.SIGTERM
        assert not directory.exists()
    finally:
        if demo.poll() is None:
            os.killpg(demo.pid, signal.SIGTERM)
            demo.wait(30)
