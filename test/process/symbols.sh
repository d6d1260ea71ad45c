#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks that the shared library exports what the public headers declare, and nothing else.
# Usage: symbols.sh LIBRARY HEADER...
set -eu

command -v nm >/dev/null || { echo "skipped: nm is missing"; exit 77; }
library=$1
shift

# The symbol of type A is the name of the version that all others carry.
exported=$(nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort)
declared=$(sed -n 's/^RINGQ_API .*\(ringq_[a-z_]*\)(.*/\1/p' "$@" | sort)

if [ "$exported" != "$declared" ]; then
	echo "exported:" $exported
	echo "declared:" $declared
	exit 1
fi
echo "exported and declared: $(echo "$exported" | wc -l) functions"
