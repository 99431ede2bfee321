#!/bin/bash
# demo.sh: three servers elect a leader, lose it to a crash, elect another, and
# take the old one back.  Ends with status 0 only if all of that happened.
#
# Everything lies in one temporary folder that goes away at the end.  With
# KEEP=1 in the environment the servers run on.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

if [ "$(id -u)" -eq 0 ] || [ ! -w . ]; then
	exec script/dev/as_test_user.sh script/dev/demo.sh
fi

nodes=(0 1 2)
ports=(5440 5441 5442) # of sockets in a folder of our own, so they are free
unset PGDATA PGDATABASE PGHOST PGHOSTADDR PGOPTIONS PGPASSFILE PGPORT PGSERVICE PGUSER

folder=$(mktemp -d "${TMPDIR:-/tmp}/pg_leader-demo.XXXXXX")
kept=

clean_up()
{
	local status=$? node
	trap '' INT TERM HUP
	[ -z "$kept" ] || exit "$status"
	for node in "${nodes[@]}"; do
		if [ "$status" -ne 0 ] && [ -f "$folder/node$node.log" ]; then
			printf '\nlast lines of the log of node %d:\n' "$node" >&2
			tail -n 15 "$folder/node$node.log" >&2
		fi
		stop_node "$node" immediate || true
	done
	rm -rf "$folder"
	exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# sql NODE COMMAND...
sql()
{
	local node=$1
	shift
	"$STAGE_BINDIR/psql" -XAtq -F ' ' -v ON_ERROR_STOP=1 -U postgres -d postgres \
		-h "$folder" -p "${ports[node]}" "$@"
}

# wait_until WHAT COMMAND...
wait_until()
{
	local what=$1 give_up=$((SECONDS + 60))
	shift
	until "$@" 2>/dev/null; do
		[ "$SECONDS" -lt "$give_up" ] || die "waited in vain for $what"
		sleep 0.05
	done
}

make_node()
{
	local node=$1 data=$folder/node$1

	if [ "$node" -eq 0 ]; then
		"$STAGE_BINDIR/initdb" -U postgres -A trust -N --no-locale -D "$data" >"$folder/initdb.log"
	else
		cp -a "$folder/node0" "$data" # before node 0 has its settings
	fi
}

configure_node()
{
	cat >>"$folder/node$1/postgresql.conf" <<-END
		listen_addresses = ''
		unix_socket_directories = '$folder'
		port = ${ports[$1]}
		cluster_name = 'node $1'

		shared_preload_libraries = 'pg_leader'
		pg_leader.node_id = $1
		pg_leader.cluster = '$membership'
		pg_leader.secret_file = '$folder/secret'
		pg_leader.initial_state = 'new'
	END
}

start_node()
{
	"$STAGE_BINDIR/pg_ctl" -s -w -D "$folder/node$1" -l "$folder/node$1.log" start
}

# stop_node NODE MODE
stop_node()
{
	[ -f "$folder/node$1/postmaster.pid" ] || return 0
	"$STAGE_BINDIR/pg_ctl" -s -w -D "$folder/node$1" -m "$2" stop
}

# show_status NODE...: a table, a line for each node as that node sees it.
show_status()
{
	local node row format='   %-5s %-10s %5s %7s  %-10s %-8s %s\n'
	# shellcheck disable=SC2059 # the format is ours
	printf "$format" node role term leader is_leader lease why
	for node; do
		mapfile -t row < <(sql "$node" -F $'\n' -c "
			SELECT node_id, role, term, coalesce(leader_id::text, '-'),
				CASE WHEN is_leader THEN 'yes' ELSE 'no' END,
				coalesce(round(1000 * extract(epoch FROM lease_remaining)) || ' ms', '-'),
				reason
			FROM pg_leader_status")
		# shellcheck disable=SC2059
		printf "$format" "${row[@]}"
	done
}

# agreed NODE...: all name the same leader and term, and that one says so too.
agreed()
{
	local node row seen='' claimed=''
	for node; do
		row=$(sql "$node" -c "SELECT leader_id, term FROM pg_leader_status WHERE leader_id IS NOT NULL") || return 1
		[ -n "$row" ] && [ "${seen:-$row}" = "$row" ] || return 1
		seen=$row
		claimed+=$(sql "$node" -c "SELECT pg_leader_fencing_token()") || return 1
	done
	read -r leader term <<<"$seen"
	[ "$claimed" = "$term" ]
}

# Waits in node $1 until another than $2 leads there; prints "leader term time",
# the time in seconds since 1970.  The leader counts once it has its lease.
await_successor()
{
	sql "$1" <<-SQL
		CREATE FUNCTION pg_temp.await_successor(OUT leader int, OUT term bigint, OUT at numeric)
		LANGUAGE plpgsql AS \$\$
		BEGIN
			LOOP
				SELECT s.leader_id, s.term INTO leader, term
				FROM pg_leader_status AS s
				WHERE s.leader_id <> $2 AND (s.leader_id <> s.node_id OR s.is_leader);
				EXIT WHEN FOUND;
				PERFORM pg_sleep(0.001);
			END LOOP;
			at := extract(epoch FROM clock_timestamp());
		END \$\$;
		SET statement_timeout = '60s';
		\\echo waiting
		SELECT leader, term, at FROM pg_temp.await_successor();
	SQL
}

write_stop_script()
{
	cat >"$folder/stop.sh" <<-END
		#!/bin/bash
		# Stops the three servers of pg_leader's demo and removes this folder.
		cd /
		[ "\$(id -u)" -ne 0 ] || exec setpriv --reuid=$(id -u) --regid=$(id -g) --clear-groups "$folder/stop.sh"
		for node in ${nodes[*]}; do
			"$STAGE_BINDIR/pg_ctl" -s -w -D "$folder/node\$node" -m fast stop
		done
		rm -rf "$folder"
	END
	chmod 755 "$folder/stop.sh"
}

heading "Build, and a temporary installation"
script/dev/stage.sh "$folder/stage"
# shellcheck source=/dev/null
. "$folder/stage/env"
echo "   $("$STAGE_BINDIR/postgres" --version) with pg_leader"

heading "Three servers on 127.0.0.1"
# below the ports that the kernel hands out by itself, to our senders too
udp_ports=$(perl -MIO::Socket::INET -e '
	my @sockets;
	while (@sockets < 3)
	{
		my $socket = IO::Socket::INET->new(Proto => "udp",
			LocalAddr => "127.0.0.1", LocalPort => 10200 + int rand 22000);
		push @sockets, $socket if $socket;
	}
	print join " ", map { $_->sockport } @sockets;')
membership=127.0.0.1:${udp_ports// /, 127.0.0.1:}
(umask 077 && perl -e 'open my $random, "<", "/dev/urandom" or die $!;
	read $random, my $bytes, 32; print unpack("H*", $bytes), "\n";' >"$folder/secret")
for node in "${nodes[@]}"; do
	make_node "$node"
done
for node in "${nodes[@]}"; do
	configure_node "$node"
	start_node "$node"
	sql "$node" -c 'CREATE EXTENSION pg_leader'
done
echo "   pg_leader.cluster = '$membership'"
echo "   in $folder"

heading "They elect a leader"
wait_until "a leader" agreed "${nodes[@]}"
show_status "${nodes[@]}"
old_leader=$leader
old_term=$term

survivors=()
for node in "${nodes[@]}"; do
	[ "$node" -eq "$old_leader" ] || survivors+=("$node")
done
pid=$(head -n 1 "$folder/node$old_leader/postmaster.pid")

heading "SIGKILL for the postmaster of the leader, node $old_leader (process $pid)"
waiting=()
for node in "${survivors[@]}"; do
	await_successor "$node" "$old_leader" >"$folder/successor$node" &
	waiting+=("$!")
	wait_until "node $node to look for a successor" grep -q waiting "$folder/successor$node"
done
killed_at=$(date +%s.%N)
kill -KILL "$pid"
for process in "${waiting[@]}"; do
	wait "$process" || die "no other node took over"
done

failover_ms=
for node in "${survivors[@]}"; do
	read -r leader term at < <(tail -n 1 "$folder/successor$node")
	ms=$(awk -v from="$killed_at" -v to="$at" 'BEGIN { printf "%.0f", (to - from) * 1000 }')
	if [ "$leader" -eq "$node" ]; then
		echo "   after $ms ms node $node leads, in term $term"
		new_leader=$leader new_term=$term failover_ms=$ms
	else
		echo "   after $ms ms node $node follows node $leader, in term $term"
	fi
done
[ -n "$failover_ms" ] || die "no survivor says that it leads"
[ "$new_term" -gt "$old_term" ] || die "term $new_term does not follow term $old_term"
wait_until "the survivors to agree" agreed "${survivors[@]}"
show_status "${survivors[@]}"

heading "Node $old_leader comes back as a follower"
is_follower()
{
	[ "$(sql "$1" -c 'SELECT role, standing FROM pg_leader_status')" = "follower member" ] &&
		agreed "${nodes[@]}"
}
is_gone()
{
	[ -z "$(find /proc -maxdepth 2 -name cwd -lname "$folder/node$1" 2>/dev/null)" ]
}
wait_until "the end of its processes" is_gone "$old_leader"
# until init collects the postmaster, a new one would take it for alive
rm -f "$folder/node$old_leader/postmaster.pid" "$folder/.s.PGSQL.${ports[old_leader]}.lock"
start_node "$old_leader"
wait_until "node $old_leader to follow" is_follower "$old_leader"
show_status "${nodes[@]}"

if [ "${KEEP:-0}" != 0 ] && [ -n "${KEEP-}" ]; then
	write_stop_script
	kept=yes
	heading "The servers run on"
	for node in "${nodes[@]}"; do
		echo "   connect to node $node:  psql -h $folder -p ${ports[node]} -U postgres"
	done
	echo "   log of a node:      $folder/node0.log"
	echo "   stop and remove:    $folder/stop.sh"
else
	heading "Stop, and remove the folder"
	for node in "${nodes[@]}"; do
		stop_node "$node" fast
	done
	echo "   stopped"
fi

echo
echo "demo ok: leader $old_leader (term $old_term) crashed, leader $new_leader (term $new_term) after $failover_ms ms"
