#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Read PROXY headers the way the specification (HAProxy's proxy-protocol.txt) says, knowing nothing
of our code, and hold the writer to it: thousands of random clients go through a small driver
(tests/lib/proxy_driver.c), and what comes back must be what a receiver is owed.

    proxy_decode.py DRIVER [COUNT [SEED]]    the test
    proxy_decode.py - < header               decode one header"""
import ipaddress
import random
import struct
import subprocess
import sys

SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")
OUTER = {1: "alpn", 2: "authority", 3: "crc32c", 5: "unique_id", 0x20: "ssl"}
INNER = {0x21: "version", 0x22: "cn", 0x23: "cipher", 0x24: "sig_alg", 0x25: "key_alg"}


class Bad(Exception):
    """Not what the specification permits."""


def crc32c(data):
    """Castagnoli's polynomial by long division of the bits, most significant first."""
    reflect = lambda value, width: int(format(value, f"0{width}b")[::-1], 2)
    register = 0xFFFFFFFF
    for byte in data:
        register ^= reflect(byte, 8) << 24
        for _ in range(8):
            register = (register << 1) ^ (0x1EDC6F41 if register & 1 << 31 else 0)
            register &= 0xFFFFFFFF
    return reflect(register, 32) ^ 0xFFFFFFFF


def tlvs(data, names):
    """The TLVs in this data, each once, as {name: (offset, value)}."""
    found, at = {}, 0
    while at < len(data):
        if at + 3 > len(data):
            raise Bad("a TLV's head is cut short")
        kind, size = struct.unpack_from(">BH", data, at)
        if at + 3 + size > len(data):
            raise Bad(f"TLV {kind:#x} ends beyond its container")
        if kind not in names:
            raise Bad(f"TLV {kind:#x} is not one that we may send here")
        if names[kind] in found:
            raise Bad(f"TLV {names[kind]} twice")
        found[names[kind]] = (at + 3, data[at + 3 : at + 3 + size])
        at += 3 + size
    return found


def decode_v2(data):
    if len(data) < 16:
        raise Bad("shorter than 16 bytes")
    kind, family, size = struct.unpack_from(">BBH", data, 12)
    if len(data) != 16 + size:
        raise Bad("the length is wrong")
    if kind == 0x20:
        if family or size:
            raise Bad("LOCAL with something in it")
        return {"command": "LOCAL"}
    if kind != 0x21:
        raise Bad("neither LOCAL nor PROXY of version 2")
    width = {0x11: 4, 0x21: 16}.get(family)
    if width is None:
        raise Bad(f"family {family:#x}")
    body = data[16:]
    if len(body) < 2 * width + 4:
        raise Bad("addresses cut short")
    sport, dport = struct.unpack_from(">HH", body, 2 * width)
    out = {
        "command": "PROXY",
        "family": 4 if width == 4 else 6,
        "peer": (ipaddress.ip_address(body[:width]), sport),
        "local": (ipaddress.ip_address(body[width : 2 * width]), dport),
    }
    start = 2 * width + 4
    found = tlvs(body[start:], OUTER)
    if "crc32c" in found:
        at, value = found.pop("crc32c")
        at += 16 + start
        if len(value) != 4 or crc32c(data[:at] + bytes(4) + data[at + 4 :]) != int.from_bytes(value, "big"):
            raise Bad("wrong checksum")
        out["crc32c"] = True
    if "ssl" in found:
        _, value = found.pop("ssl")
        if len(value) < 5:
            raise Bad("the SSL TLV is cut short")
        out["bits"], out["verify"] = struct.unpack_from(">BI", value)
        out.update({name: text for name, (_, text) in tlvs(value[5:], INNER).items()})
    out.update({name: text for name, (_, text) in found.items()})
    return out


def decode_v1(data):
    if len(data) > 107 or not data.endswith(b"\r\n") or b"\r" in data[:-2] or b"\n" in data[:-2]:
        raise Bad("not one line of at most 107 bytes")
    words = data[:-2].decode("ascii").split(" ")
    if words == ["PROXY", "UNKNOWN"]:
        return {"command": "UNKNOWN"}
    if len(words) != 6 or words[0] != "PROXY" or words[1] not in ("TCP4", "TCP6"):
        raise Bad("not PROXY TCP4 or TCP6 with four values")
    kind = ipaddress.IPv4Address if words[1] == "TCP4" else ipaddress.IPv6Address
    for word in words[2:4]:
        if kind is ipaddress.IPv6Address and set(word) - set("0123456789abcdefABCDEF:"):
            raise Bad("an IPv6 address that is not hexadecimal")
    for word in words[4:]:
        if str(int(word)) != word or not 0 <= int(word) <= 65535:
            raise Bad("a port with leading zeros or too large")
    return {
        "command": "PROXY",
        "family": 4 if words[1] == "TCP4" else 6,
        "peer": (kind(words[2]), int(words[4])),
        "local": (kind(words[3]), int(words[5])),
    }


