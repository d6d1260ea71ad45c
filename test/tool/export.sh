#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# `ringq export`: its figures are right, its labels are escaped, Prometheus' own checker has nothing against it where it is
# there, and a file is there whole or as before.
#
# usage: export.sh RINGQ ALERTS
ringq=$1 alerts=$2
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
status 0 "$ringq" create "$name/dead"
status 0 "$ringq" create "$name/work" --acknowledged --max-attempts=2 --dead-letters=dead
printf 'a\nb\n' | "$ringq" put "$name/work"
"$ringq" exec "$name/work" -n 2 false 2>/dev/null # b is left: a has come back twice, and is set aside
"$ringq" exec "$name/work" -n 1 sh -c 'while kill -0 $PPID; do sleep 0.05; done' 2>/dev/null &
worker=$!
wait_for '"in_hand":1' "$ringq" stat "$name/work" -J
status 0 "$ringq" stat "$name/work"
shows "^in hand +1, the oldest for [0-9.]+m?u?s by process $worker; 1 redelivered, 1 set aside; 2 attempts, then to dead\$"
status 0 "$ringq" stat "$name/jobs"
! grep -q 'in hand' "$dir/out" || fail 'a queue that is not acknowledged has a line of what is in hand'
status 0 "$ringq" list "$name" -H -o name,in_hand
shows '^work +1$'
shows '^jobs +-$'
status 0 "$ringq" top "$name/work" --once -i 50ms -H
shows "^$name/work +0 .* 1 +[0-9.]+K"
status 0 "$ringq" export "$name"
labels="region=\"$name\",queue=\"jobs\""
for line in "ringq_queue_waiting_records{$labels} 0" "ringq_queue_put_records_total{$labels} 10" \
	"ringq_queue_taken_records_total{$labels} 10" "ringq_queue_limit_records{$labels} 50" \
	"ringq_queue_asleep_members{$labels,call=\"get\"} 1" "ringq_queue_asleep_members{$labels,call=\"put\"} 0" \
	"ringq_queue_closed{region=\"$name\",queue=\"odd \\\"\\\\\\\\ name\"} 1" "ringq_region_readable{region=\"$name\"} 1"; do
	grep -qxF -- "$line" "$dir/out" || fail "no line '$line' in $(cat "$dir/out")"
done
shows "^ringq_region_members\{region=\"$name\"\} [1-9]"
work="region=\"$name\",queue=\"work\""
for line in "ringq_queue_in_hand_records{$work} 1" "ringq_queue_returned_records{$work} 0" \
	"ringq_queue_redelivered_records_total{$work} 1" "ringq_queue_dead_lettered_records_total{$work} 1"; do
	grep -qxF -- "$line" "$dir/out" || fail "no line '$line' in $(cat "$dir/out")"
done
shows "^ringq_queue_in_hand_oldest_seconds\{$work\} [0-9]+\.[0-9]{3}\$"
! grep -q "in_hand.*queue=\"jobs\"" "$dir/out" || fail 'a queue that is not acknowledged has figures of what is in hand'
kill -9 "$worker"
wait "$worker" 2>/dev/null
kill "$sleeper"
wait "$sleeper"

# A bridge is what has its meters; another array is none, whatever its name.
status 0 "$ringq" array create "$name/bridge.north" -t uint64 -c 64
status 0 "$ringq" array create "$name/bridge.short" -t uint64 -c 3
status 0 "$ringq" array create "$name/bridge.odd" -t uint32 -c 64
for meter in '1 3' '2 17' '3 2500' '6 1000' '19 1234'; do # state, window, oldest_ms, confirmed, blocked_ms
	read -r which value <<<"$meter"
	status 0 "$ringq" array set "$name/bridge.north" "$which" "$value"
