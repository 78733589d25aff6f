# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""`mailreeve -t`, and what starting does with a wrong file: the program from the outside."""
import pathlib
import re
import subprocess

import pytest

from lib.fakes import Fake, greets
from lib.mailreeve import BUILD, Mailreeve, check
from lib.clients import connect, context, lines
from lib.site import PROXY, wait_until

GOOD = """
frontends = ( { name = "imaps"; bind = "192.0.2.10:993"; backend = "dovecot";
    tls = { certificates = "$pki/mail"; }; } );
backends = ( { name = "dovecot"; protocol = "imap"; servers = "10.0.0.11:143"; check = { type = "none"; }; } );
"""


def test_good(site, pki):
    done = check(site, pki, GOOD)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].endswith("configuration ok")
    wait_until(lambda: not site.processes(), "the helpers to end")


def test_smallest(site, pki):
    """The smallest useful file of the documentation, as it is."""
    text = GOOD.replace('check = { type = "none"; };', "")
    done = check(site, pki, text.replace("$pki", str(pki)), defaults=False)
    # The three identities exist only where Mailreeve is installed: that is then the only complaint.
    errors = [line for line in done.stdout.splitlines() if not line.startswith("warning: ")]
    assert done.returncode == 0 or all("user" in line for line in errors)


def test_all_errors_at_once(site, pki):
    """Several mistakes: each one with its line, and nothing else of the file's."""
    text = GOOD.replace("certificates =", "crt =").replace('backend = "dovecot"', 'backend = "dovcot"')
    text = text.replace("servers =", "balance = 7; servers =")
    done = check(site, pki, text)
    assert done.returncode == 1
    for words in (r"checked\.conf:3: .*crt.*certificates", r"checked\.conf:2: .*dovcot.*dovecot",
                  r"checked\.conf:4: .*balance"):
        assert re.search(words, done.stdout), words


def test_groups_that_there_are_not(site, pki):
    done = check(site, pki, GOOD + 'control = { group = "nosuch"; monitor_group = "nor-such"; };')
    assert done.returncode == 1
    for words in (r'checked\.conf:5: group "nosuch" does not exist; .*groupadd --system nosuch$',
                  r'checked\.conf:5: monitor_group "nor-such" does not exist; '):
        assert re.search(words, done.stdout, re.MULTILINE), words


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(option):
    done = subprocess.run([BUILD / "mailreeve", option], text=True, stdout=subprocess.PIPE,
                          timeout=20, check=False)
    assert done.returncode == 0 and "mailreeve -t [-c FILE]" in done.stdout


def test_names(site, pki):
    """What a release of a configuration asks: does each name have a certificate?"""
    text = GOOD.replace('"$pki/mail"', '[ "$pki/mail", "$pki/other" ]')
    for names in ("mail.example.org", "MAIL.example.org,imap.mail.example.org,other.example.net"):
        done = check(site, pki, text, options=("--names", names))
        assert done.returncode == 0 and done.stdout.endswith("configuration ok\n"), names
    done = check(site, pki, text, options=("--names", "mail.example.org,example.org,a.b.mail.example.org"))
    assert done.returncode == 1 and "configuration ok" not in done.stdout
    assert re.findall(r"^no certificate covers (\S+);", done.stdout, re.MULTILINE) == \
        ["example.org", "a.b.mail.example.org"]


def test_where_relative_paths_start(site, pki):
    """A configuration is checked where it is written, before it lies where it is to serve."""
    site.path("elsewhere/new").mkdir(parents=True)
    text = GOOD.replace("$pki/mail", "mail")
    assert check(site, pki, text, name="elsewhere/new/mailreeve.conf").returncode == 1
    done = check(site, pki, text, name="elsewhere/new/mailreeve.conf", options=("-C", pki.directory))
    assert done.returncode == 0 and done.stdout.endswith("configuration ok\n")
    done = check(site, pki, text, options=("-C", site.path("nowhere")))
    assert done.returncode == 1 and re.search(r"-C \S+/nowhere: No such file", done.stdout)


@pytest.mark.parametrize("option", (("-C", "/"), ("--names", "a.example")))
def test_options_of_the_check_alone(option):
    done = subprocess.run([BUILD / "mailreeve", *option], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=20, check=False)
    assert done.returncode == 64 and "-C and --names go with -t" in done.stdout


FILES = {
    "no file": ("$pki/nothing", "nothing"),
    "not PEM": ("$dir/junk.pem", "junk.pem"),
    "no key": ("$pki/mail/fullchain.pem", "fullchain.pem"),
    "empty directory": ("$dir/empty", "empty"),
}


@pytest.mark.parametrize("case", FILES)
def test_certificate_files(site, pki, case):
    path, name = FILES[case]
    site.write("junk.pem", "this is no certificate\n", mode=0o600)
    site.path("empty").mkdir()
    done = check(site, pki, GOOD.replace("$pki/mail", path))
    assert done.returncode == 1
    assert re.search(rf"checked\.conf:3: .*{name}", done.stdout)


