#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What is no region, of another layout, or scribbled over: each has its exit status, and nothing crashes or hangs.
#
# usage: hostile.sh RINGQ
ringq=$1
name=test-hostile-$$
file=/dev/shm/ringq.$name
. "${BASH_SOURCE%/*}/common.sh"

scribble() { # OFFSET BYTES
	printf "$2" | dd of="$file" bs=1 seek="$1" conv=notrunc status=none
}

# All that looks ends, in time, with an exit status of its own.
look() {
	local got command
	for command in 'list' "list $name" "stat $name/q" "who $name" "peek -n 50 $name/q" "tail $name/q" \
		"wait --timeout=0 $name/q" "top --once -i 50ms $name" "export $name" report "record --now $name/q /dev/stdout"; do
		timeout 20 "$ringq" $command >/dev/null 2>"$dir/err" </dev/null
		got=$?
		((got <= 7)) || fail "$command ended with $got $1: $(cat "$dir/err")"
	done
}

# No byte that a terminal obeys comes out of a name, a record, or an argument: of both sets of controls, and of what turns
# the direction of writing.
bad=$'\e[31m\xc2\x9b\xe2\x80\xae\xff' shown='\x1b[31m\xc2\x9b\xe2\x80\xae\xff'
status 0 "$ringq" create "$name/$bad"
printf '%s\n' "$bad" | "$ringq" put "$name"
for command in "list $name" "stat $name" "peek --format=text $name" "peek --format=quoted $name" "stat $name/x$bad"; do
	timeout 20 "$ringq" $command >"$dir/out" 2>&1
	grep -qF -- "$shown" "$dir/out" || fail "$command does not show it: $(od -c "$dir/out")"
	! LC_ALL=C grep -q $'[\x01-\x08\x0b-\x1f\x7f-\xff]' "$dir/out" || fail "$command lets it out"
done
rm "$file"

mkfifo "$file"
status 6 "$ringq" stat "$name/q"
status 6 "$ringq" get "$name/q"
look 'beside a FIFO'
rm "$file"
: >"$file"
status 6 "$ringq" stat "$name/q"
look 'beside an empty file'
rm "$file"

status 0 "$ringq" create "$name/q" --size=1MiB
printf 'one\ntwo\nthree\n' | "$ringq" put "$name/q" || fail 'put'
cp "$file" "$dir/good"

# The layout's numbers are among the first words.
named=0
for ((at = 0; at < 32; at += 2)); do
	cp "$dir/good" "$file"
	scribble "$at" '\xee\xee'
	look "with another word at $at"
	"$ringq" stat "$name/q" >/dev/null 2>"$dir/err"
	grep -q 'of layout [0-9]*\.[0-9]*; this library knows' "$dir/err" && named=1
done
((named)) || fail 'another layout is not named'

rounds=20
[[ ${RINGQ_TEST_SIZE-} != quick ]] || rounds=4
seed=${SEED:-$$}
RANDOM=$seed
for ((round = 0; round < rounds; round++)); do
	cp "$dir/good" "$file"
	for ((k = 0; k <= round % 4; k++)); do
		scribble $((RANDOM % 2048 * 8)) "\\x$(printf %02x $((RANDOM % 256)))\\xff\\x$(printf %02x $((RANDOM % 256)))\\x7f"
	done
	look "in round $round of SEED=$seed"
done
truncate -s 70000 "$file"
look 'beside a file cut off'
exit $failed
