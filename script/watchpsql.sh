#!/bin/bash
# watchpsql.sh [NODE_ID | ALL]
#
# Shows, and keeps showing, node id, term and leader id as a node sees them: a
# line for each change, until it is interrupted.  ALL shows all nodes side by
# side.  Without an argument, the only node of the cluster, or all.
#
# Nodes of the test stand are reached through their Unix sockets, by root and
# the user that runs them; others by TCP, with a password that follows from the
# cluster's secret file.  Who cannot read that gives it in PGPASSWORD.
set -euo pipefail
. "$(dirname "$0")/lib/server.sh"

# Seconds: between two questions; until a connection is made or given up; until
# a node that does not answer is said not to.
interval=0.25
export PGCONNECT_TIMEOUT=3
patience=4

query="SELECT concat_ws(' ', 'answer', pg_leader_node_id(), coalesce(pg_leader_term()::text, '-'),
	coalesce(pg_leader_leader_id()::text, '-'));"

psql_to_node()
{
	if [ "$on_stand" = yes ]; then
		socket_psql "$1" 2>&1
	else
		psql -wXAtq -v ON_ERROR_STOP=1 -U "$watch_role" -d postgres \
			-h "${node_address[$1]}" -p "${server_port[$1]}" 2>&1
	fi
}

# What psql says, in as few words as possible.
short_reason()
{
	local text=${1#psql: error: }
	case $text in
		*' failed: '*) text=${text#* failed: } ;;
	esac
	text=${text#FATAL:  }
	text=${text##*ERROR:  }
	case $text in
		'No such file or directory' | 'Connection refused') text="it does not run ($text)" ;;
		'fe_sendauth: no password supplied') text="no password: neither $PGLD_SECRET_FILE can be read nor PGPASSWORD is set" ;;
		'') text="it does not answer" ;;
	esac
	echo "$text"
}

# Prints, over and over: the node's id, and "TERM LEADER" or "- why not".
ask()
{
	local id=$1 line status
	while :; do
		while sleep "$interval" && echo "$query"; do :; done 2>/dev/null | psql_to_node "$id" |
			while :; do
				status=0
				read -t "$patience" -r line || status=$?
				if [ "$status" -gt 128 ]; then
					echo "$id - it does not answer"
				elif [ "$status" -ne 0 ]; then
					break
				elif [[ $line =~ ^answer\ [0-9]+\ ([0-9]+|-)\ ([0-9]+|-)$ ]]; then
					echo "$id ${line#answer * }"
				elif [[ $line =~ (error|ERROR|FATAL):\ |^answer ]]; then
					echo "$id - $(short_reason "$line")"
				fi
			done || true
		sleep "$interval"
	done
}

print_heading()
{
	local id
	if [ ${#nodes[@]} -eq 1 ]; then
		printf '%-10s%4s%8s%8s\n' since node term leader
		return
	fi
	printf '%-10s' ''
	for id in "${nodes[@]}"; do
		printf '  %12s' "node $id"
	done
	printf '\n%-10s' since
	for id in "${nodes[@]}"; do
		printf '  %5s %6s' term leader
	done
	printf '\n'
}

# print_state TIME: without the end of the line.
print_state()
{
	local id term rest
	printf '%-10s' "$1"
	for id in "${nodes[@]}"; do
		read -r term rest <<<"${state[id]}"
		if [ ${#nodes[@]} -eq 1 ] && [ "$term" = - ] && [[ $rest != [0-9-]* ]]; then
			printf '%4s    waiting for node %s: %s' "$id" "$id" "$rest"
		elif [ ${#nodes[@]} -eq 1 ]; then
			printf '%4s%8s%8s' "$id" "$term" "$rest"
		elif [[ $rest != [0-9-]* ]]; then
			printf '  %12s' waiting
		else
			printf '  %5s %6s' "$term" "$rest"
		fi
	done
}

# On a terminal the last line ends with the time, so that one sees that it is
# still true.
show()
{
	local id answer line='' since now='' open=no status
	print_heading
	while :; do
		status=0
		IFS=' ' read -t 1 -r id answer || status=$?
		if [ "$status" -eq 0 ]; then
			state[id]=$answer
		elif [ "$status" -le 128 ]; then
			return
		fi
		# the first line comes when every node has been asked once
		[ ${#state[@]} -eq ${#nodes[@]} ] || continue
		printf -v since '%(%H:%M:%S)T' -1
		if [ "$(print_state '')" != "$line" ]; then
			line=$(print_state '')
			[ "$open" = no ] || printf '\r%s%s\n' "$shown" "$clear"
			shown=$(print_state "$since")
			if [ -t 1 ]; then
				open=yes now=
			else
				printf '%s\n' "$shown"
			fi
		fi
		if [ "$open" = yes ] && [ "$since" != "$now" ]; then
			now=$since
			printf '\r%s   now %s%s' "$shown" "$now" "$clear"
		fi
	done
}

if [ $# -gt 1 ] || [ "${1-}" = --help ] || [ "${1-}" = -h ]; then
	echo "usage: watchpsql.sh [NODE_ID | ALL]"
	[ $# -eq 1 ] || exit 2
	exit 0
fi
read_config
find_psql
find_server_user

nodes=()
case ${1-ALL} in
	ALL | all)
		for ((id = 0; id < N_NODES; id++)); do
			nodes+=("$id")
		done
		;;
	*)
		check_node_id "$1"
		nodes=("$1")
		;;
esac

on_stand=no
if [ -z "$(other_than_stand)" ]; then
	on_stand=yes
elif [ -z "${PGPASSWORD-}" ] && [ -r "$PGLD_SECRET_FILE" ]; then
	PGPASSWORD=$(watch_password)
	export PGPASSWORD
fi

state=()
shown=
clear=$'\033[K'

# The askers end with this script, whatever ends it.
askers=()
clean_up()
{
	trap '' INT TERM HUP
	[ ! -t 1 ] || echo
	[ ${#askers[@]} -eq 0 ] || kill -- "${askers[@]/#/-}" 2>/dev/null || true
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

set -m
answers=$(mktemp -u "${TMPDIR:-/tmp}/watchpsql.XXXXXX")
mkfifo -m 0600 "$answers"
exec 8<>"$answers"
rm -f "$answers"
for id in "${nodes[@]}"; do
	ask "$id" >&8 8>&- </dev/null &
	askers+=("$!")
done
set +m
show <&8
