#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# `ringq record` and `ringq replay`: what is replayed is what was put, bit by bit and at its pace; a recorder takes nothing,
# says what it missed, and ends with the queue; what is no recording, or half of one, is told.
#
# usage: record.sh RINGQ
ringq=$1
name=test-record-$$
. "${BASH_SOURCE%/*}/common.sh"

waits() { # QUEUE: how many records
	"$ringq" stat "$1" -J | sed 's/.*"records":\([0-9]*\).*/\1/'
}

framed() { # QUEUE FILE: all that it gives
	"$ringq" get "$1" --wait=0 --frame=len --format=raw >"$2"
}

# --- a copy is bit by bit the same: every byte, empty records, one that is larger than any buffer ---

for i in {0..255}; do printf "\\x$(printf %02x "$i")"; done >"$dir/all"
: >"$dir/empty"
head -c 3000000 /dev/urandom >"$dir/large"
for queue in from to again taken; do status 0 "$ringq" create "$name/$queue"; done
status 0 "$ringq" put "$name/from" --frame=file "$dir/all" "$dir/empty" "$dir/large" "$dir/empty"
status 0 "$ringq" record "$name/from" "$dir/one" --now
prints '4 records, 3000256 bytes, 0 missed'
[[ $(waits "$name/from") == 4 ]] || fail 'record has taken something'
status 1 "$ringq" record "$name/from" "$dir/one" --now
says 'exists'
"$ringq" record "$name/from" "$dir/one" --now 2>/dev/full
[[ $? == 1 ]] || fail 'another status where the complaint cannot be written'
status 0 "$ringq" replay "$dir/one" "$name/to" --fast
prints '4 records, 3000256 bytes'
framed "$name/to" "$dir/to"
framed "$name/from" "$dir/from"
cmp "$dir/from" "$dir/to" || fail 'what was replayed differs'

# --- taken, from a queue of either kind: nothing is left, nothing is lost ---

status 0 "$ringq" create "$name/acknowledged" --acknowledged
for queue in taken acknowledged; do
	seq 100 | "$ringq" put "$name/$queue" --close
	status 0 "$ringq" record "$name/$queue" "$dir/$queue" --take
	prints '100 records, 192 bytes'
	[[ $(waits "$name/$queue") == 0 ]] || fail "$queue: record --take leaves something"
	"$ringq" replay "$dir/$queue" "$name/again" --fast >/dev/null || fail "replay of $queue"
	[[ $("$ringq" get "$name/again" -n 100 --format=text) == "$(seq 100)" ]] || fail "$queue: another content"
done
# A recorder that is killed has taken nothing that is not in the file.
status 0 "$ringq" create "$name/kill" --acknowledged
seq 20000 | "$ringq" put "$name/kill" --close
"$ringq" record "$name/kill" "$dir/kill" --take >/dev/null &
recorder=$!
until [[ $(stat -c %s "$dir/kill" 2>/dev/null || echo 0) -gt 2000 ]]; do sleep 0.01; done
kill -9 "$recorder"
wait "$recorder" 2>/dev/null
"$ringq" replay "$dir/kill" "$name/again" --fast >/dev/null 2>&1 # may end in the middle of a record
"$ringq" get "$name/again" --wait=0 --format=text >"$dir/got"
"$ringq" get "$name/kill" --format=text >>"$dir/got"
diff <(sort -n "$dir/got" | uniq) <(seq 20000) >"$dir/lost" || fail "lost with the recorder: $(head -n 3 "$dir/lost")"

# --- who, and when; what passes meanwhile, and the end ---

status 0 "$ringq" create "$name/live"
"$ringq" record "$name/live" - >"$dir/live" 2>"$dir/err" &
recorder=$!
for _ in {1..200}; do
	[[ $(stat -c %s "$dir/live") -ge 24 ]] && break
	sleep 0.02
done
echo a | "$ringq" put "$name/live"
sleep 0.4
echo b | "$ringq" put "$name/live" --close
wait "$recorder" || fail "a recorder of a closed queue ended with $?"
grep -q '2 records, 2 bytes, 0 missed' "$dir/err" || fail "recorded: $(cat "$dir/err")"
[[ $(head -c 8 "$dir/live") == RINGQREC ]] || fail 'no magic'
[[ $(dd if="$dir/live" bs=1 skip=72 count=5 status=none) == ringq ]] || fail 'the producer has no name there'
play() { # OPTION...: in how many milliseconds
	local begin
	begin=$(date +%s%N)
	"$ringq" replay "$@" "$dir/live" "$name/again" >/dev/null || fail "replay $*"
	echo $((($(date +%s%N) - begin) / 1000000))
}
normal=$(play) quick=$(play --speed=10) fast=$(play --fast)
((normal >= 390)) || fail "played in $normal ms what took 400 ms"
((quick < normal && fast < normal)) || fail "the pace is $normal, $quick, $fast"
"$ringq" drain "$name/again" >/dev/null
cat "$dir/live" "$dir/live" >"$dir/twice"
status 0 "$ringq" replay "$dir/twice" "$name/again" --speed=100
prints '4 records, 4 bytes'

# --- what others take first is missed, and said ---

status 0 "$ringq" create "$name/missed"
seq 5 | "$ringq" put "$name/missed"
"$ringq" get "$name/missed" -n 2 >/dev/null # before it begins: not missed
"$ringq" record "$name/missed" "$dir/missed" >"$dir/out" 2>"$dir/err" &
recorder=$!
for _ in {1..200}; do
	[[ $(stat -c %s "$dir/missed" 2>/dev/null || echo 0) -gt 100 ]] && break
	sleep 0.02
done
kill -STOP "$recorder"
seq 6 10 | "$ringq" put "$name/missed"
"$ringq" get "$name/missed" -n 6 >/dev/null
kill -CONT "$recorder"
for _ in {1..200}; do
	[[ $(stat -c %s "$dir/missed") -ge $((24 + 5 * 65)) ]] && break
	sleep 0.02
done
kill -TERM "$recorder"
wait "$recorder" || fail "told to stop, it ended with $?"
prints '5 records, 6 bytes, 3 missed'

# --- what is no recording ---

head -c 100 "$dir/one" >"$dir/cut"
status 6 "$ringq" replay "$dir/cut" "$name/again" --fast
says 'middle of a record'
status 6 "$ringq" replay "$dir/all" "$name/again"
status 6 "$ringq" replay "$dir/empty" "$name/again"
head -c 10 "$dir/one" >"$dir/cut"
status 6 "$ringq" replay "$dir/cut" "$name/again"
{ head -c 24 "$dir/one"; printf '\x40\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7f'; head -c 200 /dev/zero; } >"$dir/lie"
status 6 "$ringq" replay "$dir/lie" "$name/again" --fast
status 3 "$ringq" replay "$dir/none" "$name/again"
status 2 "$ringq" replay "$dir/one" "$name/again" --speed=0
status 3 "$ringq" record "$name/none" "$dir/x"
[[ ! -e $dir/x ]] || fail 'a file of a queue that is not there'
status 7 "$ringq" record "$name/again" "$dir/none/x"
status 7 "$ringq" record "$name/missed" /dev/full --append --now
status 0 "$ringq" create "$name/full" --max-records=1
status 1 "$ringq" replay "$dir/one" "$name/full" --fast --wait=0
prints "1 record, 256 bytes"
exit $failed
