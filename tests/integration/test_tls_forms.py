# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Certificates and keys in other forms than PEM, and a key that stands in the certificate's file:
what `mailreeve -t` says, with the command that helps."""
import re
import subprocess

import pytest

from lib.mailreeve import BUILD, check, configuration
from lib.pki import openssl

CONF = """
frontends = ( { name = "imaps"; bind = "192.0.2.10:993"; backend = "dovecot";
    tls = { certificates = "$dir/x.pem"; }; } );
backends = ( { name = "dovecot"; protocol = "imap"; servers = "10.0.0.11:143"; check = { type = "none"; }; } );
"""


def text(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def der(pki, to):
    openssl("x509", "-in", pki.chain("mail"), "-outform", "der", "-out", to)


def der_key(pki, to):
    openssl("pkcs8", "-topk8", "-nocrypt", "-in", pki.key("mail"), "-outform", "der", "-out", to)


def der_old_key(pki, to):
    openssl("ec", "-in", pki.key("mail"), "-outform", "der", "-out", to)


def pkcs12(pki, to):
    openssl("pkcs12", "-export", "-in", pki.chain("mail"), "-inkey", pki.key("mail"), "-passout",
            "pass:", "-out", to)


def request(pki, to):
    openssl("req", "-new", "-config", pki.ca.config, "-key", pki.key("mail"), "-subj", "/CN=x",
            "-out", to)


def pkcs7(pki, to):
    openssl("crl2pkcs7", "-nocrl", "-certfile", pki.chain("mail"), "-out", to)


def keystore(_pki, to):
    to.write_bytes(b"\xfe\xed\xfe\xed\0\0\0\2\0\0\0\1")


# Who makes the file x.pem, and the words for it.
FORMS = {
    "DER": (der, r"is DER, not PEM: openssl x509 -inform der -in \S*/x\.pem -out new\.pem"),
    "DER key": (der_key, r"is a key in DER, not PEM: openssl pkey -inform der -in \S*/x\.pem -out new\.key"),
    "DER key, the old way": (der_old_key, r"is a key in DER, not PEM: openssl pkey .*"),
    "PKCS#12": (pkcs12, r"is PKCS#12, not PEM: openssl pkcs12 -nodes -in \S*/x\.pem -out new\.pem"),
    "request": (request, "is a request, not yet a certificate"),
    "PKCS#7": (pkcs7, r"is PKCS#7: openssl pkcs7 -print_certs -in \S*/x\.pem -out new\.pem"),
    "Java": (keystore, "is a Java keystore, not PEM: keytool .*"),
}


@pytest.mark.parametrize("beside", (False, True))
@pytest.mark.parametrize("form", FORMS)
def test_form(site, pki, form, beside):
    """Alone, and with a good key beside it."""
    make, words = FORMS[form]
    make(pki, site.path("x.pem"))
    site.path("x.pem").chmod(0o600)
    if beside:
        site.write("x.key", text(pki.key("mail")), mode=0o600)
    done = check(site, pki, CONF)
    assert done.returncode == 1
    assert re.search(rf"checked\.conf:3: \S*/x\.pem {words}$", done.stdout, re.MULTILINE)


def test_form_of_a_key(site, pki):
    site.write("x.pem", text(pki.chain("mail")))
    der_key(pki, site.path("x.key"))
    done = check(site, pki, CONF)
    assert done.returncode == 1
    assert re.search(r"checked\.conf:3: \S*/x\.key is a key in DER, not PEM: openssl pkey ", done.stdout)


def test_form_of_a_ca(site, pki):
    site.write("x.pem", text(pki.chain("mail")) + text(pki.key("mail")), mode=0o600)
    der(pki, site.path("ca.crt"))
    done = check(site, pki, CONF.replace('servers =', 'tls = { ca_file = "$dir/ca.crt"; }; servers ='))
    assert done.returncode == 1
    assert re.search(r"checked\.conf:4: \S*/ca\.crt is DER, not PEM: openssl x509 ", done.stdout)


@pytest.mark.parametrize("directory", (False, True))
def test_its_own_key(site, pki, directory):
    """The key in the file serves, whatever x.key beside it is for."""
    site.write("certs/x.pem", text(pki.chain("mail")) + text(pki.key("mail")), mode=0o600)
    site.write("certs/x.key", text(pki.key("other")), mode=0o600)
    done = check(site, pki, CONF.replace("$dir/x.pem", "$dir/certs" if directory else "$dir/certs/x.pem"))
    assert done.returncode == 0 and "x.key" not in done.stdout


def test_without_proc(site, pki):
    """Nothing is wrong with the certificates then."""
    site.write("x.pem", text(pki.chain("mail")) + text(pki.key("mail")), mode=0o600)
    path = site.write("checked.conf", configuration(site, pki, CONF))
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh",
         BUILD / "mailreeve", "-t", "-c", path, "-L", BUILD], text=True, timeout=60, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 1 and "x.pem" not in done.stdout, done.stdout
    assert re.search(r"/proc/self/fd cannot be used: .*; mount /proc$",
                     done.stdout, re.MULTILINE)
