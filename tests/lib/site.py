# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""A mail site for one test: a network of its own, a directory, the programs that run in it.

The network is a namespace with nothing but a loopback interface that has these addresses, so
every site uses the same ones and the usual ports, and tests may run side by side."""
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PROXY, PROXY6 = "192.0.2.10", "2001:db8:a::10"
CLIENT, CLIENT6 = "198.51.100.7", "2001:db8:c::7"
SERVERS = [f"10.0.0.{n}" for n in range(11, 21)]
SERVERS6 = [f"fd00::{n}" for n in range(11, 21)]
HOSTNAME = "mail.example.org"

CLONE_NEWNET = 0x40000000


def wait_until(condition, what, seconds=20):
    """The first true value of condition(); an AssertionError that says `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        if result := condition():
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.01)


class Site:
    """One at a time in each pytest process; close() ends what still runs and says what was left.
    servers, servers6: the servers' addresses; shift: what is added to their usual ports."""

    servers, servers6, shift = SERVERS, SERVERS6, 0

    def __init__(self):
        # Under /run: the tests' own, in memory, and short enough for the names of sockets.
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="site-", dir="/run"))
        self.directory.chmod(0o755)
        self.programs = []  # with .stop(), latest last
        self.logs = {}  # name: path, shown when a test fails
        self.mounts = []
        self.network()

    def network(self):
        new_network()

    def path(self, name):
        return self.directory / name

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def log_file(self, name):
        """Where a program may log; shown when the test fails."""
        self.logs[name] = self.path(f"{name}.log")
        return self.logs[name]

    def spawn(self, arguments, stdout, **more):
        """Start a program in the background, in a process group of its own."""
        return subprocess.Popen([str(a) for a in arguments], stdin=subprocess.DEVNULL,
                                stdout=stdout, stderr=subprocess.STDOUT, start_new_session=True,
                                **more)

    def processes(self):
        """Those of this site's network, by process id; ourselves left out."""
        mine, found = os.readlink("/proc/self/ns/net"), {}
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                if os.readlink(entry / "ns/net") == mine:
                    line = (entry / "cmdline").read_bytes() or (entry / "comm").read_bytes()
                    found[int(entry.name)] = line.replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                pass  # it has just ended, or is a zombie
        return found

    def close(self):
        """Stop all programs; what they complain of, and what they left running."""
        complaints = []
        for program in reversed(self.programs):
            try:
                program.stop()
            except AssertionError as complaint:
                complaints.append(complaint)
        try:
            wait_until(lambda: not self.processes(), "the site's processes to end", 10)
        except AssertionError:
            left = self.processes()
            complaints.append(AssertionError(f"left running: {sorted(left.values())}"))
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        return complaints

    def small_disk(self, name, size):
        """A directory that is a file system of so many bytes."""
        path = self.path(name)
        path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], check=True)
        self.mounts.append(path)
        return path

    def remove(self):
        for path in self.mounts:
            subprocess.run(["umount", "-l", path], check=True)
        shutil.rmtree(self.directory)

    def report(self, lines=150):
        """The last lines of every log, for a failure."""
        text = []
        for name, path in self.logs.items():
            content = path.read_text(errors="backslashreplace") if path.exists() else "(none)\n"
            text.append((name, "\n".join(content.splitlines()[-lines:])))
        return text


def new_network():
    """Move this process into a network namespace of its own, with the addresses above."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    commands = ["link set lo up"]
    commands += [f"address add {a}/32 dev lo" for a in (PROXY, CLIENT, *SERVERS)]
    commands += [f"address add {a}/128 dev lo nodad" for a in (PROXY6, CLIENT6, *SERVERS6)]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(commands), text=True, check=True,
                   timeout=20)


def listening(address, port):
    """Whether something listens there, without connecting to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    raw = socket.inet_pton(family, address)
    words = [raw[i:i + 4][::-1] for i in range(0, len(raw), 4)]
    wanted = b"".join(words).hex().upper() + f":{port:04X}"
    table = pathlib.Path("/proc/self/net/tcp6" if ":" in address else "/proc/self/net/tcp")
    rows = (line.split() for line in table.read_text().splitlines()[1:])
    return any(row[1] == wanted and row[3] == "0A" for row in rows)


def end(process, seconds=10):
    """Ask a process to end, wait, and kill its group when it does not; its exit status."""
    if process.poll() is None:
        process.terminate()
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise AssertionError(f"{process.args[0]} did not end within {seconds} s") from None
    return process.returncode
