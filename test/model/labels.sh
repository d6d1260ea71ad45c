#!/usr/bin/env bash
# SPDX-License-Identifier: MIT

# Usage: labels.sh SOURCE_ROOT
# Each label of a memory access in ringq/src, a comment that begins with a capital letter and at most one digit, has a
# row in docs/memory-model.md, and each row's label is in the code, in the file that the row names. Each ordered access
# names a label, and of each label the page says what would notice less.
set -euo pipefail
cd "$1"

code=$(grep -roE --include='*.[ch]' '/\* (P|[A-Z][0-9])([:., ]| and [A-Z][0-9])' ringq/src |
	sed -E 's,ringq/src/([^:]*):/\* ([A-Z][0-9]?).*,\2 \1,' | sort -u)
table=$(sed -nE 's/^\| ([A-Z][0-9]?) \| `([a-z_./]*)`.*/\1 \2/p' docs/memory-model.md | sort -u)
[[ -n $code && -n $table ]] || { echo 'no labels found'; exit 1; }
if ! difference=$(diff <(echo "$code") <(echo "$table")); then
	echo "labels in the code (<) and in docs/memory-model.md (>) differ:"
	echo "$difference"
	exit 1
fi
# Each statement with an ordered access names a label that has a row: in its lines, or in the comment right above it.
files=$(find ringq/src -name '*.[ch]' ! -name atomic.h ! -name late.h)
# shellcheck disable=SC2086 # names without blanks
unlabelled=$(awk -v known="$(cut -d' ' -f1 <<<"$table" | sort -u | tr '\n' ' ')" '
	BEGIN {
		n = split(known, row)
		for (i = 1; i <= n; i++)
			has_row[row[i]] = 1
	}
	function is_label(text, i, n, word) {
		n = split(text, word, /[^A-Za-z0-9_]+/)
		for (i = 1; i <= n; i++)
			if (word[i] in has_row)
				return 1
		return 0
	}
	FNR == 1 { comment = statement = access = "" }
	in_comment || /^[[:space:]]*\/\*/ { comment = comment " " $0; in_comment = !/\*\//; next }
	/^#/ { comment = statement = ""; next }
	{
		code = $0
		gsub(/\/\*.*\*\//, "", code)
		at = index($0, "/*")
		statement = statement " " (at ? substr($0, at) : "")
	}
	code ~ /rq_(load_acquire|store_release|swap|add|cas|cas_full|cas_two|fence|fence_behind_cas|acquire_fence|release_fence)\(/ {
		access = access FILENAME ":" FNR ":" $0 "\n"
	}
	code ~ /[;{}:][[:space:]]*$/ && code !~ /= \(.*\)\{[[:space:]]*$/ {
		if (access != "" && !is_label(statement) && !is_label(comment))
			printf "%s", access
		comment = statement = access = ""
	}' $files)
if [[ -n $unlabelled ]]; then
	echo "ordered accesses without a label that has a row in docs/memory-model.md:"
	echo "$unlabelled"
	exit 1
fi

# The page says once of each label what would notice less. Each model, fault, weaker order and test that it names is there, and
# the weaker order fails in the last results.
notice=$(sed -n '/^## What would notice less/,/^## Fences/p' docs/memory-model.md)
if ! difference=$(diff <(cut -d' ' -f1 <<<"$table" | sort -u) \
	<(sed -nE 's/^\| ([A-Z][0-9]?(, [A-Z][0-9]?)*) \|.*/\1/p' <<<"$notice" | tr -d ' ' | tr , '\n' | sort)); then
	echo "labels with a row (<) and labels of which docs/memory-model.md says what would notice less (>) differ:"
	echo "$difference"
	exit 1
fi
there=$({
	(cd test && printf '%s\n' unit/*.c process/*.c)
	cd test/model
	printf '%s\n' ./*.pml weak/*.c weak/*.litmus | sed 's,^\./,,'
	grep -oH 'FAULT_[A-Z0-9_]*' ./*.pml | sed -E 's,^\./(.*):FAULT_,\1: ,'
	awk -F' [|] ' '$4 ~ /^ERROR/ { sub(/=.*/, "", $3); print "weak/" $1 ".c: " $3 }' weak/results.txt
} | sort -u)
missing=$(comm -13 <(echo "$there") \
	<(grep -oE '`[a-z_]+(/[A-Za-z0-9_-]+)?\.(c|pml|litmus)(: [A-Z0-9_]+)?`' <<<"$notice" | tr -d '`' | sort -u))
if [[ -n $missing ]]; then
	echo "docs/memory-model.md names what is not there, or does not fail:"
	echo "$missing"
	exit 1
fi

# What is _Atomic is read and stored by atomic.h, which says the order: C's own operators are sequentially consistent.
if implicit=$(grep -rnE --include='*.[ch]' '(queue->watch|membership->region)\b' ringq/src |
	grep -vE '&[a-z_>.-]*(queue->watch|membership->region)\b|:[0-9]+:[[:space:]]*(/\*|\*)'); then
	echo "read or stored without an order, not by atomic.h:"
	echo "$implicit"
	exit 1
fi
echo "$(wc -l <<<"$code") labels, all with a row"
