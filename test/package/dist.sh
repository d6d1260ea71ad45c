#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A release's tarball, as `meson dist` makes it, has each file of the repository and no other, is the same whenever and wherever it
# is made, builds without the repository, and what it builds passes tests: a few here, all of the quick ones where `meson dist`
# itself runs them.
# Usage: dist.sh TREE
set -euo pipefail

tree=$(realpath "$1")
git -C "$tree" rev-parse --is-inside-work-tree >/dev/null 2>&1 || { echo 'skipped: no repository'; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset CFLAGS LDFLAGS DESTDIR
quietly() { "$@" >"$work/log" 2>&1 || { tail -n 40 "$work/log"; echo "failed: $*"; exit 1; }; }

quietly meson setup "$work/here" "$tree" -Dtests=disabled -Dbench=disabled -Dexamples=disabled -Dpython=disabled \
	-Dtool=disabled -Dbridge=disabled
quietly meson dist -C "$work/here" --no-tests --allow-dirty
mv "$work/here/meson-dist" "$work/first"
tarball=$(echo "$work"/first/ringq-*.tar.xz)
(cd "${tarball%/*}" && quietly sha256sum -c "${tarball##*/}.sha256sum")
tar -C "$work" -xf "$tarball"
unpacked=$work/$(basename "$tarball" .tar.xz)
diff <(git -C "$tree" ls-tree -r --name-only HEAD | sort) <(cd "$unpacked" && find . ! -type d -printf '%P\n' | sort) ||
	{ echo 'the tarball has other files than the repository'; exit 1; }
echo "$(basename "$tarball"): the files of the repository"
# Later, as it has taken more than a second to come here.
(umask 077 && TZ=Asia/Tokyo LC_ALL=C quietly meson dist -C "$work/here" --no-tests --allow-dirty)
cmp "$tarball" "$work/here/meson-dist/${tarball##*/}" || { echo 'made again, the tarball differs'; exit 1; }
echo 'made again, later and under another umask, time zone and locale: the same'

export GIT_CEILING_DIRECTORIES=$work
quietly meson setup "$work/build" "$unpacked" -Doptimization=0 -Ddebug=false --werror -Dtests=enabled -Dbench=disabled \
	-Dexamples=disabled -Dpython=disabled -Dbridge=disabled -Dtool=disabled
quietly ninja -C "$work/build" "ringq/libringq.so.${unpacked##*-}" test/unit_put_get
quietly meson test -C "$work/build" --no-rebuild put_get symbols layers-src
grep -qE '^Ok: +3' "$work/log" || { cat "$work/log"; exit 1; }
echo 'builds, and passes tests'
