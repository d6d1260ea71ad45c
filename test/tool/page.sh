#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The page speaks of each command and of each option that a parser knows, and of no others.
#
# usage: page.sh RINGQ PAGE
set -uo pipefail
ringq=$1 page=$2
failed=0

fail() {
	printf 'failed: %s\n' "$*"
	failed=1
}

commands=$("$ringq" --commands)
[[ $commands ]] || fail 'no commands'
known=$'--commands\n--options'
for command in $commands; do
	grep -qE "^\*$command\*( |$)" "$page" || fail "$command is not on the page"
	"$ringq" "$command" --help >/dev/null || fail "$command --help"
	for option in $("$ringq" "$command" --options); do
		option=${option%=}
		known+=$'\n'$option
		grep -qF -- "*$option*" "$page" || fail "$command $option is not on the page"
	done
done
for command in $(sed -n '/^# COMMANDS/,/^# OPTIONS/s/^\*\([a-z]*\)\*.*/\1/p' "$page"); do
	grep -qx -- "$command" <<<"$commands" || fail "the page has $command, and the command has not"
done
for option in $(grep -oE -- '\*--[a-z-]+' "$page" | sort -u); do
	grep -qx -- "${option#\*}" <<<"$known" || fail "the page has ${option#\*}, and no command has"
done

# What the page becomes, where its tools are there.
if command -v scdoc >/dev/null && command -v mandoc >/dev/null; then
	scdoc <"$page" | mandoc -T utf8 | grep 'SIGINT and SIGTERM' >/dev/null || fail 'the page does not format'
	errors=$(scdoc <"$page" | mandoc -T lint -W error 2>&1) || fail "lint: $errors"
fi
exit $failed
