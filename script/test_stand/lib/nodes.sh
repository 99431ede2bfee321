# nodes.sh: ctl.sh's commands that start and end nodes (to source).
# shellcheck shell=bash
# shellcheck source=script/test_stand/lib/words.sh
. "$(dirname "${BASH_SOURCE[0]}")/words.sh"
# shellcheck source=script/test_stand/lib/processes.sh
. "$(dirname "${BASH_SOURCE[0]}")/processes.sh"

# Kept by all who start something that runs beside them.
scratch=

# in_parallel FUNCTION ID...: what each says on standard output is shown in the
# order of the ids.  Fails if one of them does.
in_parallel()
{
	local function=$1 id status=0
	local -A pid_of=()
	shift
	for id; do
		"$function" "$id" >"$scratch/said$id" 2>&1 </dev/null &
		pid_of[$id]=$!
	done
	for id; do
		wait "${pid_of[$id]}" || status=1
		cat "$scratch/said$id"
	done
	return "$status"
}

# --- start --------------------------------------------------------------------

start_one()
{
	local said
	if said=$(in_node "$1" "$source_top/script/nodelaunch.sh" "$1" 2>&1); then
		echo "node $1 started"
	else
		said=${said##*$'\n'nodelaunch.sh: }
		echo "node $1: not started: ${said#nodelaunch.sh: }"
		return 1
	fi
}

# command_start NODES...: those that run already are an error only if one names
# them.
command_start()
{
	local id idle=()
	take_nodes "${@:-ALL}" || return 1
	for id in "${nodes[@]}"; do
		if [ -z "$(postmaster_pid "$id")" ]; then
			idle+=("$id")
		elif [ "${1:-ALL}" != ALL ]; then
			complain "node $id is running already" || return 1
		fi
	done
	if [ ${#idle[@]} -eq 0 ]; then
		echo "all nodes are running already"
		return
	fi
	# one secret for all, as a node sees no address but its own
	(find_programs && make_parent_directory && make_secret) || return 1
	in_parallel start_one "${idle[@]}"
}

# --- stop ---------------------------------------------------------------------

stop_one()
{
	local said
	if said=$("${as_server_user[@]}" pg_ctl -s -w -m fast -D "$(data_directory "$1")" stop 2>&1); then
		echo "node $1 stopped"
	else
		echo "node $1: not stopped: ${said%%$'\n'*}"
		return 1
	fi
}

command_stop()
{
	local id up=()
	take_nodes "${@:-ALL}" || return 1
	for id in "${nodes[@]}"; do
		if [ -z "$(postmaster_pid "$id")" ]; then
			[ "${1:-ALL}" = ALL ] || complain "node $id does not run" || return 1
		elif is_paused "$id"; then
			complain "node $id is paused: resume it first, or kill it" || return 1
		else
			up+=("$id")
		fi
	done
	if [ ${#up[@]} -eq 0 ]; then
		echo "no node runs"
		return
	fi
	(cd / && in_parallel stop_one "${up[@]}")
}

# --- worse --------------------------------------------------------------------

# take_running_nodes COMMAND NODES...: fills nodes with nodes that run.
take_running_nodes()
{
	local command=$1 id
	shift
	[ $# -gt 0 ] || complain "usage: $command NODES" || return 1
	take_nodes "$@" || return 1
	for id in "${nodes[@]}"; do
		[ -n "$(postmaster_pid "$id")" ] || complain "node $id does not run" || return 1
	done
}

kill_one()
{
	if power_off_node "$1"; then
		echo "node $1 killed"
	else
		echo "node $1: some of its processes do not end"
		return 1
	fi
}

command_kill()
{
	take_running_nodes kill "$@" || return 1
	in_parallel kill_one "${nodes[@]}"
}

command_pause()
{
	local id
	take_running_nodes pause "$@" || return 1
	for id in "${nodes[@]}"; do
		signal_node STOP "$id"
		echo "node $id paused"
	done
}

command_resume()
{
	local id
	take_running_nodes resume "$@" || return 1
	for id in "${nodes[@]}"; do
		is_paused "$id" || complain "node $id is not paused" || return 1
	done
	for id in "${nodes[@]}"; do
		signal_node CONT "$id"
		echo "node $id resumed"
	done
}
