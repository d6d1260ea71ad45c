#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What all commands have in common: exit statuses, a full disk, a reader that has gone, Ctrl-C, terminals, and regions of others.
#
# usage: manners.sh RINGQ
ringq=$1
name=test-manners-$$
. "${BASH_SOURCE%/*}/common.sh"

status 0 "$ringq" create "$name/q"
status 0 "$ringq" create "$name/a" --acknowledged
"$ringq" put "$name/q" --frame=file /dev/stdin /dev/null <<<$'\tone'
"$ringq" record "$name/q" "$dir/recording" --now >/dev/null

# Each command as it is used of a region; REGION stands for it.
declare -A used=([list]='list REGION' [stat]='stat REGION/q' [top]='top REGION --once -i 50ms' [who]='who REGION'
	[peek]='peek REGION/q' [tail]='tail REGION/q' [get]='get REGION/q --wait=0' [put]='put REGION/q' [drain]='drain REGION/a'
	[record]="record REGION/q $dir/r --now" [replay]="replay $dir/recording REGION/q --fast" [exec]='exec REGION/a --wait=0 true'
	[array]='array list REGION' [wait]='wait REGION/q --timeout=0' [close]='close REGION/q' [delete]='delete REGION/q'
	[export]='export REGION' [check]='check REGION/q' [send]='send REGION @none-such' [events]='events REGION --timeout=50ms')
# These have no region that must be there.
others=' create unlink run doctor clean bench report version '
for command in $("$ringq" --commands); do
	[[ ${used[$command]-} || $others == *" $command "* ]] || fail "$command is not in this test"
	status 0 "$ringq" "$command" --help
	shows "^Usage: ringq $command"
	want=2
	[[ $command != check ]] || want=3 # 2 would be an alarm
	status $want "$ringq" "$command" --no-such-option
	says 'no such option'
	[[ ${used[$command]-} && $command != @(list|top|export|array) ]] || continue
	status $want "$ringq" "$command"
	says 'operand is missing'
done

# of REGION WANTED: all commands that use a region end so
of() {
	local region=$1 want=$2 command words
	for command in "${!used[@]}"; do
		[[ $command != check ]] || continue # its statuses are those of monitoring plug-ins
		read -ra words <<<"${used[$command]//REGION/$region}"
		rm -f "$dir/r"
		status "$want" ${3-} "$ringq" "${words[@]}"
		[[ -s $dir/err ]] || fail "$command says nothing"
	done
}
of "$name-none" 3
status 3 "$ringq" check "$name-none/q"
echo 'no region' >"/dev/shm/ringq.$name-odd"
of "$name-odd" 6
# As another user: nothing of it can be seen, and root's own are not touched.
if [[ $(id -u) == 0 ]] && command -v setpriv >/dev/null; then
	chmod 711 "$dir"
	chmod 644 "$dir/recording"
	of "$name" 4 'setpriv --reuid=65534 --regid=65534 --clear-groups'
	status 0 setpriv --reuid=65534 --regid=65534 --clear-groups "$ringq" list
	shows "^$name .* not permitted"
	says 'could not be looked into (run as root to see all)'
	status 0 "$ringq" list "$name"
	shows '^q '
fi

# --- output that cannot be written is told, and a reader that has gone is no trouble ---

for words in list "list $name" "stat $name/q" "who $name" "peek $name/q" "tail $name/q" "top $name --once -i 50ms" \
	"export $name" "array list $name" report version "list -J" "top $name --once -i 50ms -J" 'help'; do
	read -ra line <<<"$words"
	timeout 20 "$ringq" "${line[@]}" >/dev/full 2>"$dir/err"
	[[ $? == 7 ]] || fail "$words >/dev/full ended with $?"
	grep -q 'No space left' "$dir/err" || fail "$words >/dev/full says '$(cat "$dir/err")'"
	(exec 3> >(:); sleep 0.05; timeout 20 "$ringq" "${line[@]}" >&3 2>"$dir/err")
	got=$?
	((got == 141 || got == 0)) || fail "$words ended with $got when its reader was gone"
	[[ ! -s $dir/err ]] || fail "$words to nobody says '$(cat "$dir/err")'"
