#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What tells of trouble: doctor, whose cures cure, check, and events.
#
# usage: trouble.sh RINGQ LOCK
ringq=$1 lock=$2
name=test-trouble-$$
. "${BASH_SOURCE%/*}/common.sh"
export PATH=${ringq%/*}:$PATH

# cure TROUBLE: runs the command that doctor gives for it
cure() {
	local line
	line=$(timeout 20 "$ringq" doctor "$name" -J | grep -oE "\"trouble\":\"$1\",\"text\":\"[^\"]*\",\"cure\":\"[^\"]*\"" | head -n 1)
	line=${line##*\"cure\":\"}
	line=${line%\"}
	[[ $line ]] || { fail "no cure of $1"; return; }
	bash -c "${line/FILE/$dir/saved}" >/dev/null || fail "the cure of $1 fails: $line"
}

# --- all is well ---

status 0 "$ringq" create "$name/q" --max-records=3
exec 9<"/dev/shm/ringq.$name" # somebody has it
status 0 "$ringq" doctor "$name"
prints 'no trouble found'
status 0 "$ringq" doctor "$name" -J
prints '{"version":1,"troubles":[]}'
status 0 "$ringq" check "$name"
shows '^RINGQ OK - 1 queue, 0 records, 0 producers, 0 consumers'

# --- who holds a queue up: one of three is stopped ---

(while sleep 0.02; do echo x; done) | "$ringq" put "$name/q" 2>/dev/null &
producer=$!
"$ringq" get "$name/q" >/dev/null 2>&1 &
consumer=$!
"$ringq" get "$name/q" >/dev/null 2>&1 &
second=$!
wait_for "^ *$second .* q " "$ringq" who "$name"
kill -STOP $second
wait_for "process $second \(ringq\) is stopped" "$ringq" doctor "$name"
status 1 "$ringq" doctor "$name"
shows "^    kill -CONT $second\$"
cure stopped
for _ in {1..200}; do
	"$ringq" doctor "$name" | grep -q stopped || break
	sleep 0.05
done
status 0 "$ringq" doctor "$name"
kill -9 $second $consumer
wait $second $consumer 2>/dev/null

# --- nobody takes: it runs full, and the cure saves what is there ---

wait_for '"trouble":"full"' "$ringq" doctor "$name" -J
status 1 "$ringq" doctor "$name"
shows "^$name/q: 1 producer waits for room, 3 records wait, and nobody takes them"
status 1 "$ringq" check "$name/q" --warn-depth=2
shows '^RINGQ WARNING - q: too many records wait'
status 2 "$ringq" check "$name/q" --max-depth=2
status 2 "$ringq" check "$name/q" --min-consumers=1
status 0 "$ringq" check "$name/q" --min-producers=1
# --- what waits, or is in hand, for too long; records carry no time, so what waits is watched ---

status 2 "$ringq" check "$name" --max-age=100ms
shows '^RINGQ CRITICAL - q: a record waits for too long \|'
status 0 "$ringq" create "$name/moves"
seq 50 | "$ringq" put "$name/moves"
"$ringq" check "$name/moves" --max-age=10min >"$dir/checked" & # ends when all of it is gone, though more comes
check=$!
sleep 0.1
kill -0 $check || fail 'check does not watch what waits'
seq 51 60 | "$ringq" put "$name/moves"
"$ringq" get "$name/moves" -n 50 >/dev/null
wait $check || fail "check ended with $?: $(cat "$dir/checked")"
status 2 "$ringq" check "$name/moves" --max-age=0
status 0 "$ringq" create "$name/back" --acknowledged
echo job | "$ringq" put "$name/back"
"$ringq" exec "$name/back" -n 1 false 2>/dev/null # it comes back, and is in no lane any more
status 2 "$ringq" check "$name/back" --max-age=50ms
status 0 "$ringq" drain "$name/back"
status 0 "$ringq" check "$name/back" --max-age=50ms
status 0 "$ringq" delete "$name/back" --yes
status 0 "$ringq" delete "$name/moves" --yes

cure full
[[ -s $dir/saved ]] || fail 'drain has saved nothing'

# --- a producer dies ---

kill -9 $producer
wait $producer 2>/dev/null
wait_for '"trouble":"dead-producer"' "$ringq" doctor "$name" -J
cure dead-producer
wait_for 'closed' "$ringq" stat "$name/q"
"$ringq" doctor "$name" -J | grep -q dead-producer && fail 'the dead trouble still'

# --- who has made a region holds it, though its file had no name when that was opened ---

"$lock" "$name-made" shared < <(exec sleep 60 2>/dev/null 9<&-) >"$dir/made" &
maker=$!
wait_for '^locked$' cat "$dir/made"
wait_for "^$name-made .* $maker lock\$" "$ringq" list
kill $maker
"$ringq" unlink "$name-made"

# --- a lock: its holder runs, is stopped, or is dead ---

status 0 "$ringq" array create "$name/shared"
mkfifo "$dir/hold"
# hold: a process that has the lock, or waits for it, until end_hold
hold() {
	"$lock" "$name" shared <"$dir/hold" >"$dir/holder" &
	holder=$!
	exec 5>"$dir/hold"
}
start_waiter() {
	"$lock" "$name" shared </dev/null >"$dir/waiter" 5>&- &
	waiter=$!
	wait_for "^ *$waiter .* asleep in lock .* shared " "$ringq" who "$name"
}

hold
wait_for '^locked$' cat "$dir/holder"
start_waiter
wait_for "\(lock\) holds the lock, and 1 waits for it" "$ringq" doctor "$name"
shows "^$name/shared: process $holder "
shows "^    kill $holder\$"
kill -STOP $holder
exec 5>&-
wait_for "^$name/shared: process $holder \(lock\) is stopped and holds the lock, and 1 waits for it" "$ringq" doctor "$name"
shows "^    kill -CONT $holder\$"
cure lock-stopped
wait $waiter || fail 'a lock that was let go is not had'
wait_for '^locked$' cat "$dir/waiter"
wait $holder
"$ringq" doctor "$name" | grep -q "$name/shared" && fail 'the lock is a trouble still'

# What cures a lock that is held on and on is its holder's end: who waits has it at once, and is told.
hold
wait_for '^locked$' cat "$dir/holder"
start_waiter
wait_for '"trouble":"lock-held"' "$ringq" doctor "$name" -J
cure lock-held
wait $waiter || fail 'the lock of the dead is not had'
wait_for '^locked after a death$' cat "$dir/waiter"
wait $holder 2>/dev/null
exec 5>&-

# A lock that the dead have keeps nobody waiting: it is no trouble, and array list shows it.
hold
wait_for '^locked$' cat "$dir/holder"
kill -9 $holder
wait $holder 2>/dev/null
exec 5>&-
"$ringq" doctor "$name" | grep -q "$name/shared" && fail 'a lock that can be had is a trouble'
status 0 "$ringq" array list "$name"
shows '^shared .* dead'
"$lock" "$name" shared </dev/null >"$dir/out"
prints 'locked after a death'

# --- a full queue, whose only consumer waits for a lock that another has ---

hold
wait_for '^locked' cat "$dir/holder"
status 0 "$ringq" create "$name/behind" --max-records=2
seq 9 | "$ringq" put "$name/behind" &
producer=$!
"$lock" "$name" shared behind </dev/null >"$dir/waiter" 5>&- &
waiter=$!
wait_for '"trouble":"held-up"' "$ringq" doctor "$name" -J
status 1 "$ringq" doctor "$name"
shows "^$name/behind: 1 producer waits for room, 2 records wait, and nobody takes: of 1 consumer asleep elsewhere the first is process $waiter \\(lock\\), for [0-9.m]+s in lock of shared\$"
! grep -q 'no-consumer' "$dir/out" || fail 'a consumer that is held up is there'
kill -STOP $waiter
wait_for "process $waiter \\(lock\\) is stopped, asleep in lock" "$ringq" doctor "$name"
kill -CONT $waiter
cure held-up
wait $waiter
wait $holder 2>/dev/null
exec 5>&-
"$ringq" get "$name/behind" -n 8 >/dev/null
wait $producer

# --- a full queue, whose consumer is awake, and away: it took one, and then does something else ---

status 0 "$ringq" create "$name/away" --max-records=2
"$ringq" put "$name/away" < <(seq 9; exec sleep 60 2>/dev/null 9<&-) & # no pipeline, all of which would be waited for
producer=$!
mkfifo "$dir/away"
status 0 "$ringq" array create "$name/own"
"$lock" "$name" own away <"$dir/away" >"$dir/taker" &
taker=$!
exec 5>"$dir/away"
wait_for '^locked$' cat "$dir/taker"
wait_for "^$name/away: 1 producer waits for room, the first for [0-9.]+m?s, 2 records wait, and nobody takes them: of 1 consumer that is awake, in code of its own, the first is process $taker \(lock\)\$" \
	"$ringq" doctor "$name" --away=0
shows "^    kill $taker\$"
! grep -q "$name/away: .*\(full\|no-consumer\)" "$dir/out" || fail 'said twice'
"$ringq" doctor "$name" | grep -q "$name/away" && fail 'a consumer that is away for a moment is a trouble'
kill -STOP $taker
wait_for "process $taker \(lock\) is stopped; it takes from there" "$ringq" doctor "$name" --away=0
! grep -q 'in code of its own' "$dir/out" || fail 'a stopped one is told of twice'
kill -CONT $taker
exec 5>&-
wait $taker
kill -9 $producer
wait $producer 2>/dev/null
status 0 "$ringq" delete "$name/away" --yes

# --- a job that is in a worker's hands for long, and one whose worker is stopped ---

status 0 "$ringq" create "$name/work" --acknowledged
echo job | "$ringq" put "$name/work"
"$ringq" exec "$name/work" sh -c 'while kill -0 $PPID; do sleep 0.05; done' 2>/dev/null &
worker=$!
wait_for '"in_hand":1' "$ringq" stat "$name/work" -J
"$ringq" doctor "$name" | grep 'in hand' && fail 'a job of a moment is a trouble'
wait_for "^$name/work: 1 record is in hand, the oldest for [0-9.]+m?u?s: that of process $worker \\(ringq\\); it comes back" \
	"$ringq" doctor "$name" --in-hand=10ms
shows "^    kill -9 $worker\$"
status 0 "$ringq" peek "$name/work" --in-hand
shows "^$worker/$worker ringq for [0-9.]+m?s, delivery 1: \"job\"\$"
status 0 "$ringq" peek "$name/work" --in-hand --format=raw
prints job
status 1 "$ringq" peek "$name/work"
status 0 "$ringq" who "$name" -H -o process,hand
shows "^ *$worker +1\$"
status 2 "$ringq" check "$name/work" --max-age=1ms
shows '^RINGQ CRITICAL - work: a record is in hand for too long \| .* in_hand=1 oldest_in_hand=[0-9.]+s$'
status 0 "$ringq" check "$name/work" --max-age=10min
kill -STOP $worker
wait_for "process $worker \\(ringq\\) is stopped.*, and has had a record in hand for [0-9.]+" "$ringq" doctor "$name" --in-hand=10ms
! grep -q 'is in hand' "$dir/out" || fail 'a stopped worker is told of twice'
kill -9 $worker
wait $worker 2>/dev/null
status 0 "$ringq" wait "$name/work" --records=1 --timeout=10s
status 1 "$ringq" peek "$name/work" --in-hand
status 1 "$ringq" peek "$name/q" --in-hand
says 'does not acknowledge'

# --- a process that has nearly no descriptor left ---

bash -c 'ulimit -Sn 40; for fd in {7..38}; do eval "exec $fd</dev/null"; done; exec 6<"$1"; echo ready; read -r' - "/dev/shm/ringq.$name" \
	<"$dir/hold" >"$dir/greedy" &
greedy=$!
exec 5>"$dir/hold"
wait_for ready cat "$dir/greedy"
wait_for "^$name: process $greedy \(bash\) has 3[0-9] of 40 descriptors open" "$ringq" doctor "$name"
cure descriptors
"$ringq" doctor "$name" | grep -q descriptors && fail 'descriptors are short still'
exec 5>&-
wait $greedy

# --- a region that nobody has: that is all that is said of it, by its name too ---

exec 9<&-
wait_for "^$name: no process has it; [0-9.]+[KM] of memory, with [0-9]+ records?\$" "$ringq" doctor "$name"
prints "$(grep -E -A1 "^$name: no process has it" "$dir/out")"
wait_for "^$name: no process has it" "$ringq" doctor
[[ $(grep -c "^$name[:/]" "$dir/out") == 1 ]] || fail "more is said of what nobody has: $(cat "$dir/out")"
status 0 "$ringq" drain "$name/work"

# --- regions that nobody has, of another layout, and none ---

status 0 "$ringq" create "$name-left/q"
wait_for "^$name-left: no process has it" "$ringq" doctor
status 0 "$ringq" create "$name-layout/q"
printf '\xee' | dd of="/dev/shm/ringq.$name-layout" bs=1 seek=8 conv=notrunc status=none
printf 'odd' >"/dev/shm/ringq.$name-odd"
status 1 "$ringq" doctor
shows "^$name-layout: of layout 238\.[0-9]+; this library knows"
shows "^    ringq unlink --yes $name-layout\$"
shows "^$name-odd: its name is that of a region, and it is none"
status 6 "$ringq" doctor "$name-layout"
status 3 "$ringq" doctor "$name-none"
status 2 "$ringq" check "$name-layout"
shows '^RINGQ CRITICAL'
status 3 "$ringq" check "$name-none"
shows '^RINGQ UNKNOWN'
status 3 "$ringq" check "$name/none"
id=$("$ringq" list "$name" -H -o id | head -n 1 | tr -d ' ')
status 0 "$ringq" stat "$name/id:$id"
status 0 "$ringq" check "$name/id:$id"
if [[ $(id -u) == 0 ]] && command -v setpriv >/dev/null; then
	status 3 setpriv --reuid=65534 --regid=65534 --clear-groups "$ringq" check "$name"
	status 1 setpriv --reuid=65534 --regid=65534 --clear-groups "$ringq" doctor
	shows "^$name: it may not be looked into"
	status 4 setpriv --reuid=65534 --regid=65534 --clear-groups "$ringq" events "$name" --timeout=0
fi
status 0 "$ringq" clean --yes --dry-run "$name-left"
shows "^$name-left .* would be removed"
[[ -e /dev/shm/ringq.$name-left ]] || fail 'a dry run has removed a region'
status 0 "$ringq" unlink "$name-layout" "$name-odd" "$name-left"

# --- events, as they come ---

status 0 "$ringq" create "$name/b" --max-records=1
"$ringq" events "$name" --interval=10ms >"$dir/events" 2>&1 &
watcher=$!
wait_for watched cat "$dir/events"
status 0 "$ringq" create "$name/new"
wait_for "$name/new  queue-created" cat "$dir/events"
printf 'a\nb\n' | "$ringq" put "$name/b" &
putter=$!
wait_for "$name  joined  $putter/" cat "$dir/events"
wait_for "$name/b  has-records" cat "$dir/events"
wait_for "$name/b  full" cat "$dir/events"
"$ringq" get "$name/b" -n 2 >/dev/null
wait $putter
wait_for "$name/b  empty" cat "$dir/events"
wait_for "$name  (left|ended)  $putter/" cat "$dir/events"
status 0 "$ringq" close "$name/b"
wait_for "$name/b  closed" cat "$dir/events"
status 0 "$ringq" delete "$name/new"
wait_for "$name/new  deleted" cat "$dir/events"
kill -TERM $watcher
wait $watcher || fail "events ended with $?"
status 0 "$ringq" events "$name" --timeout=30ms --interval=10ms -J
shows '^\{"version":1,"time":[0-9]+,"region":"'"$name"'","event":"watched","object":null\}$'
status 0 "$ringq" events "$name" --timeout=50ms --interval=60 # ends in time: between two looks
status 2 "$ringq" events "$name" --interval=0
status 3 "$ringq" events "$name-none"
exit $failed
