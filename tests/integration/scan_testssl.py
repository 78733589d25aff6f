# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""testssl.sh against both policies: nothing of severity LOW or worse, nor a warning, that is not
in the list `scan_findings` beside this file.  Minutes each; `make scan`."""
import json
import pathlib

import pytest

from lib.clients import run
from lib.fakes import Fake, greets
from lib.mailreeve import Mailreeve
from lib.site import HOSTNAME, PROXY
from test_tls_scan import CONF

PORTS = {"intermediate": 993, "modern": 1993}
FINE = ("OK", "INFO", "DEBUG")


def read_list():
    """(policy or *, id, severity) of each line of the list; the reason is for people."""
    found = set()
    for line in (pathlib.Path(__file__).parent / "scan_findings").read_text().splitlines():
        if line and not line.startswith("#"):
            policy, name, severity, reason = line.split(None, 3)
            assert policy in (*PORTS, "*") and reason
            found.add((policy, name, severity))
    return found


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("policy", PORTS)
def test_findings(site, pki, policy):
    Fake(site, "10.0.0.11", 143, greets(b"* OK ready\r\n"))
    Mailreeve(site, pki, CONF)
    report = site.path("testssl.json")
    # No DNS: the network of the test has nobody to ask.
    run("testssl", "--warnings", "batch", "--nodns", "none", "--ip", PROXY, "--color", "0", "--quiet",
        "--add-ca", pki.ca.certificate, "--connect-timeout", 20, "--openssl-timeout", 20,
        "--jsonfile", report, f"{HOSTNAME}:{PORTS[policy]}", seconds=1700)
    found = json.loads(report.read_text())
    assert "scanTime" in {one["id"] for one in found}, "the scan did not come to its end"
    assert not [one for one in found if one["id"] == "scanProblem"]
    assert len(found) > 100
    permitted = read_list()
    wrong = []
    for one in found:
        name, severity = one["id"].split(" ")[0], one["severity"]  # "cert_revocation <cert#1>"
        if severity not in FINE and not permitted & {(policy, name, severity),
                                                     ("*", name, severity)}:
            wrong.append(f"{policy} {one['id']} {severity} {one['finding']}")
    assert not wrong, "\n" + "\n".join(wrong)
