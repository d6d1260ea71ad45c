# SPDX-License-Identifier: MIT
#
# What the tests of the command share: `. common.sh` makes a folder of the test's own, and counts what fails. Such a test ends
# with `exit $failed`.
set -uo pipefail
dir=$(mktemp -d)
# A child that is killed before it has become another program would go through the trap, too.
trap '((BASHPID != $$)) || rm -rf "$dir" /dev/shm/ringq."$name"*' EXIT
failed=0

fail() {
	printf 'failed: %s\n' "$*"
	failed=1
}

# status WANTED COMMAND...: what it prints goes to $dir/out and $dir/err
status() {
	local want=$1 got
	shift
	timeout 20 "$@" >"$dir/out" 2>"$dir/err" </dev/null
	got=$?
	[[ $got == "$want" ]] || fail "$* ended with $got, not $want: $(cat "$dir/err")"
}

prints() { [[ $(cat "$dir/out") == "$1" ]] || fail "printed '$(cat "$dir/out")', not '$1'"; }
says() { grep -q -- "$1" "$dir/err" || fail "did not say '$1' but '$(cat "$dir/err")'"; }
shows() { grep -qE -- "$1" "$dir/out" || fail "does not show '$1': $(cat "$dir/out")"; }

# wait_for PATTERN COMMAND...: until it prints that
wait_for() {
	local pattern=$1
	shift
	for _ in {1..400}; do
		"$@" >"$dir/out" 2>"$dir/err"
		grep -qE -- "$pattern" "$dir/out" && return
		sleep 0.05
	done
	fail "$* does not show $pattern: $(cat "$dir/out" "$dir/err")"
}
