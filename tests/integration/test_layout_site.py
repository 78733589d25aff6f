# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""A whole mail site: ports 25 (postscreen behind it), 465, 587 and 993, each with four servers."""

from lib.clients import Imap, Smtp, connect, context, port_of
from lib.dovecot import Dovecot
from lib.logins import BOTH, Login, at, client_of
from lib.mailreeve import Mailreeve
from lib.postfix import Postfix

CONF = """
workers = 1; # each has turns of its own
tls = { policy = "intermediate"; };
frontends = (
    { name = "smtp"; bind = [ "192.0.2.10:25", "[2001:db8:a::10]:25" ]; backend = "mx"; },
    { name = "smtps"; bind = [ "192.0.2.10:465", "[2001:db8:a::10]:465" ]; backend = "smtps";
      tls = { mode = "passthrough"; }; },
    { name = "submission"; bind = [ "192.0.2.10:587", "[2001:db8:a::10]:587" ];
      backend = "submission"; },
    { name = "imaps"; bind = [ "192.0.2.10:993", "[2001:db8:a::10]:993" ]; backend = "imap";
      tls = { certificates = "$pki/mail"; }; }
);
backends = (
    { name = "mx"; protocol = "smtp"; receiver = "postfix"; balance = "roundrobin"; servers = (
        { name = "mx1"; address = "10.0.0.15:25"; }, { name = "mx2"; address = "10.0.0.16:25"; },
        { name = "mx3"; address = "10.0.0.17:25"; }, { name = "mx4"; address = "10.0.0.18:25"; } ); },
    { name = "smtps"; protocol = "submission"; receiver = "postfix"; balance = "roundrobin"; servers = (
        { name = "mx1"; address = "10.0.0.15:465"; }, { name = "mx2"; address = "10.0.0.16:465"; },
        { name = "mx3"; address = "10.0.0.17:465"; }, { name = "mx4"; address = "10.0.0.18:465"; } ); },
    { name = "submission"; protocol = "submission"; receiver = "postfix"; balance = "roundrobin"; servers = (
        { name = "mx1"; address = "10.0.0.15:587"; }, { name = "mx2"; address = "10.0.0.16:587"; },
        { name = "mx3"; address = "10.0.0.17:587"; }, { name = "mx4"; address = "10.0.0.18:587"; } ); },
    { name = "imap"; protocol = "imap"; receiver = "dovecot"; balance = "roundrobin";
      tls = { ca_file = "$pki/ca.pem"; server_name = "dovecot.example.org"; }; servers = (
        { name = "imap1"; address = "10.0.0.11:993"; }, { name = "imap2"; address = "10.0.0.12:993"; },
        { name = "imap3"; address = "10.0.0.13:993"; }, { name = "imap4"; address = "10.0.0.14:993"; } ); }
);
"""


def send(smtp):
    smtp.sendmail("bob@example.org", ["alice@example.org"], "Subject: hello\r\n\r\nhello")
    smtp.quit()


def test_site(site, pki):
    """Four clients on each port, by IPv4 and IPv6 in turn: each lands on another server, and that
    server's log names it.  The servers are health-checked as by default meanwhile."""
    dovecots = [Dovecot(site, pki, number=n, ssl="required") for n in range(4)]
    mtas = [Postfix(site, pki, number=n, dovecot=dovecots[0]) for n in range(4, 8)]
    proxy = Mailreeve(site, pki, CONF)
    tls, servers_tls = context(pki), context(pki)
    servers_tls.check_hostname = False  # where TLS ends at Postfix, so does the name

    seen = {}

    def note(frontend, address, port):
        line = proxy.ended(frontend=frontend, client=at(client_of(address), port))
        seen.setdefault(frontend, set()).add(line["server"])
        return int(line["server"][-1]) - 1

    for n in range(4):
        address = BOTH[n % 2]
        client = client_of(address)

        imap = Imap(connect(address, 993, tls))
        port = port_of(imap)
        imap.login("alice", "secret")
        imap.logout()
        line = dovecots[note("imaps", address, port)].login(
            "imap", user="alice", rip=client, rport=port, lip=address, lport=993)
        assert " TLS" in line

        smtp = Smtp(connect(address, 25))
        port = port_of(smtp)
        send(smtp)
        mtas[note("smtp", address, port)].line(rf"CONNECT from \[{client}\]:{port} to \[{address}\]:25")

        for frontend, number in (("smtps", 465), ("submission", 587)):
            login = Login("submission", connect(address, number, servers_tls if number == 465 else None),
                          starttls=servers_tls if number == 587 else None)
            send(login.client)
            mtas[note(frontend, address, login.port)].line(
                rf": client=unknown\[{client}\]:{login.port}, sasl_method=PLAIN, sasl_username=alice")

    assert {frontend: len(names) for frontend, names in seen.items()} == \
        {"imaps": 4, "smtp": 4, "smtps": 4, "submission": 4}
    for server in (*dovecots, *mtas):
        assert server.quarrels() == []


def test_a_server_less(site, pki):
    """One of four is not there: nobody notices."""
    mtas = [Postfix(site, pki, number=n) for n in range(4, 7)]
    dovecots = [Dovecot(site, pki, number=n) for n in range(3)]
    proxy = Mailreeve(site, pki, CONF)
    proxy.said(r"server=mx/mx4 state=down was=checking why=\"[^\"]*refused")
    for _ in range(4):
        smtp = Smtp(connect(BOTH[0], 25))
        send(smtp)
        imap = Imap(connect(BOTH[0], 993, context(pki)))
        imap.login("alice", "secret")
        imap.logout()
    lines = [line for line in proxy.lines() if "end" in line]
    assert not {"mx4", "imap4"} & {line["server"] for line in lines}
    assert {line["tries"] for line in lines} == {"1"}
    for server in (*dovecots, *mtas):
        assert server.quarrels() == []
