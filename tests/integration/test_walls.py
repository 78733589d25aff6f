# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""The walls around live processes, as the kernel describes them, with and without root."""
import os
import pathlib
import re
import subprocess

import pytest

from lib.clients import connect
from lib.fakes import Fake, greets
from lib.mailreeve import BUILD, Mailreeve, configuration
from lib.site import PROXY

CONF = """
$sandbox
frontends = ( { name = "front"; bind = "192.0.2.10:$port"; backend = "back"; } );
backends = ( { name = "back"; protocol = "imap"; servers = "10.0.0.11:143"; } );
"""
LAYERS = "chroot uid no_new_privs seccomp landlock-fs landlock-net landlock-scope".split()
USERS = {"mailreeve-worker": 64001, "mailreeve-keeper": 64002, "mailreeve-checker": 64003}
NOBODY = 65534
# KILL, SETGID, SETUID, NET_BIND_SERVICE, SYS_CHROOT
FIVE = sum(1 << number for number in (5, 6, 7, 10, 18))


def conf(port=143, sandbox=""):
    return CONF.replace("$sandbox", sandbox).replace("$port", str(port))


def status(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(re.findall(r"^(\w+):\t(.*)$", text, re.MULTILINE))


def limits(pid):
    text = pathlib.Path(f"/proc/{pid}/limits").read_text()
    return {name: (soft, hard) for name, soft, hard in
            re.findall(r"^Max (core file size|file size|processes) +(\S+) +(\S+)", text,
                       re.MULTILINE)}


def descriptors(pid):
    """What each descriptor is: {3: "socket", 4: "memfd:...", ...}."""
    found = {}
    for number in os.listdir(f"/proc/{pid}/fd"):
        target = os.readlink(f"/proc/{pid}/fd/{number}")
        found[int(number)] = re.sub(r"^/memfd:(mailreeve-)?|\d+|[\[\]:]|anon_inode| \(deleted\)$",
                                    "", target).strip("/")
    return found


def each(proxy):
    return [(name, pid) for name, pids in proxy.processes().items() for pid in pids]


def fake(site):
    return Fake(site, "10.0.0.11", 143, greets(b"* OK hello\r\n"))


def greeted(port=143):
    with connect(PROXY, port) as sock:
        assert sock.recv(100).startswith(b"* OK")


def test_every_process(site, pki):
    fake(site)
    proxy = Mailreeve(site, pki, conf(sandbox='sandbox = "required";'))
    greeted()
    processes = proxy.processes()
    assert {name: len(pids) for name, pids in processes.items()} == {
        "mailreeve": 1, "mailreeve-worker": 2, "mailreeve-keeper": 1, "mailreeve-checker": 1}
    filters = int(status(os.getpid())["Seccomp_filters"])  # a container may have its own
    for name, pid in each(proxy):
        now = status(pid)
        uid = USERS.get(name, 0)
        capabilities = FIVE if name == "mailreeve" else 0
        assert now["Uid"].split() == [str(uid)] * 4 == now["Gid"].split(), name
        assert now["NoNewPrivs"] == "1" and now["Seccomp"] == "2", name
        assert int(now["Seccomp_filters"]) == filters + (1 if name == "mailreeve" else 2), name
        for kind, most in ("CapEff", capabilities), ("CapPrm", capabilities), ("CapInh", 0), \
                ("CapAmb", 0), ("CapBnd", FIVE):
            assert int(now[kind], 16) == most, (name, kind, now[kind])
        # Of a process that is not dumpable, /proc belongs to root.
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0, name


def test_children_have_nothing(site, pki):
    fake(site)
    proxy = Mailreeve(site, pki, conf())
    for name, pid in each(proxy):
        if name == "mailreeve":
            continue
        assert status(pid)["Groups"].strip() == "", name
        assert os.listdir(f"/proc/{pid}/root/") == [], name
        assert pathlib.Path(f"/proc/{pid}/environ").read_bytes() == b"", name
        assert set(limits(pid).values()) == {("0", "0")} and len(limits(pid)) == 3, name


def test_descriptors_are_known(site, pki):
    fake(site)
    proxy = Mailreeve(site, pki, conf())
    common = {0: "dev/null", 1: "dev/null", 2: "pipe", 3: "socket"}
    for name, pid in each(proxy):
        if name == "mailreeve":
            continue
        has = descriptors(pid)
        own = {number: what for number, what in has.items() if what != "[eventpoll]"}
        for number, what in common.items():
            assert has[number] == what, (name, number, has)
        if name == "mailreeve-keeper":
            # Channels to two workers and the checker, and the loop; the bundle is closed.
            assert sorted(own.values()) == sorted(
                [*common.values(), "eventpoll", "socket", "socket", "socket"]), own
        elif name == "mailreeve-worker":
            # Bundle, board and tallies are mapped and closed.
            assert has[6] == "socket", has
            assert set(has.values()) == {*common.values(), "eventpoll"}, has
        else:
            assert has[5] == "board" and has[6] == "socket" and has[7] == "pipe", has
            assert 8 not in {n for n, what in has.items() if what == "tally"}, has


def test_it_says_so(site, pki):
    fake(site)
    proxy = Mailreeve(site, pki, conf())
    offered = subprocess.run([BUILD / "mailreeve", "-V", "-L", BUILD], check=True, text=True,
                             stdout=subprocess.PIPE, timeout=20).stdout
    here = re.search(r"^sandbox layers here: (.*) \(Landlock version \d+\)$", offered,
                     re.MULTILINE).group(1)
    assert set(here.split()) <= set(LAYERS)
    info = proxy.info()
    assert info["Sandbox_master"] == "no_new_privs seccomp"
    assert info["Capabilities_master"] == "net_bind_service setuid setgid sys_chroot kill"
    for name in "worker", "keeper", "checker":
        assert info[f"Sandbox_{name}"] == here
        proxy.said(rf"sandbox: {name}: {here}$")
    proxy.said(r"sandbox: master: no_new_privs seccomp; capabilities: net_bind_service ")


def as_nobody(site):
    """Arguments for Mailreeve that start it as an ordinary user, with a directory of its own."""
    site.directory.chmod(0o777)
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def test_an_ordinary_user(site, pki):
    fake(site)
    proxy = Mailreeve(site, pki, conf(port=1143), **as_nobody(site))
    greeted(1143)
    for name, pid in each(proxy):
        now = status(pid)
        assert now["Uid"].split() == [str(NOBODY)] * 4, name
        assert now["NoNewPrivs"] == "1" and now["Seccomp"] == "2", name
        assert {now[kind] for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb")} == {"0" * 16}
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0, name
    assert proxy.info()["Sandbox_worker"].startswith("no_new_privs seccomp")
    proxy.said("sandbox: around the worker there is no chroot uid$")
    proxy.said("not started as root")


def test_required_is_refused_without_root(site, pki):
    text = configuration(site, pki, conf(port=1143, sandbox='sandbox = "required";'))
    path = site.write("required.conf", text)
    done = subprocess.run([BUILD / "mailreeve", "-c", path, "-L", BUILD], timeout=30, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          **as_nobody(site))
    assert done.returncode == 1, done.stdout
    assert re.search(r'sandbox = "required", but here is no chroot uid: not started as root',
                     done.stdout), done.stdout


# What is missing when the kernel lacks it.
OLD = {"landlock": LAYERS[4:], "seccomp": ["seccomp"]}


@pytest.mark.parametrize("missing", OLD)
def test_on_an_old_kernel(site, pki, missing):
    """What the kernel lacks is said; everything else stands, and it serves."""
    fake(site)
    old_kernel = (BUILD / "lib/old_kernel", missing)
    said = subprocess.run([*old_kernel, BUILD / "mailreeve", "-V", "-L", BUILD], check=True,
                          text=True, stdout=subprocess.PIPE, timeout=20).stdout
    here = re.search("^sandbox layers here: (.*) \\(", said, re.MULTILINE).group(1).split()
    assert re.search(f"^not available here: .*{' '.join(OLD[missing])}", said, re.MULTILINE)
    assert here == [layer for layer in here if layer not in OLD[missing]]
    proxy = Mailreeve(site, pki, conf(), through=old_kernel)
    greeted()
    info = proxy.info()
    for name in "worker", "keeper", "checker":
        assert info[f"Sandbox_{name}"].split() == here
        proxy.said(rf"around the {name} there is no (\S+ )*{' '.join(OLD[missing])}")
    assert info["Sandbox_master"] == ("no_new_privs" if missing == "seccomp" else
                                      "no_new_privs seccomp")


@pytest.mark.parametrize("missing", OLD)
def test_required_is_refused_on_an_old_kernel(site, pki, missing):
    path = site.write("required.conf", configuration(
        site, pki, conf(sandbox='sandbox = "required";')))
    done = subprocess.run([BUILD / "lib/old_kernel", missing, BUILD / "mailreeve", "-c", path,
                           "-L", BUILD], timeout=30, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 1, done.stdout
    assert re.search(f'sandbox = "required", but here is no {OLD[missing][0]}', done.stdout)


def test_bind_address_behind_the_walls(site, pki):
    """Source addresses are bound by worker and checker, and only where they are set."""
    sources, peers = ["10.0.0.12", "10.0.0.13"], []

    def behave(server, sock):
        peers.append(sock.getpeername()[0])
        greets(b"* OK hello\r\n")(server, sock)
    Fake(site, "10.0.0.11", 143, behave)
    Mailreeve(site, pki, conf().replace(
        'protocol = "imap";', 'protocol = "imap"; bind_address = [ "10.0.0.12", "10.0.0.13" ];'))
    for _ in range(8):
        greeted()
    assert set(peers) == set(sources)
