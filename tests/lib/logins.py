# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Log in over any mail protocol, and out again: the same few words for every test."""
from .clients import Imap, Pop3, Sieve, Smtp, connect, context, port_of
from .site import CLIENT, CLIENT6, HOSTNAME, PROXY, PROXY6

# The name of a protocol in Mailreeve's configuration, and of Dovecot's service in its log.
SERVICE = {"imap": "imap", "pop3": "pop3", "submission": "submission", "sieve": "managesieve"}


class Login:
    """A client of `protocol` on an open socket, logged in; STARTTLS first if `starttls` is a
    context.  `port` is its source port."""

    def __init__(self, protocol, sock, starttls=None, user="alice", password="secret"):
        self.protocol, self.port = protocol, port_of(sock)
        getattr(self, f"_{protocol}")(sock, starttls, user, password)

    def _imap(self, sock, starttls, user, password):
        self.client = Imap(sock)
        if starttls:
            self.client.starttls(starttls)
        self.client.login(user, password)

    def _pop3(self, sock, starttls, user, password):
        self.client = Pop3(sock)
        if starttls:
            self.client.stls(starttls)
        self.client.user(user)
        self.client.pass_(password)

    def _submission(self, sock, starttls, user, password):
        self.client = Smtp(sock)
        if starttls:
            self.client.starttls(context=starttls)
        self.client.login(user, password, initial_response_ok=True)

    def _sieve(self, sock, starttls, user, password):
        self.client = Sieve(sock)
        if starttls:
            self.client.starttls(starttls)
        self.client.login(user, password)

    def logout(self):
        getattr(self.client, "quit" if self.protocol in ("pop3", "submission") else "logout")()


def tls_login(pki, protocol, port, address=PROXY, name=HOSTNAME, **more):
    return Login(protocol, connect(address, port, context(pki), name), **more)


def plain_login(protocol, port, address=PROXY, **more):
    return Login(protocol, connect(address, port), **more)


BOTH = (PROXY, PROXY6)


def at(address, port):
    """An address with its port, as configuration and log write it."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def client_of(address):
    """The client's own address towards that address of the proxy."""
    return CLIENT6 if ":" in address else CLIENT
