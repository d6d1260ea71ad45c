#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Many: list and who look on while producers and consumers are killed all the time, and a thousand regions are listed.
#
# usage: many.sh RINGQ
ringq=$1
name=test-many-$$
. "${BASH_SOURCE%/*}/common.sh"

pairs=16 seconds=2 regions=1000
[[ ${RINGQ_TEST_SIZE-} != quick ]] || { pairs=4; seconds=1; regions=200; }

# --- looks that disturb nobody, and that nobody's death disturbs ---

status 0 "$ringq" create "$name/q" --max-records=100
start_pair() {
	nice -n 19 "$ringq" put "$name/q" "$dir/feed" 2>/dev/null &
	victims+=($!)
	nice -n 19 "$ringq" get "$name/q" >/dev/null 2>&1 &
	victims+=($!)
}

seq 100000 >"$dir/feed"
victims=()
for ((i = 0; i < pairs; i++)); do
	start_pair
done
looks=0
end=$((SECONDS + seconds))
while ((SECONDS < end || looks < 3)); do
	for command in list "list $name" "who $name" "doctor $name"; do
		timeout 20 "$ringq" $command >"$dir/out" 2>"$dir/err"
		got=$?
		((got <= 1)) || fail "$command ended with $got: $(cat "$dir/out" "$dir/err")"
	done
	looks=$((looks + 1))
	kill -9 "${victims[@]:0:2}" 2>/dev/null
	wait "${victims[@]:0:2}" 2>/dev/null
	victims=("${victims[@]:2}")
	start_pair
done
kill -9 "${victims[@]}" 2>/dev/null
wait "${victims[@]}" 2>/dev/null
echo "$looks rounds of looks"
# What was put whole comes out whole, and the queue goes on.
status 0 "$ringq" drain "$name/q"
echo again | "$ringq" put "$name/q"
status 0 "$ringq" get "$name/q" -n 1 --format=text
prints again

# --- a thousand regions ---

# A copy of a region that nobody has is one, too.
status 0 "$ringq" create "$name-0/q" --size=1MiB
copy_up_to() {
	for ((; i < $1; i++)); do
		cp --sparse=always "/dev/shm/ringq.$name-0" "/dev/shm/ringq.$name-$i"
	done
}

# processor_time COMMAND...: of the quickest of three runs, in us
processor_time() {
	local least=999999999 us TIMEFORMAT='%3U %3S'
	for _ in 1 2 3; do
		us=$( { time timeout 60 "$@" >/dev/null 2>&1; } 2>&1 | awk '{ print int(($1 + $2) * 1000000) }')
		((us < least)) && least=$us
	done
	echo "$least"
}

i=1
copy_up_to $((regions / 4))
quarter=$(processor_time "$ringq" list)
copy_up_to "$regions"
all=$(processor_time "$ringq" list)
# Four times as many take some four times as long: 16 times, if each were compared with each.
echo "$((regions / 4)) regions listed in $quarter us of processor time, $regions in $all us"
((all <= 10 * quarter + 50000)) || fail 'the time of list grows faster than the number of regions'
started=$(date +%s%N)
status 0 "$ringq" list -H -o region
took=$((($(date +%s%N) - started) / 1000000))
echo "$regions regions listed in $took ms"
(($(grep -c "^$name-" "$dir/out") == regions)) || fail "$(grep -c "^$name-" "$dir/out") of $regions regions are listed"
status 1 "$ringq" doctor
(($(grep -c "^$name-[0-9]*: no process has it" "$dir/out") == regions)) || fail 'doctor does not see them all'
started=$(date +%s%N)
names=()
for ((i = 0; i < regions; i++)); do
	names+=("$name-$i")
done
status 0 "$ringq" clean --yes "${names[@]}" -H -o action
(($(grep -c '^removed$' "$dir/out") == regions)) || fail 'clean has not removed them all'
echo "and cleaned in $((($(date +%s%N) - started) / 1000000)) ms"
compgen -G "/dev/shm/ringq.$name-*" >/dev/null && fail 'some are left'
exit $failed
