# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Servers by name: hosts, DNS well and unwell, and addresses that change."""
import ctypes
import re
import time

import pytest

from lib.checker import Checker
from lib.fake_dns import FakeDns
from lib.fakes import Fake
from lib.site import SERVERS, SERVERS6, wait_until

DNS = "10.0.0.20"
RESOLV = f"nameserver {DNS}\nsearch example.org\noptions timeout:1 attempts:1\n"
NAME = "dovecot.example.org"
CONF = """
frontends = ( { name = "front"; bind = "192.0.2.10:143"; backend = "back"; } );
backends = ( { name = "back"; protocol = "pop3"; send_proxy = "none";
    servers = ( %s ); check = { interval = "300ms"; }; } );
"""
SERVER = '{ name = "%s"; address = "%s:1110"; %s }'


def pop3(_fake, sock):
    sock.sendall(b"+OK\r\n")
    sock.recv(100)
    sock.sendall(b"+OK\r\n")


def conf(*servers):
    return CONF % ",".join(servers)


def one(host=NAME, more="", name="s"):
    return SERVER % (name, host, more)


def addresses(checker, server="back/s"):
    """The latest addresses of a server."""
    reports = checker.reports("addresses", server)
    return reports[-1][3:-2] if reports else []


def wait_for(checker, *wanted, server="back/s", seconds=20):
    wait_until(lambda: addresses(checker, server) == [f"{a}:1110" for a in wanted],
               f"addresses {wanted}", seconds)


@pytest.fixture
def servers(site):
    """POP3 servers on three addresses, one of them IPv6."""
    return [Fake(site, address, 1110, pop3) for address in (SERVERS[0], SERVERS[1], SERVERS6[0])]


def test_hosts(site, pki, servers):
    """/etc/hosts first, without a question to DNS."""
    dns = FakeDns(site, DNS, {NAME: [SERVERS[1]]})
    checker = Checker(site, pki, conf(one()), hosts=f"{SERVERS[0]} x Dovecot.Example.ORG\n",
                      resolv=RESOLV)
    wait_for(checker, SERVERS[0])
    assert checker.result("back/s+0").ok
    assert dns.asked == []


@pytest.mark.parametrize("way", ["", "truncated", "alias", "slow"])
def test_addresses(site, pki, servers, way):
    """IPv4 and IPv6, asked again when the time to live is over, never before 5 s."""
    dns = FakeDns(site, DNS, {NAME: [SERVERS6[0], SERVERS[1], SERVERS[0]]}, ttl=1)
    dns.ways.add(way)
    checker = Checker(site, pki, conf(one(), one(more='resolve = "all";', name="all")), resolv=RESOLV)
    wait_for(checker, SERVERS[0])
    wait_until(lambda: sorted(a.rpartition(":")[0] for a in addresses(checker, "back/all")) ==
               sorted([SERVERS[0], SERVERS[1], f"[{SERVERS6[0]}]"]), "all three addresses")
    for server in ("back/s+0", "back/all+0", "back/all+1", "back/all+2"):
        assert checker.result(server).ok
    if way:
        return
    udp = dns.questions(NAME)
    assert len(udp) == 4
    wait_until(lambda: len(dns.questions(NAME)) >= 8, "the next questions", 10)
    assert 4.9 < dns.questions(NAME)[4][0] - udp[0][0] < 9
    # Ids that can be guessed would let anybody answer.
    assert len(set(dns.ids)) == len(dns.ids) and max(dns.ids) - min(dns.ids) > 1000


def test_change(site, pki, servers):
    """An address stays as long as the answer has it; then another, without a reload."""
    dns = FakeDns(site, DNS, {NAME: [SERVERS[1]]})
    checker = Checker(site, pki, conf(one(), one(more='resolve = "all";', name="all")), resolv=RESOLV)
    wait_for(checker, SERVERS[1])
    assert checker.result("back/s+0").ok
    dns.zone[NAME] = [SERVERS[0], SERVERS[1], SERVERS[2]]
    wait_for(checker, SERVERS[1], SERVERS[0], SERVERS[2], server="back/all")
    assert addresses(checker) == [f"{SERVERS[1]}:1110"]
    dns.zone[NAME] = [SERVERS[0], SERVERS[2]]
    wait_for(checker, SERVERS[0])
    wait_for(checker, SERVERS[0], SERVERS[2], server="back/all")


