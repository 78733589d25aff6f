#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""docs.py KEYS: what the programs know (the output of the program KEYS), what the manuals describe
and what the example files use must be the same, in both directions.

In mailreeve.conf(5) a comment `keys of: GROUP ...` says for which groups the `.It Ic KEY` of the list
that follows stand; in mailreevectl(8) `commands:` stands before the list of commands; in mailreeve(8) the log is described.  Of the example
files, commented lines count as used where they are settings."""
import pathlib
import re
import subprocess
import sys


def known(program):
    keys, commands, words = set(), set(), set()
    for line in subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines():
        what, rest = line.split(" ", 1)
        if what == "key":
            keys.add(tuple(rest.split(" ")))
        elif what == "command":
            commands.add(rest)
        else:
            words.add((what, rest))
    return keys, commands, words - {("end", "-")}


def items(lines):
    """The `.It Ic` of one list, without those of lists within it."""
    depth = 0
    for line in lines:
        if line.startswith(".Bl"):
            depth += 1
        elif line.startswith(".El"):
            depth -= 1
            if depth == 0:
                return
        elif depth == 1 and line.startswith(".It Ic "):
            yield line.removeprefix(".It Ic ").split(" No ")[0]


def manual_keys(path):
    found, lines = set(), path.read_text().splitlines()
    for number, line in enumerate(lines):
        if groups := re.fullmatch(r'\.\\" keys of: (.+)', line):
            for key in items(lines[number + 1:]):
                found |= {(group, key) for group in groups[1].split()}
    return found


def manual_commands(path):
    lines = path.read_text().splitlines()
    return set(items(lines[lines.index('.\\" commands:') + 1:]))


def manual_log(path):
    """(key, word) of what mailreeve(8) says may stand behind `end` and `while`, and all keys."""
    text = path.read_text().split(".Ss A connection")[1].split(".Ss ")[0]
    words, keys = set(), set()
    for item in text.split("\n.It Cm ")[1:]:
        names, _, rest = item.partition("\n")
        keys |= set(names.split(" , "))
        if names in ("end", "while"):
            words |= {(names, word) for word in re.findall(r"^\.Ql (\S+)", rest, re.M)}
    return words, keys


def logged_keys():
    source = pathlib.Path("worker/conn/log.c").read_text()
    return set(re.findall(r'log_(?:text|number|quoted|bytes)\([^"]*?"(\w+)"', source))


def used_keys(text):
    """(group, key) of every setting in a configuration text, by its brackets."""
    found, path, name = set(), [], None
    for token in re.finditer(r'"(?:\\.|[^"\\])*"|([A-Za-z_*][\w*-]*)\s*=|([\[({])|([\])}])|([;,])', text):
        key, opened, closed, ended = token.groups()
        if key:
            name = key
            found.add((".".join(p for p in path if p) or "top", key))
        elif opened:
            path.append(name)
            name = None
        elif closed and path:
            path.pop()
        elif ended:
            name = None
    return found


def settings(path):
    """The file's text with commented settings put in and other comments taken out."""
    lines = []
    for line in path.read_text().splitlines():
        line = re.sub(r"^#(?=[\t{},]| *[,{}]|[a-z_]+ = )", "", line)
        lines.append(re.sub(r'#[^"]*$', "", line))
    return "\n".join(lines)


def compare(what, left, left_name, right, right_name):
    wrong = [f"{what} {' '.join(x) if isinstance(x, tuple) else x}: in {left_name}, not in {right_name}"
             for x in sorted(left - right)]
    return wrong


def main():
    keys, commands, words = known(sys.argv[1])
    conf, man5, man8, log8 = (pathlib.Path(p) for p in ("conf/mailreeve.conf", "conf/mailreeve.conf.5",
                                                        "ctl/mailreevectl.8", "master/mailreeve.8"))
    described, named = manual_keys(man5), manual_commands(man8)
    wrong = compare("key", keys, "the program", described, man5)
    wrong += compare("key", described, man5, keys, "the program")
    wrong += compare("command", commands, "the program", named, man8)
    wrong += compare("command", named, man8, commands, "the program")
    log_words, log_keys = manual_log(log8)
    for what, left, right in ("log", words, log_words), ("log key", logged_keys(), log_keys):
        wrong += compare(what, left, "the program", right, log8)
        wrong += compare(what, right, log8, left, "the program")
    for path in [conf, *sorted(pathlib.Path("conf/examples").glob("*.conf"))]:
        used = used_keys(settings(path))
        if not used:
            wrong.append(f"{path}: no settings found")
        wrong += compare("key", used, path, keys, "the program")
    table = pathlib.Path("conf/examples/README.md").read_text()
    for path in pathlib.Path("conf/examples").glob("*.conf"):
        if f"`{path.name}`" not in table:
            wrong.append(f"{path}: not in conf/examples/README.md")
    for name in re.findall(r"^\| `([^`]+)`", table, re.M):
        if not (pathlib.Path("conf/examples") / name).exists():
            wrong.append(f"conf/examples/README.md: there is no {name}")
    print("\n".join(wrong) or f"docs: {len(keys)} keys and {len(commands)} commands as in the manuals")
    return bool(wrong)


sys.exit(main())
