# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""A private Postfix 3.7: postscreen, submission and smtps, with and without PROXY header."""
import grp
import os
import pwd
import re

from .clients import bracket
from .site import end, listening, wait_until

# All of them but DIRECT expect a PROXY header.  PLAIN is a submission port without TLS of its own, for a
# proxy that ends TLS; it offers AUTH all the same.
MX, SUBMISSION, SMTPS, PLAIN, DIRECT = 25, 587, 465, 10587, 10025
PORTS = (MX, SUBMISSION, SMTPS, PLAIN, DIRECT)

MAIN = """
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
maillog_file = {log}
maillog_file_prefixes = {dir}, {logs}
maillog_file_permissions = 0644
inet_interfaces = all
inet_protocols = all
myhostname = postfix.example.org
mydestination =
mynetworks =
virtual_mailbox_domains = example.org
virtual_mailbox_maps = static:all
virtual_transport = {transport}
alias_maps =
alias_database =
local_recipient_maps =
smtpd_peername_lookup = no
smtpd_client_port_logging = yes
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_banner = $myhostname ESMTP
smtpd_tls_cert_file = {chain}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = may
smtpd_tls_loglevel = 1
smtpd_sasl_type = dovecot
smtpd_sasl_path = {auth}
smtp_address_preference = ipv4
lmtp_destination_concurrency_limit = 2
disable_dns_lookups = yes
smtp_host_lookup = native
postscreen_greet_banner = {teaser}
postscreen_greet_wait = {greet_wait}
postscreen_greet_action = enforce
postscreen_access_list =
postscreen_dnsbl_sites =
default_database_type = hash
address_verify_map =
smtpd_client_connection_rate_limit = 0
smtpd_client_connection_count_limit = 0
{extra}
"""

MASTER = """
{mx} inet n - n - 1 postscreen -o postscreen_upstream_proxy_protocol=haproxy -o syslog_name={name}/mx
smtpd pass - - n - - smtpd -o syslog_name={name}/mx
{submission} inet n - n - - smtpd -o smtpd_upstream_proxy_protocol=haproxy -o syslog_name={name}/submission
    -o smtpd_sasl_auth_enable={sasl} -o smtpd_tls_auth_only=yes -o smtpd_tls_security_level=encrypt
{smtps} inet n - n - - smtpd -o smtpd_upstream_proxy_protocol=haproxy -o syslog_name={name}/smtps
    -o smtpd_sasl_auth_enable={sasl} -o smtpd_tls_wrappermode=yes
{plain} inet n - n - - smtpd -o smtpd_upstream_proxy_protocol=haproxy -o syslog_name={name}/plain
    -o smtpd_sasl_auth_enable={sasl} -o smtpd_tls_security_level=none
{direct} inet n - n - - smtpd -o syslog_name={name}/direct
"""
INTERNAL = """
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsproxy unix - - n - 0 tlsproxy
dnsblog unix - - n - 0 dnsblog
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """number: which of the site's servers.  dovecot: who knows the users and takes the mail;
    without one nobody can log in and mail is thrown away.  teaser: postscreen's 220- line."""

    def __init__(self, site, pki, number=4, dovecot=None, teaser="postfix.example.org please wait",
                 greet_wait="1s", extra=""):
        self.site, self.name = site, f"postfix{number + 1}"
        self.addresses = [site.servers[number], *site.servers6[number:number + 1]]
        self.address, self.address6 = (*self.addresses, None)[:2]
        ports = dict(zip(("mx", "submission", "smtps", "plain", "direct"),
                         (port + site.shift for port in PORTS)))
        self.ports = ports.values()
        self.directory = site.path(self.name)
        self.directory.mkdir()
        self.log = site.log_file(self.name)
        self._queue()
        config = self.directory / "etc"
        site.write(f"{self.name}/etc/main.cf", MAIN.format(
            dir=self.directory, log=self.log, logs=site.directory,
            chain=pki.chain("backend"), key=pki.key("backend"), teaser=teaser, greet_wait=greet_wait,
            auth=dovecot.auth if dovecot else "/nonexistent", extra=extra,
            transport=f"lmtp:inet:[{dovecot.addresses[0]}]:{dovecot.lmtp}" if dovecot else "discard:"))
        services = [MASTER.format(name=self.name, sasl="yes" if dovecot else "no", **{
            name: f"{bracket(address)}:{port}" for name, port in ports.items()})
            for address in self.addresses]
        # The internal services stand once; so does smtpd behind postscreen.
        services[1:] = [text.replace("\nsmtpd pass", "\n#smtpd pass") for text in services[1:]]
        site.write(f"{self.name}/etc/master.cf", "".join(services) + INTERNAL)
        for name in ("main.cf", "master.cf"):
            os.utime(config / name, (1, 1))  # Postfix waits for seconds while these are fresh
        self.process = site.spawn(["/usr/lib/postfix/sbin/master", "-d", "-c", config],
                                  site.log_file(f"{self.name}-stderr").open("w"),
                                  env={**os.environ, "MAIL_CONFIG": str(config)})
        site.programs.append(self)
        wait_until(self._up, f"{self.name} to listen")

    def _queue(self):
        """What `postfix check` would make, without its dozen of processes."""
        user, drop = pwd.getpwnam("postfix").pw_uid, grp.getgrnam("postdrop").gr_gid
        queue = self.directory / "queue"
        queue.mkdir()
        for name in ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold",
                     "incoming", "private", "saved", "trace"):
            (queue / name).mkdir(0o700)
            os.chown(queue / name, user, -1)
        (queue / "pid").mkdir(0o755)
        for name, mode in (("public", 0o2710), ("maildrop", 0o1730)):
            (queue / name).mkdir()
            os.chown(queue / name, user, drop)
            (queue / name).chmod(mode)
        (self.directory / "data").mkdir(0o700)
        os.chown(self.directory / "data", user, -1)

    def _up(self):
        assert self.process.poll() is None, f"{self.name} ended: see its log"
        return all(listening(address, port) for address in self.addresses for port in self.ports)

    def lines(self):
        return self.log.read_text(errors="backslashreplace").splitlines() if self.log.exists() else []

    def line(self, pattern):
        """Wait for a line of the log that matches, and return the match."""
        def found():
            return next((m for m in (re.search(pattern, line) for line in self.lines()) if m), None)
        return wait_until(found, f"{pattern!r} in {self.name}'s log")

    def quarrels(self):
        """Warnings and errors in the log: a healthy proxy causes none."""
        return [line for line in self.lines() if re.search(r": (warning|error|fatal|panic): ", line)]

    def stop(self):
        if self.process.poll() is None:
            end(self.process)
