# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""GnuTLS by its C interface, as far as a peer of worker/record needs it."""
import ctypes
import socket

SERVER, CLIENT = 1, 2
AGAIN, INTERRUPTED, REHANDSHAKE, WARNING = -28, -52, -37, -16
NO_RENEGOTIATION = 100

lib = ctypes.CDLL("libgnutls.so.30")
lib.gnutls_strerror.restype = ctypes.c_char_p
for name in ("gnutls_record_send", "gnutls_record_send2", "gnutls_record_recv"):
    getattr(lib, name).restype = ctypes.c_ssize_t


class Error(Exception):
    def __init__(self, code, what):
        super().__init__(f"{what}: {lib.gnutls_strerror(int(code)).decode()}")
        self.code = code


def check(code, what):
    if code < 0:
        raise Error(code, what)
    return code


class Session:
    """One side of a connection on a blocking socket; cert and key for servers."""

    def __init__(self, side, sock, priority, cert=None, key=None, max_size=0):
        self.sock, self.session, self.cred = sock, ctypes.c_void_p(), ctypes.c_void_p()
        check(lib.gnutls_certificate_allocate_credentials(ctypes.byref(self.cred)), "credentials")
        if cert:
            check(lib.gnutls_certificate_set_x509_key_file(self.cred, cert.encode(), key.encode(), 1), "certificate")
        check(lib.gnutls_init(ctypes.byref(self.session), side), "init")
        check(lib.gnutls_priority_set_direct(self.session, priority.encode(), None), priority)
        check(lib.gnutls_credentials_set(self.session, 1, self.cred), "credentials")
        if max_size:
            check(lib.gnutls_record_set_max_size(self.session, ctypes.c_size_t(max_size)), "max size")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lib.gnutls_transport_set_int2(self.session, sock.fileno(), sock.fileno())
        check(lib.gnutls_handshake(self.session), "handshake")

    def send(self, data, padding=0):
        sent = 0
        while sent < len(data):
            rest = data[sent:]
            if padding:
                n = lib.gnutls_record_send2(self.session, rest, ctypes.c_size_t(len(rest)),
                                            ctypes.c_size_t(padding), 0)  # fmt: skip
            else:
                n = lib.gnutls_record_send(self.session, rest, ctypes.c_size_t(len(rest)))
            sent += check(n, "send")

    def receive(self, size):
        """So many bytes, fewer at the end only."""
        buf, parts = ctypes.create_string_buffer(1 << 16), b""
        while len(parts) < size:
            n = lib.gnutls_record_recv(self.session, buf, ctypes.c_size_t(min(size - len(parts), 1 << 16)))
            if n in (AGAIN, INTERRUPTED):
                continue
            if check(n, "receive") == 0:
                break
            parts += buf.raw[:n]
        return parts

    def key_update(self, ask):
        check(lib.gnutls_session_key_update(self.session, 1 if ask else 0), "KeyUpdate")

    def renegotiate(self):
        """As a client: the alert that answers, None if there is none."""
        code = lib.gnutls_handshake(self.session)
        return lib.gnutls_alert_get(self.session) if code == WARNING else None

    def close(self):
        check(lib.gnutls_bye(self.session, 0), "bye")
        lib.gnutls_deinit(self.session)
        lib.gnutls_certificate_free_credentials(self.cred)
        self.sock.close()
