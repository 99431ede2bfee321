# status.sh: what the nodes say, and what ctl.sh waits for (to source).
# shellcheck shell=bash
# shellcheck source=script/test_stand/lib/words.sh
. "$(dirname "${BASH_SOURCE[0]}")/words.sh"
# shellcheck source=script/test_stand/lib/processes.sh
. "$(dirname "${BASH_SOURCE[0]}")/processes.sh"
# shellcheck source=script/test_stand/lib/rules.sh
. "$(dirname "${BASH_SOURCE[0]}")/rules.sh"

# yes: the user wants what goes on now to end.
interrupted=no

# Seconds for a node to answer.
patience=5

# By node id, as of the last ask_nodes.  condition: up, down, paused, silent.
# "-" is for what is not known or not there.  leads: yes, if it has the lease.
condition=() role=() term=() leader=() lease=() leads=()

answer_query="SELECT role, coalesce(term::text, '-'), coalesce(leader_id::text, '-'),
	coalesce(round(1000 * extract(epoch FROM lease_remaining))::text, '-'),
	CASE WHEN is_leader THEN 'yes' ELSE 'no' END FROM pg_leader_status"

ask_one()
{
	if [ -z "$(postmaster_pid "$1")" ]; then
		echo down - - - - -
	elif is_paused "$1"; then
		echo paused - - - - -
	else
		timeout "$patience" psql -XAtq -F ' ' -U postgres -d postgres -h "$(socket_directory "$1")" \
			-p "${server_port[$1]}" -c "$answer_query" 2>/dev/null | sed 's/^/up /' |
			grep . || echo silent - - - - -
	fi
}

# All at once.  Who interrupts ctl.sh does not interrupt the question.
ask_nodes()
{
	local id answer
	for ((id = 0; id < N_NODES; id++)); do
		condition[id]=silent role[id]=- term[id]=- leader[id]=- lease[id]=- leads[id]=-
	done
	while read -r id answer; do
		read -r "condition[$id]" "role[$id]" "term[$id]" "leader[$id]" "lease[$id]" "leads[$id]" <<<"$answer"
	done < <(
		for ((id = 0; id < N_NODES; id++)); do
			(trap '' INT && printf '%s %s\n' "$id" "$(ask_one "$id")") &
		done
		wait
	)
}

command_status()
{
	local id other hears heard_by format='%-5s %-7s %-13s %6s %7s %9s  %-10s %-*s %s\n' width=$((2 * N_NODES + 2))
	ask_nodes
	find_blocked
	# shellcheck disable=SC2059 # the format is ours
	printf "$format" node up role term leader lease is_leader "$width" hears 'is heard by'
	for ((id = 0; id < N_NODES; id++)); do
		hears='' heard_by=''
		for ((other = 0; other < N_NODES; other++)); do
			[ "$other" -ne "$id" ] || continue
			[ -n "${blocked[$other $id]-}" ] || hears+=" $other"
			[ -n "${blocked[$id $other]-}" ] || heard_by+=" $other"
		done
		hears=${hears# } heard_by=${heard_by# }
		[ "${condition[id]}" = up ] || hears='' heard_by=''
		# shellcheck disable=SC2059
		printf "$format" "$id" "${condition[id]/#up/yes}" "${role[id]}" "${term[id]}" "${leader[id]}" \
			"$(show_lease "$id")" "${leads[id]}" "$width" "${hears:--}" "${heard_by:--}"
	done
}

show_lease()
{
	[ "${lease[$1]}" = - ] && echo - || echo "${lease[$1]} ms"
}

# Until a key is pressed on a terminal, otherwise for so many seconds.
command_watch()
{
	local seconds=${1-} end home=''
	[[ $seconds =~ ^[0-9]{0,6}$ ]] && [ $# -le 1 ] || complain "usage: watch [SECONDS]" || return 1
	end=$((SECONDS + 10#0$seconds))
	[ -n "$seconds" ] || [ -t 0 ] || complain "say for how many seconds: watch SECONDS" || return 1
	[ ! -t 1 ] || home=$'\033[H\033[2J'
	while [ "$interrupted" = no ]; do
		printf '%s' "$home"
		printf '%(%H:%M:%S)T%s\n' -1 "$([ -n "$seconds" ] || echo '   (any key ends this)')"
		command_status
		if [ -n "$seconds" ]; then
			[ "$SECONDS" -lt "$end" ] || break
			sleep 1
		elif read -rsn 1 -t 1; then
			break
		fi
	done
}

# The nodes that run.
running_nodes()
{
	local id
	for ((id = 0; id < N_NODES; id++)); do
		case ${condition[id]} in
			up | silent) echo "$id" ;;
		esac
	done
}

# find_leader ID...: sets found_leader and found_term: the node that has the
# lease, and which a majority and each of these follow.
found_leader=
found_term=
find_leader()
{
	local id candidate='' followers=0
	for ((id = 0; id < N_NODES; id++)); do
		if [ "${leads[id]}" = yes ] && { [ -z "$candidate" ] || [ "${term[id]}" -gt "${term[candidate]}" ]; }; then
			candidate=$id
		fi
	done
	[ -n "$candidate" ] || return 1
	for ((id = 0; id < N_NODES; id++)); do
		[ "${leader[id]} ${term[id]}" != "$candidate ${term[candidate]}" ] || followers=$((followers + 1))
	done
	((2 * followers > N_NODES)) || return 1
	for id; do
		[ "${leader[id]} ${term[id]}" = "$candidate ${term[candidate]}" ] || return 1
	done
	found_leader=$candidate
	found_term=${term[candidate]}
}

# --- conditions ---------------------------------------------------------------

conditions='leader [NODES], no-leader [NODES], leads NODES, undisturbed [NODES], new-term'

# check_condition WORD...: whether these words are a condition.
check_condition()
{
	local word=${1-}
	shift || true
	case $word in
		leader | no-leader) ;;
		leads) [ $# -gt 0 ] || complain "usage: leads NODES" || return 1 ;;
		undisturbed | new-term)
			[ "$word $#" = "new-term 0" ] || [ "$word" = undisturbed ] || complain "usage: new-term" || return 1
			[ -n "$marked_leader" ] || complain "\"$word\" has no meaning before \"mark\"" || return 1
			;;
		*) complain "\"$word\" is no condition: $conditions" || return 1 ;;
	esac
	take_nodes "$@"
}

