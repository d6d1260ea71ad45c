# SPDX-License-Identifier: MIT
# Completion for bash: commands, their options, regions, and a region's queues.
_ringq_words() {
	case $COMP_CWORD,$2 in
	1,*) ringq --commands ;;
	*,-*) ringq "${COMP_WORDS[1]}" --options ;;
	*,*/*) ringq list -H -o name "${2%/*}" | sed "s|^|${2%/*}/|" ;;
	*)
		ringq list -H -o region
		case ${COMP_WORDS[1]} in put | record | replay) compgen -f -- "$2" ;; esac
		;;
	esac 2>/dev/null
}

_ringq() {
	local IFS=$'\n'
	COMPREPLY=($(compgen -W "$(_ringq_words "$1" "$2" | sed 's/ *$//')" -- "$2"))
	[[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace
}
complete -F _ringq ringq
