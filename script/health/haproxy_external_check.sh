#!/bin/bash
# haproxy_external_check.sh PROXY-ADDRESS PROXY-PORT SERVER-ADDRESS SERVER-PORT
#
# A command for HAProxy's external-check: does this server lead?  Exit status
# 0: it does; anything else: it does not, or nobody knows.
#
# HAProxy passes nothing of the environment on but PATH.  What the connection
# needs besides the address is set here: a database with the extension, and a
# user of the server's who needs no privilege but to connect to it.
set -euo pipefail

connection="dbname=postgres user=leader_check"

# Less than HAProxy's own limit, which ends the check without a word.
seconds=${PG_LEADER_CHECK_SECONDS-1}

if [ $# -lt 4 ]; then
	echo "usage: haproxy_external_check.sh PROXY-ADDRESS PROXY-PORT SERVER-ADDRESS SERVER-PORT" >&2
	exit 3
fi
exec pg_leaderctl is-leader --quiet --node-timeout="$seconds" "host=$3 port=$4 $connection"
