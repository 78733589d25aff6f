#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""rpm.py DIRECTORY: the rpm's scripts, inside a booted tree (tests/systemd/run) with two versions in
DIRECTORY: install, verify, serve, upgrade, erase.  The tree is Debian's, so what the package needs is
there without rpm knowing it."""
import glob
import os
import pwd
import re
import sys

from host import *

OLD, NEW = sorted(glob.glob(sys.argv[1] + "/*.rpm"), key=len)


def installs_and_starts_nothing():
    run("rpm", "--nodeps", "-i", OLD)
    assert show("ActiveState") == "inactive" and show("UnitFileState") != "enabled"
    for user in USERS:
        assert pwd.getpwnam(user).pw_uid != 0
    assert os.stat("/var/lib/mailreeve").st_mode & 0o7777 == 0o700


def is_as_it_was_packed():
    assert run("rpm", "-V", "--nodeps", "mailreeve") == ""


def upgrades_under_a_client_in_idle():
    client = Client().idle()
    pid = show("MainPID")
    text = CONF.read_text()
    run("rpm", "--nodeps", "-U", NEW)
    version = re.search(r"mailreeve-([\d.]+)-", NEW)[1]
    until("the new version", lambda: f"Version: {version}" in run("mailreevectl", "show", "info"))
    until("it to serve", lambda: show("ActiveState") == "active")
    assert show("MainPID") == pid and show("NRestarts") == "0"
    assert CONF.read_text() == text
    client.wakes()
    client.bye()
    login_works()


def is_erased_and_keeps_a_changed_configuration():
    run("rpm", "-e", "mailreeve")
    until("the end of every process", lambda: not processes())
    assert not os.path.exists("/usr/sbin/mailreeve") and not CONF.exists()
    left = sorted(glob.glob("/etc/mailreeve/*") + glob.glob("/usr/l*/*mailreeve*") +
                  glob.glob("/usr/lib/systemd/system/mailreeve*") + glob.glob("/run/mailreeve*"))
    assert left == [str(CONF) + ".rpmsave"], left


STEPS = [
    the_host_has_a_dovecot_and_a_certificate,
    installs_and_starts_nothing,
    is_as_it_was_packed,
    starts,
    serves_a_login_whose_client_dovecot_knows,
    every_process_has_its_own_identity,
    upgrades_under_a_client_in_idle,
    is_erased_and_keeps_a_changed_configuration,
]

sys.exit(main(STEPS))
