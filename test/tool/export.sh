#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# `ringq export`: its figures are right, its labels are escaped, Prometheus' own checker has nothing against it where it is
# there, and a file is there whole or as before.
#
# usage: export.sh RINGQ
ringq=$1
name=test-export-$$
. "${BASH_SOURCE%/*}/common.sh"

status 0 "$ringq" create "$name/jobs" --max-records=50
status 0 "$ringq" create "$name/odd \"\\ name"
seq 10 | "$ringq" put "$name/jobs"
"$ringq" get "$name/jobs" -n 4 >/dev/null
"$ringq" close "$name/odd \"\\ name"
"$ringq" get "$name/jobs" -n 7 >/dev/null &
sleeper=$!
for _ in {1..200}; do
	"$ringq" who "$name" | grep -q 'asleep in get' && break
	sleep 0.05
done
status 0 "$ringq" export "$name"
labels="region=\"$name\",queue=\"jobs\""
for line in "ringq_queue_waiting_records{$labels} 0" "ringq_queue_put_records_total{$labels} 10" \
	"ringq_queue_taken_records_total{$labels} 10" "ringq_queue_limit_records{$labels} 50" \
	"ringq_queue_asleep_members{$labels,call=\"get\"} 1" "ringq_queue_asleep_members{$labels,call=\"put\"} 0" \
	"ringq_queue_closed{region=\"$name\",queue=\"odd \\\"\\\\\\\\ name\"} 1" "ringq_region_readable{region=\"$name\"} 1"; do
	grep -qxF -- "$line" "$dir/out" || fail "no line '$line' in $(cat "$dir/out")"
done
shows "^ringq_region_members\{region=\"$name\"\} [1-9]"
kill "$sleeper"
wait "$sleeper"

# Each name is told of once, before its samples; no sample comes twice.
awk '/^# TYPE/ {if (seen[$3]++) bad = 1; now = $3} /^[^#]/ {sub(/[{ ].*/, ""); if ($0 != now) bad = 1} END {exit bad}' \
	"$dir/out" || fail 'samples without their type'
[[ -z $(grep -v '^#' "$dir/out" | sed 's/ [^ ]*$//' | sort | uniq -d) ]] || fail 'a sample comes twice'
if command -v promtool >/dev/null; then
	promtool check metrics <"$dir/out" >"$dir/err" 2>&1 || fail "promtool: $(cat "$dir/err")"
	[[ ! -s $dir/err ]] || fail "promtool: $(cat "$dir/err")"
else
	echo 'promtool is not there: the format is checked by this test only'
fi

# A damaged region is one sample, and no failure.
echo 'no region' >"/dev/shm/ringq.$name-odd"
status 0 "$ringq" export
grep -qxF "ringq_region_readable{region=\"$name-odd\"} 0" "$dir/out" || fail 'what is no region is not told'

mkdir "$dir/files"
(umask 022 && "$ringq" export "$name" --textfile="$dir/files/ringq.prom") || fail 'export to a file'
grep -qxF "ringq_queue_put_records_total{$labels} 10" "$dir/files/ringq.prom" || fail 'the file has other figures'
[[ $(stat -c %a "$dir/files/ringq.prom") == 644 ]] || fail 'others may not read the file'
before=$(stat -c %i "$dir/files/ringq.prom")
status 0 "$ringq" export "$name" --textfile="$dir/files/ringq.prom"
[[ $(stat -c %i "$dir/files/ringq.prom") != "$before" ]] || fail 'the file was written over, and not replaced'
[[ $(ls "$dir/files") == ringq.prom ]] || fail "something is left: $(ls "$dir/files")"
status 7 "$ringq" export "$name" --textfile="$dir/none/ringq.prom"
status 3 "$ringq" export "$name-none"
exit $failed
