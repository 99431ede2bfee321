#!/bin/bash
# soak.sh: the TAP tests over and over, for HOURS (default 1, fractions too) or
# until a round fails; a line for each round.  The logs of a failed round stay
# in tmp_check.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

seconds=$(awk -v hours="${HOURS:-1}" 'BEGIN { if (hours + 0 <= 0) exit 1; printf "%d", hours * 3600 }') ||
	die "HOURS=$HOURS is no number of hours"

use_temporary_installation

heading "TAP tests for ${HOURS:-1} h"
round=0
while [ "$SECONDS" -lt "$seconds" ]; do
	round=$((round + 1))
	began=$SECONDS
	rm -rf tmp_check
	mkdir -p tmp_check/log
	status=0
	# shellcheck disable=SC2086 # options and patterns are words
	prove -I "$PG_TEST_PERL" -I t ${PROVE_FLAGS--j 2} ${PROVE_TESTS:-t/*.pl} \
		>tmp_check/log/prove.out 2>&1 || status=$?
	tally=$(sed -n 's/^Files=\([0-9]*\), Tests=\([0-9]*\),.*/\1 files, \2 tests/p' tmp_check/log/prove.out)
	printf 'round %d: %s, %d s, %s\n' "$round" "${tally:-no tests}" "$((SECONDS - began))" \
		"$([ "$status" -eq 0 ] && echo ok || echo FAILED)"
	if [ "$status" -ne 0 ]; then
		cat tmp_check/log/prove.out
		exit 1
	fi
done
echo "soak ok: $round rounds in $SECONDS s"
