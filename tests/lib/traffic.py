# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Clients that come and go, and clients that stay, while something happens to Mailreeve; each
keeps exact accounts of what it sent and got back."""
import socket
import threading
import time

from .clients import connect, lines
from .site import PROXY

ECHO = b"* OK echo\r\n"


def echo(fake, sock):
    """A server that greets and sends every line back."""
    fake.header(sock)
    sock.sendall(ECHO)
    while got := lines(sock):
        sock.sendall(got[0])


class Traffic:
    """`threads` clients connect, talk and leave, one connection after the other; `stayers` connect
    once and say something now and then.  stop() returns the failures, which should be none."""

    def __init__(self, tls=None, port=143, threads=4, stayers=8):
        self.tls, self.port = tls, port
        self.stopping = threading.Event()
        self.count, self.slowest, self.failures = 0, 0.0, []
        self.lock = threading.Lock()
        self.stayers = [self.open() for _ in range(stayers)]
        self.threads = [threading.Thread(target=self.come_and_go, daemon=True)
                        for _ in range(threads)]
        self.threads.append(threading.Thread(target=self.stay, daemon=True))
        for thread in self.threads:
            thread.start()

    def open(self):
        sock = connect(PROXY, self.port, self.tls)
        greeting = lines(sock)
        assert greeting == [ECHO], greeting
        return sock

    @staticmethod
    def talk(sock, words):
        sock.sendall(words)
        answer = lines(sock)
        assert answer == [words], f"said {words}, heard {answer}"

    def come_and_go(self):
        number = 0
        while not self.stopping.is_set():
            number += 1
            start = time.monotonic()
            try:
                with self.open() as sock:
                    self.talk(sock, b"%d of %d\r\n" % (number, threading.get_ident()))
                    sock.shutdown(socket.SHUT_RDWR)
            except (OSError, AssertionError) as error:
                with self.lock:
                    self.failures.append(repr(error))
            with self.lock:
                self.count += 1
                self.slowest = max(self.slowest, time.monotonic() - start)

    def stay(self):
        number = 0
        while not self.stopping.wait(0.05):
            number += 1
            for index, sock in enumerate(self.stayers):
                try:
                    self.talk(sock, b"%d stays %d\r\n" % (index, number))
                except (OSError, AssertionError) as error:
                    with self.lock:
                        self.failures.append(f"who stays: {error!r}")

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(30)
        for sock in self.stayers:
            sock.close()
        print(f"{self.count} connections, the slowest took {self.slowest:.2f} s")
        assert self.count > 0
        return self.failures
