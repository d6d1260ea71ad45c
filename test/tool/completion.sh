#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Completion offers commands, options, regions, and a region's queues: in bash, and in zsh and fish where they are there.
#
# usage: completion.sh RINGQ FOR_BASH FOR_ZSH FOR_FISH
set -uo pipefail
name=test-completion-$$ failed=0
for_bash=$2 for_zsh=$3 for_fish=$4
dir=$(mktemp -d)
trap '((BASHPID != $$)) || rm -rf "$dir" "/dev/shm/ringq.$name"' EXIT
ln -s "$(realpath "$1")" "$dir/ringq"
export PATH=$dir:$PATH HOME=$dir XDG_CONFIG_HOME=$dir XDG_DATA_HOME=$dir

# Each prints what the shell offers for the last word, one a line.
in_bash() {
	# Bash breaks a word at its colons, and puts what is offered in the place of the last piece.
	bash --norc -c 'compopt() { :; }
		. "$0"
		last=${*: -1} COMP_LINE="ringq $*" COMP_WORDBREAKS=" :="
		COMP_WORDS=(ringq "$@") COMP_CWORD=$# COMP_POINT=${#COMP_LINE} COMPREPLY=()
		_ringq ringq "${last##*:}"
		for reply in "${COMPREPLY[@]-}"; do printf "%s\n" "${last%"${last##*:}"}$reply"; done' "$for_bash" "$@"
}

in_zsh() {
	zsh -f -c 'compadd() { while [[ $1 != -- ]]; do shift; done; shift; (( $# )) && print -l -- "$@"; }
		_files() { :; }
		words=(ringq "$@") CURRENT=$(($# + 1)) PREFIX=$argv[-1]
		source $0
		_ringq' "$for_zsh" "$@"
}

in_fish() {
	local words=ringq word
	for word; do words+=" $word"; done
	fish --no-config -c 'source $argv[1]; complete -C $argv[2]' "$for_fish" "$words" | cut -f1
}

# offers WANTED WORD...: of what completes the last word
offers() {
	local want=$1 offered
	shift
	offered=$("in_$shell" "$@" 2>&1)
	grep -qxF -- "$want" <<<"$offered" || {
		printf "failed: in %s '%s' offers '%s', not '%s'\n" "$shell" "$*" "$offered" "$want"
		failed=1
	}
}

ringq create "$name/jobs"
ringq create "$name/logs"
ringq run --queue=nameless sleep 60 &
keeper=$!
for _ in {1..200}; do ringq list "pid:$keeper" -H -o name 2>/dev/null | grep -q nameless && break; sleep 0.05; done
for shell in bash zsh fish; do
	command -v "$shell" >/dev/null || { echo "$shell is not there"; continue; }
	offers create cr
	offers list ''
	offers --close put --cl
	offers --format= get "$name/jobs" --fo
	offers "$name" stat "${name%-*}"
	offers "$name/jobs" stat "$name/j"
	offers "$name/logs" get "$name/"
	offers "pid:$keeper/nameless" stat "pid:$keeper/n"
	offers "$(ringq list -H -o region | grep -o "^pid:$keeper[^ ]*")" stat "pid:${keeper:0:2}"
done
kill $keeper
exit $failed
