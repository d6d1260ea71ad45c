#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Regions of other PID and mount namespaces, and a machine without any: what is said of them is right, and what cannot be
# known from here is said to be so.
#
# usage: namespaces.sh RINGQ
ringq=$1
name=test-namespaces-$$
. "${BASH_SOURCE%/*}/common.sh"

apart=(unshare --pid --fork --mount-proc)
[[ $(id -u) == 0 ]] || apart=(unshare --user --map-root-user --pid --fork --mount-proc)
if ! "${apart[@]}" true 2>/dev/null; then
	echo 'skipped: no namespaces here'
	exit 77
fi

# --- a consumer in a PID namespace of its own, where it is process 2 ---

status 0 "$ringq" create "$name/q"
"${apart[@]}" sh -c '"$1" get "$2/q" & wait' sh "$ringq" "$name" &
status 0 "$ringq" wait "$name/q" --member=ringq --timeout=20s
status 1 "$ringq" wait "$name/q" --member=nobody --timeout=0
status 1 "$ringq" wait "$name/q" --member=ringq --records=1 --timeout=0
wait_for ' asleep in get ' "$ringq" who "$name"
shows '^PID +HERE '
status 0 "$ringq" who "$name" -H -o process
own=$(tr -d ' ' <"$dir/out")
status 0 "$ringq" who "$name" -H -o here
here=$(tr -d ' ' <"$dir/out")
[[ $own != "$here" && $(readlink "/proc/$here/exe") == "$(readlink -f "$ringq")" ]] || fail "process $own is not $here"
status 0 "$ringq" list "$name" -H
"$ringq" list -o region,state,holders >"$dir/out" 2>"$dir/err"
shows "^$name +held +$here ringq"

kill -STOP "$here"
wait_for "process $own \(ringq\), which is $here here, is stopped" "$ringq" doctor "$name"
shows "^    kill -CONT $here\$"
status 0 "$ringq" who "$name" -H -o state
prints stopped

# From a namespace beside it that process cannot be seen. Another has its number there, and is stopped: it is none of this region's.
beside() {
	timeout 20 "${apart[@]}" sh -c 'sleep 60 & kill -STOP $!; echo "decoy $!"; "$@"; got=$?; kill -9 $!; exit $got' sh "$ringq" "$@" \
		>"$dir/out" 2>"$dir/err"
	got=$?
	shows "^decoy $own\$"
}
beside who "$name"
((got == 0)) || fail "who from beside ended with $got"
shows "^ *$own +- .*asleep in get"
says '1 member cannot be found from here'
beside doctor "$name"
((got == 0)) || fail "doctor takes another process for it: $(cat "$dir/out")"
beside doctor
! grep -q "^$name: no process has it" "$dir/out" || fail 'a region with a member is said to be unused'
beside clean --yes --with-records "$name"
[[ -e /dev/shm/ringq.$name ]] || fail 'a region was removed that a process has'
shows 'kept: a process has it that cannot be seen'

kill -CONT "$here"
wait_for 'no trouble found' "$ringq" doctor "$name"
status 0 "$ringq" doctor "$name"
kill -9 "$here"
wait

# --- a region of the same name in another /dev/shm ---

mounts=("${apart[@]}" --mount)
"${mounts[@]}" sh -c 'mount -t tmpfs none /dev/shm && "$1" create "$2/there" && { "$1" get "$2/there" & wait; }' sh "$ringq" "$name" &
other=
find_other() {
	local label
	for label in $("$ringq" list -H -o region 2>/dev/null | grep '^pid:'); do
		[[ $("$ringq" list "$label" -H -o name 2>/dev/null) == there ]] && other=$label && echo found
	done
}
wait_for found find_other
status 0 "$ringq" list "$name" -H -o name
prints q
status 0 "$ringq" stat "$other/there"
shows '^asleep +1 in get'
other=${other#pid:}
kill -9 "${other%%/*}"
wait

# --- an empty machine: no region, and no folder for any ---

cat >"$dir/empty" <<'END'
failed=0
of() {
	want=$1
	shift
	out=$("$ringq" "$@" 2>&1)
	got=$?
	case $out in
	$want) ;;
	*) got="$got, '$out'" ;;
	esac
	[ "$got" = 0 ] || { echo "failed: $* on an empty machine: $got"; failed=1; }
}
for kind in empty missing; do
	mount -t tmpfs none "$1"
	of 'REGION*HOLDERS' list
	of '{"version":1,"regions":[\]}' list -J
	of 'no trouble found' doctor
	of '*' top --once -i 50ms
	of '*' export
	of '*' report
	of '*' clean
	shift
done
exit $failed
END
ringq=$ringq "${mounts[@]}" sh "$dir/empty" /dev/shm /dev || fail 'an empty machine'
exit $failed
