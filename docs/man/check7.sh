#!/usr/bin/env bash
# SPDX-License-Identifier: MIT

# Usage: check7.sh PAGE UMBRELLA LIBRARY README PROGRAM...
# The page has each rule of the umbrella header, each call that the library exports, and the programs, of which the first is the
# README's first one, too. It is clean, if mandoc is here. The page's program is what a reader copies: so it is what comes out.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

rules=$(sed -nE 's/^ \*  ([A-Z][a-z]+)  +\S.*/\1/p' "$2")
[[ $(wc -l <<<"$rules") -ge 7 ]] || { echo "few rules in the header: $rules"; exit 1; }
diff <(echo "$rules") <(sed -nE 's/^\.It ([A-Z][a-z]+)$/\1/p' "$1") || { echo 'rules of the header (<) and the page (>) differ'; exit 1; }
calls=$(nm -D --defined-only "$3" | sed -nE 's/.* T (ringq_[a-z0-9_]+)(@.*)?$/\1/p' | sort -u)
diff <(echo "$calls") <(sed -n 's/^\.It //p' "$1" | grep -oE 'ringq_[a-z0-9_]+' | sort -u) ||
	{ echo 'calls of the library (<) and the page (>) differ'; exit 1; }
cmp "$5" <(awk '/^```c$/ { on = 1; next } /^```$/ { if (on) exit } on' "$4") || { echo 'the README has another program'; exit 1; }
if command -v mandoc >/dev/null; then
	mandoc -T utf8 -O width=200 "$1" | col -bx >"$work/page"
	for program in "${@:5}"; do
		# Below the comments that it begins with; the page has indented it, and says minus and quotes as they are.
		sed -n '/^#include/,$p' "$program" | expand | sed 's/ *$//' | grep . >"$work/program"
		grep -qF "$(head -n 1 "$work/program")" "$work/page" || { echo "the page lacks ${program##*/}"; exit 1; }
		while IFS= read -r line; do
			grep -qF -- "$line" "$work/page" || { echo "the page lacks, of ${program##*/}: $line"; exit 1; }
		done <"$work/program"
	done
fi
if command -v mandoc >/dev/null; then
	if mandoc -T lint -W warning "$1" | grep .; then exit 1; fi
fi
echo "$(wc -l <<<"$rules") rules, $(wc -l <<<"$calls") calls"
