#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# `ringq report` tells of machine and regions, and of no record; `ringq bench` measures, and leaves nothing.
#
# usage: report.sh RINGQ
ringq=$1
name=test-report-$$
. "${BASH_SOURCE%/*}/common.sh"

status 0 "$ringq" create "$name/jobs"
printf 'a secret that nobody else may read\n' | "$ringq" put "$name/jobs"
for form in '' -J; do
	status 0 "$ringq" report $form
	shows "$(uname -r | sed 's/[.+]/\\&/g')"
	shows "$name"
	shows 'futex_waitv'
	! grep -q secret "$dir/out" || fail "a record is in the report$form"
done
status 0 "$ringq" report
shows "^  $name/jobs: in 1, out 0,"
shows '^  region +yes$'
status 0 "$ringq" report --output="$dir/report"
prints ''
grep -q "$name/jobs" "$dir/report" || fail 'nothing in the file'
status 7 "$ringq" report --output="$dir/none/report"
(ulimit -n 5; "$ringq" report >"$dir/out" 2>&1)
(($? <= 7)) || fail 'no descriptors: it crashes'

# --- bench: each figure is there, beside those of a pipe, and is one ---

begin=$SECONDS
status 0 "$ringq" bench --time=20ms -o measure,carrier,figure,unit
((SECONDS - begin < 20)) || fail "bench took $((SECONDS - begin)) s"
for line in 'round trip, polling +raw line' 'round trip, polling +ringq' 'round trip, waiting +ringq' \
	'round trip, waiting +pipe' 'put and get, one thread +ringq' 'put and get, one thread +pipe' 'stream, 1 to 1 +ringq' \
	'stream, 1 to 1 +pipe' 'stream, 2 to 2 +ringq' 'stream, 2 to 2 +pipe'; do
	shows "^$line +[0-9]+ +(ns|records/s)"
done
[[ $(grep -cE ' [1-9][0-9]* +ns$' "$dir/out") == 6 ]] || fail "a time is none: $(cat "$dir/out")"
status 2 "$ringq" bench --size=5000
status 2 "$ringq" bench --time=0
"$ringq" bench --time=10 >"$dir/out" 2>"$dir/err" &
bench=$!
sleep 0.3
kill -TERM "$bench"
for _ in {1..100}; do
	kill -0 "$bench" 2>/dev/null || break
	sleep 0.1
done
wait "$bench"
[[ $? == 1 ]] || fail "told to stop, bench ended otherwise: $(cat "$dir/err")"
[[ -z $(ps -o pid= --ppid "$bench" 2>/dev/null) ]] || fail 'bench leaves processes'
exit $failed
