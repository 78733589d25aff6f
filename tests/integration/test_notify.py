# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""What the service manager is told, and when."""
import re
import signal
import time

from lib.fakes import Fake
from lib.mailreeve import Mailreeve
from lib.manager import Manager
from lib.site import wait_until
from lib.traffic import echo

CONF = """
hostname = "%s";
frontends = ( { name = "front"; bind = "192.0.2.10:143"; backend = "back"; } );
backends = ( { name = "back"; servers = [ "10.0.0.11:1143", "10.0.0.12:1143" ];
    check = { type = "tcp"; interval = "300ms"; send_proxy = "none"; }; } );
"""


def heard(manager, pattern, count=1):
    def found():
        return len([line for line in manager.said if re.fullmatch(pattern, line)]) >= count
    return found


def test_notifications(site, pki):
    Fake(site, "10.0.0.11", 1143, echo)
    manager = Manager(site)
    proxy = Mailreeve(site, pki, CONF % "one.example.org",
                      env=manager.environment(WATCHDOG_USEC="1000000"), wait=False)
    wait_until(heard(manager, "READY=1"), "READY")
    # Not before everything that `ready` promises: the log says so in the same moment.
    proxy.said(r" ready$")
    proxy.baseline = proxy.descriptors()
    wait_until(heard(manager, r"STATUS=1 of 2 servers up, 0 connections"), "STATUS")
    wait_until(heard(manager, "WATCHDOG=1", 3), "three signs of life", 5)
    # A master that does not turn its loop gives none.
    proxy.send(signal.SIGSTOP)
    before = len(manager.said)
    time.sleep(1.5)
    assert len(manager.said) - before <= 1
    proxy.send(signal.SIGCONT)
    wait_until(heard(manager, "WATCHDOG=1", 5), "signs of life again", 5)
    # Its children are not blamed for the time that it slept itself.
    assert "does not answer" not in proxy.log.read_text()
    proxy.rewrite(CONF % "two.example.org")
    proxy.send(signal.SIGHUP)
    wait_until(heard(manager, "RELOADING=1"), "RELOADING")
    wait_until(heard(manager, r"MONOTONIC_USEC=\d+"), "the time of it")
    wait_until(heard(manager, "READY=1", 2), "READY after the reload")
    proxy.rewrite("frontends = ")
    proxy.send(signal.SIGHUP)
    wait_until(heard(manager, "READY=1", 3), "READY although it could not reload")
    wait_until(heard(manager, r"STATUS=1 of 2 servers up; not reloaded: .*mailreeve\.conf:\d+: .*"),
               "the reason in STATUS")
    proxy.send(signal.SIGTERM)
    wait_until(heard(manager, "STOPPING=1"), "STOPPING")
    wait_until(lambda: proxy.process.poll() is not None, "the end")
    assert proxy.process.returncode == 0
    proxy.baseline = None
    assert manager.said.index("READY=1") < manager.said.index("STOPPING=1")
    # The workers' own descriptors, the ports': nothing is left in the store.
    wait_until(lambda: not manager.store, f"an empty store {list(manager.store)}")