# holds WORD...: whether the condition is true now; found says what was found.
found=
holds()
{
	local word=$1 id
	shift
	take_nodes "$@" || return 1
	ask_nodes
	found_leader=
	case $word in
		leader)
			find_leader "${nodes[@]}" || { describe_nodes; return 1; }
			;;
		no-leader)
			[ ${#nodes[@]} -gt 0 ] || mapfile -t nodes < <(running_nodes)
			for id in "${nodes[@]}"; do
				if [ "${condition[id]}" = silent ] || [ "${leader[id]}" != - ]; then
					describe_nodes
					return 1
				fi
			done
			found="no leader at nodes ${nodes[*]}"
			[ ${#nodes[@]} -gt 0 ] || found='no node runs, so there is no leader'
			return 0
			;;
		leads)
			find_leader || { describe_nodes; return 1; }
			[[ " ${nodes[*]} " == *" $found_leader "* ]] || { describe_nodes; return 1; }
			;;
		undisturbed)
			[ ${#nodes[@]} -gt 0 ] || mapfile -t nodes < <(running_nodes)
			find_leader "${nodes[@]}" || { describe_nodes; return 1; }
			[ "$found_leader $found_term" = "$marked_leader $marked_term" ] || { describe_nodes; return 1; }
			;;
		new-term)
			find_leader || { describe_nodes; return 1; }
			[ "$found_term" -gt "$marked_term" ] || { describe_nodes; return 1; }
			;;
	esac
	found="node $found_leader leads in term $found_term"
}

# In found: every node in a word or two.  Without a subshell: bash forgets an
# interrupt that comes while it waits for a child which has ended by itself.
describe_nodes()
{
	local id
	found=
	for ((id = 0; id < N_NODES; id++)); do
		found+="${found:+; }$id "
		case ${condition[id]} in
			up)
				found+="term ${term[id]} leader ${leader[id]}"
				[ "${leads[id]}" != yes ] || found+=' (lease)'
				;;
			*) found+=${condition[id]} ;;
		esac
	done
}

# wait CONDITION [within SECONDS]
command_wait()
{
	local limit=60 began=$SECONDS
	if [ $# -ge 3 ] && [ "${*: -2:1}" = within ]; then
		limit=${*: -1}
		[[ $limit =~ ^[0-9]{1,6}$ ]] || complain "\"$limit\" is no number of seconds" || return 1
		limit=$((10#$limit))
		set -- "${@:1:$#-2}"
	fi
	check_condition "$@" || return 1
	while [ "$interrupted" = yes ] || ! holds "$@"; do
		[ "$interrupted" = no ] || complain "interrupted" || return 1
		((SECONDS - began < limit)) || complain "waited $limit s in vain for: $* ($found)" || return 1
		sleep 0.05
	done
	echo "$found"
}

command_expect()
{
	check_condition "$@" || return 1
	holds "$@" || complain "not so: $* ($found)" || return 1
	echo "$found"
}

# hold SECONDS CONDITION
command_hold()
{
	local seconds=${1-} began=$SECONDS
	[[ $seconds =~ ^[0-9]{1,6}$ ]] || complain "usage: hold SECONDS CONDITION" || return 1
	seconds=$((10#$seconds))
	shift
	check_condition "$@" || return 1
	while ((SECONDS - began <= seconds)); do
		[ "$interrupted" = no ] || complain "interrupted" || return 1
		holds "$@" || complain "no longer so after $((SECONDS - began)) s: $* ($found)" || return 1
		sleep 0.1
	done
	echo "for $seconds s: $found"
}

# mark [NODES]: from now on L is the leader, whom they or all that run follow,
# F1, F2, ... are the others.
command_mark()
{
	local id
	take_nodes "$@" || return 1
	ask_nodes
	[ ${#nodes[@]} -gt 0 ] || mapfile -t nodes < <(running_nodes)
	[ ${#nodes[@]} -gt 0 ] || complain "there is no leader: no node runs" || return 1
	if ! find_leader "${nodes[@]}"; then
		describe_nodes
		complain "there is no leader whom nodes ${nodes[*]} follow ($found)"
		return 1
	fi
	marked_leader=$found_leader
	marked_term=$found_term
	marked_others=()
	for ((id = 0; id < N_NODES; id++)); do
		[ "$id" -eq "$found_leader" ] || marked_others+=("$id")
	done
	echo "L is node $found_leader, which leads in term $found_term${marked_others:+; F1, F2, ... are ${marked_others[*]}}"
}
