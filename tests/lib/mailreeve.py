# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Mailreeve itself: written configuration, start, log, control socket, and an end without remains."""
import json
import os
import pathlib
import re
import signal
import socket
import string
import subprocess

from .site import HOSTNAME, wait_until

BUILD = pathlib.Path(os.environ.get("MAILREEVE_BUILD", "build"))
# Of a program with AddressSanitizer the size says nothing: it keeps what was freed.
SANITIZED = (BUILD / "mailreeve").exists() and \
    b"__asan_init" in (BUILD / "mailreeve").read_bytes()

# What a configuration gets unless it says something else itself.
DEFAULTS = {
    "user": '"64001"', "keeper_user": '"64002"', "checker_user": '"64003"', "workers": "2",
    "hostname": f'"{HOSTNAME}"', "state_directory": '"$dir/state"',
    "control": '{ socket = "$dir/control.sock"; }',
}
BUGS = re.compile(r"Sanitizer|runtime error:|[Aa]ssert|core dumped|SIGSEGV|SIGABRT|SIGSYS")


def configuration(site, pki, text):
    """The whole text of a configuration: $dir is the site's directory, $pki the certificates'."""
    missing = [f"{key} = {value};" for key, value in DEFAULTS.items()
               if not re.search(rf"^\s*{key}\s*=", text, re.MULTILINE)]
    return string.Template("\n".join([text, *missing, ""])).substitute(
        dir=site.directory, pki=pki.directory)


def check(site, pki, text, name="checked.conf", defaults=True, options=()):
    """What `mailreeve -t` says of a configuration: a CompletedProcess."""
    text = configuration(site, pki, text) if defaults else text
    path = site.write(name, text)
    done = subprocess.run([BUILD / "mailreeve", "-t", "-c", path, "-L", BUILD, *options], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=90,
                          errors="backslashreplace", check=False)
    print(f"$ mailreeve -t\n{done.stdout}[{done.returncode}]")
    assert not BUGS.search(done.stdout), done.stdout
    return done


class Mailreeve:
    """A running instance.  Each one checks at its end that nothing is left of it.
    through: the words before the command, of a program that runs it."""

    def __init__(self, site, pki, text, log=None, wait=True, helpers=BUILD,
                 program=BUILD / "mailreeve", through=(), **more):
        self.site, self.pki = site, pki
        self.config = site.write("mailreeve.conf", configuration(site, pki, text))
        self.control_socket = site.path("control.sock")
        self.log = log or site.log_file("mailreeve")
        with open(self.log, "a", encoding="utf-8") as stderr:
            self.process = site.spawn(
                [*through, program, "-c", self.config, "-L", helpers], stderr, **more)
        self.stopped = False
        self.baseline = None
        self.roots = set()  # the empty directories that its children live in
        site.programs.append(self)
        if wait:
            self.wait_ready()

    def wait_ready(self):
        def ready():
            assert self.process.poll() is None, f"mailreeve ended with {self.process.returncode}"
            return any(re.search(r"\bready$", line) or '"ready"' in line for line in self.raw())
        wait_until(ready, "mailreeve to be ready", 30)
        self.baseline = self.descriptors()
        self.roots = self.own_roots()

    def own_roots(self):
        """Of this master's children: another instance's, or a killed master's, are not ours."""
        found = set()
        for pid, line in self.site.processes().items():
            try:
                stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
            except OSError:
                continue  # it has just ended
            if int(stat.rpartition(")")[2].split()[1]) == self.process.pid:
                found.update(map(pathlib.Path, re.findall(r" root=(/\S+)", line)))
        return found

    # Its log.

    def raw(self):
        return self.log.read_text(errors="backslashreplace").splitlines()

    def lines(self):
        return [parse(line) for line in self.raw()]

    def ended(self, **wanted):
        """Wait for the closing line of a connection that has these fields; its fields."""
        def found():
            for fields in self.lines():
                if "end" in fields and "conn" in fields and matches(fields, wanted):
                    return fields
            return None
        return wait_until(found, f"the line of a connection with {wanted}")

    def said(self, pattern, count=1):
        """Wait for (so many) lines that match, and return the latest."""
        def found():
            hits = [line for line in self.raw() if re.search(pattern, line)]
            return hits[-1] if len(hits) >= count else None
        return wait_until(found, f"{pattern!r} in mailreeve's log")

    # Its control socket.

    def control(self, command):
        """The answer to one command, without the empty line at its end."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(20)
            sock.connect(str(self.control_socket))
            sock.sendall(command.encode() + b"\n")
            answer = b""
            while data := sock.recv(65536):
                answer += data
        assert answer.endswith(b"\n"), answer
        return answer.decode().removesuffix("\n")

    def info(self):
        rows = (line.partition(": ") for line in self.control("show info").splitlines())
        return {key: value for key, _, value in rows}

    def rewrite(self, text):
        self.site.write("mailreeve.conf", configuration(self.site, self.pki, text))

    def send(self, number):
        self.process.send_signal(number)

    # Its processes.

    def processes(self):
        """Process ids by program: {"mailreeve": [..], "mailreeve-worker": [..], ...}."""
        found = {}
        for pid, line in self.site.processes().items():
            name = pathlib.Path(line.split(" ")[0]).name
            if name.startswith("mailreeve"):
                found.setdefault(name, []).append(pid)
        return found

    def descriptors(self):
        """How many descriptors each of its processes holds."""
        counts = {}
        for name, pids in self.processes().items():
            for pid in pids:
                try:
                    counts[f"{name} {pid}"] = len(os.listdir(f"/proc/{pid}/fd"))
                except OSError:
                    pass  # it has just ended
        return counts

    def at_rest(self):
        """Wait until no process holds more descriptors than when it was ready."""
        def rest():
            now = self.descriptors()
            return all(count <= self.baseline.get(key, count) for key, count in now.items())
        wait_until(rest, f"descriptors to go back to {self.baseline} (now {self.descriptors()})")

    def stop(self, number=signal.SIGTERM):
        """End it; everything that it must not leave is asserted here."""
        if self.stopped:
            return
        self.stopped = True
        died = self.process.poll() is not None
        try:
            if not died:
                if self.baseline:
                    self.at_rest()
                self.roots = self.own_roots()
                self.send(number)
                wait_until(lambda: self.process.poll() is not None, "mailreeve to end", 15)
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        if self.baseline:
            assert not died, f"mailreeve ended by itself with {self.process.returncode}"
            assert self.process.returncode == 0, f"exit status {self.process.returncode}"
        bugs = [line for line in self.raw() if BUGS.search(line)]
        assert not bugs, bugs
        assert not self.control_socket.exists(), "the control socket was left behind"
        left = [root for root in self.roots if root.exists()]
        assert not left, f"left behind: {left}"


def matches(fields, wanted):
    return all(str(fields.get(key)) == str(value) for key, value in wanted.items())


def parse(line):
    """The fields of a log line, text or JSON; other lines have only the field `msg`."""
    line = re.sub(r"^<\d>", "", line)
    if line.startswith("{"):
        try:
            return json.loads(line)
        except ValueError:
            return {"msg": line}
    fields = {}
    for key, quoted, bare in re.findall(r'(?:^|\s)([a-z_]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))', line):
        fields[key] = quoted or bare
    return fields or {"msg": line}
