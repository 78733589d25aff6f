#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Sizes that a reader can hold: files of at most 500 lines, functions of at most 100, and nine
functions in ten under 50."""
import pathlib
import re
import sys

FOLDERS = ("master", "worker", "checker", "keeper", "ctl", "common")
FILE_LINES, FUNCTION_LINES, USUAL_LINES, USUAL_SHARE = 500, 100, 50, 0.9

bad, lengths = [], []
for folder in FOLDERS:
    for path in sorted(pathlib.Path(folder).rglob("*.[ch]")):
        lines = path.read_text().splitlines()
        if len(lines) > FILE_LINES:
            bad.append(f"{path}: {len(lines)} lines, {FILE_LINES} at the most")
        start = None
        for number, line in enumerate(lines, 1):
            if line == "{":
                start = number
            elif line == "}" and start:
                length = number - start - 1
                lengths.append(length)
                if length > FUNCTION_LINES:
                    name = re.split(r"\W", lines[start - 2])[0] or lines[start - 2]
                    bad.append(f"{path}:{start}: {name} has {length} lines, {FUNCTION_LINES} at the most")
                start = None
usual = sum(length < USUAL_LINES for length in lengths) / max(len(lengths), 1)
if usual < USUAL_SHARE:
    bad.append(f"only {usual:.0%} of {len(lengths)} functions have fewer than {USUAL_LINES} lines")
print("\n".join(bad) or f"sizes: {len(lengths)} functions, {usual:.0%} under {USUAL_LINES} lines")
sys.exit(bool(bad))
