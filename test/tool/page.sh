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
overview=$1
failed=0

fail() {
	printf 'failed: %s\n' "$*"
	failed=1
}

page_of() { # COMMAND: the path of its page
	local page
	for page in "$@"; do
		[[ ${page##*/} != "ringq-$command.1.scd" ]] || echo "$page"
	done
}

commands=$("$ringq" --commands)
[[ $commands ]] || fail 'no commands'
for command in $commands; do
	grep -qE "^\*$command\*( |$)" "$overview" || fail "$command is not on the overview"
	page=$(page_of "$@")
	[[ $page ]] || { fail "$command has no page"; continue; }
	"$ringq" "$command" --help >/dev/null || fail "$command --help"
	[[ $(head -n 1 "$page") == "ringq-$command(1)" ]] || fail "$page has another name: $(head -n 1 "$page")"
	known=$("$ringq" "$command" --options | sed 's/=$//')
	for option in $known; do
		grep -qF -- "*$option*" "$page" || fail "$command $option is not on its page"
	done
	# Only where options are explained: elsewhere a page may speak of others'.
	for option in $(sed -n '/^# OPTIONS/,/^# [^O]/p' "$page" | grep '^\*-' | grep -oE -- '\*--[a-z-]+' | sort -u); do
		grep -qx -- "${option#\*}" <<<"$known" || fail "$page has ${option#\*}, and $command has not"
	done
done
for page in "${@:2}"; do
	command=${page##*/ringq-}
	command=${command%.1.scd}
	grep -qx -- "$command" <<<"$commands" || fail "$page is of no command"
done
for command in $(sed -n '/^# COMMANDS/,/^# OPTIONS/s/^\*\([a-z]*\)\*.*/\1/p' "$overview"); do
	grep -qx -- "$command" <<<"$commands" || fail "the overview has $command, and the command has not"
done

# Pages that pages name are there.
for other in $(cat "$@" | grep -oE '\*ringq-[a-z]+\*\(1\)' | sort -u); do
	other=${other#\*ringq-}
	grep -qx -- "${other%%\**}" <<<"$commands" || fail "a page speaks of ringq-${other%%\**}(1), which is not there"
done

# What the pages become, where the tools are there. The paragraphs without text that lint warns of are scdoc's own.
if command -v scdoc >/dev/null && command -v mandoc >/dev/null; then
	for page in "$@"; do
		made=$(scdoc <"$page") || fail "$page is no page"
		mandoc -T utf8 <<<"$made" | grep -q 'SEE ALSO\|S.SE.EE' || fail "$page does not format"
		errors=$(mandoc -T lint -W warning <<<"$made" 2>&1 | grep -v 'skipping paragraph macro: PP')
		[[ -z $errors ]] || fail "lint of $page: $errors"
	done
	mandoc -T utf8 <(scdoc <"$overview") | grep 'SIGINT and SIGTERM' >/dev/null || fail 'the overview does not format'
fi
exit $failed
