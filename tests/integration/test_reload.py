# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Reload, upgrade and stop: nobody's session notices."""
import os
import pathlib
import re
import selectors
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from lib.clients import connect, context, lines
from lib.fakes import Fake
from lib.growth import assert_not_grown, weigh
from lib.mailreeve import BUILD, SANITIZED, Mailreeve
from lib.site import PROXY, PROXY6, listening, wait_until
from lib.traffic import ECHO, Traffic, echo

LONG = "LONG" in os.environ

TLS = """
timeouts = { %(timeouts)s };
hostname = "%(hostname)s";
frontends = ( { name = "front"; bind = "192.0.2.10:993"; backend = "back";
    tls = { certificates = "$pki/mail"; }; },
  { name = "plain"; bind = "192.0.2.10:143"; backend = "back"; } );
backends = ( { name = "back"; servers = "10.0.0.11:143"; check = { type = "none"; }; } );
"""


def conf(hostname="one.example.org", timeouts=""):
    return TLS % {"hostname": hostname, "timeouts": timeouts}


def rows(proxy, process="worker"):
    """show workers, as lists of words, of one kind of process."""
    table = [line.split() for line in proxy.control("show workers").splitlines()[1:]]
    return [row for row in table if row[1] == process]


def master_size(proxy):
    info = proxy.info()
    pid = proxy.process.pid
    return int(info["Memory_master_KB"]), len(os.listdir(f"/proc/{pid}/fd"))


PORTS = """
frontends = ( { name = "front"; bind = %s; backend = "back"; } );
backends = ( { name = "back"; servers = "10.0.0.11:1143"; check = { type = "none"; }; } );
"""


def test_one_address_and_all_of_them(site, pki):
    """A port that goes from one address to all, and back, is served all the time, also when the
    reload fails at another port."""
    Fake(site, "10.0.0.11", 1143, echo)
    one, every = '"192.0.2.10:143"', '"*:143"'
    proxy = Mailreeve(site, pki, PORTS % one)
    proxy.baseline = None  # it may hold a port more or less in the end
    traffic = Traffic(port=143)
    stranger = Fake(site, PROXY, 144, echo)
    for ports in (every, one, '[ "0.0.0.0:143", "[::]:143" ]', every, one, every):
        proxy.rewrite(PORTS % f'[ {ports.strip("[]")}, "192.0.2.10:144" ]')
        assert "cannot listen on 192.0.2.10:144" in proxy.control("reload")
        proxy.rewrite(PORTS % ports)
        assert proxy.control("reload").startswith("reloaded: ")
    stranger.stop()
    with connect(PROXY6, 143) as sock:
        assert lines(sock) == [ECHO]
    assert traffic.stop() == []


@pytest.mark.timeout(1800 if LONG else 600)
def test_reload_under_load(site, pki):
    Fake(site, "10.0.0.11", 143, echo)
    proxy = Mailreeve(site, pki, conf())
    traffic = Traffic(context(pki), port=993, stayers=4)
    reloads = 1000 if LONG else 100

    def weighed():
        """... when there are only the first generation, with those who stay, and the last."""
        wait_until(lambda: {row[0] for row in rows(proxy)} == {"1", proxy.info()["Generation"]},
                   "the generations between to end", 60)
        return weigh(proxy)

    start = time.monotonic()
    for number in range(reloads):
        if number == 10:
            before = weighed()
        proxy.rewrite(conf(f"h{number}.example.org"))
        assert proxy.control("reload") == f"reloaded: generation {number + 2}\n"
    print(f"{reloads} reloads in {time.monotonic() - start:.0f} s")
    after = weighed()
    assert traffic.stop() == []  # neither refused nor reset nor one byte missing
    assert_not_grown(before, after)
    wait_until(lambda: {row[0] for row in rows(proxy)} == {str(reloads + 1)},
               "the first generation to end", 60)
    wait_until(lambda: {name: len(pids) for name, pids in proxy.processes().items()} == {
        "mailreeve": 1, "mailreeve-worker": 2, "mailreeve-keeper": 1, "mailreeve-checker": 1},
        "every other process to end")


