#!/bin/bash
# nodelaunch.sh [NODE_ID]
#
# Starts a node of the cluster that config/pg_leader.config (or the file that
# PGLD_CONFIG names) describes: a PostgreSQL server with pg_leader, on the host
# that has the node's address.  Without NODE_ID, the one node whose address this
# host has.
#
# At the node's first start its data directory is made, and the node is declared
# a member of a cluster that is being born.  Later starts take over what has
# changed in the configuration file, and leave alone what you have edited.
set -euo pipefail
. "$(dirname "$0")/lib/server.sh"

# Launcher, receiver, ticker, sender, hook runner, logger.
workers=6

# can_bind PROTOCOL ADDRESS PORT: nothing, or why not ("away": no address of
# this host; "used").
can_bind()
{
	perl -MIO::Socket::INET -e '
		my ($protocol, $address, $port) = @ARGV;
		exit if IO::Socket::INET->new(Proto => $protocol,
			LocalAddr => $address, LocalPort => $port,
			$protocol eq "tcp" ? (Listen => 1, ReuseAddr => 1) : ());
		print $!{EADDRNOTAVAIL} ? "away" : $!{EADDRINUSE} ? "used" : $!;' "$@"
}

has_address()
{
	[ -z "$(can_bind udp "$1" 0)" ]
}

# Whether all nodes have addresses of this host.
is_on_one_host()
{
	local address
	for address in "${node_address[@]}"; do
		has_address "$address" || return 1
	done
}

# The one node that can only be meant.
find_node()
{
	local candidate found=()
	for ((candidate = 0; candidate < N_NODES; candidate++)); do
		! has_address "${node_address[candidate]}" || found+=("$candidate")
	done
	case ${#found[@]} in
		0) die "this host has no address of IPv4_CLUSTER ($IPv4_CLUSTER)" ;;
		1) id=${found[0]} ;;
		*) die "say which node: this host has the addresses of nodes ${found[*]}" ;;
	esac
}

check_port()
{
	local reason
	reason=$(can_bind "$@")
	case $reason in
		'') ;;
		away) die "$2, the address of node $id, is not an address of this host" ;;
		used) die "${1^^} port $3 of $2, which node $id needs, is in use" ;;
		*) die "${1^^} port $3 of $2, which node $id needs, cannot be used: $reason" ;;
	esac
}

# A secret that each host made for itself would be none.
check_secret()
{
	local other others=()
	[ -e "$PGLD_SECRET_FILE" ] && return 0
	is_on_one_host && return 0
	for other in "${node_address[@]}"; do
		case " $address ${others[*]} " in
			*" $other "*) ;;
			*) others+=("$other") ;;
		esac
	done
	cat >&2 <<-END_OF_TEXT
		nodelaunch.sh: secret file "$PGLD_SECRET_FILE" does not exist
		Every host of the cluster needs the same one.  Make it once:
		    install -D -m 0600 -o $server_user /dev/null $(printf '%q' "$PGLD_SECRET_FILE")
		    head -c 32 /dev/urandom | base64 > $(printf '%q' "$PGLD_SECRET_FILE")
		and copy it, to the same place with the same owner and mode, to: ${others[*]}
	END_OF_TEXT
	exit 1
}

