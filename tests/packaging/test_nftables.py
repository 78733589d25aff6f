# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""conf/nftables.conf, loaded in a network namespace of its own: which new connections each of the
three users may open, and that connections which came in are not concerned."""
import ast
import os
import pathlib
import subprocess
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
USERS = {"mailreeve": 64970, "mailreeve-check": 64971, "mailreeve-keeper": 64972}

# Runs in the namespace: prints what came of every attempt.
PROBE = r"""
import os, socket, sys
OPEN = [("127.0.0.1", 10143), ("127.0.0.1", 10465), ("127.0.0.1", 10144), ("127.0.0.2", 10143),
        ("::1", 10143), ("::1", 10144), ("127.0.0.53", 53)]
held = []
for host, port in OPEN:
    s = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    held.append(s)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("0.0.0.0", 53))

def outcome(act):
    try:
        act()
        return "open"
    except (ConnectionRefusedError, PermissionError):
        return "refused"
    except OSError as e:
        return "refused" if e.errno in (111, 113, 13, 1) else f"{e}"

def as_user(uid, act):
    r, w = os.pipe()
    if os.fork() == 0:
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        os.write(w, outcome(act).encode())
        os._exit(0)
    os.close(w)
    os.wait()
    return os.read(r, 200).decode()

def tcp(host, port):
    return lambda: socket.create_connection((host, port), timeout=2).close()

def query(host):
    def act():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.connect((host, 53))
        s.send(b"?")
    return act

def serve():
    "A client comes in to a process of this user, and is answered."
    s = socket.create_server(("127.0.0.1", 0))
    port = s.getsockname()[1]
    pid = os.fork()
    if pid == 0:
        uid = int(sys.argv[1])
        os.setresuid(uid, uid, uid)
        c, _ = s.accept()
        c.sendall(b"* OK")
        os._exit(0)
    c = socket.create_connection(("127.0.0.1", port), timeout=2)
    answer = c.recv(10)
    os.waitpid(pid, 0)
    return answer.decode()

found = {}
for uid in [0] + [int(u) for u in sys.argv[1:]]:
    for host, port in OPEN:
        found[uid, host, port] = as_user(uid, tcp(host, port))
    for host in "127.0.0.53", "127.0.0.9":
        found[uid, host, "udp"] = as_user(uid, query(host))
found["served"] = serve()
print(found)
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("only root can make a network namespace with several users in it")
    rules = (TOP / "conf/nftables.conf").read_text()
    for name, uid in USERS.items():
        assert f'skuid "{name}"' in rules
        rules = rules.replace(f'skuid "{name}"', f"skuid {uid}")
    path = tmp_path_factory.mktemp("nft")
    (path / "rules").write_text(rules)
    (path / "probe.py").write_text(PROBE)
    # Twice: loading it again must replace the table.
    script = f"ip link set lo up && nft -f {path}/rules && nft -f {path}/rules && " \
             f"{sys.executable} {path}/probe.py {' '.join(map(str, USERS.values()))}"
    out = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child",
                          "--mount-proc", "sh", "-c", script],
                         text=True, capture_output=True, timeout=60)
    assert out.returncode == 0, out.stderr
    return ast.literal_eval(out.stdout)


SERVERS = {("127.0.0.1", 10143), ("127.0.0.1", 10465), ("::1", 10143)}
RESOLVER = {("127.0.0.53", 53), ("127.0.0.53", "udp")}
PERMITTED = {"mailreeve": SERVERS, "mailreeve-check": SERVERS | RESOLVER, "mailreeve-keeper": set()}


@pytest.mark.parametrize("user", USERS)
def test_new_connections(found, user):
    opened = {k[1:] for k, v in found.items() if k[0] == USERS[user] and v == "open"}
    refused = {k[1:] for k, v in found.items() if k[0] == USERS[user] and v == "refused"}
    everything = {k[1:] for k in found if k[0] == 0}
    assert opened == PERMITTED[user]
    assert refused == everything - PERMITTED[user]


def test_others_are_free(found):
    assert {v for k, v in found.items() if k[0] == 0} == {"open"}


def test_who_came_in_is_served(found):
    assert found["served"] == "* OK"
