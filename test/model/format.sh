#!/usr/bin/env bash
# SPDX-License-Identifier: MIT

# Usage: format.sh SOURCE_ROOT
# Each C file is as clang-format would have it, by the tree's own settings. Other versions than that of Debian 12 differ
# in details, so they do not judge. test/standin/criterion has another project's macros.
set -euo pipefail
cd "$1"

version=$(clang-format --version 2>/dev/null | sed -nE 's/.*version ([0-9]+)\..*/\1/p' || true)
[[ $version == 14 ]] || { echo "skipped: clang-format 14 is not here"; exit 77; }
files=$(find ringq bench test docs -name '*.[ch]' -not -path '*/standin/criterion/*' -not -path '*/build/*' | sort)
[[ -n $files ]] || { echo 'no files'; exit 1; }
# A file that is wrong on purpose shows that the check checks.
if printf 'int  f( void ){return 0 ;}\n' | clang-format -n -Werror --assume-filename=x.c >/dev/null 2>&1; then
	echo 'clang-format finds nothing wrong with what is wrong'
	exit 1
fi
# shellcheck disable=SC2086 # no file has a blank in its name
clang-format -n -Werror $files 2>&1 | grep error: && exit 1
echo "$(wc -l <<<"$files") files"