def test_reload_of_the_same_makes_no_generation(site, pki):
    proxy = Mailreeve(site, pki, conf())
    before = proxy.control("show workers").split()
    proxy.send(signal.SIGHUP)
    assert proxy.control("reload") == "reloaded: generation 1\n"
    after = proxy.control("show workers").split()
    assert [w for w in before if w.isdigit()][1::6] == [w for w in after if w.isdigit()][1::6]
    assert proxy.info()["Generation"] == "1"
    # Whoever has asked learns that there was nothing to do, in one line.
    assert len([line for line in proxy.raw() if "reloaded: nothing has changed, keeping generation 1"
                in line]) == 2


def test_reading_the_file_again_leaves_the_master_as_small(site, pki):
    proxy = Mailreeve(site, pki, conf())
    before, _ = master_size(proxy)
    for number in range(3):
        proxy.rewrite(conf(f"h{number}.example.org"))
        assert proxy.control("reload").startswith("reloaded: ")
    after, _ = master_size(proxy)
    assert SANITIZED or after < before + 1000, f"{before} -> {after} kB"


@pytest.mark.parametrize("breakage", ["syntax", "certificate", "key", "port"])
def test_what_cannot_be_used_changes_nothing(site, pki, breakage):
    Fake(site, "10.0.0.11", 143, echo)
    proxy = Mailreeve(site, pki, conf())
    pids = [row[3] for row in rows(proxy)]
    text = conf("two.example.org")
    if breakage == "syntax":
        text = text.replace("backends =", "backends = =")
    elif breakage == "certificate":
        text = text.replace("$pki/mail", str(site.write("bad.pem", "no certificate")))
    elif breakage == "key":
        # A certificate with a key that is another's.
        shutil.copy(pki.chain("mail"), site.path("other.crt"))
        shutil.copy(pki.key("backend"), site.path("other.key"))
        text = text.replace("$pki/mail", str(site.path("other.crt")))
    else:
        holder = socket.create_server((PROXY, 587))
        text = text.replace("192.0.2.10:143", "192.0.2.10:587")
    proxy.rewrite(text)
    answer = proxy.control("reload")
    assert answer.startswith("error: "), answer
    if breakage == "port":
        assert "cannot listen on 192.0.2.10:587: in use" in answer
        holder.close()
    info = proxy.info()
    assert (info["Generation"], info["Config_differs"]) == (
        "1", "the file has errors" if breakage == "syntax" else "yes")
    assert info["Reload_error"] != "-"
    # The children of the attempt may still be on their way out.
    wait_until(lambda: [row[3] for row in rows(proxy)] == pids, "only the first generation")
    with connect(PROXY, 993, context(pki)) as sock:
        assert lines(sock) == [ECHO]
    # And nothing is left of the attempt.
    wait_until(lambda: len(proxy.processes()["mailreeve-worker"]) == 2, "its children to end")
    proxy.rewrite(conf("three.example.org"))
    assert proxy.control("reload").startswith("reloaded: ")
    assert proxy.info()["Reload_error"] == "-"


def test_start_says_who_has_the_port(site, pki):
    holder = socket.create_server((PROXY, 143))
    proxy = Mailreeve(site, pki, conf(), wait=False)
    assert proxy.process.wait(10) == 1
    proxy.stopped = True
    proxy.said(rf"mailreeve.conf:\d+: cannot listen on 192.0.2.10:143: in use by "
               rf"\S+ \(pid {os.getpid()}\)")
    holder.close()


def test_ports_come_and_go(site, pki):
    Fake(site, "10.0.0.11", 143, echo)
    proxy = Mailreeve(site, pki, conf())
    proxy.rewrite(conf().replace("192.0.2.10:143", "192.0.2.10:1143"))
    assert proxy.control("reload").startswith("reloaded: ")
    with connect(PROXY, 1143) as sock:
        assert lines(sock) == [ECHO]
    with pytest.raises(ConnectionRefusedError):
        connect(PROXY, 143)


