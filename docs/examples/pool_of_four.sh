#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# README's pool of four workers is the program here, and does each job though three workers are killed with jobs in their hands:
# nobody reads what they say, until all four wait in the midst of a job.
# Usage: pool_of_four.sh PROGRAM SOURCE README
set -euo pipefail

program=$1 source=$2 readme=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

awk '/^```c$/ { here = ++n == 2; next } /^```$/ { here = 0 } here' "$readme" | diff - <(tail -n +2 "$source") ||
	{ echo 'README has another program'; exit 1; }

workers() { cat "/proc/$pool/task/$pool/children"; }
# In a write to a pipe that is full, which is no wait of ringq's.
all_write() {
	local pid
	for pid in $(workers); do
		[[ $(cat "/proc/$pid/wchan") == *pipe* ]] || return 1
	done
}

mkfifo "$work/said"
"$program" >"$work/said" &
pool=$!
exec 3<"$work/said"
for ((tries = 0; ; tries++)); do
	read -r -a four <<<"$(workers)"
	((${#four[@]} < 4)) || ! all_write || break
	((tries < 300)) || { echo 'the workers do not come to a stop'; exit 1; }
	sleep 0.1
done
kill -KILL "${four[@]:1}"
timeout 40 cat <&3 >"$work/all" || { echo 'it does not end'; exit 1; }
wait "$pool"
jobs=$(awk '{ done[$3] } END { print length(done) }' "$work/all")
again=$(grep -c ', try 2' "$work/all" || true)
[[ $jobs -eq 20000 && $again -eq 3 ]] || { echo "$jobs jobs were done, $again of them by a second worker"; exit 1; }
