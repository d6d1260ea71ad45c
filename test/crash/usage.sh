#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What crash_step says of itself: a name that is no call's gets the list of them, and one round is repeated as a failure
# prints it, in one order.
#
# usage: usage.sh CRASH_STEP
set -uo pipefail
step=$1 failed=0

fail() {
	printf 'failed: %s\n' "$*"
	failed=1
}

"$step" --help | grep -q ' put_small ' || fail '--help lists no calls'
out=$("$step" put_small/total 489 2>&1)
got=$?
[[ $got != 77 ]] || { echo "$out"; exit 77; }
[[ $got == 0 && $out == *put_small/total:* && $out != *put_small/producer:* ]] || fail "not that order alone, or no pass: $out"
for word in no_such_call put_small/none put_small/; do
	out=$("$step" "$word" 2>&1)
	[[ $? == 2 && $out == "no call $word"$'\n'*' put_small '* ]] || fail "$word: $out"
done
exit $failed
