# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Servers that behave as no Dovecot would: they hang, refuse, speak TLS where none is expected."""
import contextlib
import socket
import ssl
import struct
import threading
import time

from . import proxyheader
from .clients import lines


class Fake:
    """Listens on address:port and gives every connection to `behave(fake, socket)` in a thread
    of its own.  `headers` holds what came as PROXY headers, `seen` whatever behave puts there."""

    def __init__(self, site, address, port, behave, tls=None):
        self.behave, self.tls = behave, tls
        self.headers, self.seen, self.errors = [], [], []
        self.stopping = threading.Event()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.create_server((address, port), family=family, backlog=1024)
        self.listener.settimeout(0.1)
        self.open = set()
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()
        site.programs.append(self)

    def _accept(self):
        while not self.stopping.is_set():
            with contextlib.suppress(OSError):
                sock, _ = self.listener.accept()
                self.open.add(sock)
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        sock.settimeout(20)
        try:
            self.behave(self, sock)
        except (OSError, AssertionError) as error:
            self.errors.append(error)
        finally:
            self.open.discard(sock)
            sock.close()

    def header(self, sock):
        """Take the PROXY header that must come first."""
        header = proxyheader.read(sock)
        self.headers.append(header)
        return header

    def _waiting(self):
        """How many connections wait in the backlog: tcpi_unacked, of a listening socket."""
        info = self.listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        return struct.unpack_from("I", info, 24)[0]

    def listen_no_more(self):
        """Whoever comes from now on is refused; those who are there stay, and so do those who wait
        to be accepted, whom the kernel would reset."""
        while self._waiting():
            time.sleep(0.001)
        self.stopping.set()
        self.listener.shutdown(socket.SHUT_RDWR)

    def stop(self):
        self.stopping.set()
        self.thread.join(5)
        self.listener.close()
        for sock in list(self.open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def server_context(pki, certificate="backend"):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(pki.chain(certificate), pki.key(certificate))
    return ctx


# Ways to behave.

def greets(greeting):
    """Take the header, greet, remember every line, and answer each with the greeting's form."""
    def behave(fake, sock):
        fake.header(sock)
        sock = fake.tls.wrap_socket(sock, server_side=True) if fake.tls else sock
        sock.sendall(greeting)
        while got := lines(sock):
            fake.seen += got
        sock.close()
    return behave


def hangs(fake, sock):
    """Accepts and never says a word; takes whatever comes until the other side ends."""
    while sock.recv(65536):
        pass


def echoes(fake, sock):
    """Take the header, then give every byte back; at the end of the stream end as well."""
    fake.header(sock)
    while data := sock.recv(65536):
        sock.sendall(data)


def closes(fake, sock):
    """Ends the connection as soon as it is there."""