def decode(data):
    if data.startswith(SIGNATURE):
        return decode_v2(data)
    if data.startswith(b"PROXY"):
        return decode_v1(data)
    raise Bad("no PROXY header")


# ---- the test ----

SENDS = ["none", "v1", "v2", "v2-ssl", "v2-ssl-cn"]
RECEIVERS = ["generic", "dovecot", "postfix", "exim", "haproxy"]
BUDGETS = {"generic": 232, "dovecot": 1500, "postfix": 536, "exim": 232, "haproxy": 4096}
PROTOCOLS = ["tcp", "imap", "pop3", "smtp", "submission", "lmtp", "sieve"]
TLVS = ["authority", "cipher", "alpn", "crc32c", "unique_id", "cert_algs"]
DROPS = [["unique_id"], ["cipher"], ["key_alg", "sig_alg"], ["alpn"], ["authority"], ["cn"]]
DRIVER_TEXTS = ["tls_version", "cipher", "sni", "alpn", "cn", "key_alg", "sig_alg"]


def random_ip(r):
    kind = r.randrange(20)
    if kind == 0:
        return None
    if kind < 9:
        return ipaddress.ip_address(r.getrandbits(32))
    if kind < 11:
        return ipaddress.ip_address(r.choice(["::1", "::", "::1.2.3.4", "fe80::1", "::fffe:1.2.3.4"]))
    return ipaddress.ip_address(r.getrandbits(128) | 1 << 127)


def random_text(r, alphabet, most):
    """None sometimes, short mostly, up to the most and over it now and then."""
    if r.random() < 0.1:
        return None
    size = r.choice([r.randrange(0, 12), r.randrange(0, most + 1), most, most + 1])
    return "".join(r.choice(alphabet) for _ in range(size)).encode("utf-8")


def random_name(r):
    if r.random() < 0.2:
        return random_text(r, "abcXYZ019-_.. \n\"é:*", 260)
    labels = ["".join(r.choice("abcXYZ019-_") for _ in range(r.choice([1, 5, 20, 63, 63, 64]) if r.random() < 0.3
              else r.randrange(1, 15))) for _ in range(r.randrange(1, 6))]
    return (".".join(labels) + r.choice(["", "", "."])).encode()


def random_client(r):
    return {
        "peer": random_ip(r), "peer_port": r.randrange(65536),
        "local": random_ip(r), "local_port": r.randrange(65536),
        "tls": r.randrange(4) > 0, "cert_sent": r.randrange(2), "cert_now": r.randrange(2),
        "verify": r.choice([0, 0, 1, 18, 21, r.getrandbits(32)]),
        "unique_id": r.getrandbits(64),
        "send": r.choice(SENDS[1:]), "receiver": r.choice(RECEIVERS), "protocol": r.choice(PROTOCOLS),
        "tlvs": [t for t in TLVS if r.randrange(2)],
        "tls_version": r.choice([b"TLSv1.3", b"TLSv1.2", None]),
        "cipher": r.choice([b"TLS_AES_128_GCM_SHA256", b"ECDHE-ECDSA-CHACHA20-POLY1305", None]),
        "key_alg": r.choice([b"EC256", b"RSA2048", None]),
        "sig_alg": r.choice([b"ecdsa-with-SHA256", b"RSA-SHA256", None]),
        "sni": random_name(r),
        "alpn": r.choice([b"imap", b"pop3", b"managesieve", b"smtp", b"submission", b"",
                          random_text(r, "imap3\xff", 120)]),
        "cn": random_text(r, r.choice(["abc XYZ@.", "aé€😀", "ab\n\x7f\x85"]), 64),
    }  # fmt: skip


def clean_name(name):
    try:
        text = name.decode("ascii").lower()
    except UnicodeDecodeError:
        return None
    text = text[:-1] if len(text) > 1 and text.endswith(".") else text
    good = all(1 <= len(l) <= 63 and not set(l) - set("abcdefghijklmnopqrstuvwxyz0123456789-_") for l in text.split("."))
    return text.encode() if good and len(text) <= 253 else None


def clean_cn(cn):
    text = cn.decode("utf-8")
    controls = any(ord(c) < 32 or 127 <= ord(c) < 160 for c in text)
    return cn if 1 <= len(text) <= 64 and not controls else None


def alpn_for(c):
    alpn = c["alpn"]
    if not alpn or len(alpn) > 255:
        return None
    if c["receiver"] == "dovecot":
        permitted = {"imap": b"imap", "pop3": b"pop3"}.get(c["protocol"])
    elif c["receiver"] == "generic":
        names = {"imap": b"imap", "pop3": b"pop3", "sieve": b"managesieve", "tcp": alpn}
        permitted = names.get(c["protocol"])
    else:
        permitted = alpn
    return alpn if alpn == permitted else None


