# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""tests/dialect.py refuses the other dialects, and --fix writes the one of this tree."""
import pathlib
import subprocess

import pytest

DIALECT = pathlib.Path(__file__).resolve().parents[1] / "dialect.py"


@pytest.mark.parametrize("other, ours", [
    ("if (p == NULL)", "if (!p)"),
    ("if (p != NULL)", "if (p)"),
    ("while (*p->next[i].q != NULL)", "while (*p->next[i].q)"),
    ("return a && f(x, y) != NULL;", "return a && f(x, y);"),
    ("x = p != NULL ? *p : 0;", "x = p ? *p : 0;"),
    ("for (i = 0; p[i] != NULL; i++)", "for (i = 0; p[i]; i++)"),
    ("x = p ==\n    NULL || a * b.c == NULL;", "x = !p || a * !b.c;"),
    ("memset(p, 0, sizeof *p);", "memset(p, 0, sizeof(*p));"),
    ("n = sizeof a / sizeof a[0];", "n = sizeof(a) / sizeof(a[0]);"),
    ("if (f(p, sizeof q) == NULL)", "if (!f(p, sizeof(q)))"),
    ("run((struct c *)((char *)w - offsetof(struct c, watch)));",
     "run(CONTAINER(w, struct c, watch));"),
    ("c = (const struct c *)(const void *)((char *)t-offsetof(struct c, a.t[0]));",
     "c = CONTAINER(t, struct c, a.t[0]);")])
def test_the_other_dialect(tmp_path, other, ours):
    path = tmp_path / "a.c"
    path.write_text(f"\n{other}\n")
    done = subprocess.run([DIALECT, path], text=True, stdout=subprocess.PIPE, check=False)
    assert done.returncode == 1 and f"{path}:2: `" in done.stdout, done.stdout
    subprocess.run([DIALECT, "--fix", path], check=True, stdout=subprocess.DEVNULL)
    assert path.read_text() == f"\n{ours}\n"
    assert subprocess.run([DIALECT, path], stdout=subprocess.DEVNULL, check=False).returncode == 0


@pytest.mark.parametrize("fine", [
    "if (!p || (q = f(p)) == NULL)", "while ((p = next(p)) != NULL)", "was = p != NULL;",
    "f(p != NULL);", 'puts("p == NULL");', "/* sizeof x */", "x = 'a'; /* p == NULL */",
    "p = NULL;", "sizeof(x)"])
def test_what_is_left_alone(tmp_path, fine):
    path = tmp_path / "a.c"
    path.write_text(fine)
    assert subprocess.run([DIALECT, path], stdout=subprocess.DEVNULL, check=False).returncode == 0
