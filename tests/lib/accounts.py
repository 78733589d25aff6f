# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Clients that keep accounts: of every connection, how much was sent and how much came back, and
whether it is what was sent.  A server that gives everything back is behind Mailreeve."""
import itertools
import random
import socket
import threading
import time
import zlib

from .clients import PATIENCE
from .site import CLIENT, HOSTNAME, PROXY
from .traffic import ECHO

PIECE = 4096
ports = itertools.cycle(range(2000, 65000))


def gives_back(fake, sock):
    """A server that greets and sends every byte back."""
    fake.header(sock)
    sock.sendall(ECHO)
    while data := sock.recv(65536):
        sock.sendall(data)


class Account:
    """One connection: what was sent, what must come, and what came."""

    def __init__(self, kind):
        self.kind, self.start, self.end = kind, time.time(), None
        self.port = None
        self.random = random.Random(repr((kind, self.start)))
        self.sent = self.got = 0
        self.sent_sum = self.got_sum = 0
        self.greeting = b""
        self.waiting = b""  # sent, and not yet come back: how it must go on
        self.error = None

    def send(self, sock, count):
        data = self.random.randbytes(count)
        self.waiting += data
        self.sent += len(data)
        self.sent_sum = zlib.crc32(data, self.sent_sum)
        sock.sendall(data)

    def receive(self, sock, most=65536):
        """At least one byte, and all that comes must be what is due."""
        data = sock.recv(most)
        if not data:
            raise ConnectionError("ended early")
        if len(self.greeting) < len(ECHO):
            room = len(ECHO) - len(self.greeting)
            self.greeting += data[:room]
            data = data[room:]
            if not ECHO.startswith(self.greeting):
                raise AssertionError(f"greeted with {self.greeting}")
        if self.waiting[:len(data)] != data:
            raise AssertionError(f"wrong bytes behind {self.got}")
        self.waiting = self.waiting[len(data):]
        self.got += len(data)
        self.got_sum = zlib.crc32(data, self.got_sum)

    def settle(self, sock):
        """Until all that is due has come."""
        while self.waiting or len(self.greeting) < len(ECHO):
            self.receive(sock)

    def is_exact(self):
        return (self.error is None and self.greeting == ECHO and self.sent == self.got
                and self.sent_sum == self.got_sum)

    def __repr__(self):
        return (f"<{self.kind} from port {self.port}, {self.start:.2f} to {self.end:.2f}: sent "
                f"{self.sent}, got {self.got}, {self.error!r}>")


# Ways to behave; each one returns when the connection is to end.

def comes_and_goes(account, sock, stopping):
    for _ in range(account.random.randrange(1, 4)):
        account.send(sock, account.random.randrange(1, 3 * PIECE))
        account.settle(sock)


def stays(account, sock, stopping):
    while not stopping.wait(0.2):
        account.send(sock, account.random.randrange(1, 100))
        account.settle(sock)


def reads_slowly(account, sock, stopping):
    """Much is under way, and little is taken at a time."""
    sender = None
    try:
        while not stopping.is_set():
            sender = threading.Thread(target=quietly, args=(account.send, sock, 40 * PIECE))
            sender.start()
            while sender.is_alive() or account.waiting:
                account.receive(sock, 2048)
                time.sleep(0.002)
            sender.join()
    except (OSError, AssertionError):
        # Closed while it still writes, its number would be another socket's, which got the rest.
        quietly(sock.shutdown, socket.SHUT_RDWR)
        if sender:
            sender.join()
        raise


def writes_slowly(account, sock, stopping):
    while not stopping.wait(0.01):
        account.send(sock, 1)
        account.settle(sock)


def quietly(function, *arguments):
    try:
        function(*arguments)
    except OSError:
        pass  # the reading side hears of it as well


class Client:
    """A thread that behaves so, one connection after the other, until it is stopped."""

    def __init__(self, behave, tls=None, port=143):
        self.behave, self.tls, self.port = behave, tls, port
        self.accounts, self.stopping = [], threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping.is_set():
            account = Account(self.behave.__name__)
            self.accounts.append(account)
            try:
                self.once(account)
            except (OSError, AssertionError) as error:
                account.error = error
                time.sleep(0.05)
            account.end = time.time()

    def once(self, account):
        # A port that no other has soon before or after: by it the log tells what became of it.
        account.port = next(ports)
        plain = socket.socket()
        plain.settimeout(PATIENCE)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        plain.bind((CLIENT, account.port))
        plain.connect((PROXY, self.port))
        with plain if self.tls is None else wrap(self.tls, plain) as sock:
            account.settle(sock)
            self.behave(account, sock, self.stopping)
            account.settle(sock)
            if self.tls:
                sock = sock.unwrap()  # our close_notify; theirs must be all that still comes
            else:
                sock.shutdown(socket.SHUT_WR)
            with sock:
                if sock.recv(1):
                    raise AssertionError("more than was sent")

    def stop(self):
        self.stopping.set()
        self.thread.join(60)
        assert not self.thread.is_alive(), f"{self.accounts[-1]} does not end"


def wrap(tls, plain):
    try:
        return tls.wrap_socket(plain, server_hostname=HOSTNAME)
    except BaseException:
        plain.close()
        raise
