#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks that a program that uses the library runs under checkers as docs/limits.md says: without errors of the library.
# Usage: checked.sh PROGRAM SUPPRESSIONS
set -eu

command -v valgrind >/dev/null || { echo "skipped: valgrind is missing"; exit 77; }
program=$1
suppressions=$2

valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite "$program"
valgrind -q --error-exitcode=9 --tool=helgrind --suppressions="$suppressions" "$program"
if valgrind -q --error-exitcode=9 --tool=helgrind "$program" >/dev/null 2>&1; then
	echo "helgrind reports nothing without the suppressions: they may not be needed any more"
	exit 1
fi
if command -v strace >/dev/null; then
	strace -f -o /dev/null "$program"
fi