done

# --- Ctrl-C, and TERM: each that waits ends, at once, with a status of its own ---

# stops WANTED WORD...
stops() {
	local want=$1 signal child
	shift
	for signal in INT TERM; do
		rm -f "$dir/r"
		# Background jobs of a script ignore SIGINT: env gives it its usual way.
		env --default-signal=INT "$ringq" "$@" >"$dir/out" 2>"$dir/err" </dev/null &
		child=$!
		for _ in {1..100}; do
			# The shell that it was catches signals, too.
			[[ $(sed -n 's/^Name:\t//p; s/^SigCgt:.*\(.\)$/\1/p' "/proc/$child/status" 2>/dev/null) == ringq$'\n'[2367abef] ]] &&
				break
			sleep 0.02
		done
		kill -"$signal" "$child"
		wait "$child"
		[[ $? == "$want" ]] || fail "$* ended with $? by $signal: $(cat "$dir/err")"
	done
}
status 0 "$ringq" create "$name/idle"
stops 0 get "$name/idle"
stops 0 exec "$name/a" true
stops 0 tail -f "$name/idle"
stops 0 top "$name" --batch -i 30
stops 0 record "$name/idle" "$dir/r"
stops 0 events "$name"
stops 1 wait "$name/idle"
stops 1 send "$name" "@$name" --listen
status 0 "$ringq" array create "$name/watched"
stops 0 array watch "$name/watched"

# --- a region whose name was removed: who waits there says so once nobody else has it, and goes on ---

waiters=()
# waits NAME WORD...: in a region of its own, which loses its name
waits() {
	local region=$name-$1
	shift
	"$ringq" "$@" "$region/q" ${after-} >"$dir/$region.out" 2>"$dir/$region.err" </dev/null &
	waiters+=("$!")
}
for way in get put exec tail wait record; do
	status 0 "$ringq" create "$name-$way/q" --acknowledged --max-records=1
done
status 0 "$ringq" create "$name-two/q"
waits get get
after=true waits exec exec
waits tail tail -f
waits wait wait
after=$dir/lonely waits record record
waits two get
waits two get
printf 'a\nb\n' | "$ringq" put "$name-put/q" 2>"$dir/$name-put.err" &
waiters+=("$!")
for way in get put exec tail wait record two; do
	wait_for "^$name-$way .* [0-9]+ ringq" "$ringq" list
done
for _ in {1..200}; do
	"$ringq" list | grep -E "^$name-two .* ringq, [0-9]+ ringq" >/dev/null && break
	sleep 0.05
done
"$ringq" unlink --yes "$name"-{get,put,exec,tail,wait,record,two}
for way in get put exec tail wait record; do
	wait_for "$name-$way: its name was removed" cat "$dir/$name-$way.err"
done
[[ ! -s $dir/$name-two.err ]] || fail "said beside another: $(cat "$dir/$name-two.err")"
kill "${waiters[5]}"
wait_for "$name-two: its name was removed" cat "$dir/$name-two.err"
unset 'waiters[5]'
for waiter in "${waiters[@]}"; do
	kill -0 "$waiter" || fail 'who waited has ended'
done
kill "${waiters[@]}"
wait "${waiters[@]}"

# --- on a terminal records are quoted, in a pipe they are raw ---

if command -v script >/dev/null; then
	script -qec "$ringq peek $name/q -n 1" /dev/null </dev/null >"$dir/out"
	grep -qF '"\tone\n"' "$dir/out" || fail "on a terminal: $(cat "$dir/out")"
	script -qec "$ringq list $name" /dev/null </dev/null >"$dir/out"
	shows '^q '
	script -qec "TERM=dumb $ringq top $name -n 1 -i 50ms" /dev/null </dev/null >"$dir/out"
	! grep -q $'\e' "$dir/out" || fail 'top obeys no TERM=dumb'
fi
"$ringq" peek "$name/q" -n 1 >"$dir/out"
cmp -s "$dir/out" <(printf '\tone\n\n') || fail "in a pipe: $(od -c "$dir/out")"
exit $failed