def test_chains_that_clients_refuse(site, pki):
    """The system's CAs do not know ours: alone the certificate is refused; root first nothing works."""
    leaf, root = pki.chain("mail"), pki.ca.certificate
    key = pathlib.Path(pki.key("mail")).read_text(encoding="ascii")
    said = {}
    for name, files in {"lone": (leaf,), "good": (leaf, root), "foreign": (leaf, root, pki.rogue.certificate),
                        "first": (root, leaf)}.items():
        text = "".join(pathlib.Path(file).read_text(encoding="ascii") for file in files)
        site.write(f"{name}/fullchain.pem", text)
        site.write(f"{name}/privkey.pem", key, mode=0o600)
        done = check(site, pki, GOOD.replace("$pki/mail", f"$dir/{name}"))
        assert done.returncode == (name == "first")
        said[name] = [line for line in done.stdout.splitlines() if f"{name}/fullchain.pem" in line]
    assert not said["good"]
    for name, words in (("lone", r'the certificate of its issuer, "ca", is not in the file'),
                        ("foreign", r'certificate 3 in it, "rogue", has issued none of the others')):
        assert len(said[name]) == 1, said
        assert re.fullmatch(rf"warning: \S+checked\.conf:3: \S+/fullchain\.pem: {words}.*", said[name][0])
    assert re.search(r"the key in \S+/first/privkey\.pem belongs to certificate 2 in it, not to the first",
                     said["first"][0])


def test_a_pair_that_is_named_twice(site, pki):
    done = check(site, pki, GOOD.replace('"$pki/mail"', '[ "$pki/mail", "$pki/mail" ]'))
    assert done.returncode == 0 and "is not shown" not in done.stdout


def test_the_key_that_is_named(site, pki):
    """A group's key counts, also where the certificate's file has one of its own."""
    group = GOOD.replace('"$pki/mail"', '{ certificate = "$pki/mail.pem"; key = "$pki/%s/privkey.pem"; }')
    assert check(site, pki, group % "mail").returncode == 0
    done = check(site, pki, group % "other")
    assert done.returncode == 1 and re.search(r"other/privkey\.pem \(EC P-256\) does not belong to", done.stdout)


def test_readable_key_is_a_warning(site, pki):
    for name, source in (("fullchain.pem", pki.chain("mail")), ("privkey.pem", pki.key("mail"))):
        with open(source, encoding="ascii") as file:
            site.write(f"open/{name}", file.read(), mode=0o644)
    done = check(site, pki, GOOD.replace("$pki/mail", "$dir/open"))
    assert done.returncode == 0 and re.search(r"privkey\.pem.*read", done.stdout)


def test_address_of_another_host_is_a_warning(site, pki):
    done = check(site, pki, GOOD.replace('"192.0.2.10:993"', '[ "192.0.2.10:993", "203.0.113.7:993" ]'))
    assert done.returncode == 0
    warned = re.findall(r"checked\.conf:2: (\S+) is not an address of this host \(yet\)", done.stdout)
    assert warned == ["203.0.113.7:993"]


def test_syntax(site, pki):
    done = check(site, pki, GOOD.replace("{ name", "{{ name", 1))
    assert done.returncode == 1 and re.search(r"checked\.conf:2: ", done.stdout)


def test_no_file(site):
    done = subprocess.run([BUILD / "mailreeve", "-t", "-c", site.path("none.conf")], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20, check=False)
    assert done.returncode == 1 and "none.conf" in done.stdout


def test_haproxys_habit():
    done = subprocess.run([BUILD / "mailreeve", "-c", "-f", "x"], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=20, check=False)
    assert done.returncode != 0 and "-t checks, -c names the file" in done.stdout


def test_wrong_file_starts_nothing(site, pki):
    proxy = Mailreeve(site, pki, GOOD.replace("dovecot\"; tls", "dovcot\"; tls").replace(
        'backend = "dovecot"', 'backend = "dovcot"'), wait=False)
    wait_until(lambda: proxy.process.poll() is not None, "mailreeve to refuse to start")
    assert proxy.process.returncode == 78
    assert "dovcot" in "\n".join(proxy.raw())


def test_port_in_use(site, pki):
    Fake(site, PROXY, 993, greets(b""))
    proxy = Mailreeve(site, pki, GOOD, wait=False)
    wait_until(lambda: proxy.process.poll() is not None, "mailreeve to refuse to start")
    assert proxy.process.returncode == 1
    assert re.search(r"cannot listen on 192\.0\.2\.10:993: .*in use", "\n".join(proxy.raw()))


def test_include(site, pki):
    """A file in parts, found from the main file's directory."""
    frontends, backends = GOOD.split("backends = ")
    site.write("parts/back.conf", "backends = " + backends)
    text = frontends.replace("$pki", str(pki)) + '@include "parts/back.conf"\n'
    assert check(site, pki, text).returncode == 0
    Fake(site, "10.0.0.11", 143, greets(b"* OK\r\n"))
    Mailreeve(site, pki, text)
    with connect(PROXY, 993, context(pki)) as sock:
        assert lines(sock) == [b"* OK\r\n"]


@pytest.mark.parametrize("example", sorted(
    path.name for path in (BUILD.parent / "conf/examples").glob("*.conf")))
def test_examples(site, example):
    """Every example of the repository names only keys that there are: what is left to complain of
    are files and users of the site it is for."""
    path = BUILD.parent / "conf/examples" / example
    done = subprocess.run([BUILD / "mailreeve", "-t", "-c", path, "-L", BUILD], text=True, timeout=20,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    for words in ("unknown key", "syntax error", "no unit", "did you mean"):
        assert words not in done.stdout, done.stdout
