# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""A restart under a service manager that keeps the ports: one master goes, another comes, and
neither who connects nor who is connected notices."""
import shutil
import signal
import socket
import threading
import time

import pytest

from lib.clients import connect, context, lines
from lib.fakes import Fake
from lib.mailreeve import BUILD, Mailreeve
from lib.manager import Manager
from lib.site import PROXY, wait_until
from lib.traffic import ECHO, Traffic, echo

CONF = """
frontends = ( { name = "front"; bind = "192.0.2.10:993"; backend = "back";
    tls = { certificates = "$pki/mail"; }; },
  { name = "plain"; bind = %s; backend = "back"; } );
backends = ( { name = "back"; servers = "10.0.0.11:1143"; check = { %s }; } );
"""


def conf(bind='"*:143"', check='type = "none";'):
    return CONF % (bind, check)


def rows(proxy):
    table = [line.split() for line in proxy.control("show workers").splitlines()[1:]]
    return [row for row in table if row[1] == "worker"]


def leave(proxy, *signals):
    """The master goes, as the unit's helper has it go."""
    for number in (signal.SIGURG, *signals):
        proxy.send(number)
    wait_until(lambda: proxy.process.poll() is not None, "the master to go")
    assert proxy.process.returncode == 0


def come(proxy, manager):
    with open(proxy.log, "a", encoding="utf-8") as stderr:
        proxy.process = manager.start(
            [BUILD / "mailreeve", "-c", proxy.config, "-L", BUILD], stderr)


def serves(proxy, generation):
    proxy.said(rf"generation {generation} serves")
    wait_until(proxy.control_socket.exists, "its control socket")


def test_nobody_is_refused(site, pki):
    Fake(site, "10.0.0.11", 1143, echo)
    manager = Manager(site)
    proxy = Mailreeve(site, pki, conf(), env=manager.environment())
    stayers = [connect(PROXY, 993, context(pki)) for _ in range(6)]
    for sock in stayers:
        assert lines(sock) == [ECHO]
    secure = Traffic(context(pki), port=993, stayers=4, threads=2)
    plain = Traffic(port=143, stayers=4, threads=2)
    restarts = 4
    for number in range(restarts):
        time.sleep(0.3)
        start = time.monotonic()
        # The manager's own TERM may follow before the first signal has been looked at.
        leave(proxy, *([signal.SIGTERM] if number % 2 else []))
        came = time.monotonic()
        come(proxy, manager)
        serves(proxy, number + 2)
        print(f"gone after {came - start:.2f} s, the next serves after {time.monotonic() - start:.2f} s")
    for sock in stayers:
        Traffic.talk(sock, b"still here\r\n")
    failures = secure.stop() + plain.stop()
    print(f"{secure.count + plain.count} connections, the slowest took "
          f"{max(secure.slowest, plain.slowest):.2f} s")
    assert failures == []
    for sock in stayers:
        sock.close()
    wait_until(lambda: {row[0] for row in rows(proxy)} == {str(restarts + 1)}, "old workers to end")
    assert len([line for line in proxy.raw() if line.endswith("Z left to the next master")]) == restarts
    proxy.baseline = proxy.descriptors()


def test_bytes_in_flight_arrive(site, pki):
    size = 8 << 20

    def flood(fake, sock):
        fake.header(sock)
        sock.sendall(ECHO)
        lines(sock)
        sock.sendall(b"x" * size)

    Fake(site, "10.0.0.11", 1143, flood)
    manager = Manager(site)
    proxy = Mailreeve(site, pki, conf(), env=manager.environment())
    sock = connect(PROXY, 993, context(pki))
    assert lines(sock) == [ECHO]
    sock.sendall(b"go\r\n")
    got = len(sock.recv(1000))
    leave(proxy)
    come(proxy, manager)
    serves(proxy, 2)
    while data := sock.recv(1 << 16):
        got += len(data)
    assert got == size
    sock.close()
    wait_until(lambda: {row[0] for row in rows(proxy)} == {"2"}, "old workers to end")
    proxy.baseline = proxy.descriptors()


def test_states_of_servers_go_on(site, pki):
    """Nobody waits for the first checks, or is refused because one of them fails."""
    Fake(site, "10.0.0.11", 1143, echo)
    checked = Fake(site, "10.0.0.11", 1144, echo)
    manager = Manager(site)
    proxy = Mailreeve(site, pki, conf(check='type = "tcp"; port = 1144; interval = "20s"; fall = 2;'
                                            'send_proxy = "none";'), env=manager.environment())
    proxy.said("state=up")
    checked.stop()
    leave(proxy)
    come(proxy, manager)
    serves(proxy, 2)
    proxy.said(r" ready$", 2)
    with connect(PROXY, 143) as sock:
        assert lines(sock) == [ECHO]
    assert len([line for line in proxy.raw() if "state=" in line]) == 1
    proxy.baseline = proxy.descriptors()


