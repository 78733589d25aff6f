#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""deb.py DIRECTORY: the life of the package on a host, as its administrator sees it.  Runs
inside a booted tree (tests/systemd/run) with two versions in DIRECTORY: installs, configures, serves a Dovecot login, reloads,
upgrades with a client in IDLE, kills and hangs the master, removes, purges.  Each step stands on the
one before; the first that fails ends the run."""
import glob
import imaplib
import os
import pathlib
import pwd
import re
import signal
import socket
import ssl
import sys
import threading
import time

from host import *

OLD, NEW = sorted(glob.glob(sys.argv[1] + "/*.deb"), key=len)


def installs_and_starts_nothing():
    run("apt-get", "install", "-y", OLD)
    assert show("ActiveState") == "inactive" and show("UnitFileState") == "disabled"
    for user in USERS:
        entry = pwd.getpwnam(user)
        assert entry.pw_uid != 0 and entry.pw_shell.endswith("nologin")
    assert "OpenSSL" in run("mailreeve", "-V")
    # The default file needs nothing but the certificate.
    assert run("mailreeve", "-t").endswith("configuration ok")
    assert os.stat("/var/lib/mailreeve").st_mode & 0o7777 == 0o700


def replaces_a_worker_that_hangs():
    """Without CAP_KILL, as the unit wants it."""
    worker = next(line.split()[1] for line in run("ps", "-eo", "user:20,pid,args").splitlines()
                  if "mailreeve-worker" in line)
    os.kill(int(worker), signal.SIGSTOP)

    def is_gone():
        for _ in range(4):
            try:
                login_works()
            except OSError:
                pass
        return not os.path.exists(f"/proc/{worker}")
    until("the end of the worker", is_gone, 60)
    login_works_within(15)
    assert re.search(rf"worker \d+ \(pid {worker}\) .*killed", journal())
    until("its successor", lambda: processes().count(("mailreeve-worker", "mailreeve")) == WORKERS)


def reloads_under_a_client_in_idle():
    client = Client().idle()
    before = run("mailreevectl", "show", "workers")
    CONF.write_text(MAILREEVE.replace('"1s"', '"2s"'))
    run("systemctl", "reload", "mailreeve")
    until("a new generation", lambda: run("mailreevectl", "show", "workers") != before and
          "2s" not in run("mailreevectl", "show", "info"))
    until("active again", lambda: show("ActiveState") == "active")
    login_works()
    client.wakes()
    client.bye()


def keeps_the_configuration_when_the_new_one_is_wrong():
    good = CONF.read_text()
    CONF.write_text(good.replace("frontends", "frontend"))
    run("systemctl", "reload", "mailreeve", ok=1)
    assert show("ActiveState") == "active"
    assert "mailreevectl: /etc/mailreeve/mailreeve.conf:" in journal()  # ExecReload's own words
    until("the error in the log", lambda: 'unknown key "frontend"' in journal())
    until("the status", lambda: "not reloaded" in show("StatusText"))
    login_works()
    CONF.write_text(good)
    run("mailreevectl", "reload")
    until("the status", lambda: "not reloaded" not in show("StatusText"))


def upgrades_under_a_client_in_idle():
    client = Client().idle()
    pid = show("MainPID")
    text = CONF.read_text()
    run("apt-get", "install", "-y", NEW)
    version = re.search(r"_([\d.]+)-", NEW)[1]
    until("the new version", lambda: f"Version: {version}" in run("mailreevectl", "show", "info"))
    until("it to serve", lambda: show("ActiveState") == "active")
    assert show("MainPID") == pid and show("NRestarts") == "0"
    assert CONF.read_text() == text
    login_works()
    client.wakes()
    client.bye()


def survives_the_death_of_the_master():
    client = Client().idle()
    pid = show("MainPID")
    os.kill(int(pid), signal.SIGKILL)
    # Nobody who connects now is refused: systemd keeps the ports open.
    waiting = []
    end = time.monotonic() + 1
    while time.monotonic() < end:
        waiting.append(socket.create_connection(("127.0.0.1", 993), timeout=20))
        time.sleep(0.02)
    context = ssl.create_default_context(cafile=LIVE / "fullchain.pem")
    for number, one in enumerate(waiting):
        with context.wrap_socket(one, server_hostname="mail.example.org") as tls:
            assert tls.recv(4) == b"* OK", number
    assert show("MainPID") != pid and show("NRestarts") == "1"
    login_works()
    client.wakes()
    client.bye()


def restarts_and_refuses_nobody():
    """A restart is a hand-over: all who come are served, and who is there stays."""
    client = Client().idle()
    served, failures, over = [], [], threading.Event()

    def come_and_go():
        while not over.is_set():
            try:
                login_works()
                served.append(1)
            except (OSError, imaplib.IMAP4.error) as error:
                failures.append(repr(error))

    clients = [threading.Thread(target=come_and_go) for _ in range(3)]
    for one in clients:
        one.start()
    for _ in range(3):
        pid, before, start = show("MainPID"), len(served), time.monotonic()
        run("systemctl", "restart", "mailreeve")
        print(f"   restarted in {time.monotonic() - start:.2f} s", flush=True)
        assert show("MainPID") != pid
        until("logins after it", lambda n=before: len(served) > n + 3)
    over.set()
    for one in clients:
        one.join()
    assert failures == [], failures
    client.wakes()
    client.bye()


def is_started_again_when_it_hangs():
    drop_in = pathlib.Path("/run/systemd/system/mailreeve.service.d/fast.conf")
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[Service]\nWatchdogSec=2\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "mailreeve")
    client = Client().idle()
    pid = show("MainPID")
    os.kill(int(pid), signal.SIGSTOP)
    until("the watchdog", lambda: show("MainPID") not in (pid, "0"), 30)
    login_works_within(15)
    assert "watchdog" in run("journalctl", "-o", "cat", "-u", "mailreeve.service").lower()
    client.wakes()
    client.bye()


def stops_and_leaves_nothing():
    client = Client()
    client.bye()
    run("systemctl", "stop", "mailreeve")
    assert show("ActiveState") == "inactive", show("ActiveState")
    until("the end of every process", lambda: not processes())
    assert not glob.glob("/run/mailreeve*")


def runs_without_root():
    run("chgrp", "-R", "mailreeve", "/etc/letsencrypt")
    run("chmod", "0640", str(LIVE / "privkey.pem"))
    drop_in = pathlib.Path("/run/systemd/system/mailreeve-rootless.socket.d/ports.conf")
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[Socket]\nListenStream=\nListenStream=993\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "start", "mailreeve-rootless.socket")
    assert not processes()
    login_works_within(20)
    assert {user for _, user in processes()} == {"mailreeve"}
    run("systemctl", "stop", "mailreeve-rootless.socket", "mailreeve-rootless.service")
    until("the end of every process", lambda: not processes())


def is_removed_and_keeps_the_configuration():
    run("systemctl", "start", "mailreeve")
    run("apt-get", "remove", "-y", "mailreeve")
    until("the end of every process", lambda: not processes())
    assert CONF.exists() and not os.path.exists("/usr/sbin/mailreeve")


def is_purged_without_a_trace():
    run("apt-get", "purge", "-y", "mailreeve")
    found = run("find", "/", "-xdev", "-name", "*mailreeve*", "-not", "-path", "/proc/*", "-not", "-path",
                "/run/*", "-not", "-path", "/sys/*", "-not", "-path", "/etc/systemd/system/mailreeve-boot.service")
    assert found == "", found


STEPS = [
    the_host_has_a_dovecot_and_a_certificate,
    installs_and_starts_nothing,
    starts,
    serves_a_login_whose_client_dovecot_knows,
    every_process_has_its_own_identity,
    replaces_a_worker_that_hangs,
    reloads_under_a_client_in_idle,
    keeps_the_configuration_when_the_new_one_is_wrong,
    upgrades_under_a_client_in_idle,
    survives_the_death_of_the_master,
    restarts_and_refuses_nobody,
    is_started_again_when_it_hangs,
    stops_and_leaves_nothing,
    runs_without_root,
    is_removed_and_keeps_the_configuration,
    is_purged_without_a_trace,
]

sys.exit(main(STEPS))
