# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Reads PROXY headers, by the specification and by nothing of Mailreeve's."""
import dataclasses
import socket
import struct

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
ALPN, AUTHORITY, CRC32C, NOOP, UNIQUE_ID, SSL = 1, 2, 3, 4, 5, 0x20
SSL_VERSION, SSL_CN, SSL_CIPHER, SSL_SIG_ALG, SSL_KEY_ALG = range(0x21, 0x26)
CLIENT_SSL, CLIENT_CERT_CONN, CLIENT_CERT_SESS = 1, 2, 4


@dataclasses.dataclass
class Header:
    raw: bytes
    version: int
    command: str  # PROXY or LOCAL
    source: tuple = None  # (address, port)
    destination: tuple = None
    tlvs: dict = dataclasses.field(default_factory=dict)
    client: int = None  # of the SSL TLV, as the next two
    verify: int = None
    ssl: dict = dataclasses.field(default_factory=dict)


def read(sock):
    """Take exactly one header from a socket; AssertionError when it is not one."""
    raw = exactly(sock, 6)
    if raw == b"PROXY ":
        while not raw.endswith(b"\r\n"):
            assert len(raw) < 107, raw
            raw += exactly(sock, 1)
        return version1(raw)
    raw += exactly(sock, 10)
    return version2(raw + exactly(sock, struct.unpack(">H", raw[14:])[0]))


def exactly(sock, size):
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        assert more, f"ended after {data!r}"
        data += more
    return data


def version1(raw):
    words = raw.decode().removesuffix("\r\n").split(" ")
    assert words[1] in ("TCP4", "TCP6") and len(words) == 6, raw
    return Header(raw, 1, "PROXY", (words[2], int(words[4])), (words[3], int(words[5])))


def version2(raw):
    assert raw[:12] == SIGNATURE and raw[12] >> 4 == 2, raw
    header = Header(raw, 2, {0: "LOCAL", 1: "PROXY"}[raw[12] & 15])
    if header.command == "LOCAL":
        return header
    family, size = {0x11: (socket.AF_INET, 4), 0x21: (socket.AF_INET6, 16)}[raw[13]]
    body = raw[16:]
    ports = struct.unpack(">HH", body[2 * size:2 * size + 4])
    header.source = (socket.inet_ntop(family, body[:size]), ports[0])
    header.destination = (socket.inet_ntop(family, body[size:2 * size]), ports[1])
    header.tlvs = tlvs(body[2 * size + 4:])
    if SSL in header.tlvs:
        header.client, header.verify = struct.unpack(">BI", header.tlvs[SSL][:5])
        header.ssl = tlvs(header.tlvs[SSL][5:])
    if CRC32C in header.tlvs:
        at = raw.index(bytes([CRC32C, 0, 4]) + header.tlvs[CRC32C], 16 + 2 * size + 4) + 3
        assert crc32c(raw[:at] + bytes(4) + raw[at + 4:]) == header.tlvs[CRC32C], "bad checksum"
    return header


def tlvs(data):
    found = {}
    while data:
        kind, size = struct.unpack(">BH", data[:3])
        assert kind not in found and len(data) >= 3 + size, data
        found[kind], data = data[3:3 + size], data[3 + size:]
    return found


def crc32c(data):
    """Castagnoli's checksum, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return struct.pack(">I", crc ^ 0xFFFFFFFF)
