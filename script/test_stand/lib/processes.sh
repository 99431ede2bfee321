# processes.sh: the processes of the stand's nodes (to source).
# shellcheck shell=bash
# shellcheck source=script/test_stand/lib/stand.sh
. "$(dirname "${BASH_SOURCE[0]}")/stand.sh"

# Every process of a server has its data directory as current directory.
server_processes()
{
	local pid data
	data=$(readlink -f "$(data_directory "$1")")
	for pid in $(ip netns pids "$(node_name "$1")"); do
		[ "$(readlink "/proc/$pid/cwd")" != "$data" ] || echo "$pid"
	done
}

# process_state PID: the letter that ps shows; nothing if there is no such process.
process_state()
{
	sed -n 's/^[0-9]* (.*) \(.\) .*/\1/p' "/proc/$1/stat" 2>/dev/null || true
}

is_paused()
{
	local pid
	pid=$(postmaster_pid "$1")
	[ -n "$pid" ] && [ "$(process_state "$pid")" = T ]
}

# signal_node SIGNAL ID: to every process of the server, the postmaster first,
# as it makes new ones.
signal_node()
{
	local pid
	pid=$(postmaster_pid "$2")
	[ -z "$pid" ] || kill "-$1" "$pid" 2>/dev/null || true
	for pid in $(server_processes "$2"); do
		kill "-$1" "$pid" 2>/dev/null || true
	done
}

# await_end_of_node ID SECONDS
await_end_of_node()
{
	local end=$((SECONDS + $2))
	while [ -n "$(server_processes "$1")" ]; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.02
	done
}

# As when its host loses power: nobody has time for a last word.  Afterwards
# there is no lock file that names a process which the system has not buried
# yet, or whose number is another's by then.
power_off_node()
{
	local id=$1
	signal_node STOP "$id"
	signal_node KILL "$id"
	await_end_of_node "$id" 60 || return 1
	rm -f "$(data_directory "$id")/postmaster.pid" \
		"$(socket_directory "$id")/.s.PGSQL.${server_port[id]}.lock"
}

# processes_in NAMESPACE: none if there is no such namespace.
processes_in()
{
	[ ! -e "/run/netns/$1" ] || ip netns pids "$1" 2>/dev/null || true
}

# end_processes PREFIX COUNT: of all nodes, servers by a fast shutdown if they
# can, then whatever is left.
end_processes()
{
	local id pid directory servers=() end=$((SECONDS + 60))
	for ((id = 0; id < $2; id++)); do
		for pid in $(processes_in "$1$id"); do
			kill -CONT "$pid" 2>/dev/null || true
			directory=$(readlink "/proc/$pid/cwd") || continue
			[ "$(head -n 1 "$directory/postmaster.pid" 2>/dev/null)" = "$pid" ] || continue
			kill -INT "$pid" 2>/dev/null || true
			servers+=("$pid")
		done
	done
	for pid in "${servers[@]}"; do
		while [ -n "$(readlink "/proc/$pid/cwd")" ] && [ "$SECONDS" -lt "$end" ]; do
			sleep 0.02
		done
	done
	for ((id = 0; id < $2; id++)); do
		for pid in $(processes_in "$1$id"); do
			kill -KILL "$pid" 2>/dev/null || true
		done
	done
}
