#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The command as a user has it: regions and queues are made, filled, looked at and emptied, and each exit status is met.
#
# usage: basic.sh RINGQ
ringq=$1
name=test-tool-$$
. "${BASH_SOURCE%/*}/common.sh"

# --- making, putting, getting ---

status 0 "$ringq" help
shows '`ringq bridge` carries records between'
status 0 "$ringq" create "$name/q" --max-records=10
status 1 "$ringq" create "$name/q"
printf 'one\ntwo\n\nfour' | "$ringq" put "$name/q" || fail 'put from a pipe'
status 0 "$ringq" peek "$name/q" --format=text
prints $'one\ntwo\n\nfour'
status 0 "$ringq" peek "$name/q" -n 1 --from=1 --format=quoted
prints '"two"'
status 0 "$ringq" peek "$name" -n 1 --format=hex
prints '6f6e65'
status 0 "$ringq" peek "$name/q" -n 1 -J
shows '^\{"version":1,"text":"one","length":3,"lane":0,"sequence":0,.*"state":"(left|dead)"'
status 0 "$ringq" get "$name/q" -n 1 --format=raw
prints 'one'
status 0 "$ringq" get "$name/q" -n 3 --format=raw
prints $'two\n\nfour'
status 1 "$ringq" get "$name/q" -n 1 --wait=0
status 1 "$ringq" get "$name/q" -n 1 --wait=20ms
status 1 "$ringq" peek "$name/q"

# --- a copy is bit by bit the same: every byte, and empty records ---

for i in {0..255}; do printf "\\x$(printf %02x "$i")"; done >"$dir/all"
cat "$dir/all" "$dir/all" "$dir/all" >"$dir/three"
: >"$dir/empty"
status 0 "$ringq" create "$name/from"
status 0 "$ringq" create "$name/to"
status 0 "$ringq" put "$name/from" --frame=file --close "$dir/all" "$dir/empty" "$dir/three" "$dir/empty"
"$ringq" get "$name/from" --frame=len --format=raw >"$dir/framed" || fail 'get --frame=len'
"$ringq" put "$name/to" --frame=len --close <"$dir/framed" || fail 'put --frame=len'
"$ringq" get "$name/to" --frame=len --format=raw >"$dir/again" || fail 'get of the copy'
cmp "$dir/framed" "$dir/again" || fail 'the copy differs'
[[ $(stat -c %s "$dir/framed") == $((4 * 8 + 256 + 768)) ]] || fail 'what is framed has another length'
head -c 20 "$dir/framed" | "$ringq" put "$name/q" --frame=len 2>/dev/null
[[ $? == 6 ]] || fail 'half a frame is put'

# --- exit statuses ---

status 5 "$ringq" put "$name/to" "$dir/all"
says 'closed'
status 5 "$ringq" get "$name/to" -n 1
status 0 "$ringq" get "$name/to"
status 2 "$ringq"
status 2 "$ringq" nothing
status 2 "$ringq" stat
status 2 "$ringq" stat "$name/q" more
status 2 "$ringq" get "$name/q" --wait=never
status 2 "$ringq" get "$name/q" -n
status 2 "$ringq" peek "$name/q" --format=odd
status 2 "$ringq" peek "$name"
says 'several queues'
status 2 "$ringq" create "$name/q2" --order=none
status 3 "$ringq" stat "$name-none"
status 3 "$ringq" stat "$name/none"
status 3 "$ringq" who pid:999999999
printf 'no region' >"/dev/shm/ringq.$name-odd"
status 6 "$ringq" stat "$name-odd"
if [[ $(id -u) == 0 ]] && command -v setpriv >/dev/null; then
	status 4 setpriv --reuid=65534 --regid=65534 --clear-groups "$ringq" stat "$name/q"
fi
status 0 "$ringq" --help
status 0 "$ringq" help get
status 0 "$ringq" get --help
shows '--frame=FRAME'

# --- looking ---

printf 'a\nb\n' | "$ringq" put "$name/q"
status 0 "$ringq" list
shows "^$name +"
shows "^$name-odd .*unknown layout"
status 0 "$ringq" list "$name"
shows '^q +queue .* 2 .* total +10 '
status 0 "$ringq" list "$name" -o name,records -H
shows '^q +2$'
status 2 "$ringq" list -o nothing
status 0 "$ringq" list -J
shows '^\{"version":1,"regions":\['
status 0 "$ringq" stat "$name/q"
shows 'records +2 waiting, 6 put, 4 taken'
status 0 "$ringq" stat "$name/q" -J
shows '"records":2,"records_in":6'
"$ringq" get "$name/from" >/dev/null 2>&1 # closed and empty: ends
"$ringq" create "$name/wait"
"$ringq" get "$name/wait" -n 1 >/dev/null &
sleeper=$!
for _ in {1..200}; do
	"$ringq" who "$name" >"$dir/out"
	grep -q "$sleeper .*asleep in get .* wait" "$dir/out" && break
	sleep 0.05