# quoted VALUE: as in postgresql.conf.
quoted()
{
	local value=${1//\\/\\\\}
	printf "'%s'" "${value//\'/\'\'}"
}

settings()
{
	cat <<-END_OF_TEXT
		# Settings of node $id of pg_leader, made from
		#     $(readlink -f "$config_file")
		# by nodelaunch.sh, again at each start.  Once you have edited this file, it is
		# left alone.

		listen_addresses = '$address'
		port = ${server_port[id]}
		unix_socket_directories = $(quoted "$(socket_directory "$id")")
		cluster_name = 'node $id'

		shared_preload_libraries = 'pg_leader'
		pg_leader.node_id = $id
		pg_leader.cluster = '$IPv4_CLUSTER'
		pg_leader.secret_file = $(quoted "$PGLD_SECRET_FILE")
		pg_leader.state_directory = $(quoted "$(state_directory "$id")")
		pg_leader.heartbeat_interval = ${PGLD_HEARTBEAT_INTERVAL}ms
		pg_leader.election_timeout_min = ${PGLD_ELECTION_TIMEOUT_MIN}ms
		pg_leader.election_timeout_max = ${PGLD_ELECTION_TIMEOUT_MAX}ms
	END_OF_TEXT
	[ -z "$PGLD_ON_LEADER_CHANGE" ] ||
		echo "pg_leader.on_leader_change = $(quoted "$PGLD_ON_LEADER_CHANGE")"
	[ "$ENABLE_LOG" = off ] || cat <<-END_OF_TEXT
		pg_leader.enable_log = $ENABLE_LOG
		pg_leader.log_file = $(quoted "$(algorithm_log "$id")")
	END_OF_TEXT
}

# write_file FILE: standard input, as the server's user, all of it or nothing.
write_file()
{
	local error
	# shellcheck disable=SC2016 # for the inner shell
	error=$("${as_server_user[@]}" bash -c 'umask 077 && cat >"$1.new" && mv "$1.new" "$1"' - "$1" 2>&1) ||
		die "could not write file \"$1\": $(reason "$error")"
}

# The last line of a file of ours is the checksum of all before it.
is_edited()
{
	local last
	last=$(tail -n 1 "$1")
	[ "$last" != "# checksum $(head -n -1 "$1" | sha256sum | cut -d ' ' -f 1)" ]
}

write_settings()
{
	local file=$1/pg_leader.conf text
	if [ -f "$file" ] && is_edited "$file"; then
		echo "node $id: $file was edited, and is left as it is"
		return
	fi
	text=$(settings)
	{
		printf '%s\n' "$text"
		echo "# checksum $(printf '%s\n' "$text" | sha256sum | cut -d ' ' -f 1)"
	} | write_file "$file"
}

# Made beside its place and moved there, so that there is a whole one or none.
make_data_directory()
{
	local new=$data.new output other
	rm -rf "$new"
	make_private_directory "$new"
	output=$("${as_server_user[@]}" initdb -D "$new" -U postgres \
		--auth-local=trust --auth-host=scram-sha-256 --no-instructions 2>&1) || {
		rm -rf "$new"
		die "could not make data directory \"$data\": $(printf '%s\n' "$output" | grep -m 1 -i error || printf '%s\n' "$output" | tail -n 1)"
	}

	{
		cat "$new/postgresql.conf"
		cat <<-END_OF_TEXT

			# Added by nodelaunch.sh: the workers of pg_leader, besides those that there are
			# by default, and all that follows from the cluster's configuration file.
			max_worker_processes = $((8 + workers))
			include = 'pg_leader.conf'
		END_OF_TEXT
	} | write_file "$new/postgresql.conf"
	{
		cat "$new/pg_hba.conf"
		echo
		echo "# Added by nodelaunch.sh: script/watchpsql.sh from the hosts of the cluster."
		printf '%s\n' "${node_address[@]}" | sort -u |
			while read -r other; do
				echo "host    postgres        $watch_role    $other/32    scram-sha-256"
			done
	} | write_file "$new/pg_hba.conf"
	write_file "$new/pg_leader.first_start" <<<"This node has not been started yet."

	mv -T "$new" "$data"
}

# From the log's offset on: what kept the server from starting.
reason_of_failure()
{
	tail -c "+$(($1 + 1))" "$log" | grep -E '(FATAL|PANIC|ERROR): ' | head -n 1 | sed 's/.*\(FATAL\|PANIC\|ERROR\): *//'
}

start_server()
{
	local offset options=() reason
	offset=$(stat -c %s "$log")

	# A state file that is there, of a node whose data directory was made anew,
	# has the vote that counts.
	if [ -f "$data/pg_leader.first_start" ] && [ ! -e "$state/state" ]; then
		options=(-o "-c pg_leader.initial_state=new")
	fi
	"${as_server_user[@]}" pg_ctl -s -w -D "$data" -l "$log" "${options[@]}" start >/dev/null 2>&1 9>&- || {
		reason=$(reason_of_failure "$offset")
		die "node $id could not start${reason:+: $reason}; its log is $log"
	}
}

# The watcher may do what pg_leaderctl needs to look, which is less than a member
# of pg_monitor may.  A standby has what it needs from its primary.
finish_first_start()
{
	[ -f "$data/pg_leader.first_start" ] || return 0
	if [ "$(socket_psql "$id" -c 'SELECT pg_is_in_recovery()')" = f ]; then
		socket_psql "$id" <<-END_OF_SQL
			SET client_min_messages = warning;
			CREATE EXTENSION IF NOT EXISTS pg_leader;
			SELECT NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '$watch_role') AS missing \gset
			\if :missing
			CREATE ROLE $watch_role LOGIN PASSWORD '$(watch_password)';
			\endif
			GRANT EXECUTE ON FUNCTION pg_leader_get_status(), pg_leader_get_peers(), pg_leader_get_history() TO $watch_role;
			GRANT SELECT ON pg_leader_status, pg_leader_peers, pg_leader_history TO $watch_role;
		END_OF_SQL
	fi
	rm -f "$data/pg_leader.first_start"
}

if [ $# -gt 1 ] || [ "${1-}" = --help ] || [ "${1-}" = -h ]; then
	echo "usage: nodelaunch.sh [NODE_ID]"
	[ $# -eq 1 ] || exit 2
	exit 0
fi
read_config
find_programs
find_server_user
need perl perl-base

id=${1-}
[ -n "$id" ] || find_node
check_node_id "$id"
address=${node_address[id]}
data=$(data_directory "$id")
state=$(state_directory "$id")
log=$(server_log "$id")

pid=$(postmaster_pid "$id")
[ -z "$pid" ] || die "node $id is running already (process $pid)"
check_port udp "$address" "${election_port[id]}"
check_port tcp "$address" "${server_port[id]}"
if [ -f "$data/PG_VERSION" ] && ! grep -q "^[[:blank:]]*include.*pg_leader\.conf" "$data/postgresql.conf"; then
	die "data directory \"$data\" was not made by nodelaunch.sh: add the line \"include = 'pg_leader.conf'\" to its postgresql.conf"
fi
if [ -d "$data" ] && [ ! -f "$data/PG_VERSION" ] && [ -n "$(ls -A "$data")" ]; then
	die "directory \"$data\" is neither a data directory nor empty"
fi
check_secret
cd /

make_common_files
make_private_directory "$(socket_directory "$id")"
exec 9<"$(socket_directory "$id")"
flock -n 9 || die "node $id is being started by somebody else"
make_private_directory "$state"
make_private_file "$log"
[ "$ENABLE_LOG" = off ] || make_private_file "$(algorithm_log "$id")"

if [ ! -f "$data/PG_VERSION" ]; then
	make_data_directory
fi
write_settings "$data"
start_server
finish_first_start

cat <<END
node $id runs on $address, process $(postmaster_pid "$id")
    connect:  psql -h $(printf '%q' "$(socket_directory "$id")") -p ${server_port[id]} -U postgres
    log:      $log
    stop:     ${as_server_user[0]:+runuser -u $server_user -- }$(command -v pg_ctl) -D $(printf '%q' "$data") stop
END
