# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""The control socket, by hand and through mailreevectl."""
import grp
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys

import pytest

from lib.clients import connect, context, lines
from lib.fakes import Fake, greets
from lib.mailreeve import BUILD, Mailreeve, check
from lib.site import HOSTNAME, PROXY, wait_until

CONF = """
frontends = ( { name = "imaps"; bind = "192.0.2.10:993"; backend = "dovecot";
    tls = { certificates = "$pki/mail"; }; } );
backends = ( { name = "dovecot"; protocol = "imap"; check = { type = "tcp"; interval = "200ms"; };
    servers = ( { name = "one"; address = "10.0.0.11:143"; }, { name = "two"; address = "10.0.0.12:143"; } ); } );
"""
STATE = ("be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
         "srv_time_since_last_change srv_check_status srv_check_result srv_check_health "
         "srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord "
         "srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port")


def started(site, pki):
    """Server one is up, two is not there."""
    Fake(site, "10.0.0.11", 143, greets(b"* OK\r\n"))
    proxy = Mailreeve(site, pki, CONF)
    proxy.said(r"server=dovecot/two state=down")
    return proxy


def ctl(proxy, *words):
    return subprocess.run([BUILD / "mailreevectl", "-s", proxy.control_socket, *words], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20, check=False)


def test_mode(site, pki):
    """Nobody but root may talk to it."""
    proxy = started(site, pki)
    status = os.stat(proxy.control_socket)
    assert stat.S_IMODE(status.st_mode) == 0o600 and status.st_uid == 0


def test_groups(site, pki):
    """By name or by number; the second socket changes nothing."""
    Fake(site, "10.0.0.11", 143, greets(b"* OK\r\n"))
    proxy = Mailreeve(site, pki, CONF + """control = { socket = "$dir/control.sock"; group = "mail";
        monitor_socket = "$dir/monitor.sock"; monitor_group = "64009"; };""")
    for name, group in (("control.sock", 8), ("monitor.sock", 64009)):
        status = os.stat(site.path(name))
        assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o660, 0, group)
    assert ctl(proxy, "reload").returncode == 0
    proxy.control_socket = site.path("monitor.sock")
    assert ctl(proxy, "show", "info").returncode == 0
    assert ctl(proxy, "reload").stdout == "mailreevectl: this socket is read-only\n"


def test_what_is_no_socket_stays(site, pki):
    precious = site.write("precious", "not a socket")
    done = check(site, pki, CONF + f'control = {{ socket = "{precious}"; }};')
    assert done.returncode == 1 and re.search(
        r'checked\.conf:\d+: socket = "\S*precious" is there already and is not a socket; remove it, '
        r"or name another path$", done.stdout, re.MULTILINE)
    assert precious.read_text() == "not a socket"


PLACES = {
    "socket": ('control = { socket = "$dir/none/x.sock"; };', "socket", "x.sock"),
    "monitor": ('control = { socket = "$dir/x.sock"; monitor_socket = "$dir/none/m.sock"; };',
                "monitor_socket", "m.sock"),
    "state": ('state_directory = "$dir/none/state/";', "state_directory", "state/"),
}


@pytest.mark.parametrize("place", PLACES)
def test_no_directory(site, pki, place):
    """A place that the file names must be one, and is not made on the way."""
    text, key, name = PLACES[place]
    done = check(site, pki, CONF + text)
    assert done.returncode == 1 and re.search(
        rf'checked\.conf:\d+: {key} = "\S*none/{name}": there is no directory (\S*/none); create it: '
        r"mkdir -p \1$", done.stdout, re.MULTILINE)
    assert not site.path("none").exists()
    site.path("none").mkdir()
    assert check(site, pki, CONF + text).returncode == 0
    site.path("none").rmdir()
    site.write("none", "")
    done = check(site, pki, CONF + text)
    assert done.returncode == 1 and "none is not a directory; name another path" in done.stdout


def test_no_directory_while_running(site, pki):
    """A reload with such a socket is refused, and the old one serves."""
    proxy = started(site, pki)
    proxy.rewrite(CONF + 'control = { socket = "$dir/none/x.sock"; };')
    assert "there is no directory" in proxy.control("reload")
    assert not site.path("none").exists()
    assert proxy.control("show info").startswith("Name: ")