def test_down_is_asked_for(site, pki):
    """A server that is down may be elsewhere: DNS is asked every 5 s, whatever the TTL says."""
    fake = Fake(site, SERVERS[0], 1110, pop3)
    Fake(site, SERVERS[1], 1110, pop3)
    dns = FakeDns(site, DNS, {NAME: [SERVERS[0]]}, ttl=3600)
    checker = Checker(site, pki, conf(one()), resolv=RESOLV)
    assert checker.result("back/s+0").ok
    fake.stop()
    checker.result("back/s+0", lambda r: r.state == "down")
    wait_until(lambda: len(dns.questions(NAME)) >= 6, "two more rounds of questions", 15)
    asked = [q[0] for q in dns.questions(NAME) if q[2] == "A"]
    assert all(later - earlier > 4.9 for earlier, later in zip(asked, asked[1:])), asked
    dns.zone[NAME] = [SERVERS[1]]
    wait_for(checker, SERVERS[1], seconds=8)
    up = checker.result("back/s+0", lambda r: r.state == "up" and r.at > 5000)
    # Well again: the time to live counts.
    time.sleep(max(0, 6 - (time.monotonic() - dns.questions(NAME)[-1][0])))
    count = len(dns.questions(NAME))
    time.sleep(6)
    assert len(dns.questions(NAME)) == count and up.ok


def test_suspicion_and_reload_ask(site, pki, servers):
    """A failed connect of a client, and a reload that changes nothing."""
    dns = FakeDns(site, DNS, {NAME: [SERVERS[0]]}, ttl=3600)
    checker = Checker(site, pki, conf(one()).replace('interval = "300ms"', 'type = "none"'),
                      resolv=RESOLV)
    wait_for(checker, SERVERS[0])
    dns.zone[NAME] = [SERVERS[1]]
    checker.command("now 0")
    wait_for(checker, SERVERS[1], seconds=8)
    dns.zone[NAME] = [SERVERS[0]]
    checker.command("again")
    wait_for(checker, SERVERS[0], seconds=2)


def test_late_resolver(site, pki, servers):
    """DNS that comes up after us makes no server down in the first seconds."""
    dns = FakeDns(site, DNS, {NAME: [SERVERS[0]]})
    dns.ways.add("silent")
    checker = Checker(site, pki, conf(one()), resolv=f"nameserver {DNS}\n")
    wait_until(lambda: len([q for q in dns.questions(NAME) if q[2] == "A"]) >= 3, "three rounds", 4)
    dns.ways.clear()
    checker.result("back/s+0", lambda r: r.state == "up")
    assert all(r.ok for r in checker.results())
    assert "dns=failed" not in checker.out.read_text()


def test_no_answer_for_ipv6(site, pki, servers):
    """An answer for IPv4 serves without the one for IPv6."""
    dns = FakeDns(site, DNS, {NAME: [SERVERS[0], SERVERS6[0]]})
    dns.ways.add("mute-ipv6")
    resolv = f"nameserver {DNS}\noptions timeout:30 attempts:5\n"
    checker = Checker(site, pki, conf(one(), one(more='resolve = "all";', name="all")), resolv=resolv)
    wait_for(checker, SERVERS[0], seconds=0.9)
    assert checker.result("back/all+0").ok
    # What IPv6 had is not taken away by a question that is still open.
    dns.ways.clear()
    wait_for(checker, SERVERS[0], f"[{SERVERS6[0]}]", server="back/all", seconds=9)
    dns.ways.add("mute-ipv6")
    dns.zone[NAME] = [SERVERS[1], SERVERS6[0]]
    wait_until(lambda: set(addresses(checker, "back/all")) ==
               {f"{SERVERS[1]}:1110", f"[{SERVERS6[0]}]:1110"}, "the new address beside the old", 9)


