#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Floors: a file uses its own folder and the folders below, and no file uses itself by way of others.

layers.py BUILD [--shrink]: reads the sources below the current directory and their objects in
BUILD/obj.  --shrink drops entries of KNOWN that are no longer needed; it never adds one."""
import collections
import pathlib
import re
import subprocess
import sys

# Each folder knows those to the right of it.  Folders between the same two `>` do not know each
# other.
FLOORS = """
common/tls > common/mail > common/conf common/proxy > common

master > master/control > master/upgrade > master/life > master/door master/child master/servers > master/bundle > master/host master/command > common/conf common/proxy common/mail
worker > worker/conn > worker/side worker/tls > worker/record > common/conf common/proxy common/mail common/tls
checker > common/conf common/proxy common/mail common/tls
keeper > common
ctl > common
"""

# Only these folders, and what lies in them, speak OpenSSL.
OPENSSL = "common/tls worker checker keeper"
# Programs that must not load it, whatever a library of theirs brings along.
NO_OPENSSL = "mailreeve"
# Folders that do not know what else the master consists of.
NO_MASTER = "master/command master/host master/bundle master/door master/child master/servers"

# A .c file has a header of its own name, but for main.c and for one that includes a header here: the
# inside of a module that is larger than a file.  Only its own folder includes such a header.
INSIDES = """
common/conf/int.h
master/bundle/int.h
worker/conn/steps.h
worker/tls/int.h
"""

# What is still wrong.  Entries go; none comes.
KNOWN = """
"""

Arrow = collections.namedtuple("Arrow", "line how")  # how: `includes "x.h"`, `calls x of y.c`


def floors():
    """{folder: the folders that it may use}"""
    beside = collections.defaultdict(set)
    for line in FLOORS.split("\n"):
        ranks = [rank.split() for rank in line.split(">")]
        for upper, lower in zip(ranks, ranks[1:]):
            for folder in upper:
                beside[folder].update(lower)
    below = {}

    def reach(folder):
        if folder not in below:
            below[folder] = {folder}.union(*(reach(f) for f in beside[folder]))
        return below[folder]
    for folder in list(beside):
        reach(folder)
    return below


BELOW = floors()


def folder_of(name):
    return name.rpartition("/")[0]


def stem(path):
    """A .c file and its header are one file here."""
    return path.rpartition(".")[0]


class Tree:
    def __init__(self, build):
        tops = sorted({folder.split("/")[0] for folder in BELOW})
        self.text = {str(path): path.read_text() for top in tops
                     for path in sorted(pathlib.Path(top).rglob("*.[ch]"))}
        self.insides = set(INSIDES.split())
        self.bad = []  # (entry of KNOWN, message)
        self.arrows = collections.defaultdict(dict)  # stem: {stem: Arrow}
        self.uses = []  # (path, stem, Arrow) of includes and calls, all of them
        self.read_includes()
        self.read_objects(build)

    def complain(self, kind, what, where, message):
        self.bad.append((f"{kind} {what}", f"{where}: {message}"))

    def line_of(self, path, pattern):
        found = re.search(pattern, self.text[path], re.M)
        return self.text[path].count("\n", 0, found.start()) + 1 if found else 1

    def point(self, path, target, arrow):
        self.uses.append((path, target, arrow))
        if target != stem(path):
            self.arrows[stem(path)].setdefault(target, arrow)

    def read_includes(self):
        for path, text in self.text.items():
            for number, line in enumerate(text.split("\n"), 1):
                found = re.match(r'\s*#\s*include\s*([<"])(.+?)[>"]', line)
                if not found:
                    continue
                mark, name = found.groups()
                arrow = Arrow(number, f'includes "{name}"')
                if mark == "<":
                    self.check_system(path, name, number)
                elif name not in self.text:
                    self.complain("include", f"{path} {name}", f"{path}:{number}",
                                  f"{arrow.how}: not a file of the tree; name it from the root, "
                                  f'as "{folder_of(path)}/{name.rpartition("/")[2]}"')
                elif name in self.insides:
                    self.check_inside(path, name, arrow)
                else:
                    self.point(path, stem(name), arrow)

    def check_system(self, path, name, number):
        here = folder_of(path) + "/"
        if name.startswith("openssl/") and not any(here.startswith(f + "/") for f in OPENSSL.split()):
            self.complain("openssl", path, f"{path}:{number}",
                          f"includes <{name}>: only {', '.join(OPENSSL.split())} speak OpenSSL; "
                          "put the work in common/tls, and ask the process that may for its result")

    def check_inside(self, path, name, arrow):
        if folder_of(name) != folder_of(path):
            self.complain("inside", f"{path} {name}", f"{path}:{arrow.line}",
                          f"{arrow.how}: this is the inside of {folder_of(name)}; declare what "
                          "others need in a header of its own")

    def read_objects(self, build):
        """Calls: what one object leaves undefined and another defines."""
        objects = {}
        for path in self.text:
            if path.endswith(".c"):
                made = pathlib.Path(build, "obj", stem(path) + ".o")
                if not made.exists():
                    sys.exit(f"layers: {made} is missing: run make first")
                objects[str(made)] = path
        listed = subprocess.run(["nm", "-A", *objects], stdout=subprocess.PIPE, text=True, check=True)
        defined, wanted = collections.defaultdict(set), []
        for line in listed.stdout.splitlines():
            made, _, rest = line.partition(":")
            kind, symbol = rest.split()[-2:]
            if kind == "U":
                wanted.append((objects[made], symbol))
            elif kind.isupper():
                defined[symbol].add(objects[made])
        for path, symbol in wanted:
            top = path.split("/")[0]
            places = [p for p in defined[symbol] if p.split("/")[0] == top] or \
                [p for p in defined[symbol] if p.split("/")[0] == "common"]
            for place in places:
                line = self.line_of(path, rf"(?<!\w){re.escape(symbol)}(?!\w)")
                self.point(path, stem(place), Arrow(line, f"calls {symbol} of {place}"))

    def check_floors(self):
        for path, target, arrow in self.uses:
            here, there = folder_of(path), folder_of(target)
            if here not in BELOW:
                self.complain("folder", here, f"{path}:1",
                              f"{here} has no floor: give it one in FLOORS of tests/layers.py")
            elif there not in BELOW[here]:
                self.complain("floor", f"{stem(path)} {target}", f"{path}:{arrow.line}",
                              f"{arrow.how}: {there} is not below {here} (FLOORS of tests/layers.py); "
                              "move what both need to a folder below, or let the owner pass a call-back")

    def check_headers(self):
        for path, text in self.text.items():
            if not path.endswith(".c") or path.endswith("/main.c"):
                continue
            own = stem(path) + ".h"
            if any(f'#include "{i}"' in text for i in self.insides):
                continue
            if own in self.text:
                if f'#include "{own}"' not in text:
                    self.complain("header", path, f"{path}:1", f'does not include "{own}"; include it')
            else:
                self.complain("header", path, f"{path}:1",
                              f"has no header; declare what it gives to others in {own}, or add its "
                              "lines to the file that it is a half of")

    def check_master(self):
        for path, text in self.text.items():
            if folder_of(path) not in NO_MASTER.split():
                continue
            blank = lambda m: re.sub(r"[^\n]", " ", m.group())  # noqa: E731
            code = re.sub(r"/\*.*?\*/|//[^\n]*", blank, text, flags=re.S)
            found = re.search(r"\bstruct\s+master\b", code)
            if found:
                self.complain("master", path, f"{path}:{code.count(chr(10), 0, found.start()) + 1}",
                              f"names struct master: {folder_of(path)} does not know it; take what is "
                              "needed of it as arguments, or put it in a struct of this folder")

    def check_circles(self):
        for knot in knots(self.arrows):
            way = shortest_circle(self.arrows, knot)
            steps = "; ".join(f"{self.file_of(a)}:{self.arrows[a][b].line} {self.arrows[a][b].how}"
                              for a, b in zip(way, way[1:] + way[:1]))
            more = f" ({len(knot)} files are tied like that)" if len(knot) > len(way) else ""
            for name in knot:
                self.complain("circle", name, self.file_of(way[0]),
                              f"a circle: {steps}{more}; move what both need to a file below both, "
                              "or let the owner pass a call-back")

    def file_of(self, name):
        return name + (".c" if name + ".c" in self.text else ".h")


def knots(arrows):
    """The sets of more than one file that all reach each other [Tarjan]."""
    number, low, stack, found = {}, {}, [], []

    def visit(name):
        number[name] = low[name] = len(number)
        stack.append(name)
        for other in arrows.get(name, ()):
            if other not in number:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], number[other])
        if low[name] == number[name]:
            knot = stack[stack.index(name):]
            del stack[-len(knot):]
            if len(knot) > 1:
                found.append(sorted(knot))
    sys.setrecursionlimit(10000)
    for name in sorted(arrows):
        if name not in number:
            visit(name)
    return found


def shortest_circle(arrows, knot):
    best = None
    for start in knot:
        came, queue = {start: None}, collections.deque([start])
        while queue:
            name = queue.popleft()
            if start in arrows[name]:
                way = []
                while name is not None:
                    way.insert(0, name)
                    name = came[name]
                best = min(best or way, way, key=len)
                break
            for other in arrows[name]:
                if other in knot and other not in came:
                    came[other] = name
                    queue.append(other)
    return best


def check_programs(build):
    for program in NO_OPENSSL.split():
        path = pathlib.Path(build, program)
        loads = subprocess.run(["ldd", path], stdout=subprocess.PIPE, text=True, check=True).stdout
        for library in re.findall(r"lib(?:ssl|crypto)\S*", loads):
            yield (f"loads {program} {library}",
                   f"{path}: loads {library}: {program} runs as root and must not; leave out the "
                   "library that brings it")


def shrink(stale):
    path = pathlib.Path(__file__)
    path.write_text("".join(line for line in path.read_text().splitlines(True)
                            if line.rstrip("\n") not in stale))


def main(build, *options):
    tree = Tree(build)
    tree.check_floors()
    tree.check_headers()
    tree.check_master()
    tree.check_circles()
    bad = tree.bad + list(check_programs(build))
    known = [line for line in KNOWN.split("\n") if line]
    stale = sorted(set(known) - {entry for entry, _ in bad})
    if "--shrink" in options:
        shrink(stale)
        stale = []
    messages = list(dict.fromkeys(message for entry, message in bad if entry not in known))
    messages += [f"tests/layers.py: KNOWN has `{entry}`, which is mended: take it out "
                 "(tests/layers.py BUILD --shrink does)" for entry in stale]
    print("\n".join(messages) or "layers: every file stands on its floor" +
          (f"; {len(known)} known faults are left" if known else ""))
    return bool(messages)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
