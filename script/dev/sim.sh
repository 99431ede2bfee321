#!/bin/bash
# sim.sh [check]: the simulator of whole clusters (src/raft/test/sim).
#
# Without arguments: a batch of seeds in the optimised build.  Variables:
#
#	SEEDS=n	FIRST=n	so many seeds (default 2000) from that one on (1)
#	JOBS=n		processes (default: one for each core)
#	NODES=n		that many nodes, instead of a number drawn from the seed
#	STEPS=n		events with faults, before they end (default 10000)
#	OPTIONS='x=n y=n'	values instead of those drawn; a seed prints its own
#	COVERAGE=0	without the table of what has happened
#	SEED=n		that seed alone; TRACE=1 prints all that happens
#	SEEDFILE=path	the recorded seeds of that file
#	SELFCHECK=1	clocks beyond their allowance: is a double lease seen?
#	STUDY=quiet	an hour of a healthy cluster; SECONDS_SIMULATED=n
#	STUDY=failover	how long a leader's death lasts; DEATHS=n (10000)
#	KIND=safe	with sanitizers, instead of fast
#
# "check": what "make check-core" runs, under AddressSanitizer and UBSan.  The
# exit status is 1 if anything was found.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

build()
{
	make -s -j"$(nproc)" -f script/dev/sim.mk "KIND=$1"
}

if [ "${1-}" = check ]; then
	export UBSAN_OPTIONS=print_stacktrace=1
	build safe
	SEEDFILE=src/raft/test/sim/seeds.txt build/sim/safe/sim
	exec env SEEDS="${SEEDS:-1000}" COVERAGE=0 build/sim/safe/sim
fi

kind=${KIND:-fast}
build "$kind"
exec "build/sim/$kind/sim"
