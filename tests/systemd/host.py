# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""The host on which a package is tried: a Dovecot, a certificate as certbot leaves it, clients, and what
an administrator looks at.  Imported by the scenarios, inside a booted tree."""
import glob
import imaplib
import os
import pathlib
import pwd
import re
import ssl
import subprocess
import sys
import time
import traceback

CONF = pathlib.Path("/etc/mailreeve/mailreeve.conf")
LIVE = pathlib.Path("/etc/letsencrypt/live/mail.example.org")
WORKERS = len(os.sched_getaffinity(0))
USERS = ("mailreeve", "mailreeve-check", "mailreeve-keeper")

DOVECOT = """
protocols = imap
ssl = yes
ssl_cert = </etc/dovecot/dovecot.pem
ssl_key = </etc/dovecot/dovecot.pem
log_path = /var/log/dovecot.log
mail_location = maildir:/var/mail/%u
mail_uid = mail
mail_gid = mail
first_valid_uid = 1
haproxy_trusted_networks = 127.0.0.1
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = home=/var/mail/%u
}
service imap-login {
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = 0
  }
  inet_listener imap_proxied {
    address = 127.0.0.1
    port = 10143
    haproxy = yes
  }
}
"""

# The default file's frontend for IMAP and its backend, which are all that this host has.
MAILREEVE = """
frontends = (
	{
		name = "imaps";
		bind = "*:993";
		backend = "dovecot";
		tls = { certificates = "/etc/letsencrypt/live/mail.example.org"; };
	}
);
backends = (
	{
		name = "dovecot";
		protocol = "imap";
		receiver = "dovecot";
		servers = "127.0.0.1:10143";
		check = { interval = "1s"; };
	}
);
"""


def run(*command, ok=0):
    out = subprocess.run(command, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, timeout=90,
                         env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    if ok is not None and out.returncode != ok:
        raise AssertionError(f"{' '.join(command)}: status {out.returncode}\n{out.stdout}")
    return out.stdout.strip()


def show(name, unit="mailreeve.service"):
    return run("systemctl", "show", "--value", "-p", name, unit)


def journal():
    return run("journalctl", "-o", "cat", "-u", "mailreeve.service", "-u", "mailreeve-rootless.service")


def until(what, condition, seconds=15):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.1)
    return value


class Client:
    """A client that has logged in, over the public port."""

    def __init__(self, user="alice"):
        context = ssl.create_default_context(cafile=LIVE / "fullchain.pem")
        self.imap = imaplib.IMAP4_SSL("mail.example.org", 993, ssl_context=context, timeout=20)
        self.imap.login(user, "secret")
        self.imap.select()

    def idle(self):
        self.imap.send(b"i1 IDLE\r\n")
        assert self.imap.readline().startswith(b"+")
        return self

    def wakes(self):
        self.imap.send(b"DONE\r\n")
        while not (line := self.imap.readline()).startswith(b"i1 "):
            assert line.startswith(b"* "), line
        assert line.startswith(b"i1 OK"), line
        assert self.imap.noop()[0] == "OK"

    def bye(self):
        self.imap.logout()


def login_works():
    Client().bye()


def login_works_within(seconds):
    def attempt():
        try:
            login_works()
            return True
        except OSError:
            return False
    until("a login", attempt, seconds)


def processes():
    """(program, user) of every process of ours."""
    found = []
    for status in glob.glob("/proc/[0-9]*/status"):
        try:
            exe = os.readlink(os.path.dirname(status) + "/exe")
            uid = int(re.search(r"^Uid:\s+(\d+)", pathlib.Path(status).read_text(), re.M)[1])
        except OSError:
            continue
        if "/mailreeve" in exe:
            found.append((os.path.basename(exe.removesuffix(" (deleted)")), pwd.getpwuid(uid).pw_name))
    return sorted(found)


def the_host_has_a_dovecot_and_a_certificate():
    LIVE.mkdir(parents=True)
    for path, name in (LIVE / "privkey.pem", "mail.example.org"), ("/etc/dovecot/dovecot.pem", "dovecot"):
        certificate = LIVE / "fullchain.pem" if path == LIVE / "privkey.pem" else "/tmp/dovecot.crt"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", "90", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
            "-keyout", str(path), "-out", str(certificate))
    with open("/etc/dovecot/dovecot.pem", "a") as pem:
        pem.write(pathlib.Path("/tmp/dovecot.crt").read_text())
    pathlib.Path("/etc/dovecot/dovecot.conf").write_text(DOVECOT)
    with open("/etc/hosts", "a") as hosts:
        hosts.write("127.0.0.1 localhost mail.example.org\n")
    run("systemctl", "start", "dovecot")


def starts():
    CONF.write_text(MAILREEVE)
    assert run("mailreeve", "-t").endswith("configuration ok")
    run("systemctl", "enable", "--now", "mailreeve")
    assert show("ActiveState") == "active"
    until("the status", lambda: "1 of 1 servers up" in show("StatusText"))
    assert re.search(r"\bready$", journal(), re.M)
    run("mailreevectl", "status")


def serves_a_login_whose_client_dovecot_knows():
    client = Client()
    port = client.imap.sock.getsockname()[1]
    client.bye()
    log = until("Dovecot's line", lambda: re.search(
        r"imap-login: .*Login: user=<alice>.*rip=127.0.0.1.*(TLS|secured)",
        pathlib.Path("/var/log/dovecot.log").read_text()))
    assert log
    line = until("the connection's line", lambda: re.search(rf".*client=127.0.0.1:{port} .*", journal()))[0]
    for part in ("frontend=imaps", "backend=dovecot", "tls=TLSv1.3", "sni=mail.example.org"):
        assert part in line, line


def every_process_has_its_own_identity():
    found = processes()
    assert found.count(("mailreeve-worker", "mailreeve")) == WORKERS, found
    for one in (("mailreeve", "root"), ("mailreeve-checker", "mailreeve-check"),
                ("mailreeve-keeper", "mailreeve-keeper")):
        assert found.count(one) == 1, found
    status = pathlib.Path(f"/proc/{show('MainPID')}/status").read_text()
    # NET_BIND_SERVICE, SETUID, SETGID, SYS_CHROOT, and nothing else
    assert int(re.search(r"CapBnd:\s+(\w+)", status)[1], 16) == 1 << 10 | 1 << 7 | 1 << 6 | 1 << 18, status
    assert "cannot be locked in memory" not in journal()


def main(steps):
    """Run the steps up to the first that fails; the exit status."""
    passed = 0
    for step in steps:
        start = time.monotonic()
        try:
            step()
        except Exception:
            print(f"FAILED {step.__name__.replace('_', ' ')}", flush=True)
            traceback.print_exc(file=sys.stdout)
            print("--- journal", journal()[-6000:], sep="\n", flush=True)
            break
        passed += 1
        print(f"ok {step.__name__.replace('_', ' ')} ({time.monotonic() - start:.1f} s)", flush=True)
    failed = len(steps) - passed
    print(f"{passed} passed, {failed} failed", flush=True)
    return failed != 0
