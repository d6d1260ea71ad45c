#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks that the shared library exports what the public headers declare, and nothing else; that the map names each symbol in
# the node of a release, the newest of which is not newer than this version; that Debian's list of symbols is the same; and
# that headers and project are of the same version.
# Usage: symbols.sh VERSION LIBRARY MAP DEBIAN-SYMBOLS HEADER...
set -eu

command -v nm >/dev/null || { echo "skipped: nm is missing"; exit 77; }
version=$1 library=$2 map=$3 debian=$4
shift 4

# The symbol of type A is the name of the version that all others carry.
exported=$(nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@@/, "@", $3); print $3 }' | sort)
declared=$(sed -n 's/^RINGQ_API .*\(ringq_[a-z_]*\)(.*/\1/p' "$@" | sort)
mapped=$(awk '/^RINGQ_[0-9.]+ \{/ { node = $1 } /^\tringq_[a-z_]+;/ { sub(/;/, "", $1); print $1 "@" node }' "$map" | sort)
listed=$(awk '/^ ringq_/ { print $1 }' "$debian" | sort)
newest=$(sed -nE 's/^RINGQ_([0-9.]+) \{.*/\1/p' "$map" | sort -V | tail -n 1)

same() {
	[ "$2" = "$4" ] && return 0
	printf '%s:\n%s\n%s:\n%s\n' "$1" "$2" "$3" "$4"
	exit 1
}

same 'exported' "$(echo "$exported" | sed 's/@.*//')" 'declared in the headers' "$declared"
same 'exported' "$exported" 'named in ringq.map' "$mapped"
same 'exported' "$exported" 'listed in debian/libringq0.symbols' "$listed"
same 'versions, the node first' "$(printf '%s\n' "$newest" "$version" | sort -V)" 'in order' "$(printf '%s\n' "$newest" "$version")"
same 'the version of the project' "$version" 'the version of the headers' \
	"$(cat "$@" | awk '/define RINGQ_VERSION_(MAJOR|MINOR|PATCH) / { v = v (v == "" ? "" : ".") $3 } END { print v }')"
echo "exported and declared: $(echo "$exported" | wc -l) functions"
