# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""A reload's answer: everything that is wrong, and for whoever asked what it is about."""
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess

import pytest

from lib.clients import connect, lines
from lib.fakes import Fake
from lib.mailreeve import BUILD, Mailreeve, check
from lib.manager import Manager
from lib.pki import openssl
from lib.site import PROXY, wait_until
from lib.traffic import ECHO, echo

GOOD = """
frontends = ( { name = "plain"; bind = "192.0.2.10:%(port)s"; backend = "back"; } );
backends = ( { name = "back"; servers = "10.0.0.11:143"; check = { type = "none"; }; } );
"""

# One thing is wrong on each line of these; what is said of it, the file and line before it aside.
TEXT = """
frontends = ( { name = "plain"; bind = "192.0.2.10:143"; backend = "bakc"; },
  { name = "tls"; bind = "192.0.2.10:993"; backend = "back";
    timeouts = { idle = 31; }; } );
backends = ( { name = "back"; servers = "10.0.0.11:143"; crt = "x"; } );
"""
TEXT_SAYS = {2: 'frontend "plain": no backend "bakc"; did you mean "back"', 4: r"idle = 31 has no unit",
             5: 'unknown key "crt"'}
FILES = """
frontends = ( { name = "plain"; bind = "192.0.2.10:587"; backend = "back"; },
  { name = "one"; bind = "192.0.2.10:993"; backend = "back";
    tls = { certificates = "$dir/none.pem"; }; },
  { name = "two"; bind = "192.0.2.10:994"; backend = "back";
    tls = { certificates = "$dir/encrypted.pem"; }; } );
backends = ( { name = "back"; servers = "10.0.0.11:143"; check = { type = "none"; }; } );
user = "nobody-has-this-name";
"""
FILES_SAY = {2: r"cannot listen on 192.0.2.10:587: in use", 4: r"\S*/none.pem: No such file",
             6: r"\S*/encrypted.pem: the key is encrypted; write it without a pass phrase",
             8: 'user "nobody-has-this-name" does not exist; create it: useradd '}
CHILDREN = """
frontends = (
  { name = "one"; bind = "192.0.2.10:993"; backend = "back";
    tls = { certificates = "$dir/pair.crt"; }; },
  { name = "two"; bind = "192.0.2.10:994"; backend = "back";
    tls = { certificates = "$dir/cut.pem"; }; },
  { name = "three"; bind = "192.0.2.10:995"; backend = "back";
    tls = { certificates = "$dir/weak.pem"; }; },
  { name = "four"; bind = "192.0.2.10:996"; backend = "back";
    tls = { certificates = [ "$pki/mail", "$dir/garbage.pem" ]; }; } );
backends = ( { name = "back"; servers = "10.0.0.11:143"; check = { type = "none"; };
    tls = { verify = "none"; certificate = "$dir/pair.crt"; key = "$dir/pair.key"; }; } );
"""
CHILDREN_SAY = {
    4: r"\S*/pair.key \(EC P-256\) does not belong to \S*/pair.crt \(EC P-256\)",
    6: r"\S*/cut.pem: no private key in it can be read",
    8: r"\S*/weak.pem: a key of the kind RSA 1024 is not usable; use EC P-256",
    10: r"\S*/garbage.pem: certificate 1 in it cannot be read",
    12: r"\S*/pair.key \(EC P-256\) does not belong to \S*/pair.crt \(EC P-256\)"}
CASES = {"text": (TEXT, TEXT_SAYS), "files": (FILES, FILES_SAY), "children": (CHILDREN, CHILDREN_SAY)}


def bad_files(site, pki):
    shutil.copy(pki.chain("mail"), site.path("pair.crt"))
    shutil.copy(pki.key("backend"), site.path("pair.key"))
    chain = open(pki.chain("mail"), encoding="ascii").read()
    begin, end = ("-----%s PRIVATE KEY-----\n" % word for word in ("BEGIN", "END"))
    site.write("cut.pem", f"{chain}{begin}MIGHAgEAMBMGByqGSM49AgE\n{end}", 0o600)
    site.write("garbage.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
               + open(pki.key("mail"), encoding="ascii").read(), 0o600)
    weak = site.path("weak.pem")
    openssl("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=weak", "-days", "30",
            "-keyout", site.path("weak.key.only"), "-out", weak)
    site.write("weak.pem", weak.read_text() + site.path("weak.key.only").read_text(), 0o600)
    openssl("pkcs8", "-topk8", "-in", pki.key("mail"), "-passout", "pass:x", "-out",
            site.path("secret"))
    site.write("encrypted.pem", chain + site.path("secret").read_text(), 0o600)