done
shows "^ *$sleeper .*asleep in get .* wait"
status 0 "$ringq" who "pid:$sleeper" -o process,object -H
shows "^ *$sleeper +wait$"
kill -STOP $sleeper
for _ in {1..200}; do
	[[ $(cut -d' ' -f3 /proc/$sleeper/stat) == T ]] && break
	sleep 0.02
done
status 0 "$ringq" who "$name"
shows "^ *$sleeper .* stopped "
kill -CONT $sleeper
printf 'x' | "$ringq" put "$name/wait"
wait $sleeper || fail 'the sleeper was not woken'

# --- a signal ends a wait, a reader that has enough is no trouble ---

"$ringq" get "$name/wait" -n 1 >/dev/null &
sleeper=$!
for _ in {1..200}; do
	"$ringq" who "$name" >"$dir/out"
	grep -q "$sleeper .*asleep in get" "$dir/out" && break
	sleep 0.05
done
sleep 1.1
status 0 "$ringq" who "$name"
shows "^ *$sleeper .*asleep in get +[0-9.]+(s|min)" # one sleep, however long
kill -TERM $sleeper
wait $sleeper || fail "TERM in a wait: $?"
seq 5 | "$ringq" put "$name/wait"
"$ringq" peek "$name/wait" --format=text | head -n 1 >"$dir/out"
[[ $(cat "$dir/out") == 1 ]] || fail 'peek into head'

# --- tail follows, takes nothing, and says what it missed ---

status 0 "$ringq" create "$name/tail"
seq 20 | "$ringq" put "$name/tail"
status 0 "$ringq" tail "$name/tail" -n 2 --format=text
prints $'19\n20'
"$ringq" tail "$name/tail" -n 1 -f --format=text >"$dir/tail" 2>"$dir/missed" &
tailer=$!
until [[ $(cat "$dir/tail") == 20 ]]; do sleep 0.05; done
printf '21\n' | "$ringq" put "$name/tail"
for _ in {1..200}; do
	[[ $(tail -n 1 "$dir/tail") == 21 ]] && break
	sleep 0.05
done
kill -STOP $tailer
printf '22\n23\n' | "$ringq" put "$name/tail"
"$ringq" get "$name/tail" -n 22 --format=raw >"$dir/out"
[[ $(tail -n 1 "$dir/out") == 22 ]] || fail 'tail has taken something'
kill -CONT $tailer
for _ in {1..200}; do
	[[ $(tail -n 1 "$dir/tail") == 23 ]] && break
	sleep 0.05
done
kill -INT $tailer
wait $tailer || fail "tail ended with $?"
[[ $(cat "$dir/tail") == $'20\n21\n23' ]] || fail "tail showed $(cat "$dir/tail")"
grep -q 'missed 1 ' "$dir/missed" || fail "tail did not say what it missed: $(cat "$dir/missed")"

# --- waiting for a state, and taking all ---

status 0 "$ringq" create "$name/drain" --acknowledged --max-attempts=3 --dead-letters=wait
status 2 "$ringq" create "$name/bad" --max-attempts=3
status 0 "$ringq" wait "$name/drain" --empty
status 1 "$ringq" wait "$name/drain" --timeout=20ms
status 2 "$ringq" wait "$name/drain" --empty --records=1
printf 'a\0b\0\0c' | "$ringq" put -0 "$name/drain"
status 0 "$ringq" wait "$name/drain" --records=4
status 1 "$ringq" wait "$name/drain" --records=5 --timeout=20ms
(sleep 0.2; printf 'e\n' | "$ringq" put "$name/drain") &
status 0 "$ringq" wait "$name/drain" --records=5 --timeout=60
wait $!
status 7 "$ringq" drain "$name/drain" --output="$dir/none/none"
status 0 "$ringq" drain "$name/drain" --output="$dir/drained"
prints '5 records, 4 bytes'
status 0 "$ringq" wait "$name/drain" --empty
"$ringq" put "$name/drain" --frame=len --close "$dir/drained" || fail 'what was drained is put again'
status 0 "$ringq" wait "$name/drain" --closed
status 5 "$ringq" wait "$name/drain" --records=6
status 0 "$ringq" drain "$name/drain" -J
prints '{"version":1,"records":5,"bytes":4}'

status 0 "$ringq" close "$name/wait"
status 0 "$ringq" unlink "$name-odd"
status 0 "$ringq" unlink "$name"
status 3 "$ringq" unlink "$name"
status 0 "$ringq" version
shows '^ringq [0-9]+\.[0-9]+\.[0-9]+, library '
exit $failed
