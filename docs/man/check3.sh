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
# Pages of calls: links, and whatever has a synopsis or is not of a structure.
of_calls=$(cd "$pages" && awk '
	FNR == 1 { page = FILENAME; sub(/\.3$/, "", page); pages[page] }
	/^\.Fo|^\.so / { calls[page] }
	$0 == "struct " page " {" { structures[page] }
	END { for (page in pages) if (page in calls || !(page in structures)) print page }' *.3 | sort -u)
[[ -n $exported ]] || { echo 'no symbols'; exit 1; }
diff <(echo "$exported") <(echo "$of_calls") || { echo 'symbols (<) and pages (>) differ'; exit 1; }
if grep -L '^\.Sh DESCRIPTION\|^\.so ' "$pages"/*.3 | grep .; then echo 'without a description'; exit 1; fi

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
	(cd "$pages" && of_calls=$of_calls awk '
		FNR == 1 { page = FILENAME; hidden = 0 }
		sub(/^\.so man3\//, "") { target[page] = $0 }
		hidden { hidden = !/^\.Sh [DREOTPS]/; next }
		/^\.Sh (STRUCTURES|CONSTANTS)/ { hidden = 1; next }
		{
			for (rest = $0; match(rest, /\\-E[A-Z0-9]+/); rest = substr(rest, RSTART + RLENGTH))
				errors[page] = errors[page] " " substr(rest, RSTART + 2, RLENGTH - 2)
		}
		END {
			n = split(ENVIRON["of_calls"], calls)
			for (i = 1; i <= n; i++) {
				page = calls[i] ".3"
				m = split(errors[page in target ? target[page] : page], of_page)
				print calls[i], "-"
				for (k = 1; k <= m; k++)
					print calls[i], of_page[k]
			}
		}' *.3) | sort -u
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
