#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What changes things: delete, run, array and clean.
#
# usage: manage.sh RINGQ
ringq=$1
name=test-manage-$$
. "${BASH_SOURCE%/*}/common.sh"
export PATH=${ringq%/*}:$PATH

# --- delete: the name is free, who has it is told ---

status 0 "$ringq" create "$name/q"
seq 5 | "$ringq" put "$name/q"
status 3 "$ringq" delete "$name/none"
status 3 "$ringq" delete "$name-none/q"
"$ringq" create "$name/wait"
"$ringq" get "$name/wait" -n 1 >/dev/null 2>"$dir/told" &
sleeper=$!
for _ in {1..200}; do
	"$ringq" who "$name" 2>/dev/null | grep -q "$sleeper .*asleep in get" && break
	sleep 0.05
done
status 0 "$ringq" delete "$name/wait"
wait $sleeper
[[ $? == 5 ]] || fail "the sleeper ended with $?"
status 0 "$ringq" delete "$name/q"
status 3 "$ringq" stat "$name/q"
status 0 "$ringq" create "$name/q"
status 1 "$ringq" peek "$name/q"
if command -v script >/dev/null; then
	(sleep 0.5; printf 'n\n') | timeout 20 script -qec "$ringq delete $name/q" /dev/null >"$dir/out" || true
	shows 'Delete queue .*, with 0 records'
	status 0 "$ringq" stat "$name/q"
	(sleep 0.5; printf 'y\n') | timeout 20 script -qec "$ringq delete $name/q" /dev/null >"$dir/out"
	status 3 "$ringq" stat "$name/q"
	status 0 "$ringq" create "$name/q"
fi
for i in {1..40}; do
	"$ringq" create "$name/many" && "$ringq" delete "$name/many" || fail "round $i"
done

# --- run: the region comes along ---

status 0 "$ringq" run --queue=jobs sh -c "seq 3 | $ringq put fd:\$RINGQ_FD/jobs --close; $ringq get fd:\$RINGQ_FD/jobs --format=text; echo \${RINGQ_REGION-none}"
prints $'1\n2\n3\nnone'
status 0 "$ringq" run --region="$name-run" -q jobs -- sh -c "echo \$RINGQ_REGION; $ringq stat \$RINGQ_REGION/jobs"
shows "^$name-run\$"
status 0 "$ringq" run -r "$name-run" -q jobs true # both are there already
status 7 "$ringq" run sh -c 'exit 7'
status 127 "$ringq" run "$dir/none"
: >"$dir/no-program"
status 126 "$ringq" run "$dir/no-program"
"$ringq" run "$dir/none" 2>/dev/full
[[ $? == 127 ]] || fail 'another status where the complaint cannot be written'
status 2 "$ringq" run
status 2 "$ringq" run --region=a/b true
status 2 "$ringq" stat fd:x
status 6 "$ringq" stat fd:0
status 0 "$ringq" unlink "$name-run"

# --- array ---

status 0 "$ringq" array create "$name/counts" --count=3
status 1 "$ringq" array create "$name/counts"
status 0 "$ringq" array create "$name/small" --type=uint8
status 0 "$ringq" array create "$name/real" -t double -c 2
status 2 "$ringq" array create "$name/odd" --type=int12
status 2 "$ringq" array create "$name"
status 0 "$ringq" array set "$name/counts" 1 42
status 0 "$ringq" array add "$name/counts" 1 -- -50
prints '-8'
status 0 "$ringq" array get "$name/counts"
prints $'0\n-8\n0'
status 0 "$ringq" array get "$name/counts" 1
prints '-8'
status 0 "$ringq" array get "$name/counts" -J
shows '"type":"int64","count":3,"from":0,"values":\[0,-8,0\]'
status 3 "$ringq" array get "$name/counts" 3
status 2 "$ringq" array get "$name/counts" x
status 2 "$ringq" array set "$name/counts" 5
status 2 "$ringq" array set "$name/counts"
status 0 "$ringq" array set "$name/small" 255
status 2 "$ringq" array set "$name/small" 256
status 2 "$ringq" array set "$name/small" -- -1
status 0 "$ringq" array add "$name/small" 2
prints 1
status 0 "$ringq" array set "$name/real" 0 0.1
status 0 "$ringq" array get "$name/real" 0
prints 0.10000000000000001
status 2 "$ringq" array add "$name/real" 0 1
status 2 "$ringq" array set "$name/real" 0 x
status 3 "$ringq" array get "$name/none"
status 2 "$ringq" array grow "$name/counts"
status 0 "$ringq" array list "$name" -H -o name,type
prints $'counts  int64\nsmall   uint8\nreal    double'

# --- clean: what nobody has, and nothing else ---

status 0 "$ringq" create "$name-old/q"
status 0 "$ringq" create "$name-full/q"
echo x | "$ringq" put "$name-full/q"
status 0 "$ringq" create "$name-used/q"
"$ringq" get "$name-used/q" -n 1 >/dev/null &
user=$!
printf 'no region' >"/dev/shm/ringq.$name-odd"
for _ in {1..200}; do
	[[ $("$ringq" list "$name-used" >/dev/null && "$ringq" who "$name-used" -H) == *asleep* ]] && break
	sleep 0.05
done
all=("$name-old" "$name-full" "$name-used" "$name-odd")
status 0 "$ringq" clean "${all[@]}" -H -o region,action
prints "$name-full  kept: it has records
$name-old   would be removed"
status 0 "$ringq" stat "$name-old/q"
status 0 "$ringq" clean --yes "${all[@]}" -J
shows "\"region\":\"$name-old\",\"memory\":[0-9]+,\"records\":0,\"action\":\"removed\""
status 3 "$ringq" stat "$name-old/q"
status 0 "$ringq" stat "$name-full/q"
status 0 "$ringq" clean --yes --with-records "${all[@]}"
shows "^$name-full .*removed\$"
status 3 "$ringq" stat "$name-full/q"
status 0 "$ringq" stat "$name-used/q"
[[ -e /dev/shm/ringq.$name-odd ]] || fail 'a file that is no region is gone'
# One that is held by a process whose descriptors cannot be seen.
if [[ $(id -u) == 0 ]] && command -v setpriv >/dev/null; then
	chmod 666 "/dev/shm/ringq.$name-used"
	timeout 20 setpriv --reuid=65534 --regid=65534 --clear-groups "$ringq" clean --yes "$name-used" >"$dir/out" 2>&1
	[[ -e /dev/shm/ringq.$name-used ]] || fail 'a region in use is gone'
fi
echo x | "$ringq" put "$name-used/q"
wait $user || fail 'the user of a region that was to stay'
exit $failed
