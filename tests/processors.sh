#!/bin/sh
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
#
# tests/processors.sh short|long PROGRAM...: run test programs as on other processors, by hiding from
# OpenSSL and from libc what this one can do.  Elsewhere than on x86-64 the masks mean nothing and
# the programs run once.
set -u

# OPENSSL_ia32cap(3): first what CPUID leaf 1 says, behind the colon leaf 7; a ~ takes bits away.
AVX512=0x600d0230000  # AVX-512 F DQ IFMA CD BW VL, VAES, VPCLMULQDQ
AVX2=0x600d0230020    # the same and AVX2
AES=0x200000200000000 # AES-NI, PCLMULQDQ
AVX=0x1000000000000000

what=$1; shift
rc=0
under() {
	name=$1 OPENSSL_ia32cap=$2 GLIBC_TUNABLES=${3:+glibc.cpu.hwcaps=$3}
	export OPENSSL_ia32cap GLIBC_TUNABLES
	shift 3
	for program; do
		case $program in
		*/record_peer) out=$(tests/interop/records.py "$program" 2003 2>&1) ;;
		*) out=$("$program" 2>&1) ;;
		esac && continue
		rc=1
		printf '%s\n%s: %s failed\n' "$out" "$name" "$program"
	done
	echo "processors: $name"
}

if [ "$(uname -m)" != x86_64 ]; then
	under "this one" "" "" "$@"
	exit $rc
fi
under "without AVX-512" ":~$AVX512" "-AVX512F,-AVX512VL,-AVX512BW" "$@"
under "nothing at all" "0:0" "-AVX512F,-AVX2,-AVX,-ERMS,-SSSE3,-SSE4_1,-SSE4_2" "$@"
[ "$what" = short ] && exit $rc
under "without AVX2" ":~$AVX2" "-AVX512F,-AVX512VL,-AVX512BW,-AVX2" "$@"
under "without AVX" "~$AVX:~$AVX2" "-AVX512F,-AVX2,-AVX" "$@"
under "without AES-NI" "~$AES:~0" "" "$@"
under "leaf 1 alone" "~0:0" "" "$@"
exit $rc
