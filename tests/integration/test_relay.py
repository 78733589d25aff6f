# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Bytes are what they were: torture (tests/lib/torture.c) with plain and TLS on either side.
TORTURE is the number of connections, 500 unless the environment says otherwise."""
import os

import pytest

from lib.clients import run
from lib.mailreeve import BUILD, Mailreeve
from lib.site import PROXY, PROXY6, wait_until

CONNECTIONS = int(os.environ.get("TORTURE", "500"))

CONF = """
frontends = ( {
    name = "front"; protocol = "tcp";
    bind = [ "192.0.2.10:993", "[2001:db8:a::10]:993" ];
    backend = "back";
    %s
} );
backends = ( {
    name = "back"; protocol = "tcp"; send_proxy = "%s";
    servers = "%s:143";
    check = { type = "none"; };
    %s
} );
"""
FRONT_TLS = 'tls = { certificates = "$pki/mail"; };'
BACK_TLS = 'tls = { ca_file = "$pki/ca.pem"; server_name = "dovecot.example.org"; };'


@pytest.mark.timeout(300)
@pytest.mark.parametrize("header", ("none", "v2-ssl"))
@pytest.mark.parametrize("front, back", (("plain", "plain"), ("plain", "tls"), ("tls", "plain"),
                                         ("tls", "tls"), ("passthrough", "tls")))
def test_torture(site, pki, front, back, header):
    """Thousands of connections in random chunks, slow readers, both ways of ending, resets."""
    if front == "passthrough":
        tls, back_tls = 'tls = { mode = "passthrough"; };', ""
    else:
        tls, back_tls = FRONT_TLS if front == "tls" else "", BACK_TLS if back == "tls" else ""
    v6 = header == "v2-ssl"
    server = "fd00::11" if v6 else "10.0.0.11"
    proxy = Mailreeve(site, pki, CONF % (tls, header, f"[{server}]" if v6 else server, back_tls))
    options = ["-t"] if front != "plain" else []
    options += ["-T", pki.directory / "backend.pem"] if back == "tls" else []
    options += ["-p"] if header != "none" else []
    done = run(BUILD / "lib/torture", *options, PROXY6 if v6 else PROXY, 993, server, 143,
               CONNECTIONS, 48, seconds=280)
    assert done.returncode == 0
    proxy.at_rest()
    wait_until(lambda: sum("end" in line for line in proxy.lines()) == CONNECTIONS,
               "a line for every connection")
    ends = {line["end"] for line in proxy.lines() if "end" in line}
    assert ends <= {"client-closed", "server-closed", "client-reset", "server-reset"}
