#!/bin/bash
# failover.sh [KILLS [postmaster | power]]
#
# Kills the leader of three nodes KILLS times (50) while every node is asked
# all the time whether it leads.  Fails unless each kill is followed by exactly
# one new leader, in a greater term, and no two answers contradict each other;
# prints how long it took.
#
# What is killed is the postmaster; its children notice and say goodbye.  With
# "power" it is all processes at once, as in a power failure, so that the
# others have to find out by themselves.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

kills=${1:-50}
check_count "$kills" kills

what=${2:-postmaster}
case $what in
	postmaster | power) ;;
	*) die "\"$what\" is neither postmaster nor power" ;;
esac

use_temporary_installation

heading "$kills kills ($what)"
perl -I "$PG_TEST_PERL" -I t -I bench script/dev/failover.pl "$kills" "$what"
