#!/usr/bin/env bash
# SPDX-License-Identifier: MIT

# Usage: check3.sh PAGES LIBRARY
# Each call that the library exports has a page, and no page is of anything else but a structure, which it shows; the pages are
# clean, if mandoc is here.
set -euo pipefail

exported=$(nm -D --defined-only "$2" | sed -nE 's/.* T (ringq_[a-z0-9_]+)(@.*)?$/\1/p' | sort -u)
pages=$(find "$1" -name '*.3' -printf '%f\n' | sed 's/\.3$//' | sort -u | while read -r name; do
	if grep -q '^\.Fo\|^\.so ' "$1/$name.3" || ! grep -q "^struct $name {$" "$1/$name.3"; then echo "$name"; fi
done)
[[ -n $exported ]] || { echo 'no symbols'; exit 1; }
diff <(echo "$exported") <(echo "$pages") || { echo 'symbols (<) and pages (>) differ'; exit 1; }
for page in "$1"/*.3; do
	grep -q '^\.Sh DESCRIPTION\|^\.so ' "$page" || { echo "$page has no description"; exit 1; }
done
if command -v mandoc >/dev/null; then
	# Links need no lint. That ringq(7) is not installed yet is not the page's fault.
	mapfile -t whole < <(grep -L '^\.so ' "$1"/*.3)
	if mandoc -T lint -W warning "${whole[@]}" | grep .; then exit 1; fi
fi
echo "$(wc -l <<<"$pages") pages"
