#!/bin/bash
# nemesis.sh [--seed S] [--seconds N]
#
# Breaks the test stand in every way that ctl.sh knows, at random, over and over
# for N seconds (60), and heals it after each time.  All the while every node is
# asked whether it leads.  Fails if two nodes led at once, a term went back, or
# no leader was there in time after a healing; the report at the end tells what
# was done and how long the cluster went without a leader.
#
# The seed is printed, and the same one makes the same faults again: what they
# are depends on nothing else.  They hit the leader and its followers, whoever
# these are by then.
set -euo pipefail
. "$(dirname "$0")/lib/stand.sh"

usage()
{
	echo "usage: nemesis.sh [--seed S] [--seconds N]"
}

seed=$((RANDOM * 32768 + RANDOM))
seconds=60
while [ $# -gt 0 ]; do
	case $1 in
		-h | --help)
			usage
			exit 0
			;;
		--seed | --seconds)
			if [[ ! ${2-} =~ ^[0-9]{1,9}$ ]]; then
				usage >&2
				exit 2
			fi
			[ "$1" = --seed ] && seed=$((10#$2)) || seconds=$((10#$2))
			shift 2
			;;
		*)
			usage >&2
			exit 2
			;;
	esac
done

find_stand
((N_NODES >= 3 && N_NODES <= 12)) || die "N_NODES is $N_NODES, but this is made for 3 to 12 nodes"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
sockets=()
for ((id = 0; id < N_NODES; id++)); do
	sockets+=("$(socket_directory "$id"):${server_port[id]}")
done
perl -I "$source_top/t" "$source_top/script/test_stand/nemesis.pl" "$folder" "$seed" "$seconds" \
	"$PGLD_ELECTION_TIMEOUT_MAX" "${sockets[@]}"
