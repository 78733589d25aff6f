# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""A stand-in for systemd: the notification socket, the descriptor store, and starting a service
with what the store has."""
import array
import os
import select
import socket
import subprocess
import threading
import time


class Manager:
    def __init__(self, site):
        self.path = str(site.path("notify.sock"))
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(0.1)
        self.store = {}  # name: descriptors
        self.said = []  # every line
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()
        site.programs.append(self)

    def _listen(self):
        while not self.stopping.is_set():
            try:
                data, ancillary, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(64))
            except TimeoutError:
                continue
            fds = array.array("i")
            for level, kind, payload in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds.frombytes(payload[:len(payload) // 4 * 4])
            lines = data.decode().splitlines()
            self.said += lines
            name = next((line[7:] for line in lines if line.startswith("FDNAME=")), "stored")
            if "FDSTORE=1" in lines:
                for fd in fds:
                    self._keep(name, fd)
            elif "FDSTOREREMOVE=1" in lines:
                for fd in self.store.pop(name, []):
                    os.close(fd)

    def _keep(self, name, fd):
        """What is there already is not stored twice."""
        kept = self.store.setdefault(name, [])
        if any(os.path.sameopenfile(fd, other) for other in kept):
            os.close(fd)
        else:
            kept.append(fd)

    def environment(self, **more):
        return dict(os.environ, NOTIFY_SOCKET=self.path, **more)

    def start(self, arguments, stderr):
        """Start a service with the store's descriptors from 3 on, as sd_listen_fds(3) has it."""
        while select.select([self.socket], [], [], 0)[0]:
            time.sleep(0.01)  # what the service before this one said last
        stored = [(name, fd) for name, fds in list(self.store.items()) for fd in fds]
        # Above every descriptor of ours, so that none of the stored ones is overwritten.
        room = max(map(int, os.listdir("/proc/self/fd"))) + 1 + len(stored)

        def give():
            high = [os.dup2(fd, room + n) for n, (_, fd) in enumerate(stored)]
            for number, fd in enumerate(high):
                os.dup2(fd, 3 + number)
            os.closerange(3 + len(stored), 4096)

        env = self.environment(LISTEN_FDS=str(len(stored)),
                               LISTEN_FDNAMES=":".join(name for name, _ in stored))
        return subprocess.Popen(
            ["/bin/sh", "-c", 'LISTEN_PID=$$; export LISTEN_PID; exec "$@"', "sh",
             *map(str, arguments)],
            stdin=subprocess.DEVNULL, stdout=stderr, stderr=subprocess.STDOUT, env=env,
            start_new_session=True, close_fds=False, preexec_fn=give)

    def stop(self):
        self.stopping.set()
        self.thread.join(5)
        self.socket.close()
        for fds in self.store.values():
            for fd in fds:
                os.close(fd)
        self.store = {}
