#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Checks that the units of a source tree lie in layers. TREE/LAYERS lists them, lowest first, each without its suffix; a
# file may include its own unit's header and those of lower units, no others, and no .c file declares what another defines.
# ../UNIT in the list is of a tree beside this one.
# Then it seeds one fault of each kind into a copy of the tree, and fails unless each is found.
#
# usage: layers.sh TREE
set -euo pipefail
export LC_ALL=C

check() {
	local files

	cd "$1"
	readarray -t files < <(find . -name '*.[ch]' -o -name '*.cc' -o -name '*.hpp' | sort)
	awk '
		function wrong(what) { print what; bad++ }
		FNR == NR { rank[$1] = ++n; next }
		FNR == 1 {
			unit = FILENAME
			sub(/^\.\//, "", unit)
			sub(/\.[a-z]+$/, "", unit)
			if (unit in rank)
				seen[unit] = 1
			else
				wrong(FILENAME ": not in LAYERS")
		}
		match($0, /^# *include *"[^"]+"/) {
			of = substr($0, RSTART, RLENGTH - 1)
			sub(/.*"/, "", of)
			header = of
			sub(/\.[a-z]+$/, "", of)
			if (!(of in rank) || rank[of] > rank[unit])
				wrong(FILENAME ":" FNR ": includes " header ", which is not below it")
		}
		FILENAME ~ /\.(c|cc)$/ && (/^extern [^"]/ || /^(struct |enum |unsigned |const )?[a-z][a-z0-9_]* [^=({]*\([^{]*\);$/) {
			if ($0 !~ /^(static|typedef|return)/)
				wrong(FILENAME ":" FNR ": declares what belongs in a header")
		}
		END {
			for (unit in rank)
				if (!(unit in seen) && unit !~ /^\.\.\//)
					wrong("LAYERS: no file " unit)
			print bad ? bad " faults" : n " units, all includes go down"
			exit bad > 0
		}' LAYERS "${files[@]}"
}

# Puts a line into a copy of the tree, in the unit of the given place in LAYERS, and expects to hear of it.
seed() {
	local place=$1 line=$2 said=$3 unit file output

	cp -r "$tree" "$copy/tree"
	unit=$(sed -n "$place" "$tree/LAYERS")
	file=$(find "$copy/tree" -path "$copy/tree/$unit.*" | sort | head -n 1)
	printf '%s\n' "$line" >> "$file"
	if output=$(check "$copy/tree") || ! grep -q "$said" <<< "$output"; then
		echo "seeded into $unit, not found: $line" >&2
		failed=1
	fi
	rm -r "$copy/tree"
}

tree=$(realpath "$1")
(check "$tree")
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
failed=0
top=$(sed -n '$p' "$tree/LAYERS")
seed 1p "#include \"$top.h\"" "includes $top.h, which is not below it"
seed 1p '#include "nowhere.h"' 'includes nowhere.h, which is not below it'
seed "\$p" 'extern int declared_by_hand;' 'declares what belongs in a header'
seed "\$p" 'int declared_by_hand(void);' 'declares what belongs in a header'
exit "$failed"
