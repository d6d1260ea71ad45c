# SPDX-License-Identifier: MIT
# Completion for bash: commands, their options, regions, and a region's queues.
_ringq_words() {
	case $COMP_CWORD,$1 in
	1,*) ringq --commands ;;
	*,-*) ringq "${COMP_WORDS[1]}" --options ;;
	*,*/*) ringq list -H -o name "${1%/*}" | sed "s|^|${1%/*}/|" ;;
	*)
		ringq list -H -o region
		case ${COMP_WORDS[1]} in put | record | replay | send) compgen -f -- "$1" ;; esac
		;;
	esac 2>/dev/null
}

# Bash breaks words at colons, as there are in pid:PID: the whole word is found here, and what is before its last colon stays.
_ringq() {
	local IFS=$'\n' line=${COMP_LINE:0:COMP_POINT} word=$2 kept=
	if [[ $COMP_WORDBREAKS == *:* && ${line##*[[:blank:]]} == *:* ]]; then
		word=${line##*[[:blank:]]}
		kept=${word%:*}:
	fi
	COMPREPLY=($(compgen -W "$(_ringq_words "$word" | sed 's/ *$//')" -- "$word"))
	COMPREPLY=("${COMPREPLY[@]#"$kept"}")
	[[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace
}
complete -F _ringq ringq
