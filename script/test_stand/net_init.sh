#!/bin/bash
# net_init.sh [--down]
#
# Makes the network of the test stand: for each node of the cluster that
# config/pg_leader.config (or the file that PGLD_CONFIG names) describes, a
# network namespace and a pair of interfaces, joined by a bridge.  Run again, it
# changes nothing.
#
# --down stops the nodes and removes all that there is of the stand, its
# namespaces, interfaces, rules and processes, whole or half-made.  The nodes'
# data directories stay.
set -euo pipefail
. "$(dirname "$0")/lib/network.sh"

down=
case "$# ${1-}" in
	'0 ') ;;
	'1 --down') down=yes ;;
	'1 -h' | '1 --help')
		echo "usage: net_init.sh [--down]"
		exit 0
		;;
	*)
		echo "usage: net_init.sh [--down]" >&2
		exit 2
		;;
esac

read_config
check_means
up=$(stand_is_up)

if [ -n "$down" ]; then
	case $up in
		no) echo "There is no test stand." ;;
		other) die "\"$PGLD_BRIDGE\" is not the bridge of a test stand" ;;
		*)
			remove_network
			echo "The test stand is gone."
			;;
	esac
	exit 0
fi

check_placement
case $up in
	yes)
		check_stand
		echo "The test stand is there already: $N_NODES nodes."
		exit 0
		;;
	unfinished) remove_network ;;
esac
build_network
echo "The test stand is there: nodes 0 to $((N_NODES - 1)), $NETWORK.10 to $NETWORK.$((9 + N_NODES)), bridge $PGLD_BRIDGE."
