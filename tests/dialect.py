#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""One dialect of C, where a compiler takes several.  dialect.py [--fix] [FILE ...]

  if (!p)  if (p)                        not  p == NULL, p != NULL; as a value, `was = p != NULL`,
                                              and after an assignment, `(p = f()) == NULL`, these stay
  sizeof(x)                              not  sizeof x
  CONTAINER(p, struct outer, member)     not  a cast of p less an offsetof

--fix writes the first of each pair; format it afterwards."""
import pathlib
import re
import sys

TOPS = ("master", "worker", "checker", "keeper", "ctl", "common", "tests")
WORD = re.compile(r"\w")
CONDITIONS = ("if", "while", "assert", "ck_assert", "ck_assert_msg")
CONTAINER = re.compile(r"\((?:const )?struct \w+ \*\)(?:\((?:const )?void \*\))?"
                       r"\(\(char \*\)(\w+)\s*-\s*offsetof\((struct \w+),\s*([^()]+)\)\)")


def blanked(text):
    """The code alone: comments and literals are blanks."""
    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'",
                  lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.S)


def opening(code, at):
    """Where the bracket opens that code[at] closes."""
    depth = 0
    while at >= 0:
        depth += {")": 1, "]": 1, "(": -1, "[": -1}.get(code[at], 0)
        if depth == 0:
            return at
        at -= 1
    return 0


def operand_before(code, end):
    """The start of the operand that ends before code[end]."""
    at = end
    while at > 0:
        if code[at - 1] in ")]":
            at = opening(code, at - 1)
            if not (WORD.match(code[at - 1]) or code[at - 1] in ")]"):
                break
        elif WORD.match(code[at - 1]):
            while at > 0 and WORD.match(code[at - 1]):
                at -= 1
            if code[at - 1] == ".":
                at -= 1
            elif code[at - 2:at] == "->":
                at -= 2
            else:
                break
        else:
            break
    while code[at - 1] == "*" and not re.search(r"[\w)\]]\s*$", code[:at - 1]):
        at -= 1
    return at


def is_condition(code, start, end):
    """Is what stands from start to end asked as a question?"""
    before, after = code[:start].rstrip(), code[end:].lstrip()
    if before.endswith(("&&", "||")) or after.startswith(("&&", "||", "?")):
        return True
    if before.endswith(";") and after.startswith(";"):
        return True
    word = re.search(r"(\w+)\s*\($", before)
    return bool(word) and word.group(1) in CONDITIONS and after[:1] in (")", ",")


def null_changes(text, code):
    for found in re.finditer(r"\s*([!=])=\s*NULL\b", code):
        start = operand_before(code, found.start())
        operand = text[start:found.start()]
        if operand.startswith("(") and re.search(r"[^=!<>]=[^=]", operand):
            continue
        if found.group(1) == "=":
            yield start, found.end(), "!" + operand
        elif is_condition(code, start, found.end()):
            yield start, found.end(), operand


def sizeof_changes(text, code):
    for found in re.finditer(r"\bsizeof\s+(\**(?:\w+|\.|->|\[[^]]*\])+)", code):
        yield found.start(), found.end(), f"sizeof({text[found.start(1):found.end(1)]})"


def container_changes(code):
    for found in CONTAINER.finditer(code):
        yield found.start(), found.end(), "CONTAINER({}, {}, {})".format(*found.groups())


def changes(text):
    """(start, end, what to write there)"""
    code = blanked(text)
    return sorted([*null_changes(text, code), *sizeof_changes(text, code), *container_changes(code)])


def fixed(text):
    """The text with every change made; one change may lie in another, so from inside to outside."""
    while found := changes(text):
        start, end, better = min(found, key=lambda change: change[1] - change[0])
        text = text[:start] + better + text[end:]
    return text


def main(*arguments):
    names = [a for a in arguments if a != "--fix"]
    bad = 0
    for path in [pathlib.Path(n) for n in names] or \
            sorted(p for top in TOPS for p in pathlib.Path(top).rglob("*.[ch]")):
        text = path.read_text()
        found = changes(text)
        if "--fix" in arguments:
            path.write_text(fixed(text))
            continue
        bad += len(found)
        for start, end, better in found:
            print(f"{path}:{text.count(chr(10), 0, start) + 1}: `{text[start:end]}`: write `{better}` "
                  "(tests/dialect.py --fix does)")
    if not bad:
        print("lint: one dialect")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
