#!/usr/bin/env bash
# SPDX-License-Identifier: MIT

# Usage: check7.sh PAGE UMBRELLA LIBRARY
# The page has each rule of the umbrella header and each call that the library exports, and is clean, if mandoc is here.
set -euo pipefail

rules=$(sed -nE 's/^ \*  ([A-Z][a-z]+)  +\S.*/\1/p' "$2")
[[ $(wc -l <<<"$rules") -ge 7 ]] || { echo "few rules in the header: $rules"; exit 1; }
diff <(echo "$rules") <(sed -nE 's/^\.It ([A-Z][a-z]+)$/\1/p' "$1") || { echo 'rules of the header (<) and the page (>) differ'; exit 1; }
calls=$(nm -D --defined-only "$3" | sed -nE 's/.* T (ringq_[a-z0-9_]+)(@.*)?$/\1/p' | sort -u)
diff <(echo "$calls") <(sed -n 's/^\.It //p' "$1" | grep -oE 'ringq_[a-z0-9_]+' | sort -u) ||
	{ echo 'calls of the library (<) and the page (>) differ'; exit 1; }
if command -v mandoc >/dev/null; then
	if mandoc -T lint -W warning "$1" | grep .; then exit 1; fi
fi
echo "$(wc -l <<<"$rules") rules, $(wc -l <<<"$calls") calls"