done
status 0 "$ringq" export "$name"
north="region=\"$name\",bridge=\"north\""
for line in "ringq_bridge_state{$north} 3" "ringq_bridge_window{$north} 17" "ringq_bridge_oldest_seconds{$north} 2.500" \
	"ringq_bridge_confirmed_total{$north} 1000" "ringq_bridge_blocked_seconds_total{$north} 1.234" \
	"ringq_bridge_killed{$north} 0"; do
	grep -qxF -- "$line" "$dir/out" || fail "no line '$line' in $(cat "$dir/out")"
done
! grep -qE 'bridge="(short|odd)"' "$dir/out" || fail 'an array of another form is a bridge'
status 0 "$ringq" top "$name" --once -i 50ms -H
shows "^$name/bridge.north +- +- +0 +0 +17 .*blocked\$"
! grep -qE 'bridge\.(short|odd)' "$dir/out" || fail 'an array of another form is a bridge'
status 0 "$ringq" top "$name" --once -i 50ms -H --filter=north
[[ $(wc -l <"$dir/out") == 1 ]] || fail 'the filter does not know bridges'
status 0 "$ringq" top "$name/jobs" --once -i 50ms -H
! grep -q north "$dir/out" || fail 'a bridge where a queue was asked for'
(for n in {1..400}; do "$ringq" array add "$name/bridge.north" 12 1000 && sleep 0.01; done) >/dev/null &
adds=$!
status 0 "$ringq" top "$name" --once -i 300ms -H
shows "^$name/bridge.north +- +- +[1-9]"
kill "$adds" && wait "$adds" 2>/dev/null
status 0 "$ringq" export "$name"

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

# Alerts: each fires when it is to, of a queue for which it is so, and of no other; and each figure that they name is exported.
for figure in $(grep -oE 'ringq_[a-z_]+[a-z]' "$alerts" | sort -u); do
	grep -q "^# TYPE $figure " "$dir/out" || fail "alerts name $figure, which is not exported"
done
if command -v promtool >/dev/null; then
	promtool check rules "$alerts" >"$dir/err" 2>&1 || fail "promtool: $(cat "$dir/err")"
	cat >"$dir/alerts.yml" <<END
rule_files: [$(realpath "$alerts")]
tests:
  - interval: 1m
    input_series:
      - {series: 'ringq_queue_put_records_total{region="r",queue="stuck"}', values: '10x20'}
      - {series: 'ringq_queue_taken_records_total{region="r",queue="stuck"}', values: '4x20'}
      - {series: 'ringq_queue_waiting_records{region="r",queue="stuck"}', values: '6x20'}
      - {series: 'ringq_queue_asleep_members{region="r",queue="stuck",call="put"}', values: '1x20'}
      - {series: 'ringq_queue_in_hand_oldest_seconds{region="r",queue="stuck"}', values: '0+60x20'}
      - {series: 'ringq_queue_put_records_total{region="r",queue="flows"}', values: '10+100x20'}
      - {series: 'ringq_queue_taken_records_total{region="r",queue="flows"}', values: '4+100x20'}
      - {series: 'ringq_queue_waiting_records{region="r",queue="flows"}', values: '6x20'}
      - {series: 'ringq_queue_asleep_members{region="r",queue="flows",call="put"}', values: '0x20'}
      - {series: 'ringq_queue_in_hand_oldest_seconds{region="r",queue="flows"}', values: '1x20'}
    promql_expr_test:
      - expr: 'sum by (alertname, queue) (ALERTS{alertstate="firing"})'
        eval_time: 15m
        exp_samples:
          - {labels: '{alertname="RingqRecordWaits",queue="stuck"}', value: 1}
          - {labels: '{alertname="RingqNobodyTakes",queue="stuck"}', value: 1}
          - {labels: '{alertname="RingqProducersWait",queue="stuck"}', value: 1}
          - {labels: '{alertname="RingqWorkerStuck",queue="stuck"}', value: 1}
END
	promtool test rules "$dir/alerts.yml" >"$dir/err" 2>&1 || fail "promtool: $(cat "$dir/err")"
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
