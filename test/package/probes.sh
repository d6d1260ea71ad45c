#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The probes are in the library, those that the header and the page name, and none is on a fast path: what puts, gets, takes and
# locks run is the same object code with and without them. The scripts for bpftrace are right about probes and arguments, and
# show of a program what it does, where the kernel lets them.
# Usage: probes.sh TREE LIBRARY SCRIPTS PROGRAM CC...
set -euo pipefail

# Where nobody has mounted what the kernel's tracing is asked by, this script has it for itself.
if ((EUID == 0)) && [[ -z ${RINGQ_TEST_TRACEFS-} ]] &&
	[[ ! -e /sys/kernel/tracing/events && ! -e /sys/kernel/debug/tracing/events ]] &&
	unshare -m --propagation private mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null; then
	# shellcheck disable=SC2016
	RINGQ_TEST_TRACEFS=mounted exec unshare -m --propagation private bash -c \
		'mount -t tracefs tracefs /sys/kernel/tracing && exec "$@"' probes "$0" "$@"
fi

tree=$(realpath "$1") library=$(realpath "$2") scripts=$(realpath "$3") program=$(realpath "$4")
shift 4
compiler=("$@")
work=$(mktemp -d)
children=()
finish() {
	{ kill -KILL "${children[@]}" || true; wait; } 2>/dev/null
	rm -rf "$work"
}
trap finish EXIT
cd "$work"

# --- The same names everywhere ---

notes() { readelf -nW "$1" | awk '/Provider: ringq/ { getline; if ($1 == "Name:") print $2 }' | sort -u; }

notes "$library" >there
grep '^#define rq_probe_' "$tree/ringq/src/base/probe.h" >macros
sed -nE 's/.*RQ_PROBE[0-9]\(([a-z_]+),.*/\1/p' macros | sort >declared
# shellcheck disable=SC2016
sed -nE 's/^\| `([a-z_]+)` \|.*/\1/p' "$tree/docs/observe.md" | sort >documented
diff declared there || { echo 'the library has other probes than base/probe.h'; exit 1; }
diff declared documented || { echo 'docs/observe.md tells of other probes than base/probe.h'; exit 1; }
echo "$(wc -l <there) probes, in the library, the header and the page"

# --- The fast paths ---

compile() { "${compiler[@]}" -std=gnu11 -O3 -DNDEBUG -fPIC -fvisibility=hidden -ftls-model=initial-exec -D_GNU_SOURCE "$1" \
	-I"$tree/ringq/include" -I"$tree/ringq/src" -c "$2" -o "$3"; }

# The functions of an object file as text, without where they are: of those named, or of all.
code() {
	local object=$1
	shift
	objdump -d --no-addresses --no-show-raw-insn "$object" | awk -v names="$*" '
		BEGIN { n = split(names, list, " "); for (i = 1; i <= n; i++) wanted[list[i]] = 1 }
		/^<.*>:$/ { name = $1; gsub(/[<>:]/, "", name); on = n == 0 || name in wanted; seen += on }
		on { gsub(/[+-]?0x[0-9a-f]+\(%rip\)/, "(%rip)"); gsub(/\+0x[0-9a-f]+>/, ">"); sub(/ [0-9a-f]+ </, " <"); print }
		END { if (n > seen) { print "missing functions: " names; exit 1 } }'
}

