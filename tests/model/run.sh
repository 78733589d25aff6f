#!/bin/sh
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
#
# Check the model of the hand-over, and that breaking each of its rules is noticed.
# Usage: run.sh BUILD-DIRECTORY [DEATHS-OF-WORKERS]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
deaths=${2:-2}
work=$(mktemp -d "${1:?}/model.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

# check NAME OPTIONS EXPECT: EXPECT is "holds" or "fails"
check() {
	spin -DDEATHS="${deaths}" $2 -a "$here/handover.pml" >spin.out 2>&1 || { cat spin.out; exit 1; }
	cc -O2 -DSAFETY -DCOLLAPSE -DVECTORSZ=2048 -DMEMLIM=4096 -w -o pan pan.c
	timeout 600 ./pan -E -m1000000 >pan.out 2>&1 || { cat pan.out; exit 1; }
	if grep -q 'error: max search depth\|out of memory' pan.out; then cat pan.out; exit 1; fi
	errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.out)
	states=$(sed -n 's/ *\([0-9e+.]*\) states, stored.*/\1/p' pan.out)
	case $3:$errors in
	holds:0) echo "model: $1: holds in all $states states" ;;
	fails:[1-9]*) echo "model: $1: found, as it should be" ;;
	*) cat pan.out; echo "model: $1: expected that it $3"; exit 1 ;;
	esac
}
check "hand-over and change of generations" "" holds
check "looking at bytes a second time" "-DIGNORE_MARK" fails
check "no duplicate kept" "-DNO_DUPLICATE" fails
check "a worker that leaves connections behind when it retires" "-DEXIT_EARLY" fails
