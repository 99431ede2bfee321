#!/bin/bash
# check_core.sh: what tests the core, under AddressSanitizer and UBSan: the unit
# tests in C, the scenarios, and short runs of simulator and explorer.
#
# Needs no PostgreSQL, except for src/test: that is built against the server's
# headers, and left out with a word where there are none.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

make -s -j"$(nproc)" -f script/dev/core_tests.mk all
export CMOCKA_MESSAGE_OUTPUT=TAP
export UBSAN_OPTIONS=print_stacktrace=1
make -s -f script/dev/core_tests.mk run

heading "simulator, a short run"
script/dev/sim.sh check

heading "explorer, tiny bounds"
script/dev/explore.sh check
