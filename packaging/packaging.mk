# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
#
# What leaves the tree: included by the Makefile.

# What packages are held to; needs no running service.
check-packages:
	@/usr/bin/python3 -m pytest -q -p no:cacheprovider tests/packaging

CHECKS += check-packages

.PHONY: check-packages
