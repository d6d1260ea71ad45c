#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Completion offers commands, options, regions, and a region's queues.
#
# usage: completion.sh RINGQ COMPLETION
set -uo pipefail
ringq=$1 name=test-completion-$$ failed=0
trap 'rm -f "/dev/shm/ringq.$name"' EXIT
ringq() { "$ringq" "$@"; }
compopt() { :; }
. "$2"

# offers WANTED WORD...: of what completes the last word
offers() {
	local want=$1
	shift
	COMP_WORDS=(ringq "$@") COMP_CWORD=$# COMPREPLY=()
	_ringq ringq "${*: -1}"
	[[ " ${COMPREPLY[*]-} " == *" $want "* ]] || {
		printf "failed: '%s' offers '%s', not '%s'\n" "$*" "${COMPREPLY[*]-}" "$want"
		failed=1
	}
}

ringq create "$name/jobs"
ringq create "$name/logs"
offers create cr
offers list ''
offers --close put --cl
offers --format= get "$name/jobs" --fo
offers "$name" stat "${name%-*}"
offers "$name/jobs" stat "$name/j"
offers "$name/logs" get "$name/"
exit $failed
