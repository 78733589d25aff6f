# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""`make sizes` refuses a long function and names a long file."""
import pathlib
import subprocess

import pytest

SIZES = pathlib.Path(__file__).resolve().parents[1] / "sizes.py"


def function(lines):
    return "int\nlong_one(int a,\n    int b)\n{\n" + "\ta += b;\n" * lines + "}\n"


@pytest.mark.parametrize("text, code, said", [
    pytest.param(function(50), 0, "sizes: 1 functions, none over 50 lines", id="50"),
    pytest.param(function(51), 1, "common/a.c:4: long_one has 51 lines, 50 at most", id="51"),
    pytest.param("\n" * 500, 0, "none over", id="file_500"),
    pytest.param("\n" * 501, 0, "common/a.c: warning: 501 lines", id="file_501")])
def test_sizes(tmp_path, text, code, said):
    (tmp_path / "common").mkdir()
    (tmp_path / "common/a.c").write_text(text)
    done = subprocess.run([SIZES], cwd=tmp_path, text=True, stdout=subprocess.PIPE, check=False)
    assert (done.returncode, said in done.stdout) == (code, True), done.stdout
    assert ("warning" in done.stdout) == ("warning" in said)