def test_a_port_that_moves(site, pki):
    """The new file has another address for it; who came while nobody accepted is served."""
    Fake(site, "10.0.0.11", 1143, echo)
    manager = Manager(site)
    proxy = Mailreeve(site, pki, conf(), env=manager.environment())
    for generation, bind in enumerate(('"192.0.2.10:143"', '"*:143"'), 2):
        proxy.rewrite(conf(bind))
        leave(proxy)
        waiting, greeted = connect(PROXY, 143), []
        thread = threading.Thread(target=lambda s=waiting, g=greeted: g.extend(lines(s)), daemon=True)
        thread.start()
        come(proxy, manager)
        serves(proxy, generation)
        thread.join(20)
        assert greeted == [ECHO]
        waiting.close()
        with connect(PROXY, 143) as sock:
            assert lines(sock) == [ECHO]
        assert len([name for name in manager.store if name.startswith("l-143-")]) == 1
    wait_until(lambda: {row[0] for row in rows(proxy)} == {"3"}, "old workers to end")
    proxy.baseline = proxy.descriptors()


def test_without_a_manager_there_is_nobody_to_leave_to(site, pki):
    Fake(site, "10.0.0.11", 1143, echo)
    proxy = Mailreeve(site, pki, conf())
    proxy.send(signal.SIGURG)
    proxy.said("restart ignored: without a service manager")
    with connect(PROXY, 143) as sock:
        assert lines(sock) == [ECHO]


OWN = """
frontends = ( { name = "front"; bind = "192.0.2.10:993"; backend = "back";
    tls = { certificates = "$dir/pair"; }; } );
backends = ( { name = "back"; servers = "10.0.0.11:1143"; check = { type = "none"; }; } );
"""


def break_text(site, proxy):
    proxy.rewrite(OWN.replace("servers =", "serves ="))
    return r"mailreeve\.conf:\d+: .*serves"


def break_certificate(site, proxy):
    for path in site.path("pair").glob("*.pem"):
        if path.name != "privkey.pem":
            path.write_text("half a cert")
    return r"has no certificate"


def take_port(site, proxy):
    proxy.rewrite(OWN.replace("192.0.2.10:993", "192.0.2.10:994"))
    site.other = socket.create_server(("192.0.2.10", 994))
    return r"cannot listen on 192\.0\.2\.10:994"


@pytest.mark.parametrize("refuse", [break_text, break_certificate, take_port])
@pytest.mark.parametrize("way", ["crash", "restart"])
def test_what_ran_goes_on_if_the_file_is_refused(site, pki, refuse, way):
    """... and the store has it for the next crash, too."""
    Fake(site, "10.0.0.11", 1143, echo)
    pair = shutil.copytree(f"{pki.directory}/mail", site.path("pair"))
    manager = Manager(site)
    proxy = Mailreeve(site, pki, OWN, env=manager.environment())
    reason = refuse(site, proxy)
    for generation in 2, 3:
        if way == "crash":
            proxy.process.kill()
            proxy.process.wait()
        else:
            leave(proxy)
        come(proxy, manager)
        serves(proxy, generation)
        proxy.said(r" running the configuration of \S+; the file is refused: .*" + reason,
                   generation - 1)
        with connect(PROXY, 993, context(pki)) as sock:
            assert lines(sock) == [ECHO]
        assert proxy.control("status").startswith("WARNING: ")
        assert len([name for name in manager.store if name.endswith("-keys")]) == 1
    # When it is mended, a reload is all that is needed.
    if hasattr(site, "other"):
        site.other.close()
    shutil.copytree(f"{pki.directory}/mail", pair, dirs_exist_ok=True)
    proxy.rewrite(OWN)
    assert proxy.control("reload").startswith("reloaded: ")
    assert proxy.control("status").startswith("OK: ")
    wait_until(lambda: len({row[0] for row in rows(proxy)}) == 1, "old workers to end")
    proxy.baseline = proxy.descriptors()


STATUS = {
    "text": (OWN.replace("servers =", "serves ="), 78),
    "contents": (OWN.replace("$dir/pair", "$dir/rubbish.pem"), 78),
    "no file": (OWN.replace("$dir/pair", "$dir/none.pem"), 1),
    "no user": ('user = "nobody-of-that-name";\n' + OWN, 1),
    "text and no user": ('user = "nobody-of-that-name";\n'
                         + OWN.replace("$dir/pair", "$dir/rubbish.pem"), 78),
}


@pytest.mark.parametrize("what", STATUS)
def test_exit_status_says_whether_to_try_again(site, pki, what):
    """Nobody has kept anything: the first start insists on the file."""
    shutil.copytree(f"{pki.directory}/mail", site.path("pair"))
    site.write("rubbish.pem", "half a cert")
    text, status = STATUS[what]
    manager = Manager(site)
    proxy = Mailreeve(site, pki, text, env=manager.environment(), wait=False)
    wait_until(lambda: proxy.process.poll() is not None, "the end")
    assert proxy.process.returncode == status
    assert len([line for line in proxy.raw() if "cannot start: " in line]) == 1
