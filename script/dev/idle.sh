#!/bin/bash
# idle.sh [SECONDS]
#
# What three idle nodes cost at the default timings: processor time of each
# node's workers, as /proc counts it, over SECONDS (60), and whether anything
# was written to a state file meanwhile, which is not to be.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

seconds=${1:-60}
check_count "$seconds" seconds

use_temporary_installation

heading "three idle nodes, $seconds s"
perl -I "$PG_TEST_PERL" -I t -I bench script/dev/idle.pl "$seconds"
