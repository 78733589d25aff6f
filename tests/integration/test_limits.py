# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""The limits of the machine: descriptors, and a stderr that nobody reads."""
import os
import resource
import select
import signal
import subprocess
import threading
import time

from lib.clients import connect, lines
from lib.fakes import Fake
from lib.mailreeve import BUILD, Mailreeve, configuration
from lib.site import PROXY, wait_until
from lib.traffic import ECHO, Traffic, echo

CONF = """
workers = 2;
frontends = ( { name = "front"; bind = "192.0.2.10:143"; backend = "back"; } );
backends = ( { name = "back"; servers = "10.0.0.11:1143"; check = { type = "none"; }; } );
"""


def cpu(pid):
    """Seconds of processor time that a process has used."""
    fields = open(f"/proc/{pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def readable(sockets):
    return select.select(sockets, [], [], 0)[0]


def test_without_descriptors_it_waits_and_recovers(site, pki):
    Fake(site, "10.0.0.11", 1143, echo)
    limit = 128
    proxy = Mailreeve(site, pki, CONF, preexec_fn=lambda: resource.setrlimit(
        resource.RLIMIT_NOFILE, (limit, limit)))
    proxy.said("the limit of descriptors is 128, so a worker serves at most 40 connections")
    clients = [connect(PROXY, 143) for _ in range(200)]
    wait_until(lambda: len(readable(clients)) == 80, "as many as there is room for")
    before, start = cpu(proxy.process.pid), time.monotonic()
    time.sleep(1)
    used = (cpu(proxy.process.pid) - before) / (time.monotonic() - start)
    print(f"the master used {used:.1%} of a processor while it had no room")
    assert used < 0.2
    assert len(readable(clients)) == 80
    # Everybody has their turn, in whatever order.
    served = 0
    while clients:
        now = readable(clients)
        for sock in now:
            assert lines(sock) == [ECHO]
            sock.close()
            clients.remove(sock)
            served += 1
        time.sleep(0.01)
    assert served == 200
    assert len(proxy.processes()["mailreeve-worker"]) == 2
    assert "killed" not in proxy.log.read_text()


def test_own_descriptors_of_many_workers(site, pki):
    """What master/host/rlimit counts for a worker itself holds however many there are."""
    proxy = Mailreeve(site, pki, CONF.replace("workers = 2", "workers = 24"))
    held = [len(os.listdir(f"/proc/{pid}/fd")) for pid in proxy.processes()["mailreeve-worker"]]
    print(held)
    assert len(held) == 24 and max(held) <= 48


def test_master_without_descriptors_does_not_spin(site, pki):
    """... nor does it when the limit is lowered under it."""
    Fake(site, "10.0.0.11", 1143, echo)
    proxy = Mailreeve(site, pki, CONF)
    pid = proxy.process.pid
    room = len(os.listdir(f"/proc/{pid}/fd"))
    highest = max(int(fd) for fd in os.listdir(f"/proc/{pid}/fd"))
    old = resource.prlimit(pid, resource.RLIMIT_NOFILE, (1, 20000))
    sock = connect(PROXY, 143)
    proxy.said("cannot accept connections: Too many open files; trying again")
    before = cpu(pid)
    time.sleep(1)
    assert cpu(pid) - before < 0.2
    assert readable([sock]) == []
    resource.prlimit(pid, resource.RLIMIT_NOFILE, old)
    assert lines(sock) == [ECHO]
    sock.close()
    assert room <= highest + 1


def test_control_socket_without_descriptors_does_not_spin(site, pki):
    """... and answers when there are some again."""
    proxy = Mailreeve(site, pki, CONF)
    pid = proxy.process.pid
    old = resource.prlimit(pid, resource.RLIMIT_NOFILE, (1, 20000))
    answers = []
    asks = [threading.Thread(target=lambda: answers.append(proxy.info()), daemon=True)
            for _ in range(3)]
    for thread in asks:
        thread.start()
    time.sleep(0.2)
    before = cpu(pid)
    time.sleep(1)
    assert cpu(pid) - before < 0.2
    assert answers == []
    resource.prlimit(pid, resource.RLIMIT_NOFILE, old)
    for thread in asks:
        thread.join(20)
    assert len(answers) == 3


def test_stderr_that_nobody_reads_blocks_nobody(site, pki):
    Fake(site, "10.0.0.11", 1143, echo)
    reading, writing = os.pipe()
    config = site.write("mailreeve.conf", configuration(site, pki, CONF))
    process = subprocess.Popen([BUILD / "mailreeve", "-c", config, "-L", BUILD],
                               stdin=subprocess.DEVNULL, stdout=writing, stderr=writing)
    os.close(writing)
    try:
        log = b""
        while b" ready\n" not in log:
            log += os.read(reading, 4096)
        # Nobody reads from here on.  Each connection is a line of some 350 bytes.
        for number in range(600):
            with connect(PROXY, 143) as sock:
                assert lines(sock) == [ECHO]
                if number % 100 == 0:
                    Traffic.talk(sock, b"hello\r\n")
        os.set_blocking(reading, False)
        deadline = time.monotonic() + 20
        while b"log lines dropped" not in log and time.monotonic() < deadline:
            try:
                log += os.read(reading, 65536)
            except BlockingIOError:
                time.sleep(0.05)
        assert b"log lines dropped: stderr is blocked" in log
        assert b"\n\n" not in log and all(line.startswith(b"time=") for line in log.splitlines())
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        os.close(reading)