def mapped(ip, six):
    return ipaddress.IPv6Address(f"::ffff:{ip}") if six and ip.version == 4 else ip


def owed(c):
    """What the receiver must get of this client."""
    if c["peer"] is None or c["local"] is None:
        return {"command": "UNKNOWN" if c["send"] == "v1" else "LOCAL"}
    six = c["peer"].version == 6 or c["local"].version == 6
    out = {"command": "PROXY", "family": 6 if six else 4}
    for end in ("peer", "local"):
        out[end] = (mapped(c[end], six), c[end + "_port"])
    if c["send"] == "v1":
        return out
    if "crc32c" in c["tlvs"]:
        out["crc32c"] = True
    values = {
        "alpn": alpn_for(c) if "alpn" in c["tlvs"] else None,
        "authority": clean_name(c["sni"]) if "authority" in c["tlvs"] and c["sni"] is not None else None,
        "unique_id": b"%016d" % c["unique_id"] if "unique_id" in c["tlvs"] else None,
    }
    if c["tls"] and c["send"] != "v2":
        proven = c["cert_sent"] and c["verify"] == 0
        out["bits"] = 1 | (c["cert_sent"] and 4) | (c["cert_sent"] and c["cert_now"] and 2)
        out["verify"] = 0 if proven else c["verify"] or 1
        values["version"] = c["tls_version"]
        if "cipher" in c["tlvs"]:
            values["cipher"] = c["cipher"]
        if "cert_algs" in c["tlvs"]:
            values["key_alg"], values["sig_alg"] = c["key_alg"], c["sig_alg"]
        if proven and c["send"] == "v2-ssl-cn" and c["cn"] is not None:
            values["cn"] = clean_cn(c["cn"])
    out.update({name: value for name, value in values.items() if value is not None})
    fixed = 16 + (36 if six else 12) + (7 if "crc32c" in out else 0) + (8 if "bits" in out else 0)
    for drop in DROPS:
        if fixed + sum(3 + len(v) for v in out.values() if isinstance(v, bytes)) <= BUDGETS[c["receiver"]]:
            break
        for name in drop:
            out.pop(name, None)
    return out


def driver_line(c):
    words = ["-" if c[end] is None else f"{c[end].version}{c[end].packed.hex()}" for end in ("peer", "local")]
    words += [c["peer_port"], c["local_port"], int(c["tls"]), c["cert_sent"], c["cert_now"], c["verify"], c["unique_id"]]
    words += [SENDS.index(c["send"]), RECEIVERS.index(c["receiver"]), PROTOCOLS.index(c["protocol"])]
    words += [sum(1 << TLVS.index(t) for t in c["tlvs"])]
    words += ["-" if c[name] is None else "=" + c[name].hex() for name in DRIVER_TEXTS]
    return " ".join(map(str, words)) + "\n"


def test(driver, count, seed):
    r = random.Random(seed)
    clients = [random_client(r) for _ in range(count)]
    run = subprocess.run([driver], input="".join(map(driver_line, clients)), stdout=subprocess.PIPE,
                         text=True, timeout=300, check=True)  # fmt: skip
    answers = run.stdout.split("\n")[:-1]
    assert len(answers) == count, f"{len(answers)} answers for {count} clients"
    failed, cns, left_out = 0, 0, 0
    for c, answer in zip(clients, answers):
        data = bytes.fromhex(answer)
        try:
            got = decode(data)
        except Bad as why:
            got = {"bad": str(why)}
        assert len(data) <= BUDGETS[c["receiver"]], f"{len(data)} bytes for {c['receiver']}"
        assert "cn" not in got or (got["verify"] == 0 and got["bits"] & 4), "a CN without proof"
        want = owed(c)
        cns += "cn" in want
        left_out += len(data) > 180 and "unique_id" in c["tlvs"] and "unique_id" not in want
        if got != want:
            failed += 1
            print(f"client {c}\n  got  {got}\n  owed {want}")
    assert cns > count // 100 and left_out > count // 1000, "the random clients are too tame"
    print(f"proxy_decode: {count - failed} of {count} headers are what they should be")
    print("1 passed, 0 failed" if not failed else "0 passed, 1 failed")
    return failed


if __name__ == "__main__":
    if sys.argv[1] == "-":
        print(decode(sys.stdin.buffer.read()))
        sys.exit(0)
    SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 5000
    assert crc32c(b"123456789") == 0xE3069283 and crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720 B.4
    sys.exit(test(sys.argv[1], COUNT, SEED) != 0)
