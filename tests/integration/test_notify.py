# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""What the service manager is told, and when."""
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from lib.fakes import Fake
from lib.mailreeve import BUILD, Mailreeve
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


ROUTES = """
frontends = ( { name = "front"; bind = "192.0.2.10:993"; backend = "one"; tls = { certificates = "$pki/mail"; };
    routes = ( { sni = "two.example.org"; backend = "two"; }, { sni = "also.example.org"; backend = "two"; } ); },
  { name = "plain"; bind = "192.0.2.10:143"; backend = "three"; } );
backends = (
  { name = "one"; servers = "10.0.0.11:1143"; check = { type = "tcp"; interval = "200ms"; }; },
  { name = "two"; servers = "10.0.0.12:1143"; check = { type = "tcp"; interval = "200ms"; }; },
  { name = "three"; servers = [ "10.0.0.11:1143", "10.0.0.13:1143" ];
    check = { type = "tcp"; interval = "200ms"; }; } );
"""


def test_a_backend_of_routes_is_missed(site, pki):
    """A frontend lacks a server when one of the backends that its routes lead to has none."""
    fakes = [Fake(site, address, 1143, echo) for address in ("10.0.0.11", "10.0.0.12", "10.0.0.13")]
    manager = Manager(site)
    proxy = Mailreeve(site, pki, ROUTES, env=manager.environment())

    def status():
        done = subprocess.run([BUILD / "mailreevectl", "-s", proxy.control_socket, "status"],
                              stdout=subprocess.PIPE, text=True, timeout=20, check=False)
        return done.returncode, done.stdout.splitlines()[0]

    assert status() == (0, "OK: 4 of 4 servers up")
    wait_until(heard(manager, r"STATUS=4 of 4 servers up, 0 connections"), "STATUS")
    fakes[2].stop()
    wait_until(lambda: status() == (1, "WARNING: server down: three/10.0.0.13:1143"),
               "one of three's servers to be down")
    wait_until(heard(manager, r"STATUS=3 of 4 servers up, 0 connections"), "STATUS")
    fakes[1].stop()
    wait_until(lambda: status() == (2, "CRITICAL: no server for frontends front (backend two); "
                                    "servers down: two/10.0.0.12:1143, three/10.0.0.13:1143"), "the route to be missed")
    wait_until(heard(manager, r"STATUS=2 of 4 servers up, 0 connections; "
                     r"no server for front \(backend two\)"), "STATUS")
    fakes[0].stop()
    wait_until(lambda: status() == (
        2, "CRITICAL: no server for frontends front, front (backend two), plain; servers down: "
        "one/10.0.0.11:1143, two/10.0.0.12:1143, three/10.0.0.11:1143, three/10.0.0.13:1143"), "all to be missed")


@pytest.mark.parametrize("role", ["keeper", "checker", "worker"])
def test_no_sign_of_life_without_a_child(site, pki, role):
    """WATCHDOG is for the whole service: one that has no such child and gets none asks for help."""
    programs = site.path("programs")
    programs.mkdir()
    for name in ("mailreeve", "mailreeve-worker", "mailreeve-checker", "mailreeve-keeper"):
        shutil.copy(BUILD / name, programs / name)
    Fake(site, "10.0.0.11", 1143, echo)
    manager = Manager(site)
    proxy = Mailreeve(site, pki, CONF % "one.example.org", program=programs / "mailreeve",
                      helpers=programs, env=manager.environment(WATCHDOG_USEC="600000"))
    wait_until(heard(manager, "WATCHDOG=1", 2), "signs of life")
    program = programs / f"mailreeve-{role}"
    program.chmod(0o644)
    for pid in proxy.processes()[f"mailreeve-{role}"]:
        os.kill(pid, signal.SIGKILL)
    proxy.said(f"cannot start a {role}: Permission denied")
    before = manager.said.count("WATCHDOG=1")
    time.sleep(2)
    # One may have been under way.
    assert manager.said.count("WATCHDOG=1") <= before + 1
    program.chmod(0o755)
    wait_until(heard(manager, "WATCHDOG=1", before + 4), "signs of life again")
    proxy.baseline = None
