#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds put_get.rs with the library of a folder, and runs it. Usage: rust.sh LIBRARY HEADERS
set -eu

rustc --version >/dev/null 2>&1 || { echo 'skipped: rustc is missing'; exit 77; }
bindgen --version >/dev/null 2>&1 || { echo 'skipped: bindgen is missing'; exit 77; }
directory=$(dirname "$(realpath "$1")") headers=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bindgen --allowlist-function 'ringq_.*' --no-layout-tests -o "$work/ringq.rs" "$headers/ringq/ringq.h" -- -I"$headers" \
	2>"$work/said" || { cat "$work/said"; exit 1; }
RINGQ_RS=$work/ringq.rs rustc --edition 2021 -D warnings -o "$work/put_get" -L "$directory" -l ringq "$(dirname "$0")/put_get.rs"
[ "$(LD_LIBRARY_PATH=$directory "$work/put_get")" = 'got one, two, three' ]
