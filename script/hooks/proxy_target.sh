#!/bin/bash
# proxy_target.sh pgbouncer|haproxy FILE COMMAND [ARGUMENT...]
#
# A hook for pg_leader.on_leader_change: writes a file that leads the proxy's
# clients to the leader, and has the proxy read it by the command.  The file is
# for PgBouncer's %include, or one more -f of HAProxy's; it is replaced as a
# whole, so that nobody reads half of it.
#
# While no leader is known the file stays as it is: whether the former leader
# still takes what is sent to it is not for a proxy to decide.
set -euo pipefail

if [ $# -lt 3 ]; then
	echo "usage: proxy_target.sh pgbouncer|haproxy FILE COMMAND [ARGUMENT...]"
	exit 2
fi
format=$1
file=$2
shift 2

leader=$PG_LEADER_LEADER_ID
host=$PG_LEADER_LEADER_HOST
port=$PG_LEADER_LEADER_PORT

[ "$leader" -ge 0 ] || exit 0
if [ "$port" -eq 0 ]; then
	echo "the PostgreSQL port of node $leader is not known yet"
	exit 1
fi

case $format in
	pgbouncer)
		target="[databases]
* = host=$host port=$port"
		;;
	haproxy)
		case $host in
			*:*) host="[$host]" ;;
		esac
		target="backend postgresql_leader
	server node$leader $host:$port"
		;;
	*)
		echo "\"$format\" is neither pgbouncer nor haproxy"
		exit 2
		;;
esac

printf '; leader of term %s, written by proxy_target.sh\n%s\n' "$PG_LEADER_TERM" "$target" |
	if [ "$format" = haproxy ]; then sed '1s/^;/#/'; else cat; fi >"$file.new"
mv "$file.new" "$file"
"$@"
echo "clients are led to node $leader, $host:$port"
