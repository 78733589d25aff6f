# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""A private Dovecot, 2.3 or 2.4, with every protocol, with and without PROXY header and TLS."""
import os
import re
import shutil
import signal
import subprocess

from .site import end, listening, wait_until

# Ports: PORTS expect a PROXY header; DIRECT is added where none is expected.
PORTS = {"imap": 143, "imaps": 993, "pop3": 110, "pop3s": 995, "submission": 587,
         "submissions": 465, "sieve": 4190, "sieves": 5190}
DIRECT = 10000
LMTP = 24
TLS = ("imaps", "pop3s", "submissions", "sieves")
SERVICE = {"imap": "imap-login", "pop3": "pop3-login", "submission": "submission-login",
           "sieve": "managesieve-login"}

VERSION = tuple(map(int, re.match(r"(\d+)\.(\d+)\.(\d+)", subprocess.run(
    ["dovecot", "--version"], text=True, capture_output=True, check=True,
    env={"PATH": "/usr/sbin:/usr/bin"}).stdout).groups()))
# These two read the name in the header after its memory was given back: nobody logs in with it.
NAME_IS_LOST = (2, 4) <= VERSION < (2, 4, 2)
# What the log says of a login whose TLS the PROXY header alone vouches for.
SECURED = " secured" if VERSION < (2, 4) else " TLS"
# How the line of a login begins.
LOGIN = "Login" if VERSION < (2, 4) else "Logged in"

# Dovecot 2.3's words and 2.4's.
NEW_WORDS = (
    (r"\bssl_ca = <", "ssl_server_ca_file = "),
    (r"\bssl_cert = <", "ssl_server_cert_file = "),
    (r"\bssl_key = <", "ssl_server_key_file = "),
    (r"\bssl_verify_client_cert\b", "ssl_server_request_client_cert"),
    (r"\bssl_require_crl\b", "ssl_server_require_crl"),
    (r"\bdisable_plaintext_auth = no\b", "auth_allow_cleartext = yes"),
    (r"\bservice_count\b", "restart_request_count"),
    (r"\brestart_request_count = 0\b", "restart_request_count = unlimited"),
    (r"^(\s+)address = ", r"\1listen = "),
)

COMMON = """
base_dir = {run}
state_dir = {dir}/state
log_path = {log}
instance_name = {name}
protocols = imap pop3 submission sieve lmtp
auth_mechanisms = plain login external
auth_verbose = yes
auth_failure_delay = 0
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 1
haproxy_trusted_networks = 127.0.0.0/8 10.0.0.0/8 192.0.2.0/24 fd00::/8 2001:db8:a::/48
haproxy_timeout = 3s
ssl = {ssl}
ssl_cert = <{chain}
ssl_key = <{key}
ssl_min_protocol = TLSv1.2
login_trusted_networks =
submission_relay_host = {relay_host}
submission_relay_port = {relay_port}
submission_relay_trusted = no
hostname = dovecot.example.org
default_vsz_limit = 256M
default_process_limit = 20
default_client_limit = 200
service anvil {{
  client_limit = 200
}}
service auth {{
  client_limit = 400
  unix_listener auth-postfix {{
    mode = 0666
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = {address}
    port = {lmtp}
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
protocol lmtp {{
  postmaster_address = postmaster@example.org
}}
{logins}
{extra}
"""

# Users are alice and bob, their password is "secret"; EXTERNAL believes the name it is given.
OF_2_3 = """
auth_username_format = %Ln
mail_location = maildir:~/Maildir
passdb {{
  driver = static
  mechanisms = external
  args = nopassword=y
}}
passdb {{
  driver = passwd-file
  args = {dir}/passwd
}}
userdb {{
  driver = static
  args = home={dir}/home/%u
}}
login_log_format_elements = user=<%u> method=%m rip=%r rport=%b lip=%l lport=%a %c name=<%{{local_name}}>
login_log_format = %$: %s
"""
OF_2_4 = """dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
auth_username_format = %{{user | username | lower}}
mail_driver = maildir
mail_path = ~/Maildir
passdb external {{
  driver = static
  mechanisms_filter = external
  fields {{
    nopassword = yes
  }}
}}
passdb passwd-file {{
  passwd_file_path = {dir}/passwd
}}
userdb static {{
  fields {{
    home = {dir}/home/%{{user}}
  }}
}}
login_log_format_elements = user=<%{{user}}> method=%{{mechanism}} rip=%{{remote_ip}} \
  rport=%{{remote_port}} lip=%{{local_ip}} lport=%{{local_port}} %{{secured}} name=<%{{local_name}}>
login_log_format = %{{message}}: %{{elements}}
"""


