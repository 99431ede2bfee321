#!/bin/bash
# promote_standby.sh [DATABASE]
#
# A hook for pg_leader.on_leader_change: promotes this node's standby when the
# node becomes the leader.  DATABASE, "postgres" unless given, is one in which
# the extension pg_leader was created.
#
# What the hook was told may be history by the time at which it acts.  So one
# SQL statement asks whether this node still leads in that very term, and
# promotes.  Exit status 0: promoted, or this node is not the leader; 1: not
# promoted, and the server log says why.
set -euo pipefail

database=${1-postgres}
term=$PG_LEADER_TERM

ask()
{
	psql -XAtq -v ON_ERROR_STOP=1 -d "$database" -c "$1"
}

refuse()
{
	echo "not promoted: $1"
	exit 1
}

[ "$PG_LEADER_IS_LEADER" = true ] || exit 0

in_recovery=$(ask 'SELECT pg_is_in_recovery()') ||
	refuse "this server does not answer"
[ "$in_recovery" = t ] ||
	refuse "this server is not a standby, but a primary already"

promoted=$(ask "SELECT CASE WHEN pg_leader_fencing_token() = $term THEN pg_promote(true, 60) END") ||
	refuse "the server has refused"
case $promoted in
	t) echo "promoted, as leader in term $term" ;;
	f) refuse "the promotion was not over after 60 s" ;;
	*) refuse "this node is not the leader in term $term any more" ;;
esac
