# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Mail clients that come from an address of their own: Python's, curl, swaks, openssl s_client."""
import _ssl
import base64
import ctypes
import imaplib
import poplib
import smtplib
import socket
import ssl
import subprocess

from .site import CLIENT, CLIENT6, HOSTNAME

PATIENCE = 20  # seconds that a client waits for anything


def context(pki, certificate=None, alpn=None):
    """TLS as a careful client does it; `certificate` names one of the PKI's."""
    ctx = ssl.create_default_context(cafile=pki.directory / "ca.pem")
    if certificate:
        ctx.load_cert_chain(pki.chain(certificate), pki.key(certificate))
    if alpn:
        ctx.set_alpn_protocols(alpn)
    return ctx


# int (*)(SSL *, unsigned type, unsigned context, const uint8_t **, size_t *, X509 *, size_t, int *,
# void *)
ADD = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint,
                       ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_size_t),
                       ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_int),
                       ctypes.c_void_p)
CLIENT_HELLO = 0x80  # SSL_EXT_CLIENT_HELLO


def pointer(ctx):
    """The SSL_CTX: what an SSLContext has behind the head of every object."""
    return ctypes.c_void_p.from_address(id(ctx) + object.__basicsize__)


def add_extension(ctx, number, data):
    """From now on the ClientHellos of this context have an extension more.  Python cannot, the
    OpenSSL below it can."""
    held = ctypes.create_string_buffer(data, len(data))

    def add(_ssl, _type, _context, out, size, _x509, _index, _alert, _arg):
        out[0], size[0] = ctypes.addressof(held), len(data)
        return 1
    ctx.added = [*getattr(ctx, "added", ()), ADD(add)]
    openssl = ctypes.CDLL(_ssl.__file__)
    assert openssl.SSL_CTX_add_custom_ext(pointer(ctx), number, CLIENT_HELLO, ctx.added[-1], None,
                                          None, None, None) == 1


def set_ciphersuites(ctx, names):
    """Those of TLS 1.3, which Python cannot choose either."""
    assert ctypes.CDLL(_ssl.__file__).SSL_CTX_set_ciphersuites(pointer(ctx), names.encode()) == 1


def connect(address, port, tls=None, name=HOSTNAME, source=None):
    """A socket connected from the client's address, with TLS inside if `tls` is a context."""
    source = source or (CLIENT6 if ":" in address else CLIENT)
    sock = socket.create_connection((address, port), PATIENCE, (source, 0))
    if not tls:
        return sock
    try:
        return tls.wrap_socket(sock, server_hostname=name)
    except BaseException:
        sock.close()
        raise


def port_of(client):
    """The source port of a client or socket: what the server must log as rport."""
    return getattr(client, "sock", client).getsockname()[1]


def lines(sock, count=1):
    """Read so many lines, byte by byte so that nothing behind them is taken; fewer at the end."""
    found = []
    for _ in range(count):
        line = b""
        while not line.endswith(b"\n"):
            byte = sock.recv(1)
            if not byte:
                return found + ([line] if line else [])
            line += byte
        found.append(line)
    return found


def rest(sock):
    """Everything up to the end of the stream."""
    parts = []
    while part := sock.recv(65536):
        parts.append(part)
    return b"".join(parts)


# Python's own clients, over a socket that is already connected; the name is for their STARTTLS.

class Imap(imaplib.IMAP4):
    def __init__(self, sock):
        self._connected = sock
        super().__init__(HOSTNAME, timeout=PATIENCE)

    def _create_socket(self, timeout):
        return self._connected


class Pop3(poplib.POP3):
    def __init__(self, sock):
        self._connected = sock
        super().__init__(HOSTNAME, timeout=PATIENCE)

    def _create_socket(self, timeout):
        return self._connected


class Smtp(smtplib.SMTP):
    def __init__(self, sock):
        self._connected = sock
        super().__init__(HOSTNAME, 25, local_hostname="client.example.net", timeout=PATIENCE)

    def _get_socket(self, host, port, timeout):
        return self._connected


class Sieve:
    """As much of ManageSieve (RFC 5804) as a login needs."""

    def __init__(self, sock):
        self.sock = sock
        self.capabilities = self.answer()

    def answer(self):
        """The lines of one answer; its last one must be an OK."""
        found = []
        while not found or not found[-1].startswith((b"OK", b"NO", b"BYE")):
            more = lines(self.sock)
            assert more, f"ended after {found}"
            found += more
        assert found[-1].startswith(b"OK"), found
        return found

    def command(self, text):
        self.sock.sendall(text.encode() + b"\r\n")
        return self.answer()

    def login(self, user, password):
        token = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        self.sock.settimeout(3)
        try:
            return self.command(f'AUTHENTICATE "PLAIN" "{token}"')
        except TimeoutError:
            # Dovecot 2.3 with implicit TLS and a PROXY header, also when nobody stands between,
            # now and then forgets this command until the next one comes.
            print("Sieve: AUTHENTICATE was answered only after another command")
            self.command("NOOP")
            return self.answer()
        finally:
            self.sock.settimeout(PATIENCE)

    def starttls(self, ctx):
        self.command("STARTTLS")
        self.sock = ctx.wrap_socket(self.sock, server_hostname=HOSTNAME)
        self.capabilities = self.answer()

    def logout(self):
        self.sock.sendall(b"LOGOUT\r\n")
        lines(self.sock)
        self.sock.close()


def run(*arguments, text=None, seconds=60):
    """Run a client program; the output is for the failing test's report."""
    done = subprocess.run([str(a) for a in arguments], input=text, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds,
                          errors="backslashreplace", check=False)
    print("$", *arguments, f"\n{done.stdout}[{done.returncode}]")
    return done


def bracket(address):
    return f"[{address}]" if ":" in address else address


def curl(pki, url, address, port, *more):
    """curl to HOSTNAME:port, which is at `address`."""
    source = CLIENT6 if ":" in address else CLIENT
    return run("curl", "-sS", "-v", "--max-time", PATIENCE, "--interface", source,
               "--cacert", pki.directory / "ca.pem",
               "--resolve", f"{HOSTNAME}:{port}:{bracket(address)}", *more, url)


def swaks(pki, address, port, *more):
    """swaks sending a message to alice."""
    # Versions that know the option check the name, and that of the host is not in --server here.
    target = ("--tls-verify-target", HOSTNAME) \
        if "--tls-verify-target" in run("swaks", "--help").stdout else ()
    source = CLIENT6 if ":" in address else CLIENT
    return run("swaks", "--server", address, "--port", port, "--local-interface", source,
               "--timeout", PATIENCE, "--helo", "client.example.net", "--from",
               "bob@example.org", "--to", "alice@example.org", "--tls-verify", "--tls-ca-path",
               pki.directory / "ca.pem", "--tls-sni", HOSTNAME, *target, *more)


def s_client(pki, address, port, text, *more):
    """openssl s_client that says `text` and listens until the server closes."""
    source = CLIENT6 if ":" in address else CLIENT
    return run("openssl", "s_client", "-quiet", "-crlf", "-connect", f"{bracket(address)}:{port}", "-bind",
               f"{bracket(source)}:0", "-servername", HOSTNAME, "-verify_hostname", HOSTNAME,
               "-CAfile", pki.directory / "ca.pem", "-verify_return_error", *more, text=text)