def configuration(**values):
    """The text of a dovecot.conf as the Dovecot at hand reads it; `extra` is in 2.3's words."""
    if VERSION < (2, 4):
        return (OF_2_3 + COMMON).format(**values)
    text = COMMON.format(**values)
    for old, new in NEW_WORDS:
        text = re.sub(old, new, text, flags=re.MULTILINE)
    return OF_2_4.format(**values) + text


class Dovecot:
    """number: which of the site's servers.
    ssl: yes (cleartext logins only where the PROXY header says TLS), no, required.
    relay: (address, port) where its submission service sends mail, by default the site's
    Postfix; without a server there a login ends at once."""

    def __init__(self, site, pki, number=0, ssl="yes", extra="", relay=None):
        self.site, self.name = site, f"dovecot{number + 1}"
        self.addresses = [site.servers[number], *site.servers6[number:number + 1]]
        self.address, self.address6 = (*self.addresses, None)[:2]
        self.lmtp = LMTP + site.shift
        self.ports = [port + site.shift for name, port in PORTS.items() if ssl != "no" or name not in TLS]
        self.directory = site.path(self.name)
        self.directory.mkdir()
        self.log = site.log_file(self.name)
        self.auth = self.directory / "run/auth-postfix"
        uid = gid = 8  # Debian's user mail
        home = self.directory / "home"
        home.mkdir()
        os.chown(home, uid, gid)
        site.write(f"{self.name}/passwd", "alice:{PLAIN}secret\nbob:{PLAIN}secret\n")
        relay = relay or (site.servers[4], 10025 + site.shift)
        config = site.write(f"{self.name}/dovecot.conf", configuration(
            run=self.directory / "run", dir=self.directory, log=self.log, name=self.name, uid=uid,
            gid=gid, ssl=ssl, chain=pki.chain("backend"), key=pki.key("backend"),
            address=self.addresses[0], relay_host=relay[0], relay_port=relay[1],
            lmtp=self.lmtp, logins=self._logins(),
            extra=extra))
        self.process = site.spawn(["dovecot", "-F", "-c", config],
                                  site.log_file(f"{self.name}-stderr").open("w"))
        site.programs.append(self)
        wait_until(self._up, f"{self.name} to listen")

    def _logins(self):
        """The login services: every port with a PROXY header, and 10000 above it without."""
        text = []
        for protocol, service in SERVICE.items():
            text.append(f"service {service} {{")
            # Debian's package brings listeners of its own names: none of those.
            for default in (protocol, protocol + "s"):
                text.append(f"  inet_listener {default} {{\n    port = 0\n  }}")
            for name in (protocol, protocol + "s"):
                for shift, proxied in ((0, "yes"), (DIRECT, "no")):
                    text.append(f"  inet_listener {name}-{shift} {{\n"
                                f"    address = {' '.join(self.addresses)}\n"
                                f"    port = {PORTS[name] + shift + self.site.shift}\n    haproxy = {proxied}\n"
                                f"    ssl = {'yes' if name in TLS else 'no'}\n  }}")
            text.append("  process_min_avail = 1\n  service_count = 0\n}")
        return "\n".join(text)

    def _up(self):
        assert self.process.poll() is None, f"{self.name} ended: see {self.name}-stderr"
        return all(listening(address, port + shift) for address in self.addresses
                   for port in self.ports for shift in (0, DIRECT))

    def lines(self):
        return self.log.read_text(errors="backslashreplace").splitlines() if self.log.exists() else []

    def login(self, service, **wanted):
        """Wait for the line of a login (`service` is imap, pop3, submission, managesieve) that has
        the wanted fields (user, method, rip, rport, lip, lport, name), and return it."""
        def found():
            for line in self.lines():
                if f"{service}-login: Info: {LOGIN}: " not in line:
                    continue
                fields = dict(re.findall(r"(\w+)=<?([^>,\s]*)", line))
                if all(fields.get(key) == str(value) for key, value in wanted.items()):
                    return line
            return None
        return wait_until(found, f"a {service} login of {wanted} in {self.name}'s log")

    def quarrels(self):
        """Warnings and errors in the log: a healthy proxy causes none."""
        return [line for line in self.lines() if re.search(r": (Warning|Error|Fatal|Panic): ", line)]

    def pause(self):
        os.killpg(self.process.pid, signal.SIGSTOP)

    def stop(self):
        if self.process.poll() is None:
            end(self.process)

    def remove_mail(self):
        shutil.rmtree(self.directory / "home")
