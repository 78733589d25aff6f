#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""What the build promises about the programs, read from the programs themselves.

    tests/hardening.py PROGRAM...

Prints one line a program and property, and at the end how many hold."""
import pathlib
import platform
import re
import subprocess
import sys

# What each program may be linked with, besides libc; the walls, as the loader sees them.
LIBRARIES = {
    "mailreeve": {"libconfig", "libseccomp"},
    "mailreeve-worker": {"libssl", "libcrypto", "libconfig", "libseccomp", "libm"},
    "mailreeve-checker": {"libssl", "libcrypto", "libconfig", "libcares", "libseccomp"},
    "mailreeve-keeper": {"libcrypto", "libseccomp"},
    "mailreevectl": {"libjansson", "libmicrohttpd"},
}
X86 = platform.machine() == "x86_64"
SWITCHES = ("-fstack-protector-strong", "-fstack-clash-protection", "-fPIE",
            "-ftrivial-auto-var-init=zero",
            "-fcf-protection" if X86 else "-mbranch-protection=standard")


def readelf(program, *options):
    return subprocess.run(["readelf", "--wide", *options, program], check=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60).stdout


def producers(program):
    """How the compiler was called, for each of our own source files, from the debug information."""
    text = readelf(program, "--debug-dump=info", "--dwarf-depth=1")
    return {name: switches for switches, name in re.findall(
        r"DW_AT_producer *: (?:\(.*?\): )?(GNU C.*)\n(?:.*\n){0,3}?.*DW_AT_name *: (?:\(.*?\): )?(\S+)",
        text)}


def properties(program):
    """(name, whether it holds, what was found)"""
    name = pathlib.Path(program).name
    head, dynamic = readelf(program, "-h"), readelf(program, "-d")
    segments, symbols = readelf(program, "-l"), readelf(program, "--dyn-syms")
    flags = " ".join(re.findall(r"\((?:FLAGS|FLAGS_1)\) +(.*)", dynamic))

    yield "position independent", "DYN" in head and re.search(r"\bPIE\b", flags), flags
    yield "addresses read-only once loaded", \
        "GNU_RELRO" in segments and re.search(r"\bNOW\b", flags), flags
    stack = re.search(r"GNU_STACK .* (R\S*) +0x", segments)
    yield "stack is no code", stack and stack.group(1) == "RW", stack and stack.group(1)
    loads = re.findall(r"^ +LOAD .* 0x\w+ +([RWE ]{3}) 0x", segments, re.MULTILINE)
    yield "nothing both written and run", loads and not [x for x in loads if "W" in x and "E" in x], \
        loads
    yield "code apart from data", loads.count("R E") == 1 and len(loads) >= 4, loads
    yield "no text relocations", "TEXTREL" not in dynamic, ""
    yield "no path of its own to libraries", not re.search(r"\((RPATH|RUNPATH)\)", dynamic), ""

    # tests/lib/walls_down.c, and sanitizers, which read options from the environment
    foreign = sorted(set(re.findall(r"\b__(?:wrap|asan|lsan|ubsan)_\w+",
                                    readelf(program, "--syms"))))
    yield "nothing of the test builds", not foreign, foreign[:3] or ""
    yield "stack protector", "__stack_chk_fail" in symbols, ""
    checked = sorted(set(re.findall(r"\b(__\w+_chk)@", symbols)))
    yield "checked string functions", len(checked) >= 3, f"{len(checked)} kinds"
    if X86:
        notes = re.findall(r"Properties: (.*)", readelf(program, "-n"))
        yield "returns are watched", any("SHSTK" in note for note in notes), notes
        landing = subprocess.run(["objdump", "-d", "--disassemble=main", program], check=True,
                                 text=True, stdout=subprocess.PIPE, timeout=60).stdout
        yield "indirect jumps land on marks", \
            re.search(r"<main>:\n.*\bendbr64\b", landing), ""

    units = producers(program)
    missing = sorted(f"{unit}: {switch}" for unit, line in units.items() for switch in SWITCHES
                     if switch not in line)
    yield "compiled so, every file", len(units) >= 5 and not missing, \
        missing[:3] or f"{len(units)} files"

    needed = {re.sub(r"\.so.*", "", lib) for lib in re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)}
    extra = needed - LIBRARIES[name] - {"libc", "ld-linux-x86-64", "ld-linux-aarch64"}
    yield "linked with nothing else", not extra, sorted(extra) or ""


def main():
    passed = failed = 0
    for program in sys.argv[1:]:
        for name, holds, found in properties(program):
            passed, failed = passed + bool(holds), failed + (not holds)
            print(f"{'ok' if holds else 'FAIL':4} {pathlib.Path(program).name:18} {name:36} {found}")
    print(f"{passed} passed, {failed} failed")
    return failed > 0 or passed == 0


if __name__ == "__main__":
    sys.exit(main())
