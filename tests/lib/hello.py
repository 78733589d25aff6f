# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""ClientHellos made by hand, RFC 8446 section 4.1.2, for what no client here would send."""
import struct

HANDSHAKE, ALERT = 22, 21
ECH = 0xFE0D  # encrypted_client_hello


def extension(number, data):
    return struct.pack("!HH", number, len(data)) + data


def sni(name):
    name = name.encode()
    return extension(0, struct.pack("!HBH", len(name) + 3, 0, len(name)) + name)


def share(group, data):
    return struct.pack("!HH", group, len(data)) + data


def share_of(group, size):
    """A key share of so many bytes, as the whole extension."""
    return extension(51, struct.pack("!H", size + 4) + share(group, bytes(size)))


def ech_grease():
    """What a client without an ECH configuration sends so that all look alike: a cipher suite, an
    id, a key and a payload that are random (draft-ietf-tls-esni section 6.2)."""
    return struct.pack("!BHHBH", 0, 1, 1, 0x5A, 32) + bytes(range(32)) + \
        struct.pack("!H", 176) + bytes(range(176))


def hello(extensions, version=0x0303, behind=b""):
    """A ClientHello in one record; extensions None: without any, `behind`: after them."""
    body = struct.pack("!H", version) + bytes(range(32)) + b"\x20" + bytes(32)
    body += struct.pack("!H", 6) + b"\x13\x01\xc0\x2b\x00\xff" + b"\x01\x00"
    if extensions is not None:
        body += struct.pack("!H", len(extensions)) + extensions
    body += behind
    message = b"\x01" + struct.pack("!I", len(body))[1:] + body
    return struct.pack("!BHH", HANDSHAKE, 0x0301, len(message)) + message


def in_records(flight, size):
    """The handshake messages of a flight in records of so many bytes each."""
    out, at = b"", 0
    while at < len(flight):
        kind, version, length = struct.unpack("!BHH", flight[at:at + 5])
        body = flight[at + 5:at + 5 + length]
        at += 5 + length
        if kind != HANDSHAKE:
            out += struct.pack("!BHH", kind, version, length) + body
            continue
        for i in range(0, length, size):
            part = body[i:i + size]
            out += struct.pack("!BHH", kind, version, len(part)) + part
    return out
