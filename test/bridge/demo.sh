#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The demo ends well, has killed what it says that it kills, and leaves nothing behind.
#
# usage: demo.sh DEMO RINGQ RINGQ-BRIDGE-AMQP
set -uo pipefail
RINGQ_TOOL=$(realpath "$2") RINGQ_BRIDGE=$(realpath "$3")
export RINGQ_TOOL RINGQ_BRIDGE
[[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ]] || { echo 'skipped: rabbitmq-server is not installed'; exit 77; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
TMPDIR=$folder "$1" >"$folder/output" 2>&1
status=$?
cat "$folder/output"
((status == 0)) || { echo "failed: exit status $status"; exit 1; }
grep -q ' 0 are lost, 0 counts are wrong' "$folder/output" || { echo 'failed: the last line'; exit 1; }
(($(grep -c 'killed' "$folder/output") == 4)) || { echo 'failed: not all were killed'; exit 1; }
left=$(find "$folder" -mindepth 1 ! -name output; pgrep -f "$folder"; compgen -G '/dev/shm/ringq.demo-*')
[[ ! $left ]] || { echo "failed: left behind: $left"; exit 1; }
