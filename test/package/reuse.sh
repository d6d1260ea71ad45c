#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Each file says its license in a line, but for those that have no place for one, and `reuse lint` finds nothing to say. The text
# of the license lies where readers look for it, LICENSE: reuse gets a copy of the tree in which it also lies in LICENSES.
# Usage: reuse.sh TREE
set -euo pipefail

cd "$1"
git rev-parse --is-inside-work-tree >/dev/null 2>&1 || { echo 'skipped: no repository, so no list of files'; exit 77; }

files=()
while IFS= read -r -d '' file; do
	case $file in
	# Pages for readers, lists and data.
	LICENSE | *.md | *.scd | .gitignore | .clang-format | .reuse/dep5 | */LAYERS | */py.typed | test/fuzz/corpus/* | *.json | *.svg) ;;
	test/tsan/suppressions | test/model/weak/* | test/python/stubs.txt | meson_options.txt) ;;
	# What dpkg reads has forms of its own.
	ringq/debian/*.* | ringq/debian/changelog | ringq/debian/control | ringq/debian/copyright | ringq/debian/source/format) ;;
	*) files+=("$file") ;;
	esac
done < <(git ls-files -z)
((${#files[@]} > 100)) || { echo 'hardly any files'; exit 1; }
tag='SPDX-License-''Identifier' # in two parts, as this line says nothing of this file
if grep -L "$tag: MIT" "${files[@]}" | grep .; then
	echo 'these do not say their license'
	exit 1
fi
echo "${#files[@]} files say their license"

command -v reuse >/dev/null || exit 0
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z | tar -c --null -T - | tar -x -C "$copy"
mkdir "$copy/LICENSES"
cp LICENSE "$copy/LICENSES/MIT.txt"
reuse --root "$copy" lint >"$copy.log" 2>&1 || { cat "$copy.log"; rm "$copy.log"; exit 1; }
rm "$copy.log"
echo 'reuse lint: clean'