def test_drain_ends_an_old_generation(site, pki):
    Fake(site, "10.0.0.11", 143, echo)
    proxy = Mailreeve(site, pki, conf(timeouts='drain = "1s";'))
    sock = connect(PROXY, 993, context(pki))
    assert lines(sock) == [ECHO]
    proxy.rewrite(conf("two.example.org", 'drain = "1s";'))
    assert proxy.control("reload").startswith("reloaded: ")
    start = time.monotonic()
    assert lines(sock) == []  # close_notify, not a cut
    assert 0.5 < time.monotonic() - start < 10
    proxy.ended(frontend="front", end="drain")
    wait_until(lambda: len(rows(proxy)) == 2, "the old generation to end")


def test_drain_ends_connections_one_after_the_other(site, pki):
    """... so that not all clients come back in the same moment."""
    Fake(site, "10.0.0.11", 143, echo)
    proxy = Mailreeve(site, pki, conf(timeouts='drain = "1s";'))
    waiting = selectors.DefaultSelector()
    for _ in range(40):
        sock = connect(PROXY, 993, context(pki))
        assert lines(sock) == [ECHO]
        waiting.register(sock, selectors.EVENT_READ)
    proxy.rewrite(conf("two.example.org", 'drain = "1s";'))
    assert proxy.control("reload").startswith("reloaded: ")
    ends = []
    while waiting.get_map():
        ready = waiting.select(20)
        assert ready, f"only {len(ends)} have ended"
        for key, _ in ready:
            assert lines(key.fileobj) == []  # close_notify, not a cut
            waiting.unregister(key.fileobj)
            key.fileobj.close()
            ends.append(time.monotonic())
    assert ends[-1] - ends[0] > 2
    assert ends[len(ends) // 2] - ends[0] > 0.5 and ends[-1] - ends[len(ends) // 2] > 0.5


def upgrade_to(directory, version):
    """The same programs with another version's number in them, put in the place of the old."""
    for name in ("mailreeve", "mailreeve-worker", "mailreeve-checker", "mailreeve-keeper"):
        old = pathlib.Path(__file__).parents[2].joinpath("VERSION").read_text().strip().encode()
        program = (BUILD / name).read_bytes().replace(old + b"\0", version.encode() + b"\0")
        new = directory / (name + ".new")
        new.write_bytes(program)
        new.chmod(0o755)
        new.rename(directory / name)


@pytest.fixture
def installed(site):
    """A copy of the programs, to be replaced."""
    directory = site.path("programs")
    directory.mkdir()
    for name in ("mailreeve", "mailreeve-worker", "mailreeve-checker", "mailreeve-keeper"):
        shutil.copy(BUILD / name, directory / name)
    return directory


def test_upgrade_under_load(site, pki, installed):
    Fake(site, "10.0.0.11", 143, echo)
    proxy = Mailreeve(site, pki, conf(), program=installed / "mailreeve", helpers=installed)
    traffic = Traffic(context(pki), port=993, stayers=6)
    old_keeper = rows(proxy, "keeper")[0][3]
    for number in range(1, 4):
        upgrade_to(installed, f"0.1.{number}")
        # A worker that is born now is still of the version that runs.
        os.kill(int(rows(proxy)[-1][3]), signal.SIGSTOP)
        os.kill(int(rows(proxy)[-1][3]), signal.SIGCONT)
        proxy.send(signal.SIGUSR2)
        proxy.said(rf"re-executed, version 0.1.{number}")
        wait_until(lambda: proxy.info()["Generation"] == str(number + 1), "the new generation")
        proxy.said(r" ready$", number + 1)
    assert traffic.stop() == []
    # Each of them says it once, and not before its own processes serve.
    said = [re.search(r"re-executed|generation \d+ serves|ready$", line) for line in proxy.raw()]
    assert [hit[0] for hit in said if hit][2:] == [
        word for number in range(2, 5) for word in ("re-executed", f"generation {number} serves", "ready")]
    assert proxy.info()["Version"] == "0.1.3"
    assert rows(proxy, "keeper")[-1][3] != old_keeper
    wait_until(lambda: len(rows(proxy)) == 2, "older generations to end", 30)


@pytest.mark.parametrize("breakage", ["exits", "empty", "missing"])
def test_a_program_that_fails_its_trial_is_not_taken(site, pki, installed, breakage):
    Fake(site, "10.0.0.11", 143, echo)
    proxy = Mailreeve(site, pki, conf(), program=installed / "mailreeve", helpers=installed)
    pids = [row[3] for row in rows(proxy)]
    new = installed / "new"
    if breakage == "exits":
        new.write_text("#!/bin/sh\necho this version wants more >&2\nexit 1\n")
    elif breakage == "empty":
        new.write_text("")
    if breakage != "missing":
        new.chmod(0o755)
        new.rename(installed / "mailreeve")
    else:
        (installed / "mailreeve").unlink()
    proxy.send(signal.SIGUSR2)
    why = {"exits": "this version wants more", "empty": "mailreeve: Exec format error",
           "missing": "mailreeve: No such file or directory"}[breakage]
    proxy.said(rf"^time=\S+ upgrade refused: .*{why}; \S+ runs on$")
    # Who asks over the socket is told, and so is whoever looks.
    refused = rf"upgrade refused \d\d:\d\d: .*{why}; {proxy.info()['Version']} runs on"
    done = ctl(proxy, "upgrade")
    assert done.returncode == 1 and re.fullmatch(rf"mailreevectl: {refused}\n", done.stdout), done.stdout
    done = ctl(proxy, "status")
    assert done.returncode == 1 and re.match(rf"WARNING: {refused}\n", done.stdout), done.stdout
    with connect(PROXY, 993, context(pki)) as sock:
        assert lines(sock) == [ECHO]
    assert [row[3] for row in rows(proxy)] == pids


def ctl(proxy, *words):
    return subprocess.run([BUILD / "mailreevectl", "-s", proxy.control_socket, *words], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False)


def test_upgrade_is_answered(site, pki, installed):
    """... by the new program, when it is ready; one that refuses the configuration says why."""
    Fake(site, "10.0.0.11", 143, echo)
    proxy = Mailreeve(site, pki, conf(), program=installed / "mailreeve", helpers=installed)
    upgrade_to(installed, "0.1.7")
    with connect(PROXY, 993, context(pki)) as sock:
        assert lines(sock) == [ECHO]
        done = ctl(proxy, "upgrade")
        assert (done.returncode, done.stdout) == (0, "upgraded: version 0.1.7, generation 2\n")
        assert "0.1.7" in ctl(proxy, "status").stdout.splitlines()[1]
        proxy.said(r" ready$", 2)
        Traffic.talk(sock, b"still here\r\n")
    good = proxy.config.read_text()
    proxy.config.write_text(good + "half = edited;\n")
    upgrade_to(installed, "0.1.8")
    done = ctl(proxy, "upgrade", "wait", "2m")
    assert done.returncode == 1
    assert re.match(r"mailreevectl: upgrade to 0.1.8 refused \d\d:\d\d: \S*mailreeve.conf:\d+: .*; 0.1.7 runs on$",
                    done.stdout), done.stdout
    first = ctl(proxy, "status").stdout.splitlines()[0]
    assert re.match(r"WARNING: upgrade to 0.1.8 refused \d\d:\d\d: .*half.*; 0.1.7 runs on$", first), first
    proxy.config.write_text(good)
    # Two at once: both are told.
    both = [subprocess.Popen([BUILD / "mailreevectl", "-s", proxy.control_socket, "upgrade"], text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(2)]
    for one in both:
        assert re.fullmatch(r"upgraded: version 0.1.8, generation \d\n", one.communicate(timeout=120)[0])
    info = proxy.info()
    assert info["Reload_error"] == "-" and info["Config_differs"] == "no"
    assert ctl(proxy, "status").stdout.startswith("OK: ")
    for words in (("wait",), ("wait", "2"), ("wait", "2m", "x"), ("wait", "-1s")):
        assert ctl(proxy, "upgrade", *words).returncode == 64


LIBRARIES = ("libconfig.so", "libcrypto.so")


def test_upgrade_takes_new_libraries(site, pki):
    """A reload of an unchanged file starts no program; after an upgrade nothing uses an old library."""
    ldd = subprocess.run(["ldd", BUILD / "mailreeve-worker"], text=True, stdout=subprocess.PIPE,
                         timeout=20, check=True).stdout
    places = [os.path.realpath(line.split()[2]) for line in ldd.splitlines()
              if line.strip().startswith(LIBRARIES)]
    assert len(places) == len(LIBRARIES), ldd
    old, new = site.path("old"), site.path("new")
    binds = []
    for directory in old, new:
        directory.mkdir()
        for place in places:
            shutil.copy(place, directory)
    for place in places:
        binds.append(f"mount --bind {old}/{os.path.basename(place)} {place}")
    numbers = {os.stat(path).st_ino for path in old.iterdir()}
    Fake(site, "10.0.0.11", 143, echo)
    proxy = Mailreeve(site, pki, conf(), through=(
        "unshare", "--mount", "sh", "-c", " && ".join([*binds, 'exec "$@"']), "sh"))

    def inside(*command):
        subprocess.run(["nsenter", "--mount", "-t", str(proxy.process.pid), *command], timeout=20, check=True)

    def outdated():
        """Processes that have a replaced library, as needrestart finds them."""
        found = set()
        for name, pids in proxy.processes().items():
            for pid in pids:
                try:
                    maps = pathlib.Path(f"/proc/{pid}/maps").read_text()
                except OSError:
                    continue
                if any(int(line.split()[4]) in numbers for line in maps.splitlines()
                       if line.endswith("(deleted)") and "/memfd:" not in line):
                    found.add(name)
        return found

    for place in places:
        inside("umount", "-l", place)
        (old / os.path.basename(place)).unlink()
        inside("mount", "--bind", str(new / os.path.basename(place)), place)
    every = {"mailreeve", "mailreeve-worker", "mailreeve-checker", "mailreeve-keeper"}
    assert outdated() == every
    assert ctl(proxy, "reload").returncode == 0
    assert outdated() == every
    with connect(PROXY, 993, context(pki)) as sock:
        assert lines(sock) == [ECHO]
        done = ctl(proxy, "upgrade")
        assert done.returncode == 0, done.stdout
        Traffic.talk(sock, b"still here\r\n")
    # The processes of before go with their last connection.
    wait_until(lambda: not outdated(), "the last process with an old library to end", 30)
    assert "taken over" not in proxy.log.read_text()  # the certificates are those of before
    proxy.baseline = proxy.descriptors()


def test_worker_born_between_unpacking_and_upgrade(site, pki, installed):
    """... is still the old version's: its program was opened when the master started."""
    Fake(site, "10.0.0.11", 143, echo)
    proxy = Mailreeve(site, pki, conf(), program=installed / "mailreeve", helpers=installed)
    (installed / "mailreeve-worker").unlink()
    (installed / "mailreeve-worker").write_text("#!/bin/sh\nexit 1\n")
    (installed / "mailreeve-worker").chmod(0o755)
    old = [int(row[3]) for row in rows(proxy)]
    os.kill(old[0], signal.SIGKILL)
    wait_until(lambda: len([r for r in rows(proxy) if r[4] == "serving"
                            and int(r[3]) != old[0]]) == 2, "another worker")
    program = os.readlink(f"/proc/{rows(proxy)[0][3]}/exe")
    assert program == f"{installed}/mailreeve-worker (deleted)"


REST = """
timeouts = { stop = "30s"; };
frontends = ( { name = "imap"; bind = "192.0.2.10:993"; backend = "imap";
    tls = { certificates = "$pki/mail"; }; },
  { name = "sieve"; bind = "192.0.2.10:4190"; backend = "sieve"; },
  { name = "smtp"; bind = "192.0.2.10:25"; backend = "smtp"; } );
backends = (
  { name = "imap"; protocol = "imap"; servers = "10.0.0.11:143"; check = { type = "none"; }; },
  { name = "sieve"; protocol = "sieve"; servers = "10.0.0.11:143"; check = { type = "none"; }; },
  { name = "smtp"; protocol = "smtp"; servers = "10.0.0.11:143"; check = { type = "none"; }; } );
"""


def test_stop_ends_sessions_at_rest_at_once(site, pki):
    """... and lets those go on whose bytes are under way, or whose protocol has no such thing."""
    Fake(site, "10.0.0.11", 143, echo)
    proxy = Mailreeve(site, pki, REST)
    resting = [connect(PROXY, 993, context(pki)) for _ in range(5)] + [connect(PROXY, 4190)]
    busy, smtp = connect(PROXY, 993, context(pki)), connect(PROXY, 25)
    for sock in (*resting, busy, smtp):
        assert lines(sock) == [ECHO]
    silent = connect(PROXY, 993)  # has not even begun
    proxy.send(signal.SIGTERM)
    wait_until(lambda: not listening(PROXY, 993), "the port to be closed")
    ended = threading.Event()

    def see_them_end():
        for sock in resting:
            assert lines(sock) == []
        assert silent.recv(1) == b""
        ended.set()

    thread = threading.Thread(target=see_them_end, daemon=True)
    thread.start()
    wait_until(lambda: Traffic.talk(busy, b"I am at work\r\n") or ended.is_set(),
               "those at rest to end")
    Traffic.talk(smtp, b"still here\r\n")
    # Who comes to rest later has no more time, either; the other has until the deadline.
    assert lines(busy) == []
    Traffic.talk(smtp, b"still here\r\n")
    for sock in (*resting, busy, smtp, silent):
        sock.close()
    wait_until(lambda: proxy.process.poll() is not None, "the end")
    assert proxy.process.returncode == 0
    proxy.baseline = None
    # All of it in less time than the half minute that they might have had.
    over = [fields for fields in proxy.lines() if "end" in fields]
    assert sorted({fields["frontend"] for fields in over if fields["end"] == "stop"}) == [
        "imap", "sieve"]
    assert max(int(fields["ms_total"]) for fields in over if fields["end"] == "stop") < 25000


def test_stop_ends_connections_within_its_time(site, pki):
    Fake(site, "10.0.0.11", 143, echo)
    proxy = Mailreeve(site, pki, conf(timeouts='stop = "2s";').replace(
        'name = "front";', 'name = "front"; protocol = "tcp";'))
    socks = [connect(PROXY, 993, context(pki)) for _ in range(10)]
    for sock in socks:
        assert lines(sock) == [ECHO]
    start = time.monotonic()
    proxy.send(signal.SIGTERM)
    Traffic.talk(socks[0], b"still here\r\n")
    wait_until(lambda: not listening(PROXY, 993), "the port to be closed")
    for sock in socks:
        assert lines(sock) == []
    assert 1 < time.monotonic() - start < 10
    # None of them closes its own side, and nobody waits for that once the time is over.
    wait_until(lambda: proxy.process.poll() is not None, "the end")
    assert proxy.process.returncode == 0
    proxy.baseline = None  # its end is no accident
    over = [fields for fields in proxy.lines() if fields.get("end") == "stop"]
    assert len(over) == len(socks)
    # Two seconds, and not the three more that a peer has at any other time.
    assert all(int(fields["ms_total"]) < 4500 for fields in over), over


def test_stop_without_end_waits_for_the_last(site, pki):
    Fake(site, "10.0.0.11", 143, echo)
    proxy = Mailreeve(site, pki, conf(timeouts='stop = "500ms";'))
    sock = connect(PROXY, 993, context(pki))
    assert lines(sock) == [ECHO]
    proxy.send(signal.SIGUSR1)
    time.sleep(1.5)
    Traffic.talk(sock, b"still here\r\n")
    sock.close()
    wait_until(lambda: proxy.process.poll() is not None, "the end")
    assert proxy.process.returncode == 0
    proxy.baseline = None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_stop_at_once(site, pki, number):
    Fake(site, "10.0.0.11", 143, echo)
    proxy = Mailreeve(site, pki, conf(), env={"RUNTIME_DIRECTORY": str(site.directory)})
    sock = connect(PROXY, 993, context(pki))
    assert lines(sock) == [ECHO]
    assert list(site.directory.glob("root.*"))
    start = time.monotonic()
    proxy.send(number)
    wait_until(lambda: proxy.process.poll() is not None, "the end")
    assert time.monotonic() - start < 3
    assert proxy.process.returncode == 0
    proxy.baseline = None
    assert proxy.ended(end="stop")["while"] == "relay"
    assert not list(site.directory.glob("root.*"))