def test_search_list(site, pki, servers):
    """A short name in the domain of resolv.conf; a name in no domain is asked as it is."""
    dns = FakeDns(site, DNS, {NAME: [SERVERS[0]]})
    checker = Checker(site, pki, conf(one("dovecot")), resolv=RESOLV)
    wait_for(checker, SERVERS[0])
    assert {q[1] for q in dns.asked} == {NAME}
    assert checker.result("back/s+0").ok


TIMEOUT = "DNS: Timeout while contacting DNS servers"
NOTHING = "DNS: no useful answer from any name server"
MISFORMATTED = "DNS: Misformatted DNS reply"
# What c-ares 1.18 makes of it, and 1.34 where that is something else.
UNWELL = {
    "silent": (TIMEOUT,),
    "garbage": (TIMEOUT, MISFORMATTED),
    "cut": (NOTHING, TIMEOUT),
    "loop": (MISFORMATTED,),
    "wrong-id": (TIMEOUT,),
    "wrong-question": (TIMEOUT,),
    "servfail": (NOTHING, "DNS: DNS server returned general failure"),
    "refused": (NOTHING, "DNS: DNS server refused query"),
    "nxdomain": ("DNS: no such name",),
}


def cares_version():
    library = ctypes.CDLL("libcares.so.2")
    library.ares_version.restype = ctypes.c_char_p
    return tuple(map(int, library.ares_version(None).decode().split(".")))


@pytest.mark.parametrize("way", UNWELL)
def test_never_an_answer(site, pki, servers, way):
    """Down with a reason, never a failed start; and well as soon as DNS is."""
    dns = FakeDns(site, DNS, {NAME: [SERVERS[0]]})
    dns.ways.add(way)
    checker = Checker(site, pki, conf(one()), resolv=RESOLV)
    down = checker.result("back/s+0", lambda r: r.state == "down")
    assert down.text.startswith(UNWELL[way][-1 if cares_version() >= (1, 34) else 0]), down
    dns.ways.clear()
    checker.result("back/s+0", lambda r: r.state == "up")


@pytest.mark.parametrize("way", ["silent", "garbage", "servfail", "nxdomain"])
def test_last_good_answer(site, pki, servers, way):
    """What was known stays known while DNS is unwell."""
    dns = FakeDns(site, DNS, {NAME: [SERVERS[0]]})
    checker = Checker(site, pki, conf(one()), resolv=RESOLV)
    wait_for(checker, SERVERS[0])
    dns.ways.add(way)
    asked = len(dns.asked)
    wait_until(lambda: len(dns.asked) > asked + 1 and "dns=failed" in checker.out.read_text(),
               "a failure in the log")
    time.sleep(0.7)
    assert addresses(checker) == [f"{SERVERS[0]}:1110"]
    assert all(r.ok for r in checker.results())


def test_one_family_fails(site, pki, servers):
    """Servers whose family cannot be asked for are not thrown away."""
    dns = FakeDns(site, DNS, {NAME: [SERVERS[0], SERVERS6[0]]})
    checker = Checker(site, pki, conf(one(more='resolve = "all";')), resolv=RESOLV)
    wait_for(checker, SERVERS[0], f"[{SERVERS6[0]}]")
    dns.ways.add("no-ipv6")
    dns.zone[NAME] = [SERVERS[1]]
    wait_until(lambda: set(addresses(checker)) == {f"{SERVERS[1]}:1110", f"[{SERVERS6[0]}]:1110"},
               "the new IPv4 address beside the old IPv6 one")


def test_no_address(site, pki):
    """The name is there, but has no address."""
    FakeDns(site, DNS, {NAME: []})
    checker = Checker(site, pki, conf(one()), resolv=RESOLV)
    assert checker.result("back/s+0", lambda r: r.state == "down").text == \
        "DNS: the name has no address"


