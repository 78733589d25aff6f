# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""The systemd units: every line understood, and how much they leave to an attacker."""
import configparser
import pathlib
import re
import subprocess

import pytest

UNITS = pathlib.Path(__file__).resolve().parents[2] / "packaging/systemd"
# What `systemd-analyze security` may say at the most, times ten.
EXPOSURE = {"mailreeve.service": 22, "mailreeve-rootless.service": 15}


@pytest.fixture(scope="module")
def units(tmp_path_factory):
    path = tmp_path_factory.mktemp("units")
    for program in ("mailreeve", "mailreevectl", "hand-over"):
        (path / program).write_text("#!/bin/sh\n")
        (path / program).chmod(0o755)
    for unit in UNITS.glob("*.in"):
        (path / unit.stem).write_text(
            re.sub("@(SBIN|LIBEXEC)DIR@", str(path), unit.read_text()))
    return path


def test_every_service_has_a_limit(units):
    assert {u.name for u in units.glob("*.service")} == set(EXPOSURE)


@pytest.mark.parametrize("unit", EXPOSURE)
def test_exposure(units, unit):
    out = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager",
                          f"--threshold={EXPOSURE[unit]}", units / unit],
                         text=True, capture_output=True)
    assert f"Overall exposure level for {unit}" in out.stdout, out.stderr
    assert out.returncode == 0, re.sub(r"(?m)^✓.*\n", "", out.stdout)


def test_verify(units):
    files = sorted(units.glob("*.service")) + sorted(units.glob("*.socket"))
    assert len(files) == 4
    out = subprocess.run(["systemd-analyze", "verify", "--man=no", *files], text=True,
                         capture_output=True)
    assert (out.returncode, out.stdout + out.stderr) == (0, "")


@pytest.mark.parametrize("unit", EXPOSURE)
@pytest.mark.parametrize("section, line, why", [
    ("Service", "LogRateLimitIntervalSec=0", "the journal drops no connection's line"),
    ("Service", "SyslogFacility=mail", "the lines are where those of other mail servers are"),
    ("Unit", "Wants=network-online.target", "addresses to bind to are there at boot"),
    ("Unit", "After=network-online.target", "... before it starts"),
    ("Unit", "After=nss-lookup.target", "names of servers can be resolved at the first check"),
])
def test_settings_that_no_tool_asks_for(units, unit, section, line, why):
    found = configparser.RawConfigParser(strict=False)
    found.optionxform = str
    found.read(units / unit)
    key, _, value = line.partition("=")
    assert value in found[section].get(key, "").split(), why


def test_users_are_those_of_the_configuration():
    conf = (UNITS.parents[1] / "conf/mailreeve.conf.5").read_text()
    users = set(re.findall(r"^u (\S+)", (UNITS / "mailreeve.sysusers").read_text(), re.M))
    assert users == set(re.findall(r"^\.It Ic (?:\w+_)?user No = Qq (\S+)", conf, re.M))
    assert len(users) == 3