def test_servers_state(site, pki):
    """HAProxy's columns: monitoring that was written for it goes on."""
    proxy = started(site, pki)
    version, head, *rows = proxy.control("show servers state").splitlines()
    assert (version, head) == ("1", f"# {STATE}")
    rows = {row[3]: dict(zip(STATE.split(), row)) for row in (line.split(" ") for line in rows if line)}
    assert rows["one"]["srv_op_state"] == "2" and rows["two"]["srv_op_state"] == "0"
    assert rows["one"]["srv_addr"] == "10.0.0.11" and rows["one"]["srv_port"] == "143"
    assert {row["be_name"] for row in rows.values()} == {"dovecot"}


def test_info(site, pki):
    proxy = started(site, pki)
    with connect(PROXY, 993, context(pki)) as sock:
        lines(sock)
        wait_until(lambda: proxy.info()["CurrConns"] == "1", "the connection to be counted")
    wait_until(lambda: proxy.info()["CurrConns"] == "0", "the connection to be over")
    info = proxy.info()
    assert info["Name"] == "Mailreeve" and info["CumConns"] == "1" and info["Generation"] == "1"
    assert info["Pid"] == str(proxy.process.pid) and info["Log_lines_lost"] == "0"


def test_workers(site, pki):
    proxy = started(site, pki)
    head, *rows = proxy.control("show workers").splitlines()
    columns = head.removeprefix("# ").split(" ")
    pids = {dict(zip(columns, row.split(" ")))["pid"] for row in rows if row}
    assert proxy.roots  # else nobody looks whether they go
    assert {str(pid) for pid in proxy.processes()["mailreeve-worker"]} <= pids


def test_help_and_nonsense(site, pki):
    proxy = started(site, pki)
    for command in ("show info", "show servers state", "show workers", "status", "reload"):
        assert command in proxy.control("help")
    for nonsense in ("", "shwo info", "show", "\x1b[2J", "a" * 3000):
        assert proxy.control(nonsense).startswith("error: ")
    assert proxy.info()["Name"] == "Mailreeve"


def test_several_in_a_line(site, pki):
    """One after the other, an answer each with its empty line; one that is wrong stops none."""
    proxy = started(site, pki)

    def ask(line):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(20)
            sock.connect(str(proxy.control_socket))
            sock.sendall(line)
            return sock.makefile().read()

    first, second, third, fourth, rest = ask(b"show workers; nonsense;;reload ; show servers state;\n").split("\n\n")
    assert first.startswith("# generation ") and second.startswith("error: unknown command")
    assert third == "reloaded: generation 1" and fourth.startswith("1\n# be_id ") and rest == ""
    assert ask(b";;\n").startswith("error: unknown command")
    assert ask(b"help;\n") == ask(b"help\n")
    # What would be lost with the program that has read it.
    assert ask(b"upgrade; help\n").startswith("error: upgrade must be the last command of a line\n\nhelp ")
    line = b"show workers;" * 300 + b"help\n"
    assert ask(line).count("\n\n") == 301
    done = ctl(proxy, "show workers; nonsense; show info")
    assert done.returncode == 1
    assert re.match(r"GENERATION  .*\nmailreevectl: unknown command; .*\nName: +Mailreeve\n", done.stdout, re.DOTALL)
    assert ctl(proxy, "show", "shutdown;", "show", "info").returncode == 1


def test_slips(site, pki):
    proxy = started(site, pki)
    assert proxy.control("relaod") == 'error: unknown command; did you mean "reload"?\n'
    assert proxy.control("show info please") == "error: show info takes no arguments\n"


def test_rude_clients(site, pki):
    """Silence, an endless line, a hundred at once: none of it keeps another from an answer."""
    proxy = started(site, pki)
    rude = []
    for n in range(100):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(5)
        try:
            sock.connect(str(proxy.control_socket))
            if n % 2:
                sock.sendall(b"x" * 6000)
        except OSError:
            pass
        rude.append(sock)
    for sock in rude:
        sock.close()

    def answered():
        try:
            return proxy.control("show info").startswith("Name: ")
        except BlockingIOError:  # the queue is still full of them
            return False
    wait_until(answered, "an answer")


ASK = """import socket, sys
sock = socket.socket(socket.AF_UNIX)
sock.settimeout(10)
sock.connect(sys.argv[1])
sock.sendall(sys.argv[2].encode() + b"\\n")
print(sock.makefile().read())"""


