#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# GDB loads the printers with the library, and they tell of queues, records and members what the program knows: of a live
# process, of a core that has the region's memory, and of one as they usually are, without it.
# Usage: gdb.sh PROGRAM LIBRARY
set -euo pipefail

program=$(realpath "$1") library=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export HOME=$work DEBUGINFOD_URLS='' LC_ALL=C

command -v gdb >/dev/null || { echo 'skipped: gdb is missing'; exit 77; }
gdb -nx -batch -ex 'python print("has" + " Python")' 2>/dev/null | grep -q 'has Python' || { echo 'skipped: a gdb without Python'; exit 77; }
readelf -SW "$library" | grep -q '\.debug_info' || { echo 'skipped: a library without debug information'; exit 77; }

look=(-ex 'print *jobs' -ex 'print *empty' -ex 'ringq regions' -ex 'ringq queues' -ex 'ringq records jobs 3'
	-ex 'ringq records empty' -ex 'ringq members' -ex 'print jobs->shared->lanes_used')
debug() { timeout 120 gdb -nx -batch -iex 'set auto-load safe-path /' -iex 'set width 0' -iex 'set startup-with-shell off' "$@"; }

debug -ex 'break stop_here' -ex run -ex finish "${look[@]}" -ex 'echo CORES\n' -ex 'gcore without' \
	-ex 'set dump-excluded-mappings on' -ex 'gcore with' -ex kill "$program" >live 2>&1 || true
if grep -qi 'ptrace.*not permitted\|Could not trace' live; then echo 'skipped: no right to trace'; exit 77; fi

# A pattern, in what file it has to be.
has() {
	grep -qE "$2" "$1" || { cat "$1"; echo "$1 lacks: $2"; exit 1; }
}

size=$(sed -nE 's/^([0-9]+) records$/\1/p' live)
[[ $size == 497 ]]
name=${program##*/}
name=${name:0:15} # as the kernel has it
judge() {
	has "$1" "^\\\$[0-9]+ = queue \"jobs\", $size records in 2 lanes, total order"
	has "$1" '^\$[0-9]+ = queue "empty", 0 records in 0 lanes, producer order, consumers asleep'
	has "$1" '^0x[0-9a-f]+: queue "jobs", '
	has "$1" '^region at 0x[0-9a-f]+, [0-9]+ bytes, fd [0-9]+, 2 members, layout [0-9]+\.[0-9]+$'
	has "$1" '^lane 0: 3 records$'
	has "$1" '^lane 1: 494 records$'
	has "$1" '^  [0-9]+: 3 bytes, stamp [0-9]+: 0102ff$'
	has "$1" '^  [0-9]+: 0 bytes, stamp [0-9]+: \(empty\)$'
	has "$1" '^  [0-9]+: 8 bytes, stamp [0-9]+: "one more"$'
	has "$1" '^  [0-9]+: 1000 bytes, stamp [0-9]+: "m{48}"\.\.\.$'
	has "$1" '^0x[0-9a-f]+ member [0-9]+: sleeper, process [0-9]+, thread [0-9]+, asleep in get of object 0x[0-9a-f]+$'
	has "$1" "^0x[0-9a-f]+ member [0-9]+: $name, process [0-9]+, thread [0-9]+, awake$"
}

has live 'Saved corefile without'
has live 'Saved corefile with$'
sed '/^CORES$/,$d' live >process
judge process
echo "live: $size records, and all else, as the program has it"

debug "${look[@]}" "$program" with >core 2>&1 || true
judge core
echo 'a core with the region: the same'

debug "${look[@]}" "$program" without >bare 2>&1 || true
has bare 'queue, total order, the region is not in this core'
has bare '^region at 0x[0-9a-f]+, [0-9]+ bytes, fd [0-9]+: the region is not in this core'
if grep -q 'Traceback\|Python Exception' process core bare; then grep -h -A5 'Traceback\|Python Exception' process core bare; exit 1; fi
echo 'a core without it: says so'
