#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Spellings that scripts rely on: each is taken as it is written here, and does what it says.
#
# usage: spellings.sh RINGQ
ringq=$1
name=test-spellings-$$
. "${BASH_SOURCE%/*}/common.sh"

# --- create: the options of C by their names ---

status 0 "$ringq" create "$name"
status 0 "$ringq" create "$name/dead"
status 0 "$ringq" create "$name/jobs" --acknowledged --order total --max-records 100 --max-bytes 1M --max-producers 8 \
	--max-attempts 3 --dead-letters dead
status 0 "$ringq" create "$name/logs" --order producer --single-producer --single-consumer
status 0 "$ringq" stat "$name/logs"
shows 'order +producer, single producer, single consumer'
status 0 "$ringq" stat "$name/jobs" -J
shows '"max_records":100,"max_bytes":1048576,'

# --- names of things ---

printf 'one\ntwo\nthree\n' | "$ringq" put "$name/logs" || fail 'put'
"$ringq" get "$name/dead" >/dev/null &
holder=$!
for _ in {1..200}; do
	"$ringq" who "$name" | grep -q 'asleep in get' && break
	sleep 0.05
done
status 0 "$ringq" list "pid:$holder"
shows '^logs '
fd=$(for at in /proc/"$holder"/fd/*; do [[ $(readlink "$at") != */ringq.* ]] || echo "${at##*/}"; done | head -n 1)
status 0 "$ringq" stat "pid:$holder/fd:$fd/logs"
shows 'records +3 waiting'
kill "$holder"
wait "$holder"

# --- peek, get, put ---

status 0 "$ringq" peek -n 2 --format=text "$name/logs"
prints $'one\ntwo'
status 0 "$ringq" get -n 2 --format=raw "$name/logs"
prints $'one\ntwo'
printf 'a\nb\nc\nbad\n' | "$ringq" put --close "$name/jobs" || fail 'put --close'

# --- exec ends with the queue: with 0 if all was done ---

status 123 "$ringq" exec "$name/jobs" -j 2 -- sh -c 'read -r r; test "$r" != bad'
status 0 "$ringq" stat "$name/jobs"
shows 'records +0 waiting, 4 put'
status 0 "$ringq" peek "$name/dead"
grep -q bad "$dir/out" || fail 'what failed too often is not set aside'
status 0 "$ringq" create "$name/well" --acknowledged
seq 30 | "$ringq" put --close "$name/well"
status 0 "$ringq" exec "$name/well" -j 4 -- sh -c 'read -r r; echo "$r"'
[[ $(sort -n "$dir/out") == "$(seq 30)" ]] || fail 'not each record once'
status 0 "$ringq" create "$name/tries" --acknowledged
printf 'x\ny\n' | "$ringq" put --close "$name/tries"
status 0 "$ringq" exec "$name/tries" -j 2 --attempts 3 -- true
status 0 "$ringq" stat "$name/tries"
shows 'records +0 waiting, 2 put'

# --- a framed copy, in the order in which the pieces are written elsewhere ---

status 0 "$ringq" create "$name/copy"
printf 'x\0\ny' | "$ringq" put --frame=file "$name/copy"
"$ringq" get -n 1 --frame=len "$name/copy" | "$ringq" put --frame=len "$name/copy" || fail 'a copy'
"$ringq" get -n 1 --frame=file "$name/copy" | cmp - <(printf 'x\0\ny') || fail 'the copy differs'
# To look at a queue, the beginning of its name is enough; to take from it, or to delete it, is not.
status 0 "$ringq" create "$name/beginning"
status 0 "$ringq" stat "$name/begin"
shows "^queue +$name/beginning "
status 3 "$ringq" get "$name/begin" --wait=0
status 3 "$ringq" delete "$name/begin" --yes
status 0 "$ringq" create "$name/beginner"
status 2 "$ringq" stat "$name/begin"
says 'name one'
exit $failed