def test_monitor(site, pki):
    """Its group may look and no more, nobody else anything, and no number of them is in root's way."""
    monitor = site.path("monitor.sock")
    proxy = Mailreeve(site, pki, CONF + 'control = { socket = "$dir/control.sock"; '
                      'monitor_socket = "$dir/monitor.sock"; monitor_group = "mail"; };')
    os.chmod(monitor.parent, 0o755)
    status = os.stat(monitor)
    assert stat.S_IMODE(status.st_mode) == 0o660 and status.st_gid == grp.getgrnam("mail").gr_gid

    def ask(command, **who):
        return subprocess.run([sys.executable, "-c", ASK, str(monitor), command], text=True, cwd="/",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30,
                              check=False, user=64009, **who).stdout

    for who in {"group": "mail"}, {"group": 64009, "extra_groups": ["mail"]}:
        assert "Name: Mailreeve" in ask("show info", **who)
        assert "error: this socket is read-only" in ask("reload", **who)
    assert "PermissionError" in ask("show info", group=64009, extra_groups=[])

    silent = [socket.socket(socket.AF_UNIX) for _ in range(40)]
    for sock in silent:
        sock.connect(str(monitor))
    assert proxy.control("show info").startswith("Name: ")
    for sock in silent:
        sock.close()


def test_ctl(site, pki):
    proxy = started(site, pki)
    done = ctl(proxy, "status")
    assert done.returncode == 1 and "two" in done.stdout  # a server is down
    assert "Name: Mailreeve" in ctl(proxy, "show", "info").stdout.replace("  ", " ")
    assert json.loads(ctl(proxy, "--json", "show", "info").stdout)["Name"] == "Mailreeve"
    assert ctl(proxy, "nonsense").returncode != 0


def test_certificates_alone(site, pki):
    """`reload certificates` reads the files again and not the configuration, which is half edited."""
    Fake(site, "10.0.0.11", 143, greets(b"* OK\r\n"))
    mail = site.path("mail")
    shutil.copytree(pki.directory / "mail", mail)
    proxy = Mailreeve(site, pki, CONF.replace("$pki/mail", "$dir/mail"))
    proxy.rewrite("half = edited")
    assert proxy.control("reload certificates") == "certificates: generation 1\n"
    first = shown(pki)
    pki.ca.issue("renewed", HOSTNAME, [f"DNS:{HOSTNAME}", f"DNS:*.{HOSTNAME}"], directory=site.directory)
    for file in ("privkey.pem", "fullchain.pem"):
        shutil.copy(site.path("renewed") / file, mail / file)
    said = proxy.control("reload certificates")
    assert re.fullmatch(rf"certificates: generation 2, taken over: {HOSTNAME} \(EC\) until 20\d\d-\d\d-\d\d\n", said)
    assert shown(pki) != first
    info = proxy.info()
    assert info["Reload_error"] == "-" and info["Config_differs"] == "the file has errors"
    # A refused reload stays refused, whatever becomes of the certificates.
    assert "half" in proxy.control("reload")
    assert proxy.control("reload certificates") == "certificates: generation 2\n"
    assert proxy.info()["Reload_error"] != "-" and "reload refused" in proxy.control("status")
    # A file that is wrong changes nothing; status says it until it is right.
    good = (mail / "privkey.pem").read_text()
    (mail / "privkey.pem").write_text("no key\n")
    assert re.match(r"error: \S*mailreeve.conf:\d+: .*privkey.pem", proxy.control("reload certificates"))
    assert re.search(r"; certificates refused \d\d:\d\d: .*privkey.pem", proxy.control("status").splitlines()[0])
    assert shown(pki) != first
    (mail / "privkey.pem").write_text(good)
    assert proxy.control("reload certificates") == "certificates: generation 2\n"
    assert "certificates refused" not in proxy.control("status")


def test_certificates_that_end_soon(site, pki):
    """The first line of status says it as long as it is so: nobody reads a warning of last week."""
    Fake(site, "10.0.0.11", 143, greets(b"* OK\r\n"))
    for name, days in (("late", 20), ("soon", 5), ("next", 3)):
        pki.ca.issue(name, f"{name}.example.org", [f"DNS:{name}.example.org"], directory=site.directory, days=days)
    files = '"$dir/soon", "$dir/late"'
    text = f"""frontends = ( {{ name = "f"; bind = "192.0.2.10:993"; backend = "b"; protocol = "imap";
        tls = {{ certificates = [ {files} ]; }}; }} );
        backends = ( {{ name = "b"; servers = "10.0.0.11:143"; check = {{ type = "none"; }}; }} );"""
    proxy = Mailreeve(site, pki, text)
    soon = r"certificate \S*/soon/fullchain\.pem expires in [45] days"
    assert re.fullmatch("WARNING: " + soon, proxy.control("status").splitlines()[0])
    proxy.rewrite(text.replace("$dir/late", "$dir/next"))
    assert "generation 2" in proxy.control("reload")
    assert re.fullmatch(r"WARNING: certificate \S*/next/fullchain\.pem expires in [23] days, and one more soon",
                        proxy.control("status").splitlines()[0])
    proxy.rewrite(text.replace("$dir/soon", "$dir/late"))
    assert "generation 3" in proxy.control("reload")
    assert proxy.control("status").startswith("OK: ")


