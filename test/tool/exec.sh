#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# `ringq exec`: a record is done when its command has ended well, and comes back in all other cases.
#
# usage: exec.sh RINGQ
ringq=$1
name=test-exec-$$
. "${BASH_SOURCE%/*}/common.sh"

gives() { # QUEUE COUNT RECORDS: it gives so many, in any order
	[[ $("$ringq" get "$1" -n "$2" --wait=60 --format=text | sort) == "$3" ]] || fail "$1 does not give $3"
}

status 0 "$ringq" create "$name/plain"
status 2 "$ringq" exec "$name/plain" cat
says 'not acknowledged'
status 0 "$ringq" create "$name/q" --acknowledged
status 2 "$ringq" exec "$name/q"
status 2 "$ringq" exec "$name/q" -j 0 cat
status 0 "$ringq" exec "$name/q" --wait=0 cat
prints ''

# --- each record is a command's standard input, whole ---

printf 'one\ntwo\nthree\n' | "$ringq" put "$name/q"
head -c 300000 /dev/urandom >"$dir/large"
"$ringq" put "$name/q" --frame=file "$dir/large"
status 0 "$ringq" exec "$name/q" -n 2 sh -c 'echo "got $(cat)"'
prints $'got one\ngot two'
status 0 "$ringq" exec "$name/q" -n 1 -- sh -c 'cat; echo ", attempt $RINGQ_ATTEMPT"'
prints 'three, attempt 1'
status 0 "$ringq" exec "$name/q" --wait=10ms cat
cmp "$dir/large" "$dir/out" || fail 'a large record differs'

# --- or its last argument, but for one with a zero byte ---

printf 'a b\n*\n\n' | "$ringq" put "$name/q"
status 0 "$ringq" exec "$name/q" -n 3 -a -- printf '[%s]'
prints '[a b][*][]'
printf 'a\0b' | "$ringq" put "$name/q" --frame=file /dev/stdin
status 123 "$ringq" exec "$name/q" -n 1 --argument echo
says 'zero byte'
status 0 "$ringq" exec "$name/q" -n 1 cat
cmp -s "$dir/out" <(printf 'a\0b') || fail 'what is no argument has not come back'

# --- on a terminal it says how far it is; elsewhere, nothing ---

printf '1\n2\n3\n' | "$ringq" put "$name/q"
status 0 "$ringq" exec "$name/q" -n 1 true
[[ ! -s $dir/err ]] || fail "exec says '$(cat "$dir/err")' in a pipe"
if command -v script >/dev/null; then
	script -qec "TERM=xterm $ringq exec $name/q -n 1 true" /dev/null </dev/null >"$dir/out"
	shows '1 done, 0 failed, 0 running, 1 waiting'
	script -qec "TERM=xterm $ringq exec $name/q -q -n 1 true" /dev/null </dev/null >"$dir/out"
	prints ''
else
	status 0 "$ringq" drain "$name/q"
fi

# --- what fails comes back, and counts ---

echo bad | "$ringq" put "$name/q"
status 123 "$ringq" exec "$name/q" -n 1 false
status 123 "$ringq" exec "$name/q" -n 1 sh -c 'kill -9 $$'
status 124 "$ringq" exec "$name/q" sh -c 'exit 255'
status 0 "$ringq" wait "$name/q" --records=1 --timeout=10s
status 0 "$ringq" peek "$name/q"
prints bad
status 1 "$ringq" wait "$name/q" --empty --timeout=1ms
status 0 "$ringq" stat "$name/q" --json
shows '"records": ?1,'
status 127 "$ringq" exec "$name/q" "$dir/none"
: >"$dir/no-program"
status 126 "$ringq" exec "$name/q" "$dir/no-program"
status 123 "$ringq" exec "$name/q" -n 2 sh -c 'cat; echo " $RINGQ_ATTEMPT"; [ $RINGQ_ATTEMPT -gt 6 ]'
prints $'bad 6\nbad 7'

# --- too often: it is set aside ---

status 0 "$ringq" create "$name/dead"
status 0 "$ringq" create "$name/few" --acknowledged --max-attempts=3 --dead-letters=dead
printf 'x\ny\n' | "$ringq" put "$name/few" --close
status 123 "$ringq" exec "$name/few" -- grep -q y
grep -q x <("$ringq" get "$name/dead" -n 1 --format=raw) || fail 'the dead letter is another'

status 0 "$ringq" create "$name/tries" --acknowledged
printf 'x\ny\n' | "$ringq" put "$name/tries" --close
status 123 "$ringq" exec "$name/tries" --attempts 2 --dead-letters dead -- sh -c 'read r; echo "$r"; [ "$r" = y ]'
[[ $(sort "$dir/out") == $'x\nx\ny' ]] || fail 'not two attempts of what fails, and one of what does not'
says 'set aside after attempt 2'
"$ringq" get "$name/dead" -n 1 --format=raw >"$dir/dead"
[[ $(tail -c 2 "$dir/dead") == x && $(od -An -tu4 -j4 -N4 "$dir/dead") -eq 2 ]] || fail 'not a dead letter'
status 3 "$ringq" exec "$name/tries" --dead-letters none -- true
status 0 "$ringq" create "$name/drops" --acknowledged
echo x | "$ringq" put "$name/drops" --close
status 123 "$ringq" exec "$name/drops" --attempts=1 false
says 'dropped after attempt 1'
status 0 "$ringq" stat "$name/drops"
shows 'records +0 waiting'

# --- side by side, and until it is closed ---

status 0 "$ringq" create "$name/many" --acknowledged
seq 40 | "$ringq" put "$name/many" --close
status 0 "$ringq" exec "$name/many" -j 4 sh -c 'read n; echo $n'
[[ $(sort -n "$dir/out") == "$(seq 40)" ]] || fail 'not each record once'
status 0 "$ringq" create "$name/pair" --acknowledged
printf '1\n2\n' | "$ringq" put "$name/pair"
# Each waits for the other's file.
status 0 "$ringq" exec "$name/pair" -j 2 -n 2 sh -c 'read n; : >"$0.$n"; until [ -e "$0.$((3 - n))" ]; do sleep 0.01; done' \
	"$dir/met"

# --- killed: what it had in hand comes back; told to stop: it ends after the record in hand ---

status 0 "$ringq" create "$name/kill" --acknowledged
printf 'a\nb\n' | "$ringq" put "$name/kill"
"$ringq" exec "$name/kill" sh -c ': >"$0"; until [ -e "$0.go" ]; do sleep 0.01; done' "$dir/runs" &
worker=$!
until [[ -e $dir/runs ]]; do sleep 0.01; done
kill -9 "$worker"
wait "$worker" 2>"$dir/err"
: >"$dir/runs.go"
gives "$name/kill" 2 $'a\nb'
printf 'c\nd\n' | "$ringq" put "$name/kill"
"$ringq" exec "$name/kill" sh -c 'cat; : >"$0.runs"; until [ -e "$0.go" ]; do sleep 0.01; done' "$dir/job" >"$dir/out" &
worker=$!
until [[ -e $dir/job.runs ]]; do sleep 0.01; done
kill -TERM "$worker"
: >"$dir/job.go"
wait "$worker" || fail "ended with $? when told to stop"
prints c
gives "$name/kill" 1 d
exit $failed
