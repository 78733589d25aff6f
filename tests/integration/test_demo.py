# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""`make demo`, without anybody at the keyboard."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

import pytest

from lib.clients import Imap, connect, context
from lib.dovecot import LOGIN
from lib.mailreeve import BUILD
from lib.site import wait_until

pytestmark = pytest.mark.timeout(300)
DEMO = pathlib.Path(__file__).parent.parent / "demo"


class Here:
    """A certificate directory of somebody else."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)


def start(site, name="demo", **environment):
    """A demonstration that is ready, or has ended; (process, its output)."""
    output = site.log_file(name)
    with output.open("w") as stdout:
        demo = site.spawn([DEMO], stdout, env={**os.environ, **environment})
    try:
        wait_until(lambda: demo.poll() is not None or "\nReady;" in output.read_text(),
                   "the demonstration to be ready or to end", 150)
    except BaseException:
        end(demo) # the next test's is not to find this one's lock
        raise
    return demo, output.read_text()


def end(demo, number=signal.SIGTERM):
    if demo.poll() is None:
        os.killpg(demo.pid, number)
        demo.wait(30)


def directories():
    return set(pathlib.Path("/tmp").glob("mailreeve-demo-*"))


@pytest.mark.parametrize("ending", (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP))
def test_demo(site, ending):
    demo, text = start(site)
    try:
        assert demo.poll() is None, text
        # What it promises to show: both servers name the client's own address.
        assert re.search(rf"imap-login: Info: {LOGIN}: user=<alice>.* rip=127\.0\.0\.7, ", text)
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
        # And what it says to ask Mailreeve.
        commands = re.findall(r"^    (\S+/mailreevectl -s .+)$", text, re.M)
        assert len(commands) == 2
        for command in commands:
            asked = subprocess.run(command.split(), text=True, capture_output=True, timeout=20,
                                   check=False)
            assert asked.returncode == 0 and asked.stdout, asked
        os.killpg(demo.pid, ending)
        assert demo.wait(30) == 0 or ending != signal.SIGINT
        assert not directory.exists()
        wait_until(lambda: not site.processes(), "the demonstration's processes to be gone", 5)
        assert not pathlib.Path("/run/lock/mailreeve-demo").exists()
    finally:
        end(demo)


def test_a_second_demo_names_the_first(site):
    first, text = start(site)
    try:
        assert first.poll() is None, text
        second, said = start(site, "second")
        assert second.poll() == 1
        assert said == f"Another demonstration is running, process {first.pid}: end that one first.\n"
        assert first.poll() is None
    finally:
        end(first)


@pytest.mark.parametrize("address, port", (("127.0.0.1", 10993), ("127.0.0.11", 20143),
                                           ("127.0.0.15", 30587), ("0.0.0.0", 10465)))
def test_a_port_in_use_is_named_with_its_program(site, address, port):
    before = directories()
    with socket.socket() as taken:
        taken.bind((address, port))
        taken.listen()
        demo, said = start(site)
    assert demo.poll() == 1
    assert re.fullmatch(rf"The demonstration needs port {port} at 127\S+, which is taken by "
                        rf"\S+, process {os.getpid()}: end that first\.\n", said), said
    assert directories() == before
    assert not pathlib.Path("/run/lock/mailreeve-demo").exists()


def test_the_log_of_a_part_that_failed_is_shown(site):
    build = site.path("build")
    build.mkdir()
    for program in BUILD.glob("mailreeve*"):
        if program.is_file():
            shutil.copy(program, build)
    (build / "mailreeve").unlink()
    site.write("build/mailreeve", "#!/bin/sh\necho it cannot be\nexit 3\n", 0o755)
    before = directories()
    demo, said = start(site, MAILREEVE_BUILD=str(build))
    assert demo.poll() == 1
    assert "The demonstration failed: mailreeve ended with 3" in said
    assert "--- mailreeve.log\nit cannot be\n" in said and "--- dovecot" not in said
    assert directories() == before