def test_disabled_and_unchecked(site, pki):
    """Nobody listens at either: one begins in maintenance, the other counts as up all the same."""
    proxy = Mailreeve(site, pki, """
frontends = ( { name = "f"; bind = "192.0.2.10:143"; backend = "b"; protocol = "imap"; } );
backends = ( { name = "b"; check = { interval = "200ms"; };
    servers = ( { name = "off"; address = "10.0.0.11:143"; disabled = true; },
                { name = "kept"; address = "10.0.0.12:143"; check = false; },
                { name = "down"; address = "10.0.0.12:144"; } ); } );""")

    def rows():
        return {line.split()[0]: line.split()[1:3] for line in proxy.control("status").splitlines()[3:]}
    wait_until(lambda: rows()["b/down"] == ["down", "ready"], "the checker to have looked")
    assert rows()["b/kept"] == ["up", "ready"]
    assert rows()["b/off"][1] == "maint"


def shown(pki):
    """The certificate that a client is shown, in DER."""
    with connect(PROXY, 993, context(pki)) as sock:
        lines(sock)
        return sock.getpeercert(binary_form=True)


# A /run/mailreeve that no other instance on this host has.
OWN_RUN = ("unshare", "--mount", "sh", "-c",
           'mkdir -p /run/mailreeve && mount -t tmpfs tmpfs /run/mailreeve && exec "$@"', "sh")


def inside(proxy, *command, **more):
    """Run it where this instance runs."""
    return subprocess.run(["nsenter", "--mount", "-t", str(proxy.process.pid), *command], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False, **more)


def test_ctl_finds_the_socket(site, pki):
    """-s, else $MAILREEVE_SOCKET, else what the running master says: wherever `control.socket` is."""
    Fake(site, "10.0.0.11", 143, greets(b"* OK\r\n"))
    proxy = Mailreeve(site, pki, CONF, through=OWN_RUN)
    ctl_, socket_ = BUILD / "mailreevectl", str(proxy.control_socket)
    where = inside(proxy, "cat", "/run/mailreeve/socket").stdout
    assert where == f"{socket_}\n" and not where.startswith("/run/mailreeve/")
    assert inside(proxy, ctl_, "show", "info").returncode == 0
    assert inside(proxy, ctl_, "reload").returncode == 0
    for env, words, code in (({"MAILREEVE_SOCKET": "/none"}, (), 3), ({"MAILREEVE_SOCKET": ""}, (), 0),
                             ({"MAILREEVE_SOCKET": f"unix:{socket_}"}, (), 0),
                             ({"MAILREEVE_SOCKET": "/none"}, ("-s", socket_), 0), ({}, ("-s", "/none"), 3)):
        done = inside(proxy, ctl_, *words, "show", "info", env={**os.environ, **env})
        assert done.returncode == code, (env, words, done.stdout)
    # Another place after a reload, and after a re-execution.
    proxy.control_socket = site.path("moved.sock")
    proxy.rewrite(CONF + 'control = { socket = "$dir/moved.sock"; };')
    assert inside(proxy, ctl_, "reload").returncode == 0
    assert inside(proxy, "cat", "/run/mailreeve/socket").stdout == f"{proxy.control_socket}\n"
    proxy.send(signal.SIGUSR2)
    proxy.said("re-executed")
    wait_until(lambda: inside(proxy, ctl_, "show", "info").returncode == 0, "an answer")
    # A program that keeps this namespace to look into it when the master has gone.
    keeper = subprocess.Popen(["nsenter", "--mount", "-t", str(proxy.process.pid), "sleep", "60"])
    proxy.baseline = None
    proxy.stop()
    left = subprocess.run(["nsenter", "--mount", "-t", str(keeper.pid), "ls", "/run/mailreeve"],
                          text=True, stdout=subprocess.PIPE, timeout=20, check=True).stdout
    keeper.kill()
    keeper.wait()
    assert "socket" not in left


def test_ctl_without_mailreeve(site):
    done = subprocess.run([BUILD / "mailreevectl", "-s", site.path("none"), "status"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20, check=False)
    assert done.returncode == 3 and "none" in done.stdout
