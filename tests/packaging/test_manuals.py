# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""The manual pages are clean, and what they refer to is there."""
import pathlib
import re
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGES = ["conf/mailreeve.conf.5", "master/mailreeve.8", "ctl/mailreevectl.8"]
OURS = {tuple(pathlib.Path(p).name.rsplit(".", 1)) for p in PAGES}
# Pages that another package brings, and that need not be installed here.
OTHERS = {("systemd", "1"), ("sd_notify", "3"), ("nft", "8"), ("chroot", "2"),
          ("update-crypto-policies", "8")}


@pytest.mark.parametrize("page", PAGES)
def test_no_word_is_a_macro(page):
    """`.Ss In a frontend` renders as "<a> frontend": In names a header file."""
    macros = r"(?:A[cdnopqrt]|B[cdfklloqrtx]|C[dm]|D[1cdloqtv]|E[acdfklmnorsv]|F[acdlnrtx]|I[cnt]|L[bikp]|M[st]|N[dmos]|O[copstux]|P[acfpq]|Q[cloq]|R[esv]|S[cfhmostxy]|T[an]|U[dx]|V[at]|X[cor])"
    for line in (TOP / page).read_text().splitlines():
        assert not re.match(rf"\.S[hs] {macros} ", line), line


@pytest.mark.parametrize("page", PAGES)
def test_lint(page):
    out = subprocess.run(["mandoc", "-T", "lint", page], cwd=TOP, text=True, capture_output=True)
    # References are looked at below: mandoc would look for them among the installed pages.
    complaints = [line for line in (out.stdout + out.stderr).splitlines()
                  if "referenced manual not found" not in line and "outdated mandoc.db" not in line]
    assert complaints == []


@pytest.mark.parametrize("page", PAGES)
def test_references(page):
    text = (TOP / page).read_text()
    named = set(re.findall(r"^\.(?:Pq )?Xr (\S+) (\d)", text, re.M))
    assert named and named <= OURS | OTHERS
    sections = {s.upper() for s in re.findall(r"^\.S[hs] (.+)", text, re.M)}
    for section in re.findall(r"^\.Sx (.+?)(?: [.,;])?$", text, re.M):
        assert section.upper() in sections
