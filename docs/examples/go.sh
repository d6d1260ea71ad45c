#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds put_get.go with the library of a folder, and runs it. Usage: go.sh LIBRARY HEADERS
set -eu

command -v go >/dev/null || { echo 'skipped: go is missing'; exit 77; }
go env GOVERSION >/dev/null 2>&1 || { echo 'skipped: this go does not run'; exit 77; }
directory=$(dirname "$(realpath "$1")") headers=$(realpath "$2")
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
# What an installation would have.
printf 'Name: ringq\nDescription: in the build folder\nVersion: 0\nCflags: -I%s\nLibs: -L%s -lringq\n' "$headers" "$directory" >"$work/ringq.pc"
export PKG_CONFIG_PATH="$work" HOME="$work" GOCACHE="$work/cache" GOPATH="$work/path" GO111MODULE=off GOFLAGS="" CGO_ENABLED=1
go build -o "$work/put_get" "$(dirname "$0")/put_get.go"
[ "$(LD_LIBRARY_PATH=$directory "$work/put_get")" = 'got one, two, three' ]
