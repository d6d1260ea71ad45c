#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A program that was linked with a library of another release is refused when it starts, not at a call: with one that had
# symbols of a later release, and with one of before the first release that names them.
# Usage: versions.sh CC LIBRARY
set -euo pipefail

compiler=$1 library=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo 'int ringq_put(void) { return 0; }' >stub.c
echo 'int ringq_put(void); int main(void) { return ringq_put() == 1; }' >program.c

refused() {
	echo "$1 { global: ringq_*; local: *; };" >stub.map
	"$compiler" -shared -fPIC -o libringq.so.0 stub.c -Wl,-soname,libringq.so.0 -Wl,--version-script=stub.map
	"$compiler" -o program program.c ./libringq.so.0
	LD_LIBRARY_PATH=. ./program
	if LD_LIBRARY_PATH=${library%/*} LC_ALL=C ./program 2>said; then
		echo "a program that needs $1 runs"
		exit 1
	fi
	grep -qF "version \`$1' not found" said || { cat said; exit 1; }
	echo "a program that needs $1 is refused"
}

refused RINGQ_0
refused RINGQ_0.99