def test_nobody_answers(site, pki):
    """No name server at all."""
    checker = Checker(site, pki, conf(one()), resolv=RESOLV)
    assert checker.result("back/s+0", lambda r: r.state == "down").text.startswith("DNS: ")


def test_thousands_of_records(site, pki, servers):
    """Three thousand addresses in one answer: 32 of them, those that were there first."""
    many = [f"10.9.{n // 250}.{n % 250 + 1}" for n in range(3000)]
    dns = FakeDns(site, DNS, {NAME: [SERVERS[0], SERVERS[1]]})
    checker = Checker(site, pki, conf(one(more='resolve = "all";')), resolv=RESOLV)
    wait_for(checker, SERVERS[0], SERVERS[1])
    dns.zone[NAME] = many + [SERVERS[1]]
    wait_for(checker, SERVERS[1], *sorted(many, key=lambda a: [int(p) for p in a.split(".")])[:31])
    assert dns.questions(NAME)[-1][3] == "tcp" or any(q[3] == "tcp" for q in dns.asked)


def test_forty_addresses(site, pki):
    """The first 32 serve, and the log names the next one; when one goes, that one comes in."""
    many = [f"10.9.0.{n}" for n in range(1, 41)]
    dns = FakeDns(site, DNS, {NAME: many})
    checker = Checker(site, pki, conf(one(more='resolve = "all"; check = false;')), resolv=RESOLV)

    def named():
        return re.findall(r"server=back/s name=\S+ address=(\S+) why=\"the name has more than 32 addr",
                          checker.out.read_text())
    wait_for(checker, *many[:32])
    assert named() == ["10.9.0.33"]
    dns.zone[NAME] = many[1:]
    wait_for(checker, *many[1:33])
    assert named() == ["10.9.0.33", "10.9.0.34"]
    dns.zone[NAME] = many[1:33]
    asked = len(dns.asked)
    wait_until(lambda: len(dns.asked) >= asked + 4, "two more questions", 20)
    assert named() == ["10.9.0.33", "10.9.0.34"]
    assert addresses(checker) == [f"{a}:1110" for a in many[1:33]]


@pytest.mark.timeout(300)
def test_told_until_it_is_there(site, pki):
    """An answer that the board does not have yet is told again with the next one, also where it
    has as many other addresses: those may be draining, and a place be free by then."""
    many = [f"10.9.0.{n}" for n in range(1, 65)]
    dns = FakeDns(site, DNS, {NAME: many[:32]})
    checker = Checker(site, pki, conf(one(more='resolve = "all"; check = false;')), resolv=RESOLV)
    wait_for(checker, *many[:32])
    checker.command("pause 20000")  # the board stays what it is
    dns.zone[NAME] = many[32:]
    wait_until(lambda: len(checker.reports("addresses")) > 2, "two more reports", 40)
    assert addresses(checker) == [f"{a}:1110" for a in many[32:]]


def test_thousands_of_names(site, pki, servers):
    """Two thousand names, every second one unknown: all are settled, and none waits for another.
    A thousand threads of one Python greet, which takes its time where others work as well."""
    names = {f"n{n}.example.org": [SERVERS[0]] for n in range(0, 2000, 2)}
    FakeDns(site, DNS, names, ttl=60)
    checker = Checker(site, pki, conf(*[
        SERVER % (f"n{n}", f"n{n}.example.org", "check_port = 1110;") for n in range(2000)
    ]).replace('"300ms";', '"2s"; timeout = "60s";'),
        resolv=RESOLV.replace("timeout:1 attempts:1", "timeout:5 attempts:3"))
    wait_until(lambda: len([r for r in checker.reports("addresses") if len(r) > 5]) == 1000,
               "all the addresses", 100)
    wait_until(lambda: len({r.server for r in checker.results()}) == 2000, "a result of each", 100)
    for r in checker.results():
        known = int(r.server.split("/n")[1].split("+")[0]) % 2 == 0
        assert r.ok == known and (known or r.text == "DNS: no such name"), r
