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

# is_in up | down | paused ID
is_in()
{
	case $1 in
		up) [ -n "$(postmaster_pid "$2")" ] ;;
		down) [ -z "$(postmaster_pid "$2")" ] ;;
		paused) is_paused "$2" ;;
	esac
}

# choose up | down | paused WORD...: leaves those in nodes which are so.  One that
# is not is an error, unless ALL was said.
choose()
{
	local wanted=$1 id chosen=()
	shift
	take_nodes "$@" || return 1
	for id in "${nodes[@]}"; do
		if is_in "$wanted" "$id"; then
			chosen+=("$id")
		elif [ "$called_all" = no ]; then
			case $wanted in
				up) complain "node $id does not run" ;;
				down) complain "node $id is running already" ;;
				paused) complain "node $id is not paused" ;;
			esac
			return 1
		fi
	done
	nodes=("${chosen[@]}")
}

# --- start --------------------------------------------------------------------

# What nodelaunch.sh remarks is passed on; not what it says of the node at last.
start_one()
{
	local said
	if said=$(in_node "$1" "$source_top/script/nodelaunch.sh" "$1" 2>&1); then
		grep "^node $1: " <<<"$said" || true
		echo "node $1 started"
	else
		said=${said##*$'\n'nodelaunch.sh: }
		echo "node $1: not started: ${said#nodelaunch.sh: }"
		return 1
	fi
}

command_start()
{
	choose down "${@:-ALL}" || return 1
	if [ ${#nodes[@]} -eq 0 ]; then
		echo "all nodes are running already"
		return
	fi
	# one secret for all, as a node sees no address but its own
	(make_common_files) || return 1
	in_parallel start_one "${nodes[@]}"
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
	local id
	choose up "${@:-ALL}" || return 1
	for id in "${nodes[@]}"; do
		! is_paused "$id" || complain "node $id is paused: resume it first, or kill it" || return 1
	done
	if [ ${#nodes[@]} -eq 0 ]; then
		echo "no node runs"
		return
	fi
	(cd / && in_parallel stop_one "${nodes[@]}")
}

# --- worse --------------------------------------------------------------------

# choose_named up | paused COMMAND NODES...: as choose, but one is needed.
choose_named()
{
	local wanted=$1 command=$2
	shift 2
	[ $# -gt 0 ] || complain "usage: $command NODES" || return 1
	choose "$wanted" "$@" || return 1
	[ ${#nodes[@]} -gt 0 ] || echo "no node $([ "$wanted" = up ] && echo runs || echo 'is paused')"
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
	choose_named up kill "$@" || return 1
	in_parallel kill_one "${nodes[@]}"
}

command_pause()
{
	local id
	choose_named up pause "$@" || return 1
	for id in "${nodes[@]}"; do
		signal_node STOP "$id"
		echo "node $id paused"
	done
}

command_resume()
{
	local id
	choose_named paused resume "$@" || return 1
	for id in "${nodes[@]}"; do
		signal_node CONT "$id"
		echo "node $id resumed"
	done
}
