#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs a libFuzzer program for a while on a copy of its corpus: run_fuzzer.sh PROGRAM CORPUS
# What it finds is left in the current folder, as crash-*, timeout-* or leak-*, and is a failure: by itself libFuzzer ends
# with 77 then, which says "skipped" to Meson.
set -eu

case ${RINGQ_TEST_SIZE:-whole} in
quick) seconds=4 ;;
long) seconds=3600 ;;
*) seconds=20 ;;
esac
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT

# The sanitizers' shadow memory has fixed places, which random ones of the kernel may hit.
launcher=
setarch -R true 2>/dev/null && launcher='setarch -R'
status=0
ASAN_OPTIONS=detect_leaks=0:${ASAN_OPTIONS:-} $launcher "$1" -max_total_time="$seconds" -timeout=20 -max_len=400 \
	-rss_limit_mb=4096 -error_exitcode=1 -timeout_exitcode=1 -print_final_stats=1 "$found" "$2" \
	>"$found/.log" 2>&1 || status=$?
tail -n 60 "$found/.log"
exit "$status"
