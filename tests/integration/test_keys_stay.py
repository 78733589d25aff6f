# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Private keys, and the seed of the ticket keys, are in the keeper's memory and nobody else's.

The search looks for what a key is when it is in use (the secret numbers, in either order of
bytes) and for the text of its file.  It must find them in the keeper, which shows that it can."""
import hmac
import pathlib
import random
import re
import ssl
import subprocess

import pytest

from lib.clients import connect, context, set_ciphersuites
from lib.dovecot import Dovecot
from lib.mailreeve import Mailreeve
from lib.site import HOSTNAME, PROXY, wait_until

CONF = """
hostname = "%s.example.org";
frontends = ( { name = "front"; bind = "192.0.2.10:993"; backend = "back";
    tls = { certificates = [ "$pki/mail", "$pki/mail-rsa.pem" ];
        ticket_seed = "$dir/seed"; }; } );
backends = ( { name = "back"; protocol = "imap";
    servers = ( { name = "one"; address = "10.0.0.11:993"; } );
    tls = { ca_file = "$pki/ca.pem"; server_name = "dovecot.example.org";
        certificate = "$pki/proxy.pem"; };
    check = { interval = "100ms"; };
} );
"""
# A sanitizer's notes of which bytes are valid: terabytes, and nothing of what the bytes are.
SHADOW = 1 << 36
SEED = random.Random(1).randbytes(48)
OTHERS = ("mailreeve", "mailreeve-worker", "mailreeve-checker")


def secrets_of(path):
    """What betrays a key: its private numbers and the lines of its file, by name."""
    text = subprocess.run(["openssl", "pkey", "-in", path, "-noout", "-text"], check=True,
                          stdout=subprocess.PIPE, text=True, timeout=20).stdout
    found = {}
    for name, block in re.findall(r"^(priv|privateExponent|prime1|prime2|exponent1|exponent2):\n"
                                  r"((?: +[0-9a-f:]+\n)+)", text, re.MULTILINE):
        number = bytes.fromhex(re.sub(r"[\s:]", "", block)).lstrip(b"\0")
        # 24 bytes are enough to be sure, and are found where a part of it was overwritten.
        found[name] = number[:24]
        found[name + " end"] = number[-24:]
        found[name + " in memory"] = number[::-1][:24]
    pem = re.search(r"KEY-----\n(.*?)-----END", pathlib.Path(path).read_text(), re.DOTALL)
    # The first line says what kind of key it is; the second is in the middle of the secret.
    found["file"] = pem.group(1).splitlines()[1].encode()[:40]
    return found


def memory_of(pid):
    """Every readable byte of a process, mapping by mapping."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_, name = line.split(None, 5) + [""] * (6 - len(line.split(None, 5)))
            if "r" not in rights or name in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            if end - start > SHADOW:
                continue
            memory.seek(start)
            try:
                data = memory.read(end - start)
            except OSError:
                continue  # guard pages of the heap for secrets
            yield name, data


def search(pid, secrets):
    return sorted({f"{key} in {name or 'anonymous memory'}" for name, data in memory_of(pid)
                   for key, secret in secrets.items() if secret in data})


def handshakes(pki):
    """Signatures of both keys, full handshakes and resumed ones."""
    for kind in ("ECDSA", "RSA") * 10:
        tls = context(pki)
        tls.set_ciphers(f"ECDHE-{kind}-AES128-GCM-SHA256")
        tls.maximum_version = ssl.TLSVersion.TLSv1_2
        with connect(PROXY, 993, tls) as sock:
            assert sock.recv(100).startswith(b"* OK")
            session = sock.session
        with tls.wrap_socket(connect(PROXY, 993), server_hostname=HOSTNAME, session=session) as sock:
            assert sock.recv(100).startswith(b"* OK")
            assert sock.session_reused


def test_only_the_keeper_has_keys(site, pki):
    Dovecot(site, pki, ssl="required")
    site.path("seed").write_bytes(SEED)
    site.path("seed").chmod(0o600)
    proxy = Mailreeve(site, pki, CONF % "one")
    handshakes(pki)
    # Whatever reading them again leaves behind counts as well.
    proxy.rewrite(CONF % "two")
    assert proxy.control("reload") == "reloaded: generation 2\n"
    handshakes(pki)
    wait_until(lambda: sum(map(len, proxy.processes().values())) == 5, "the old generation to end")
    processes = proxy.processes()
    assert set(processes) == {*OTHERS, "mailreeve-keeper"}
    all_secrets = {name: secrets_of(pki.key(name)) for name in ("mail", "mail-rsa", "proxy")}
    assert all(len(secrets) >= 4 for secrets in all_secrets.values())
    all_secrets["seed"] = {"in memory": SEED[:24], "end in memory": SEED[-24:]}
    (keeper,) = processes["mailreeve-keeper"]
    for name, secrets in all_secrets.items():
        assert any("in memory" in hit for hit in search(keeper, secrets)), name
        for other in OTHERS:
            for pid in processes[other]:
                assert search(pid, secrets) == [], f"{name}'s key in {other}"


def label(secret, name, size):
    """HKDF-Expand-Label of RFC 8446 section 7.1, with SHA-256 and for one block."""
    name = b"tls13 " + name
    info = size.to_bytes(2, "big") + bytes([len(name)]) + name + b"\0\1"
    return hmac.digest(secret, info, "sha256")[:size]


def traffic_keys(log, key_size):
    """What a connection was protected with, out of a client's key log."""
    found = {}
    for line in log.read_text().splitlines():
        name, *values = line.split()
        if name.endswith("TRAFFIC_SECRET_0"):
            found[name] = bytes.fromhex(values[-1])
            found[f"key of {name}"] = label(found[name], b"key", key_size)
    return found


@pytest.mark.parametrize("suite, key_size", [("TLS_CHACHA20_POLY1305_SHA256", 32),
                                             ("TLS_AES_128_GCM_SHA256", 16)])
def test_session_keys_go(site, pki, suite, key_size):
    """While a connection lives a worker knows its keys; when it is over nobody does."""
    Dovecot(site, pki, ssl="required")
    site.path("seed").write_bytes(SEED)
    site.path("seed").chmod(0o600)
    proxy = Mailreeve(site, pki, CONF % "one")
    log = site.path("keys")
    tls = context(pki)
    set_ciphersuites(tls, suite)
    tls.keylog_filename = log
    with connect(PROXY, 993, tls) as client:
        assert client.recv(1000).startswith(b"* OK")
        secrets = traffic_keys(log, key_size)
        assert len(secrets) == 4
        workers = proxy.processes()["mailreeve-worker"]
        assert any(search(pid, secrets) for pid in workers)
        client.sendall(b"a noop\r\n" * 1000)  # a full record
        answer = b""
        while answer.count(b"a OK") < 1000:
            answer += client.recv(65536)
    proxy.ended()
    for name, pids in proxy.processes().items():
        for pid in pids:
            assert search(pid, secrets) == [], name


def test_the_search_sees_text(pki):
    """A process that read the key's file is found out."""
    held = "import sys, time; held = sys.stdin.read(); print(flush=True); time.sleep(60)"
    with subprocess.Popen(["/usr/bin/python3", "-c", held], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        process.stdin.write(pathlib.Path(pki.key("mail")).read_text())
        process.stdin.close()
        process.stdout.readline()
        hits = search(process.pid, secrets_of(pki.key("mail")))
        process.kill()
    assert any(hit.startswith("file ") for hit in hits)
