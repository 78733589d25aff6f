#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""check.py BUILD TARGET...: run each target with make, go on when one fails, and close with
`N passed, N failed`.

A target's tests are counted from what it prints: Check's `100%: Checks: 9, Failures: 0, ...`,
pytest's last line, and `N passed, N failed` of any other program.  A target that prints none of
these is one test.  The output of each is kept in BUILD/check/TARGET.log.  The closing lines name
what failed, as the target named it: Check's cases by file and test, pytest's by their node."""
import os
import pathlib
import re
import subprocess
import sys
import time

CHECK = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)")
PYTEST = re.compile(r"^=* ?(.*\b(?:passed|failed|errors?)\b.*) in [\d.]+s\b")
OTHER = re.compile(r"(?:^|\s)(\d+) passed, (\d+) failed$")
# tests/unit/test_x.c:12:F:case:test:0: why; FAILED x.py::test[a b] - why; fuzz target x:
FAILURES = (re.compile(r"^(?P<file>\S+\.c):\d+:[FE]:[^:]*:(?P<test>[^:]+):(?P<row>\d+): "),
            re.compile(r"^(?:FAILED|ERROR) (?P<file>\S+\.py)(?:::(?P<test>.*?))?(?: - .*)?$"),
            re.compile(r"^(?P<file>fuzz target) (?P<test>[\w-]+):$"))


def count(line):
    """(passed, failed) that a line of output reports, or None."""
    if found := CHECK.match(line):
        checks, failures, errors = map(int, found.groups())
        return checks - failures - errors, failures + errors
    if found := PYTEST.match(line):
        words = {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|error)", found[1])}
        return words.get("passed", 0), words.get("failed", 0) + words.get("error", 0)
    if found := OTHER.search(line):
        return int(found[1]), int(found[2])
    return None


def failure(line):
    """The name of the test that a line says has failed, or None."""
    for pattern in FAILURES:
        if found := pattern.match(line):
            words = found.groupdict()
            row = f"[{words['row']}]" if words.get("row", "0") != "0" else ""
            return "::".join(filter(None, (words["file"], words["test"]))) + row
    return None


def run(build, target):
    """Run one target; its (passed, failed) and the names of those that failed."""
    passed = failed = counted = 0
    names = []
    log = build / "check" / f"{target}.log"
    make = subprocess.Popen(["make", f"-j{os.cpu_count()}", f"O={build}", target], text=True,
                            errors="backslashreplace", stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    with log.open("w") as kept:
        for line in make.stdout:
            kept.write(line)
            print(line, end="", flush=True)
            if numbers := count(line.rstrip()):
                passed, failed, counted = passed + numbers[0], failed + numbers[1], 1
            if (name := failure(line.rstrip())) and name not in names:
                names.append(name)
    broke = make.wait() != 0
    if not counted:
        passed, failed = (0, 1) if broke else (1, 0)
    failed += broke and not failed
    if failed and not names:
        names = [f"see {log}"]
    return passed, failed, names


def main():
    build, targets = pathlib.Path(sys.argv[1]), sys.argv[2:]
    (build / "check").mkdir(parents=True, exist_ok=True)
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
        os.environ.pop(name, None)
    rows = []
    for target in targets:
        print(f"--- {target}", flush=True)
        start = time.monotonic()
        rows.append((target, *run(build, target), time.monotonic() - start))
    print("---")
    for target, passed, failed, _, seconds in rows:
        print(f"{target:14} {passed:5} passed {failed:4} failed {seconds:6.0f} s")
    for target, _, failed, names, _ in rows:
        for name in names if failed else ():
            print(f"failed: {target}: {name}")
    failed = sum(row[2] for row in rows)
    summary = f"{sum(row[1] for row in rows)} passed, {failed} failed"
    (build / "check" / "summary").write_text(summary + "\n")
    print(summary, flush=True)
    return failed != 0


sys.exit(main())
