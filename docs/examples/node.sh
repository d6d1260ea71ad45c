#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs put_get.js with the library of a folder, and with koffi, which npm installs into another. Usage: node.sh LIBRARY FOLDER
set -eu

koffi=3.3.4
command -v node >/dev/null || { echo 'skipped: node is missing'; exit 77; }
node -e 0 >/dev/null 2>&1 || { echo 'skipped: this node does not run'; exit 77; }
directory=$(dirname "$(realpath "$1")") modules=$2/node_modules
if ! grep -qs "\"version\": \"$koffi\"" "$modules/koffi/package.json"; then
	command -v npm >/dev/null || { echo 'skipped: npm, which installs koffi, is missing'; exit 77; }
	mkdir -p "$2"
	# Its binaries come as packages of npm's: no script has to run, and nothing is compiled.
	npm install --prefix "$2" --no-save --ignore-scripts --no-audit --no-fund --fetch-retries=0 "koffi@$koffi" >"$2/npm.log" 2>&1 ||
		{ echo "skipped: npm does not install koffi $koffi: $(grep -m 1 '^npm [a-zA-Z!]* code' "$2/npm.log")"; exit 77; }
fi
export NODE_PATH="$modules" LD_LIBRARY_PATH="$directory"
node -e 'require("koffi")' 2>/dev/null || { echo "skipped: koffi $koffi has no binary that runs here"; exit 77; }
[ "$(node "$(dirname "$0")/put_get.js")" = 'got one, two, three' ]
