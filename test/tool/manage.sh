#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What changes things: delete, run, send, array and clean.
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

"$ringq" array watch "$name/counts" --changes=3 -i 5ms >"$dir/watched" &
watcher=$!
wait_for '^2 0$' cat "$dir/watched" # all, and then what changes
status 0 "$ringq" array set "$name/counts" 0 7
wait_for '^0 7$' cat "$dir/watched"
status 0 "$ringq" array add "$name/counts" 2 5
status 0 "$ringq" array set "$name/counts" 1 9
wait $watcher || fail "array watch ended with $?"
[[ $(sort "$dir/watched") == $'0 0\n0 7\n1 -8\n1 9\n2 0\n2 5' ]] || fail "array watch shows $(cat "$dir/watched")"
status 0 "$ringq" array watch "$name/counts" 1 --timeout=30ms -J
prints '{"version":1,"region":"'"$name"'","array":"counts","type":"int64","count":3,"from":1,"values":[9]}'
status 1 "$ringq" array watch "$name/counts" --changes=1 --timeout=30ms
status 2 "$ringq" array watch "$name/counts" --interval=0
status 3 "$ringq" array watch "$name/counts" 3

# --- send: a region without a name goes over a socket, to whoever listens, or comes for it ---

# receive ADDRESS connect|listen COMMAND...: COMMAND has what was received as fd:9
receive() {
	python3 - "$@" <<'END'
import os
import socket
import sys
address, way, *command = sys.argv[1:]
end = socket.socket(socket.AF_UNIX)
if way == "listen":
    end.bind(address)
    end.listen()
    end = end.accept()[0]
else:
    end.connect("\0" + address[1:] if address[0] == "@" else address)
_, fds, _, _ = socket.recv_fds(end, 64, 1)
os.dup2(fds[0], 9)
os.execvp(command[0], command)
END
}
"$ringq" run --queue=sent sleep 60 &
keeper=$!
wait_for sent "$ringq" list "pid:$keeper" -H -o name
seq 3 | "$ringq" put "pid:$keeper/sent"
receive "$dir/join" listen "$ringq" get fd:9/sent -n 1 >"$dir/received" &
receiver=$!
for _ in {1..200}; do [[ -S $dir/join ]] && break; sleep 0.05; done
for _ in {1..200}; do "$ringq" send "pid:$keeper" "$dir/join" 2>/dev/null && break; sleep 0.05; done
wait $receiver || fail "what was received cannot be used: $?"
[[ $(cat "$dir/received") == 1 ]] || fail "received: $(cat "$dir/received")"
status 3 "$ringq" send "pid:$keeper" "$dir/join" # left by the receiver, and nobody listens
says 'nobody listens there'
"$ringq" send "pid:$keeper" "$dir/join" --listen --count=2 --timeout=60 &
server=$!
for _ in {1..200}; do [[ $(receive "$dir/join" connect "$ringq" get fd:9/sent -n 1 2>/dev/null) == 2 ]] && break; sleep 0.05; done
[[ $(stat -c %a "$dir/join") == 600 ]] || fail "the socket is for all: $(stat -c %A "$dir/join")"
status 1 "$ringq" send "pid:$keeper" "$dir/join" --listen --timeout=1ms
[[ $(receive "$dir/join" connect "$ringq" peek fd:9/sent) == 3 ]] || fail 'the second has not received it'
wait $server || fail "send --listen ended with $?"
[[ ! -e $dir/join ]] || fail 'send leaves its socket'
"$ringq" send "pid:$keeper" "@$name" --listen --look-only --timeout=60 &
server=$!
for _ in {1..200}; do grep -qF "@$name" /proc/net/unix && break; sleep 0.05; done
receive "@$name" connect sh -c "'$ringq' peek fd:9/sent && ! '$ringq' get fd:9/sent --wait=0 2>&1" >"$dir/received" ||
	fail 'what is for looking can be taken from'
[[ $(head -n 1 "$dir/received") == 3 ]] || fail "to look at: $(cat "$dir/received")"
wait $server || fail "send --look-only ended with $?"
status 1 "$ringq" send "pid:$keeper" "$dir/join" --listen --timeout=20ms
status 3 "$ringq" send "pid:$keeper" "$dir/none"
status 2 "$ringq" send "pid:$keeper" "$dir/$(printf 'x%.0s' {1..200})"
kill $keeper
wait $keeper 2>/dev/null

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
