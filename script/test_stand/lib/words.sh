# words.sh: takes a command line apart (to source).
#
# A node is called by its id.  After "mark", L is the node that led then, and
# F1, F2, ... are the others in the order of their ids; ALL is all of them.
# shellcheck shell=bash

# One line on standard error, and status 1.
complain()
{
	printf 'ctl.sh: %s\n' "$*" >&2
	return 1
}

# Fills words.  Quotes hold blanks together; ";" is a word by itself.
words=()
split_words()
{
	local line=$1 word='' open=no character quote=''
	words=()
	while [ -n "$line" ]; do
		character=${line:0:1}
		line=${line:1}
		if [ -n "$quote" ]; then
			if [ "$character" = "$quote" ]; then
				quote=
			else
				word+=$character
			fi
			continue
		fi
		case $character in
			\" | \') quote=$character open=yes ;;
			[[:blank:]]) end_of_word ;;
			';')
				end_of_word
				words+=(';')
				;;
			'#')
				if [ "$open" = no ]; then
					break
				fi
				word+=$character
				;;
			*) word+=$character open=yes ;;
		esac
	done
	[ -z "$quote" ] || complain "a quote is not closed" || return 1
	end_of_word
}

end_of_word()
{
	[ "$open" = no ] || words+=("$word")
	word='' open=no
}

# Whether a word names a node.  After a ";" it does not begin a command then,
# but the second group of a split.
is_node_word()
{
	[[ $1 =~ ^([0-9]|L([[:blank:],]|$)|F[0-9]) ]]
}

# Set by "mark".
# shellcheck disable=SC2034 # for those who source this file
marked_leader='' marked_term='' marked_others=()

# take_nodes WORD...: fills nodes; called_all says whether they were called ALL,
# which stands alone.
nodes=()
called_all=no
# shellcheck disable=SC2034 # for those who source this file
take_nodes()
{
	local word part parts seen=' '
	nodes=() called_all=no
	for word; do
		IFS=', ' read -ra parts <<<"$word"
		for part in "${parts[@]}"; do
			[ -n "$part" ] || continue
			case $part in
				ALL | all)
					[ "$word $#" = "$part 1" ] || complain "\"$part\" names all nodes: nothing may stand beside it" || return 1
					take_all_nodes
					called_all=yes
					return
					;;
				L)
					[ -n "$marked_leader" ] || complain "\"L\" has no meaning before \"mark\"" || return 1
					part=$marked_leader
					;;
				F[1-9] | F[1-9][0-9])
					[ "${part#F}" -le "${#marked_others[@]}" ] || complain "\"$part\" has no meaning before \"mark\"" || return 1
					part=${marked_others[${part#F} - 1]}
					;;
			esac
			is_node_id "$part" || complain "\"$part\" is no node: ids go from 0 to $((N_NODES - 1))" || return 1
			case $seen in
				*" $part "*) complain "node $part is named twice" || return 1 ;;
			esac
			seen+="$part "
			nodes+=("$part")
		done
	done
}

take_all_nodes()
{
	local id
	nodes=()
	for ((id = 0; id < N_NODES; id++)); do
		nodes+=("$id")
	done
}

# take_two COMMAND WORD...: fills nodes with ONE and ANOTHER, and both.
both=
# shellcheck disable=SC2034 # for those who source this file
take_two()
{
	local command=$1
	shift
	both=
	if [ "${3-}" = both ] && [ $# -eq 3 ]; then
		both=yes
		set -- "$1" "$2"
	fi
	[ $# -eq 2 ] || complain "usage: $command ONE ANOTHER [both]" || return 1
	take_nodes "$1" "$2" || return 1
	[ ${#nodes[@]} -eq 2 ] || complain "usage: $command ONE ANOTHER [both]"
}

# take_groups COMMAND WORD...: fills first_group and second_group.
first_group=()
second_group=()
take_groups()
{
	local command=$1 word left=() right=() separators=0
	shift
	for word; do
		if [ "$word" = ';' ]; then
			separators=$((separators + 1))
		elif [ "$separators" -eq 0 ]; then
			left+=("$word")
		else
			right+=("$word")
		fi
	done
	if [ "$separators" -eq 0 ] && [ $# -eq 2 ]; then
		left=("$1")
		right=("$2")
	fi
	if [ "$separators" -gt 1 ] || [ ${#left[@]} -eq 0 ] || [ ${#right[@]} -eq 0 ]; then
		complain "usage: $command 0 1 ; 2 3 4 (or: $command 0,1 2,3,4; or: $command \"0 1\" \"2 3 4\")"
		return 1
	fi
	# together: no node is in both, or in one twice
	take_nodes "${left[@]}" "${right[@]}" || return 1
	take_nodes "${left[@]}" || return 1
	first_group=("${nodes[@]}")
	take_nodes "${right[@]}" || return 1
	second_group=("${nodes[@]}")
	if [ ${#first_group[@]} -eq 0 ] || [ ${#second_group[@]} -eq 0 ]; then
		complain "usage: $command 0 1 ; 2 3 4"
	fi
}
