# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""A throw-away certification authority and what it signed, made with the openssl command.

Each certificate NAME lies in a directory as certbot leaves it (NAME/fullchain.pem and
NAME/privkey.pem) and once more as a single file NAME.pem (chain, then key)."""
import pathlib
import shutil
import subprocess

CONFIG = """
[ca]
default_ca = this
[this]
database = {here}/index
serial = {here}/serial
new_certs_dir = {here}
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
[req]
distinguished_name = empty
[empty]
"""


class Authority:
    """A CA: its certificate is in DIR.pem, what it issues goes to the directory it is told."""

    def __init__(self, directory, name):
        self.directory = pathlib.Path(directory) / f"{name}.ca"
        self.directory.mkdir()
        self.certificate = pathlib.Path(directory) / f"{name}.pem"
        self.key = self.directory / "key"
        self.config = self.directory / "config"
        self.config.write_text(CONFIG.format(here=self.directory))
        (self.directory / "index").touch()
        (self.directory / "serial").write_text("1000\n")
        new_key(self.key, "ec")
        openssl("req", "-x509", "-config", self.config, "-key", self.key, "-subj", f"/CN={name}",
                "-days", "30", "-addext", "basicConstraints=critical,CA:true",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", self.certificate)

    def issue(self, name, cn, sans=(), kind="ec", expired=False, directory=None, days=90):
        """Make NAME: a certificate for cn and the names `sans` ("DNS:...", "IP:...")."""
        top = pathlib.Path(directory or self.certificate.parent)
        here = top / name
        here.mkdir()
        key, request, chain = here / "privkey.pem", here / "request", here / "fullchain.pem"
        new_key(key, kind)
        extensions = ["-addext", "extendedKeyUsage=serverAuth,clientAuth"]
        if sans:
            extensions += ["-addext", "subjectAltName=" + ",".join(sans)]
        openssl("req", "-new", "-config", self.config, "-utf8", "-key", key, "-subj", f"/CN={cn}",
                *extensions, "-out", request)
        dates = ["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"] if expired else \
            ["-days", str(days)]
        openssl("ca", "-config", self.config, "-batch", "-notext", "-utf8", "-in", request,
                "-cert", self.certificate, "-keyfile", self.key, *dates, "-out", chain)
        request.unlink()
        combined = top / f"{name}.pem"
        combined.touch(0o600)
        combined.write_text(chain.read_text() + key.read_text())
        return here

    def sign(self, directory, subject, *extensions, key=None, config=CONFIG):
        """As issue, for what its policy would not pass: any subject, as -subj wants it."""
        here = pathlib.Path(directory)
        here.mkdir()
        if not key:
            new_key(here / "privkey.pem", "ec")
        elif pathlib.Path(key) != here / "privkey.pem":
            shutil.copy(key, here / "privkey.pem")
        (here / "config").write_text(config.format(here=here))
        openssl("req", "-x509", "-new", "-utf8", "-config", here / "config", "-key",
                here / "privkey.pem", "-CA", self.certificate, "-CAkey", self.key, "-subj", subject,
                "-days", "30", *(word for one in extensions for word in ("-addext", one)), "-out",
                here / "fullchain.pem")
        (here / "config").unlink()
        return here

    def revoke(self, *names, crl):
        """A list of what was revoked of what was issued, at `crl`."""
        tool = ["ca", "-config", self.config, "-cert", self.certificate, "-keyfile", self.key]
        for name in names:
            openssl(*tool, "-revoke", self.certificate.parent / name / "fullchain.pem")
        openssl(*tool, "-gencrl", "-crldays", "30", "-out", crl)


class Pki:
    """What the tests use:
    mail        the site's certificate (EC), for mail.example.org and *.mail.example.org
    mail-rsa    the same with an RSA key
    other       for other.example.net
    expired     as mail, but no longer valid
    backend     for dovecot.example.org, postfix.example.org and the servers' addresses
    alice, bob  client certificates
    proxy       the client certificate that the proxy shows to servers
    rogue-alice a client certificate with alice's name, from an authority nobody trusts"""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(mode=0o755)
        self.ca = Authority(directory, "ca")
        self.rogue = Authority(directory, "rogue")
        names = ["DNS:mail.example.org", "DNS:*.mail.example.org"]
        self.ca.issue("mail", "mail.example.org", names)
        self.ca.issue("mail-rsa", "mail.example.org", names, kind="rsa")
        self.ca.issue("other", "other.example.net", ["DNS:other.example.net"])
        self.ca.issue("expired", "mail.example.org", names, expired=True)
        self.ca.issue("backend", "dovecot.example.org",
                      ["DNS:dovecot.example.org", "DNS:postfix.example.org"])
        self.ca.issue("alice", "alice")
        self.ca.issue("bob", "bob")
        self.ca.issue("proxy", "mailproxy")
        self.rogue.issue("rogue-alice", "alice")

    def chain(self, name):
        return str(self.directory / name / "fullchain.pem")

    def key(self, name):
        return str(self.directory / name / "privkey.pem")

    def __str__(self):
        return str(self.directory)


def new_key(path, kind):
    options = {"ec": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
               "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
               "rsa4096": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"],
               "ed25519": ["-algorithm", "ED25519"]}[kind]
    openssl("genpkey", *options, "-out", path)
    pathlib.Path(path).chmod(0o600)


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
