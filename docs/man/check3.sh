#!/usr/bin/env bash
# SPDX-License-Identifier: MIT

# Usage: check3.sh PAGES LIBRARY HEADER...
# Each call that the library exports has a page, and no page is of anything else but a structure, which it shows. The errors of
# a call's page are those of the comment that stands above the call in its header, and errors of the system. The pages are
# clean, if mandoc is here.
set -euo pipefail

pages=$1 library=$2
shift 2
exported=$(nm -D --defined-only "$library" | sed -nE 's/.* T (ringq_[a-z0-9_]+)(@.*)?$/\1/p' | sort -u)
of_calls=$(find "$pages" -name '*.3' -printf '%f\n' | sed 's/\.3$//' | sort -u | while read -r name; do
	if grep -q '^\.Fo\|^\.so ' "$pages/$name.3" || ! grep -q "^struct $name {$" "$pages/$name.3"; then echo "$name"; fi
done)
[[ -n $exported ]] || { echo 'no symbols'; exit 1; }
diff <(echo "$exported") <(echo "$of_calls") || { echo 'symbols (<) and pages (>) differ'; exit 1; }
for page in "$pages"/*.3; do
	grep -q '^\.Sh DESCRIPTION\|^\.so ' "$page" || { echo "$page has no description"; exit 1; }
done

# Lines of a call and an error, of the comment that the call stands below: up to an empty line.
in_headers() {
	awk '
		/^\/\*\*/ { text = ""; inside = 1 }
		inside { text = text " " $0 }
		/\*\// { if (inside) { inside = 0; next } }
		!inside && /^$/ { text = "" }
		!inside && match($0, /ringq_[a-z0-9_]+\(/) && (/^RINGQ_API/ || begun) {
			name = substr($0, RSTART, RLENGTH - 1)
			rest = text
			print name, "-"
			while (match(rest, /-E[A-Z0-9]+/)) {
				print name, substr(rest, RSTART + 1, RLENGTH - 1)
				rest = substr(rest, RSTART + RLENGTH)
			}
		}
		{ begun = /^RINGQ_API/ && !/;/ }' "$@" | sort -u
}

# The same of the pages, without what the constants and structures shown there say of themselves.
in_pages() {
	local name page
	for name in $of_calls; do
		page=$pages/$name.3
		if grep -q '^\.so ' "$page"; then page=$pages/$(sed -n 's|^\.so man3/||p' "$page"); fi
		echo "$name -"
		sed '/^\.Sh \(STRUCTURES\|CONSTANTS\)/,/^\.Sh [DREOTPS]/d' "$page" | grep -oE '\\-E[A-Z0-9]+' | sed "s/^../$name /"
	done | sort -u
}

told=$(in_pages)
diff <(in_headers "$@") <(echo "$told") || { echo 'errors of the headers (<) and of the pages (>) differ'; exit 1; }
errors=$(sed -n 's/.* \(E.*\)/\1/p' <<<"$told" | sort -u)
[[ $(wc -l <<<"$errors") -ge 20 ]] || { echo "few errors: $errors"; exit 1; }
known=$(echo '#include <errno.h>' | cc -E -dM -x c - | sed -nE 's/^#define (E[A-Z0-9]+) .*/\1/p' | sort -u)
unknown=$(comm -23 <(echo "$errors") <(echo "$known"))
[[ -z $unknown ]] || { echo "no errors of this system: $unknown"; exit 1; }

if command -v mandoc >/dev/null; then
	# Links need no lint. That ringq(7) is not installed yet is not the page's fault.
	mapfile -t whole < <(grep -L '^\.so ' "$pages"/*.3)
	if mandoc -T lint -W warning "${whole[@]}" | grep .; then exit 1; fi
fi
echo "$(wc -l <<<"$of_calls") pages, $(wc -l <<<"$errors") errors"
