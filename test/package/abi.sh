#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The shared library's interface to programs is that of the baseline: symbols and types may have come, none may have changed.
# Usage: abi.sh LIBRARY HEADERS BASELINE [--update]
set -euo pipefail

library=$1 headers=$2 baseline=$3

for tool in abidw abidiff; do
	command -v "$tool" >/dev/null || { echo "skipped: $tool is missing"; exit 77; }
done
# One baseline a machine; types are read from what the debugger is told.
[[ $(uname -m) == "$(basename "$baseline" .xml)" ]] || { echo "skipped: the baseline is of another machine"; exit 77; }
readelf -SW "$library" | grep -q '\.debug_info' || { echo 'skipped: a library without debug information'; exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

describe() {
	abidw --exported-interfaces-only --no-corpus-path --no-comp-dir-path --no-show-locs --drop-private-types --type-id-style hash --headers-dir "$headers" \
		--out-file "$2" "$1"
}

if [[ ${4-} == --update ]]; then
	describe "$library" "$work/new"
	sed "1a <!-- SPDX-License-""Identifier: MIT -->" "$work/new" >"$baseline"
	exit
fi

# What is behind a handle is nobody else's: abidw drops the members of such types, not always their size.
cat >"$work/handles" <<-'END'
	[suppress_type]
	type_kind = struct
	name_regexp = ^ringq_(array|browser|pipe|queue|region)$
END
compare() { abidiff --no-added-syms --suppressions "$work/handles" "$1" "$work/new.xml"; }

describe "$library" "$work/new.xml"
compare "$baseline" || {
	echo 'The interface differs from the last release. If this version may change it, as docs/versions.md says:'
	echo "test/package/abi.sh LIBRARY HEADERS BASELINE --update"
	exit 1
}

# The test can fail: a baseline in which a type or a symbol is another is told.
sed "s/name='ringq_put'/name='ringq_putt'/" "$baseline" >"$work/symbol.xml"
sed -E "/name='ringq_queue_stat' size-in-bits/s/size-in-bits='[0-9]+'/size-in-bits='64'/" "$baseline" >"$work/size.xml"
for fault in symbol size; do
	! cmp -s "$baseline" "$work/$fault.xml" || { echo "no fault was made: $fault"; exit 1; }
	! compare "$work/$fault.xml" >/dev/null || { echo "not told: $fault"; exit 1; }
done
echo "the interface is that of the baseline: $(grep -c '<elf-symbol ' "$baseline") symbols"
