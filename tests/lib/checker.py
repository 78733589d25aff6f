# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""A checker without the rest of Mailreeve: its master is played by lib/checker_master."""
import os
import pathlib
import subprocess

from .mailreeve import BUGS, BUILD, configuration
from .site import wait_until


class Checker:
    """Starts at once.  `servers` in reports are written BACKEND/SERVER+N, N counting the slots of
    a server with resolve = "all"."""

    def __init__(self, site, pki, text, hosts="", resolv="", program=None):
        self.out = site.log_file("checker")
        config = site.write("checker.conf", configuration(site, pki, text))
        arguments = [BUILD / "lib/checker_master", (program or BUILD / "mailreeve-checker").resolve(),
                     config, site.write("hosts", hosts), site.write("resolv.conf", resolv)]
        with self.out.open("w") as out:
            self.process = subprocess.Popen(
                [str(a) for a in arguments], stdin=subprocess.PIPE, stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True)
        self.stopped = False
        site.programs.append(self)
        wait_until(lambda: self.reports("message"), "the checker to be ready", 10)
        assert "READY" in self.reports("message")[0], self.out.read_text()

    def command(self, text):
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def reports(self, what, server=None):
        """The words of the reports so far: [at, what, server, ...]."""
        assert self.process.poll() is None, "the checker has ended: see its log"
        rows = [line.split(" ") for line in self.out.read_text(errors="backslashreplace")
                .splitlines(keepends=True) if line.endswith("\n")]
        rows = [[word.strip() for word in row] for row in rows]
        return [row for row in rows if len(row) > 2 and row[1] == what
                and server in (None, row[2])]

    def results(self, server=None):
        return [Result(row) for row in self.reports("result", server)]

    def result(self, server, which=None, count=1, seconds=20):
        """Wait for the count-th result of this server for which `which` is true."""
        def found():
            hits = [r for r in self.results(server) if not which or which(r)]
            return hits[count - 1] if len(hits) >= count else None
        return wait_until(found, f"a result of {server}", seconds)

    def pid(self):
        """Process id of the checker itself."""
        own = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return int(pathlib.Path(own).read_text().split()[0])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid()}/fd"))

    def stop(self):
        if self.stopped:
            return
        self.stopped = True
        if self.process.poll() is None:
            self.command("end")
        assert self.process.wait(10) == 0, self.out.read_text()
        text = self.out.read_text(errors="backslashreplace")
        assert not BUGS.search(text), text


class Result:
    """How a check ended."""

    def __init__(self, row):
        self.at, self.server, self.ok = int(row[0]), row[2], row[3] == "ok"
        # The state's name may have two words.
        numbers = [i for i in range(4, len(row)) if row[i].isdigit()][0]
        self.state = " ".join(row[4:numbers])
        self.status, self.ms = int(row[numbers]), int(row[numbers + 1])
        self.text = " ".join(row[numbers + 2:])

    def __repr__(self):
        return f"<{self.at} {self.server} ok={self.ok} {self.state} {self.status} {self.text!r}>"