def expected(says):
    return [rf"\S*/mailreeve.conf:{line}: {words}" for line, words in says.items()]


def assert_all(says, text):
    """Each of them is said, in a line of its own, and nothing else is but warnings."""
    found = [line for line in text.splitlines() if not line.startswith("warning: ")]
    for pattern in expected(says):
        assert [line for line in found if re.match(pattern, line)], f"{pattern} not in\n{text}"
    assert len(found) == len(says), text


def verdict(proxy):
    """mailreevectl's exit status for `status`, and the first line."""
    done = subprocess.run([BUILD / "mailreevectl", "-s", proxy.control_socket, "status"],
                          stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    return done.returncode, done.stdout.splitlines()[0]


@pytest.mark.parametrize("case", CASES)
def test_everything_that_is_wrong_is_answered(site, pki, case):
    text, says = CASES[case]
    bad_files(site, pki)
    holder = socket.create_server((PROXY, 587))
    Fake(site, "10.0.0.11", 143, echo)
    manager = Manager(site)
    proxy = Mailreeve(site, pki, GOOD % {"port": 143}, env=manager.environment())
    wait_until(lambda: "READY=1" in manager.said, "READY")
    proxy.rewrite(text)
    answer = proxy.control("reload")
    assert answer.startswith("error: ")
    assert_all(says, answer.removeprefix("error: "))
    # The log has each of them once, then in one line what it means; so has the manager.
    log = proxy.log.read_text()
    for pattern in expected(says):
        assert len(re.findall(rf"(?m)^time=\S+ {pattern}", log)) == 1, pattern
    first = answer.splitlines()[0].removeprefix("error: ")
    brief = f"{first} (and {len(says) - 1} more)"
    assert f"not reloaded, keeping the old configuration: {brief}" in log
    assert proxy.info()["Reload_error"] == brief
    code, status = verdict(proxy)
    assert code == 1 and re.fullmatch(r"WARNING: reload refused \d\d:\d\d: " + re.escape(brief), status)
    said = wait_until(lambda: [line for line in manager.said if "; not reloaded: " in line],
                      "the reason in STATUS")[0]
    assert first[:60] in said and said.endswith(f" (and {len(says) - 1} more)")
    # The same again, through the program; and the service goes on.
    done = subprocess.run([BUILD / "mailreevectl", "-s", proxy.control_socket, "reload"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60,
                          check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert_all(says, done.stderr.removeprefix("mailreevectl: "))
    done = subprocess.run([BUILD / "mailreevectl", "--json", "-s", proxy.control_socket, "reload"],
                          stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    assert_all(says, json.loads(done.stdout)["error"])
    with connect(PROXY, 143) as sock:
        assert lines(sock) == [ECHO]
    assert proxy.info()["Generation"] == "1"
    # mailreeve -t says the same, but opens no port.
    done = check(site, pki, text, name="mailreeve.conf")
    assert done.returncode == 1
    says = {line: words for line, words in says.items() if "cannot listen" not in words}
    assert_all(says, done.stdout)
    proxy.rewrite(GOOD % {"port": 143})
    assert proxy.control("reload") == "reloaded: generation 1\n"
    assert proxy.info()["Reload_error"] == "-"
    assert verdict(proxy) == (0, "OK: 1 of 1 servers up")
    holder.close()


def test_more_errors_than_anybody_reads(site, pki):
    proxy = Mailreeve(site, pki, GOOD % {"port": 143})
    proxy.rewrite(GOOD % {"port": 143} + "".join(f"x{n} = 1;\n" for n in range(1000)))
    answer = proxy.control("reload").splitlines()
    assert len(answer) == 257 and answer[-1] == "and 744 more; mailreeve -t prints all"
    assert 'unknown key "x255"' in answer[-2]


@pytest.mark.parametrize("log", ['{ }', '{ format = "json"; level = "error"; }'])
def test_check_has_one_form_for_all(site, pki, log):
    """Warnings of the children stand among the master's own, whatever the log is like."""
    shutil.copytree(pki.directory / "mail", site.path("many/mail"))
    shutil.copytree(pki.directory / "other", site.path("many/broken"))
    shutil.copy(pki.key("mail"), site.path("many/broken/privkey.pem"))
    done = check(site, pki, """
frontends = ( { name = "plain"; bind = "192.0.2.10:993"; backend = "back"; },
  { name = "tls"; bind = "192.0.2.10:994"; backend = "back";
    tls = { certificates = [ "$dir/many", "$pki/expired" ]; }; } );
backends = ( { name = "back"; servers = "127.0.0.1:143"; check = { type = "none"; }; } );
log = %s;
""" % log)
    assert done.returncode == 0
    said = done.stdout.splitlines()
    assert said.pop() == "configuration ok"
    where = r"\S*/checked.conf:\d+: "
    wanted = [rf"warning: {where}.*993 begin with TLS, and there is no tls group", rf"warning: {where}.*expired on 2020-02-01",
              rf"warning: {where}\S*/fullchain.pem: the certificate of its issuer, \"ca\", is not in the file",
              rf"{where}\S*/privkey.pem .* does not belong to .*; left out"]
    for pattern in wanted:
        assert [line for line in said if re.match(pattern, line)], f"{pattern} not in {said}"
    assert len(said) == len(wanted), said


def rows(proxy):
    return [line.split() for line in proxy.control("show workers").splitlines()[1:]]


class Asked:
    """A command whose answer is not waited for yet."""

    def __init__(self, proxy, command):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(str(proxy.control_socket))
        self.sock.sendall(command.encode() + b"\n")

    def is_answered(self):
        return bool(select.select([self.sock], [], [], 0)[0])

    def answer(self):
        with self.sock:
            text = b""
            while data := self.sock.recv(65536):
                text += data
        return text.decode().removesuffix("\n")


def halfway(proxy, port):
    """A reload that is under way, and the process that it waits for."""
    for _ in range(100):
        was = proxy.info()["Generation"]
        proxy.rewrite(MANY % {"port": port})
        first = Asked(proxy, "reload")
        starting = []
        while not first.is_answered() and not starting:
            starting = [int(row[3]) for row in rows(proxy) if row[4] == "starting"]
        for pid in starting[-1:]:
            os.kill(pid, signal.SIGSTOP)
            if any(int(row[3]) == pid and row[4] == "starting" for row in rows(proxy)):
                return first, pid
            os.kill(pid, signal.SIGCONT)
        assert first.answer() == f"reloaded: generation {int(was) + 1}\n"
        port += 1
    raise AssertionError("no reload was ever seen under way")


MANY = "workers = 8;\n" + GOOD


@pytest.mark.parametrize("second", ["good", "bad", "same", "signal"])
def test_reload_while_one_is_under_way(site, pki, second):
    """The file as it is when the second one is asked for is what the second answer is about."""
    Fake(site, "10.0.0.11", 143, echo)
    proxy = Mailreeve(site, pki, GOOD % {"port": 143})
    first, stopped = halfway(proxy, 1000)
    generation = int(proxy.info()["Generation"])
    proxy.rewrite(MANY % {"port": 2000 if second != "bad" else "none"})
    if second == "signal":
        proxy.send(signal.SIGHUP)
    asked = [Asked(proxy, "reload") for _ in range(2 if second == "same" else 1)]
    # All that is asked has been read when another question is answered.
    assert proxy.info()["Generation"] == str(generation)
    assert not first.is_answered() and not any(a.is_answered() for a in asked)
    os.kill(stopped, signal.SIGCONT)
    assert first.answer() == f"reloaded: generation {generation + 1}\n"
    answers = [a.answer() for a in asked]
    info = proxy.info()
    if second == "bad":
        assert re.match(r"error: \S*/mailreeve.conf:\d+: .*192.0.2.10:none", answers[0])
        assert info["Generation"] == str(generation + 1) and info["Reload_error"] != "-"
    else:
        # However many asked meanwhile, it is read once more.
        assert set(answers) == {f"reloaded: generation {generation + 2}\n"}
        assert info["Generation"] == str(generation + 2) and info["Config_differs"] == "no"
        with connect(PROXY, 2000) as sock:
            assert lines(sock) == [ECHO]
    wait_until(lambda: {row[0] for row in rows(proxy)} == {info["Generation"]},
               "older generations to end")
    proxy.baseline = proxy.descriptors()


def test_who_waits_for_a_reload_hears_of_a_stop(site, pki):
    proxy = Mailreeve(site, pki, GOOD % {"port": 143})
    first, stopped = halfway(proxy, 1000)
    second = Asked(proxy, "reload")
    assert "Generation" in proxy.info()
    proxy.baseline = None
    proxy.send(signal.SIGTERM)
    assert first.answer() == "error: stopping\n"
    assert second.answer() == "error: stopping\n"
    wait_until(lambda: proxy.process.poll() is not None, "the end")
    assert proxy.process.returncode == 0
    assert stopped not in proxy.site.processes()
    assert "could not be started" not in proxy.log.read_text()
