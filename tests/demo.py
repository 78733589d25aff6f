#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""The site of `make demo`: a private Dovecot and Postfix, Mailreeve in front of them, a client that
logs in and sends a message, the lines of the servers' logs that show where it came from.
demo.py DIRECTORY is the site; demo.py --ports says which of its ports are taken, and by whom."""
import pathlib
import re
import signal
import socket
import subprocess
import sys

from lib.clients import Imap, Smtp, connect, context, port_of
from lib import dovecot as of_dovecot, postfix as of_postfix
from lib.dovecot import Dovecot
from lib.mailreeve import BUILD, Mailreeve
from lib.pki import Pki
from lib.postfix import Postfix
from lib.site import Site

PROXY, CLIENT = "127.0.0.1", "127.0.0.7"
IMAPS, POP3S, SUBMISSIONS = 10993, 10995, 10465

CONF = """
frontends = (
    { name = "imaps"; bind = "127.0.0.1:10993"; backend = "imap"; tls = { certificates = "$pki/mail"; }; },
    { name = "pop3s"; bind = "127.0.0.1:10995"; backend = "pop3"; tls = { certificates = "$pki/mail"; }; },
    { name = "submissions"; bind = "127.0.0.1:10465"; backend = "postfix"; tls = { certificates = "$pki/mail"; }; }
);
backends = (
    { name = "imap"; protocol = "imap"; receiver = "dovecot"; servers = "127.0.0.11:20143"; },
    { name = "pop3"; protocol = "pop3"; receiver = "dovecot"; servers = "127.0.0.11:20110"; },
    { name = "postfix"; protocol = "submission"; receiver = "postfix"; servers = "127.0.0.15:30587"; }
);
"""


class HostSite(Site):
    """On the host's own loopback, with ports that leave its mail alone."""
    servers, servers6, shift = [f"127.0.0.{n}" for n in range(11, 21)], [], 20000

    def __init__(self, directory):
        self.directory = directory
        directory.chmod(0o755)
        self.programs, self.logs, self.mounts = [], {}, []


def ports():
    """(address, port) of everything that the site listens on."""
    shift, (imap, smtp) = HostSite.shift, (HostSite.servers[0], HostSite.servers[4])
    yield from ((PROXY, port) for port in (IMAPS, POP3S, SUBMISSIONS))
    yield imap, of_dovecot.LMTP + shift
    for port in of_dovecot.PORTS.values():
        yield from ((imap, port + shift), (imap, port + shift + of_dovecot.DIRECT))
    yield from ((smtp, port + shift) for port in of_postfix.PORTS)


def holder(address, port):
    """The program that listens there, with its process id, as far as ss knows."""
    listed = subprocess.run(["ss", "-Hltnp", f"sport = :{port}"], text=True, capture_output=True,
                            check=False).stdout
    here = [line for line in listed.splitlines()
            if line.split()[3].rpartition(":")[0] in (address, "0.0.0.0", "*", "[::]")]
    found = re.search(r'\(\("([^"]+)",pid=(\d+)', "\n".join(here))
    return f"{found[1]}, process {found[2]}" if found else "a program that does not show itself"


def complain_of_ports():
    """Say which ports are taken; how many."""
    taken = 0
    for address, port in ports():
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind((address, port))
            except OSError:
                print(f"The demonstration needs port {port} at {address}, which is taken by "
                      f"{holder(address, port)}: end that first.", file=sys.stderr)
                taken += 1
    return taken


def logs_of_failed(site):
    """The last lines of the logs of those that have ended; of all if none has."""
    ended = [getattr(p, "name", "mailreeve") for p in site.programs if p.process.poll() is not None]
    for name, text in site.report(20):
        if text and (not ended or any(name.startswith(part) for part in ended)):
            print(f"\n--- {name}.log\n{text}", flush=True)


def log_in_and_send(pki):
    """What a user's client does; the ports that it came from."""
    imap = Imap(connect(PROXY, IMAPS, context(pki), source=CLIENT))
    imap_port = port_of(imap)
    imap.login("alice", "secret")
    imap.logout()
    smtp = Smtp(connect(PROXY, SUBMISSIONS, context(pki), source=CLIENT))
    smtp_port = port_of(smtp)
    smtp.login("alice", "secret")
    smtp.sendmail("alice@example.org", ["bob@example.org"],
                  "From: alice@example.org\r\nTo: bob@example.org\r\nSubject: hello\r\n\r\nhello\r\n")
    smtp.quit()
    return imap_port, smtp_port


def show(directory):
    site = HostSite(pathlib.Path(directory))
    try:
        print("A certification authority and a certificate for mail.example.org ...", flush=True)
        pki = Pki(site.path("pki"))
        print("A Dovecot and a Postfix that expect PROXY headers ...", flush=True)
        dovecot = Dovecot(site, pki)
        postfix = Postfix(site, pki, dovecot=dovecot)
        print("Mailreeve in front of them ...", flush=True)
        proxy = Mailreeve(site, pki, CONF)
        imap_port, smtp_port = log_in_and_send(pki)

        print(f"\nalice, at {CLIENT}, logged in over IMAPS ({CLIENT}:{imap_port} to {PROXY}:{IMAPS});"
              f" Dovecot's log:\n")
        print("   ", dovecot.login("imap", user="alice", rip=CLIENT, rport=imap_port, lip=PROXY))
        print(f"\n... and sent bob a message ({CLIENT}:{smtp_port} to {PROXY}:{SUBMISSIONS});"
              " Postfix's log:\n")
        print("   ", postfix.line(rf".* client=unknown\[{CLIENT}\]:{smtp_port}, .*sasl_username=alice.*")[0])
        print("   ", postfix.line(r".*to=<bob@example.org>.*status=sent.*")[0])
        print("\nMailreeve's own log of the two:\n")
        for port in (imap_port, smtp_port):
            proxy.ended(client=f"{CLIENT}:{port}")
            print("   ", proxy.said(rf"client={CLIENT}:{port} "))
        print(f"""
Now yours: users alice and bob, password "secret"; IMAPS {IMAPS}, POP3S {POP3S}, submissions {SUBMISSIONS} at {PROXY}.

    curl --cacert {pki}/ca.pem --resolve mail.example.org:{IMAPS}:{PROXY} -u bob:secret \\
        'imaps://mail.example.org:{IMAPS}/INBOX;MAILINDEX=1'

What Mailreeve sees of it, from another terminal:

    {BUILD}/mailreevectl -s {proxy.control_socket} show info
    {BUILD}/mailreevectl -s {proxy.control_socket} show servers state

Configuration {proxy.config}, logs {site.directory}/*.log.
Ready; Ctrl-C ends it and removes everything.""", flush=True)
        signal.pause()
    except KeyboardInterrupt:
        print("\nGood bye.", flush=True)
    except Exception as failure:
        print(f"\nThe demonstration failed: {failure}", flush=True)
        logs_of_failed(site)
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for complaint in site.close():
            print(complaint, flush=True)
    return 0


def interrupted(number, frame):
    raise KeyboardInterrupt


if sys.argv[1] == "--ports":
    sys.exit(complain_of_ports() != 0)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, interrupted)
sys.exit(show(sys.argv[1]))
