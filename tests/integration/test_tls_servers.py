# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""TLS towards servers: who they must be, in words where they are not; what they see of us."""
import ssl

import pytest

from lib.clients import connect, context, lines
from lib.fakes import Fake, greets, server_context
from lib.mailreeve import Mailreeve
from lib.site import HOSTNAME, PROXY, SERVERS

# A server: its certificate (subject, extensions, who signs), the group tls, and the reason for
# which it is down; None: it is up.
NAME = "subjectAltName=DNS:dovecot.example.org"
CASES = {
    "good": ("/CN=x", [NAME], "", None),
    "wildcard": ("/CN=x", ["subjectAltName=DNS:*.example.org"], "", None),
    "address": ("/CN=x", ["subjectAltName=IP:%(address)s"], 'server_name = "%(address)s";', None),
    "common-name-alone": ("/CN=dovecot.example.org", [], "", None),
    "unverified": ("/CN=nobody", [], 'verify = "none";', None),
    "other-name": ("/CN=x", ["subjectAltName=DNS:dovecot1.example.org"], "",
                   "certificate is for dovecot1.example.org, not dovecot.example.org; set "
                   "server_name"),
    "common-name-beside": ("/CN=dovecot.example.org", ["subjectAltName=DNS:other.example.org"], "",
                           "certificate is for other.example.org, not dovecot.example.org; set "
                           "server_name"),
    "wildcard-of-two": ("/CN=x", ["subjectAltName=DNS:*.org"], "",
                        "certificate is for *.org, not dovecot.example.org; set server_name"),
    "part-wildcard": ("/CN=x", ["subjectAltName=DNS:dove*.example.org"], "",
                      "certificate is for dove*.example.org, not dovecot.example.org; set "
                      "server_name"),
    "no-such-address": ("/CN=x", [NAME], 'server_name = "%(address)s";',
                        "certificate is for dovecot.example.org, not %(address)s; set server_name"),
    "revoked": ("revoked", [], 'crl = "$dir/crl.pem";', "certificate is revoked"),
    "not-revoked": ("kept", [], 'crl = "$dir/crl.pem";', None),
    "expired": ("expired", [], "", "certificate expired on 2020-02-01"),
    "rogue": ("/CN=x", [NAME], 'ca_file = "$pki/rogue.pem";', "certificate is issued by 'ca', "
              "which"),
    "wants-ours": ("/CN=x", [NAME], "", "asks for a certificate of ours; set certificate"),
    "has-ours": ("/CN=x", [NAME], 'certificate = "$pki/proxy.pem";', None),
    "plain": (None, [], "", "answered in plain text: is this a TLS port?"),
    "old": ("/CN=x", [NAME], "", "speaks no TLS 1.2 or newer"),
}
BACKEND = """{ name = "%s"; protocol = "imap"; servers = ( { name = "s"; address = "%s:993"; } );
    check = { interval = "500ms"; rise = 1; fall = 1; }; send_proxy = "none";
    tls = { %s }; }"""


def behave(fake, sock):
    """As much of IMAP as a check needs; what cannot do TLS with us ends there."""
    if fake.tls:
        try:
            sock = fake.tls.wrap_socket(sock, server_side=True)
        except OSError:
            return
    sock.sendall(b"* OK ready\r\n")
    while got := lines(sock):
        tag = got[0].split(b" ")[0]
        sock.sendall(b"* BYE\r\n" + tag + b" OK\r\n")


def certificate(site, pki, name, subject, extensions):
    """A server's context, with a certificate of the site's authority."""
    if not subject:
        return None
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if subject.startswith("/"):
        here = pki.ca.sign(site.path(name), subject, *extensions)
    else:
        here = pki.ca.issue(f"{site.directory.name}-{name}", "x", ["DNS:dovecot.example.org"],
                            expired=subject == "expired")
        if subject == "revoked":
            pki.ca.revoke(here.name, crl=site.path("crl.pem"))
    tls.load_cert_chain(here / "fullchain.pem", here / "privkey.pem")
    if name in ("wants-ours", "has-ours"):
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.load_verify_locations(pki.ca.certificate)
    if name == "old":
        tls.set_ciphers("ALL:@SECLEVEL=0")
        tls.minimum_version = tls.maximum_version = ssl.TLSVersion.TLSv1_1
    return tls


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TLS 1.1 is what one shall have
def test_who_a_server_is(site, pki):
    """Checked and found up, or down with the reason; a client hears the same in its refusal."""
    backends, fronts, expected = [], [], {}
    for n, (name, (subject, extensions, settings, why)) in enumerate(CASES.items()):
        address = SERVERS[n % len(SERVERS)] if n < len(SERVERS) else f"127.0.0.{n + 1}"
        here = {"address": address}
        tls = certificate(site, pki, name, subject, [one % here for one in extensions])
        Fake(site, address, 993, behave, tls=tls)
        settings = settings % here
        if "server_name" not in settings:
            settings += ' server_name = "dovecot.example.org";'
        if "ca_file" not in settings and "none" not in settings:
            settings += ' ca_file = "$pki/ca.pem";'
        backends.append(BACKEND % (name, address, settings))
        fronts.append(f"""{{ name = "{name}"; bind = "192.0.2.10:{2000 + n}"; backend = "{name}";
            tls = {{ certificates = "$pki/mail"; }}; }}""")
        expected[name] = (2000 + n, why % here if why else why)
    proxy = Mailreeve(site, pki, f"frontends = ({','.join(fronts)});\n"
                      f"backends = ({','.join(backends)});\n")
    for name, (port, why) in expected.items():
        line = proxy.said(rf"server={name}/s state=(up|down) was=checking")
        if why is None:
            assert "state=up" in line, line
        else:
            assert "state=down" in line and f'why="{why}' in line, (name, line)
        with connect(PROXY, port, context(pki)) as sock:
            greeting = lines(sock)[0]
            assert greeting == b"* OK ready\r\n" if why is None else greeting.startswith(b"* BYE")


@pytest.mark.parametrize("version", (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3))
@pytest.mark.parametrize("detach", ("true", "false"))
def test_sessions_and_names(site, pki, version, detach):
    """A server is greeted with its name, and from the second connection on with its session."""
    seen = []
    tls = server_context(pki)
    tls.maximum_version = version
    tls.sni_callback = lambda sock, name, _ctx: seen.append(name)

    def talks(fake, sock):
        fake.header(sock)
        sock = fake.tls.wrap_socket(sock, server_side=True)
        sock.sendall(b"* OK ready\r\n")
        seen.append(sock.session_reused)
        while lines(sock):
            pass
        sock.close()
    Fake(site, "10.0.0.11", 993, talks, tls=tls)
    proxy = Mailreeve(site, pki, f"""
workers = 1;
frontends = ( {{ name = "front"; bind = "192.0.2.10:993"; backend = "imap";
    tls = {{ certificates = "$pki/mail"; detach = {detach}; }}; }} );
backends = ( {{ name = "imap"; protocol = "imap"; servers = "10.0.0.11:993";
    tls = {{ ca_file = "$pki/ca.pem"; server_name = "dovecot.example.org"; }};
    check = {{ type = "none"; }}; }} );
""")
    for count in range(1, 6):
        with connect(PROXY, 993, context(pki)) as sock:
            assert lines(sock) == [b"* OK ready\r\n"]
            sock.sendall(b"a NOOP\r\n")
        proxy.said("end=client-closed", count)
    assert seen == ["dovecot.example.org", False] + ["dovecot.example.org", True] * 4
    assert HOSTNAME not in seen
