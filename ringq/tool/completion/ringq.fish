# SPDX-License-Identifier: MIT
# Completion for fish: commands, their options, regions, and a region's queues.
function __ringq_words
	set -l word (commandline -ct)
	set -l command (commandline -opc)[2]
	switch $word
		case '-*'
			ringq $command --options 2>/dev/null
		case '*/*'
			set -l region (string replace -r '/[^/]*$' '' -- $word)
			ringq list -H -o name $region 2>/dev/null | string trim | string replace -r '^' $region/
		case '*'
			ringq list -H -o region 2>/dev/null | string trim
	end
end
complete -c ringq -f
complete -c ringq -n 'test (count (commandline -opc)) -eq 1' -a '(ringq --commands 2>/dev/null)'
complete -c ringq -n 'test (count (commandline -opc)) -gt 1' -a '(__ringq_words)'
complete -c ringq -n 'contains -- (commandline -opc)[2] put record replay send' -F
