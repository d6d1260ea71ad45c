#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the module of put_get_node.c with the library of a folder, and runs put_get.js. Usage: node.sh LIBRARY HEADERS CC...
set -eu

command -v node >/dev/null || { echo 'skipped: node is missing'; exit 77; }
include=$(node -p 'require("path").resolve(process.execPath, "../../include/node")') || { echo 'skipped: this node does not run'; exit 77; }
[ -e "$include/node_api.h" ] || { echo 'skipped: the headers of node are missing'; exit 77; }
here=$(dirname "$0") directory=$(dirname "$(realpath "$1")") headers=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$@" -Wall -Wextra -Werror -shared -fPIC -o "$work/ringq.node" "$here/put_get_node.c" -isystem "$include" -I"$headers" \
	-L"$directory" -lringq
[ "$(LD_LIBRARY_PATH=$directory node "$here/put_get.js" "$work/ringq.node")" = 'got one, two, three' ]
