#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Each command has a page of its own, which has each option that the command's parser knows and no other; the overview has
# each command. All pages format, and are clean.
#
# usage: page.sh RINGQ PAGE...
set -uo pipefail
ringq=$1
shift
failed=0

fail() {
	printf 'failed: %s\n' "$*"
	failed=1
}

declare -A text
for page in "$@"; do
	text[${page##*/}]=$(<"$page")
done
overview=${text[ringq.1.scd]}
mapfile -t commands < <("$ringq" --commands)
((${#commands[@]})) || fail 'no commands'
is_command() { [[ " ${commands[*]} " == *" $1 "* ]]; }

for command in "${commands[@]}"; do
	[[ $overview == *$'\n*'"$command*"[$' \n']* ]] || fail "$command is not on the overview"
	page=${text[ringq-$command.1.scd]-}
	[[ $page ]] || { fail "$command has no page"; continue; }
	"$ringq" "$command" --help >/dev/null || fail "$command --help"
	[[ ${page%%$'\n'*} == "ringq-$command(1)" ]] || fail "the page of $command has another name: ${page%%$'\n'*}"
	known=' '
	while read -r option; do
		known+="${option%=} "
		[[ $page == *"*${option%=}*"* ]] || fail "$command $option is not on its page"
	done < <("$ringq" "$command" --options)
	# Only where options are explained: elsewhere a page may speak of others'.
	while read -r option; do
		[[ $known == *" $option "* ]] || fail "the page of $command has $option, and $command has not"
	done < <(awk '/^# /{on = /OPTIONS/} on && /^\*-/' <<<"$page" | grep -oE -- '--[a-z-]+')
done
for page in "${!text[@]}"; do
	[[ $page == ringq.1.scd ]] && continue
	command=${page#ringq-}
	is_command "${command%.1.scd}" || fail "$page is of no command"
done
while read -r command; do
	is_command "$command" || fail "the overview has $command, and the command has not"
done < <(sed -n '/^# COMMANDS/,/^# OPTIONS/s/^\*\([a-z]*\)\*.*/\1/p' <<<"$overview")

# Pages that pages name are there.
while read -r other; do
	is_command "$other" || fail "a page speaks of ringq-$other(1), which is not there"
done < <(sed -nE 's/\*ringq-([a-z]+)\*\(1\)/\n\1\n/gp' "$@" | grep -xE '[a-z]+' | sort -u)

# What the pages become, where the tools are there. The paragraphs without text that lint warns of are scdoc's own.
if command -v scdoc >/dev/null && command -v mandoc >/dev/null; then
	made=$(mktemp -d)
	for page in "$@"; do
		scdoc <"$page" >"$made/${page##*/}" || fail "$page is no page"
	done
	errors=$(mandoc -T lint -W warning "$made"/* 2>&1 | grep -v 'skipping paragraph macro: PP')
	rm -r "$made"
	[[ -z $errors ]] || fail "lint: $errors"
	scdoc <<<"$overview" | mandoc -T utf8 | grep 'SIGINT and SIGTERM' >/dev/null || fail 'the overview does not format'
fi
exit $failed
