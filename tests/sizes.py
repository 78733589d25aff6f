#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Sizes that a reader can hold: functions of at most 50 lines; files above 500 are named, for one
that was cut to fit is worse than a long one."""
import pathlib
import re
import sys

FOLDERS = ("master", "worker", "checker", "keeper", "ctl", "common")
FILE_LINES, FUNCTION_LINES = 500, 50

bad, lengths = [], []
for folder in FOLDERS:
    for path in sorted(pathlib.Path(folder).rglob("*.[ch]")):
        lines = path.read_text().splitlines()
        if len(lines) > FILE_LINES:
            print(f"{path}: warning: {len(lines)} lines; a file of more than {FILE_LINES} often does "
                  "two things")
        start = None
        for number, line in enumerate(lines, 1):
            if line == "{":
                start = number
            elif line == "}" and start:
                length = number - start - 1
                lengths.append(length)
                if length > FUNCTION_LINES:
                    name = re.search(r"\w+(?=\()", " ".join(lines[max(0, start - 4):start - 1]))
                    bad.append(f"{path}:{start}: {name.group() if name else 'a function'} has {length} "
                               f"lines, {FUNCTION_LINES} at most; give a part of it a name")
                start = None
print("\n".join(bad) or f"sizes: {len(lengths)} functions, none over {FUNCTION_LINES} lines")
sys.exit(bool(bad))