same_code() {
	local file=$1
	shift
	compile -DRQ_PROBES=1 "$tree/ringq/src/$file" with.o
	compile -URQ_PROBES "$tree/ringq/src/$file" without.o
	code with.o "$@" >with.text
	code without.o "$@" >without.text
	[[ $(wc -l <with.text) -gt 8 ]] || { echo "$file: hardly any code"; exit 1; }
	diff -q with.text without.text >/dev/null || { echo "probes change the code of $file"; diff with.text without.text | head -n 20; exit 1; }
	(($# > 0)) || [[ -z $(notes with.o) ]] || { echo "$file has probes"; exit 1; }
}

for file in queue/put.c queue/put_many.c queue/get.c queue/get_many.c queue/finish.c lane/get.c order/next.c; do
	same_code "$file"
done
same_code queue/take.c rq_take take_once
same_code array/lock.c ringq_lock ringq_unlock
echo 'the code of fast paths is the same with and without probes'

# This can fail: a probe on the path of a put is seen.
mkdir seeded
sed 's/^	rq_producer_publish(p);$/&\n	rq_probe_sleep(len, 0, data);/; s/^#include <errno.h>/&\n#include "base\/probe.h"/' \
	"$tree/ringq/src/queue/put.c" >seeded/put.c
compile -DRQ_PROBES=1 seeded/put.c with.o
[[ $(notes with.o) == sleep ]] || { echo 'a probe in a put is not seen'; exit 1; }
compile -URQ_PROBES "$tree/ringq/src/queue/put.c" without.o
if diff -q <(code with.o) <(code without.o) >/dev/null; then echo 'a probe in a put changes nothing'; exit 1; fi

# --- The scripts ---

if ! command -v bpftrace >/dev/null; then
	echo 'bpftrace is missing: its scripts were left out'
	exit
fi
if ((EUID != 0)); then
	echo 'not root: the scripts for bpftrace were left out'
	exit
fi
# A copy, so that no other test's process is watched.
cp "$library" libringq.so
tracepoint=sched_waking
for script in "$scripts"/*.bt; do
	name=${script##*/}
	sed "s|usdt:[^:]*:|usdt:$work/libringq.so:|" "$script" >"$name"
	# What the kernel of a sandbox does not have cannot be asked for.
	if [[ ! -e /sys/kernel/tracing/events/sched/sched_waking && ! -e /sys/kernel/debug/tracing/events/sched/sched_waking ]] &&
		grep -q '^tracepoint:' "$name"; then
		echo "$name: this kernel has no tracepoints; read with another event in place of its own"
		tracepoint=
		sed -i 's/^tracepoint:.*/interval:s:1/; s/args->pid/tid/g' "$name"
	fi
	# It compares the arguments with those that the library has.
	bpftrace -d "$name" >parsed 2>said || { cat said; echo "bpftrace does not take $name"; exit 1; }
	if grep -i 'warning' said; then exit 1; fi
	sed -nE 's/^usdt:[^:]*:ringq:([a-z_]+)$/\1/p' "$name" | sort -u >used
	[[ -s used && -z $(comm -23 used declared) ]] || { echo "$name asks for probes that there are not"; exit 1; }
	echo "$name: read"
done
scripts=(*.bt)
((${#scripts[@]} == 4)) || { echo "${#scripts[@]} scripts"; exit 1; }

if [[ ! -e /sys/kernel/tracing/uprobe_events && ! -e /sys/kernel/debug/tracing/uprobe_events ]]; then
	echo 'this kernel has no uprobes: the scripts did not run'
	exit
fi

# All four watch the program until each has shown what it does; -c would look for probes before the program has its library.
LD_PRELOAD=$work/libringq.so "$program" 2>program.log &
children+=($!)
for script in *.bt; do
	bpftrace "$script" >"$script.log" 2>&1 &
	children+=($!)
done

shown() {
	grep -qE "$2" "$1.bt.log" 2>/dev/null || { missing="$1: $2"; return 1; }
}

at_once() {
	local dead='^[0-9:]{8} .* '
	shown ringq-sleeps '^Sleeps in calls' && shown ringq-wakelat '^Wake-ups in calls' &&
		shown ringq-memory '^[0-9:]{8} +[1-9][0-9]* +[1-9][0-9]*$' && shown ringq-memory '^[0-9:]{8} no room for [0-9]+ units: ' &&
		shown ringq-deaths "${dead}the entry of member [0-9]+, who died" &&
		shown ringq-deaths "${dead}lane [0-9]+ of 'jobs', whose producer died" &&
		shown ringq-deaths "${dead}the lock of array [0-9a-f]+, whose holder, member [0-9]+, died" &&
		shown ringq-deaths "${dead}a delivery of queue [0-9a-f]+, whose taker died, process [0-9]+, .*: now attempt [2-9]" &&
		shown ringq-deaths "${dead}pipe [0-9a-f]+, of which nobody has the other end"
}

at_the_end() {
	shown ringq-sleeps '^@sleeps\[sleeper, [0-9]+, watched, 2\]: [0-9]+$' && shown ringq-sleeps '^@us\[watched, 2\]: $' &&
		shown ringq-memory '^@chunks\[backlog, .*\]: [0-9]+$' && shown ringq-memory '^@chunk_bytes\[backlog\]: $' &&
		shown ringq-wakelat '^@sleepers_found\[.*\]: $' &&
		{ [[ -z $tracepoint ]] || shown ringq-wakelat '^@wake_us\[watched\]: $'; }
}

wrong() { tail -n 30 ./*.log; echo "$1"; exit 1; }

tries=0
until at_once; do
	((++tries < 240)) || wrong "not shown: $missing"
	for child in "${children[@]}"; do
		kill -0 "$child" 2>/dev/null || wrong 'the program or a script has ended'
	done
	sleep 0.5
done
sleep 1 # some rounds more
kill -INT "${children[@]:1}"
for child in "${children[@]:1}"; do
	wait "$child" || wrong 'a script ended otherwise than it was told to'
done
at_the_end || wrong "not shown: $missing"
kill -0 "${children[0]}" || wrong 'the program has ended'
echo 'each script shows what the program does'
