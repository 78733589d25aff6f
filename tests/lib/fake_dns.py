# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""A DNS server of the tests' own, UDP and TCP, that can be wrong in every way a DNS server can."""
import contextlib
import random
import socket
import struct
import threading
import time

TYPES = {1: "A", 28: "AAAA"}
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, REFUSED = 0, 1, 2, 3, 5


class FakeDns:
    """zone: {name: [addresses]}; a name with an empty list exists without addresses.  `ways` is a
    set of words that change what every answer is like:
    silent, slow, garbage, truncated (whole over TCP), cut (whole nowhere), wrong-id,
    wrong-question, servfail, refused, nxdomain, alias (a CNAME before the addresses), no-ipv6
    (SERVFAIL for AAAA), mute-ipv6 (no answer for AAAA), loop (a compression pointer to itself)."""

    def __init__(self, site, address, zone, ttl=1, port=53):
        self.zone, self.ttl, self.ways = dict(zone), ttl, set()
        self.asked = []  # (time, name, type, transport)
        self.ids = []
        self.stopping = threading.Event()
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((address, port))
        self.tcp = socket.create_server((address, port), backlog=100)
        self.threads = [threading.Thread(target=run, daemon=True)
                        for run in (self._serve_udp, self._serve_tcp)]
        for sock in (self.udp, self.tcp):
            sock.settimeout(0.1)
        for thread in self.threads:
            thread.start()
        site.programs.append(self)

    def questions(self, name, since=0):
        return [q for q in self.asked if q[1] == name and q[0] >= since]

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(5)
        self.udp.close()
        self.tcp.close()

    def _serve_udp(self):
        while not self.stopping.is_set():
            with contextlib.suppress(TimeoutError):
                query, peer = self.udp.recvfrom(65536)
                if "slow" in self.ways:
                    threading.Timer(0.5, self._reply_udp, (query, peer)).start()
                else:
                    self._reply_udp(query, peer)

    def _reply_udp(self, query, peer):
        reply = self._answer(query, "udp")
        if reply and (self.ways & {"truncated", "cut"} or len(reply) > 1232):
            # Header and question alone, with the TC bit.
            reply = reply[:2] + struct.pack("!H", struct.unpack("!H", reply[2:4])[0] | 0x200) + \
                struct.pack("!HHHH", 1, 0, 0, 0) + reply[12:12 + len(question(query)[2])]
        if reply:
            with contextlib.suppress(OSError):
                self.udp.sendto(reply, peer)

    def _serve_tcp(self):
        while not self.stopping.is_set():
            with contextlib.suppress(TimeoutError, OSError):
                sock, _ = self.tcp.accept()
                with sock:
                    sock.settimeout(2)
                    while head := sock.recv(2, socket.MSG_WAITALL):
                        query = sock.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL)
                        reply = self._answer(query, "tcp")
                        if not reply:
                            break
                        reply = struct.pack("!H", len(reply)) + reply
                        sock.sendall(reply[:len(reply) // 2] if "cut" in self.ways else reply)
                        if "cut" in self.ways:
                            break

    def _answer(self, query, transport):
        name, kind, raw = question(query)
        self.asked.append((time.monotonic(), name, TYPES.get(kind, kind), transport))
        self.ids.append(struct.unpack("!H", query[:2])[0])
        ways = self.ways
        if "silent" in ways or "mute-ipv6" in ways and kind == 28:
            return None
        if "garbage" in ways:
            return query[:2] + random.randbytes(random.choice([1, 9, 40, 500]))
        if "loop" in ways:
            return query[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) + raw + \
                b"\xc0" + bytes([12 + len(raw)]) + struct.pack("!HHIH", kind, 1, 1, 4) + b"abcd"
        code = NOERROR if name in self.zone else NXDOMAIN
        for way, value in (("servfail", SERVFAIL), ("refused", REFUSED), ("nxdomain", NXDOMAIN)):
            code = value if way in ways else code
        if "no-ipv6" in ways and kind == 28:
            code = SERVFAIL
        records = self._records(self.zone.get(name, []), kind, raw) if code == NOERROR else []
        identity = query[:2] if "wrong-id" not in ways else bytes([query[0] ^ 1, query[1]])
        if "wrong-question" in ways:
            raw = raw[:1] + bytes([raw[1] ^ 1]) + raw[2:]
        return identity + struct.pack("!HHHHH", 0x8180 | code, 1, len(records), 0, 0) + raw + \
            b"".join(records)

    def _records(self, addresses, kind, raw):
        family = socket.AF_INET if kind == 1 else socket.AF_INET6
        packed = [socket.inet_pton(family, a) for a in addresses if (":" in a) == (kind == 28)]
        if not packed or "alias" not in self.ways:
            return [b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, self.ttl, len(p)) + p for p in packed]
        target = b"\x05other\xc0\x0c"
        where = struct.pack("!H", 0xc000 | 12 + len(raw) + 12)
        return [b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, self.ttl, len(target)) + target] + \
            [where + struct.pack("!HHIH", kind, 1, self.ttl, len(p)) + p for p in packed]


def question(query):
    """Name, type and the bytes of the one question of a query."""
    at, labels = 12, []
    while length := query[at]:
        labels.append(query[at + 1:at + 1 + length].decode("latin-1").lower())
        at += 1 + length
    return ".".join(labels), struct.unpack("!H", query[at + 1:at + 3])[0], query[12:at + 5]
