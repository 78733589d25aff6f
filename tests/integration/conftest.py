# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Fixtures of the integration tests: `pki`, `site`, and every log of the site when a test fails."""
import os
import pathlib
import tempfile

import pytest

from lib.pki import Pki
from lib.site import Site


@pytest.fixture(scope="session")
def pki():
    """The authority and its certificates, made once in each pytest process."""
    top = pathlib.Path(tempfile.mkdtemp(prefix="pki-", dir="/run"))
    top.chmod(0o755)
    return Pki(top / "pki")


@pytest.fixture
def site(request):
    """A site for this test alone; it fails when something of it is left at the end."""
    site = Site()
    request.node.site = site
    yield site
    complaints = site.close()
    if complaints:
        for name, text in site.report():
            print(f"--- {name}\n{text}")
    site.remove()
    if complaints:
        raise complaints[0]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    site = getattr(item, "site", None)
    if report.failed and call.when == "call" and site:
        report.sections += site.report()


def pytest_configure(config):
    if os.geteuid() != 0 or not os.path.ismount("/run"):
        raise pytest.UsageError("start the tests by tests/integration/run")
