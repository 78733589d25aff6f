# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""What the machine does not give: every lack ends in words, and none keeps the service from ending."""
import os
import re
import signal
import subprocess

import pytest

from lib.mailreeve import BUILD, Mailreeve, configuration
from lib.site import wait_until

NOBODY = 65534
CONF = """
workers = 1;
frontends = ( { name = "front"; bind = "192.0.2.10:1143"; backend = "back"; } );
backends = ( { name = "back"; servers = "10.0.0.11:143"; check = { type = "none"; }; } );
"""


def started(site, pki, through, *options, **more):
    """What a master that cannot serve says; it must end by itself, with status 1."""
    path = site.write("lacking.conf", configuration(site, pki, CONF))
    done = subprocess.run([*through, BUILD / "mailreeve", *options, "-c", path, "-L", BUILD],
                          timeout=60, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, **more)
    assert done.returncode == 1, (done.returncode, done.stdout)
    return done.stdout


@pytest.mark.parametrize("missing, word", [
    ("pidfd_open", "pidfd_open"), ("pidfd_send_signal", "pidfd_send_signal"),
    ("waitid", "waitid with P_PIDFD"), ("close_range", "close_range"),
    ("memfd_create", "memfd_create"), ("F_ADD_SEALS", "fcntl with F_ADD_SEALS")])
def test_a_refused_call_is_named(site, pki, missing, word):
    for options in (), ("-t",):
        said = started(site, pki, (BUILD / "lib/old_kernel", missing), *options)
        assert f"{word} is refused here: Function not implemented; mailreeve needs Linux" in said


@pytest.mark.parametrize("limit, words", [
    ("--fsize=0", "the limit of file sizes is 0 bytes.*LimitFSIZE=infinity"),
    ("--fsize=100000", "the limit of file sizes is 100000 bytes.*LimitFSIZE=infinity"),
    ("--nofile=12", "Too many open files; raise the limit of descriptors with LimitNOFILE="),
    ("--nofile=20", "cannot start a keeper: Too many open files; raise the limit of descriptors"),
    ("--as=20000000", "[Mm]emory"),
])
def test_a_low_limit_is_named(site, pki, limit, words):
    assert re.search(words, started(site, pki, ("prlimit", limit)))


def test_a_limit_of_processes_is_named(site, pki):
    site.directory.chmod(0o777)
    said = started(site, pki, ("prlimit", "--nproc=0"), user=NOBODY, group=NOBODY, extra_groups=[])
    assert re.search("cannot start a keeper: .*; raise the limit of processes with TasksMax=", said)


def test_a_low_soft_limit_is_raised(site, pki):
    proxy = Mailreeve(site, pki, CONF, through=("prlimit", "--fsize=0:unlimited"))
    assert "limit of file sizes" not in proxy.log.read_text()


def test_children_that_cannot_be_killed(site, pki):
    """They end when nobody speaks to them any more; those that do not are left behind, in words."""
    proxy = Mailreeve(site, pki, CONF, through=(BUILD / "lib/old_kernel", "kill"))
    worker, = proxy.processes()["mailreeve-worker"]
    checker, = proxy.processes()["mailreeve-checker"]
    os.kill(checker, signal.SIGSTOP)
    try:
        proxy.send(signal.SIGINT)
        wait_until(lambda: proxy.process.poll() is not None, "mailreeve to end", 15)
        proxy.said(rf"worker 0 \(pid {worker}\) cannot be killed: Operation not permitted; permit ")
        proxy.said(rf"checker 0 \(pid {checker}\) is left behind: end it by hand")
        assert f"(pid {worker}) is left behind" not in proxy.log.read_text()
        assert proxy.process.returncode == 0
        proxy.baseline = None
    finally:
        os.kill(checker, signal.SIGKILL)
