# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""What the default file, the examples and the README tell an administrator to write into dovecot.conf,
main.cf and master.cf is something that Dovecot and Postfix can read.

Where Dovecot 2.3 and 2.4 want different words, a line has 2.3's and in a comment 2.4's."""
import pathlib
import re
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
FILES = [TOP / "conf/mailreeve.conf", *sorted((TOP / "conf/examples").glob("*.conf")), TOP / "README.md"]
AT_HAND = tuple(map(int, re.findall(r"\d+", subprocess.run(
    ["dovecot", "--version"], text=True, capture_output=True, check=True).stdout)[:2]))
FOR_2_4 = re.compile(r"^( *)\S.*# Dovecot 2\.4: (.*)$", re.MULTILINE)
# What 2.4 has no more, of what is needed here.
GONE = re.compile(r"^ *(address|disable_plaintext_auth|ssl_(ca|cert|key|require_crl|verify_client_cert)) =",
                  re.MULTILINE)
TARGET = re.compile(r"\b(dovecot\.conf|master\.cf|main\.cf)\b.*:$")


def snippets(path):
    """(target, text) of every block that follows a line which names its target."""
    # A comment within a comment is a comment too: the default file has blocks to uncomment.
    lines = [re.sub(r"^(#\s*)+|^\s+(# ?)+", lambda m: " " * len(m[0].expandtabs()), line)
             for line in path.read_text().splitlines() if line.strip("#") or path.suffix == ".md"]
    number = 0
    while number < len(lines):
        found = TARGET.search(lines[number].replace("`", ""))
        head = len(lines[number]) - len(lines[number].lstrip())
        number += 1
        if not found:
            continue
        block = []
        if path.suffix == ".md":
            number = lines.index("```", number) + 1
            end = lines.index("```", number)
            block = lines[number:end]
        else:
            braces = 0
            while number < len(lines):
                line = lines[number]
                indent = len(line) - len(line.lstrip())
                opens = found[1] == "dovecot.conf" and (braces or "{" in line)
                if not line.strip() or (indent <= head and not opens):
                    break
                braces += line.count("{") - line.count("}")
                block.append(line)
                number += 1
        yield found[1], block


ALL = [pytest.param(target, block, id=f"{path.name}-{n}-{target}")
       for path in FILES for n, (target, block) in enumerate(snippets(path))]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_every_file_has_one(path):
    assert list(snippets(path))


def of_2_4(text):
    """The text as somebody with Dovecot 2.4 has it, below the first lines of his own file."""
    return "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n" + FOR_2_4.sub(r"\1\2", text)


@pytest.mark.parametrize("block", [p.values[1] for p in ALL if p.values[0] == "dovecot.conf"])
def test_snippet_has_the_words_of_dovecot_2_4(block):
    assert not GONE.search(of_2_4("\n".join(block)))


@pytest.mark.parametrize("target,block", ALL)
def test_snippet(target, block, tmp_path):
    assert block
    margin = min(len(line) - len(line.lstrip()) for line in block)
    text = "\n".join(line[margin:] for line in block) + "\n"
    if target == "dovecot.conf":
        if AT_HAND >= (2, 4):
            text = of_2_4(text)
        # Files that are read at once are those of the reader's host.
        (tmp_path / "dovecot.conf").write_text(re.sub(r"= <\S+", "= x", text))
        out = subprocess.run(["doveconf", "-n", "-c", tmp_path / "dovecot.conf"], text=True, capture_output=True)
        assert out.returncode == 0, out.stderr + text
        assert "haproxy" in out.stdout
        return
    (tmp_path / "main.cf").write_text("compatibility_level = 3.6\n" + (text if target == "main.cf" else ""))
    (tmp_path / "master.cf").write_text(text if target == "master.cf" else "")
    if target == "master.cf":
        out = subprocess.run(["postconf", "-c", tmp_path, "-M"], text=True, capture_output=True)
        services = [line for line in text.splitlines() if not line.startswith(" ")]
        assert len(out.stdout.splitlines()) >= len(services) > 0
        assert [line.split()[0] for line in out.stdout.splitlines() if not line.startswith(" ")] == \
            [line.split()[0] for line in services]
    else:
        out = subprocess.run(["postconf", "-c", tmp_path, "-n"], text=True, capture_output=True)
        assert set(line.split(" ")[0] for line in text.splitlines()) <= \
            set(line.split(" ")[0] for line in out.stdout.splitlines())
    assert (out.returncode, out.stderr) == (0, ""), text
