#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds put_get.rs with the library of a folder, and runs it. Usage: rust.sh LIBRARY
set -eu

rustc --version >/dev/null 2>&1 || { echo 'skipped: rustc is missing'; exit 77; }
directory=$(dirname "$(realpath "$1")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rustc --edition 2021 -D warnings -o "$work/put_get" -L "$directory" -l ringq "$(dirname "$0")/put_get.rs"
[ "$(LD_LIBRARY_PATH=$directory "$work/put_get")" = 'got one, two, three' ]
