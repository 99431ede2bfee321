#!/bin/bash
# bench.sh [ROUNDS [NAME...]]
#
# The benchmarks bench/NAME.pl, all unless some are named, with ROUNDS (20)
# rounds each.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

rounds=${1:-20}
check_count "$rounds" rounds
shift || true

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
	for file in bench/*.pl; do
		names+=("$(basename "$file" .pl)")
	done
fi
for name in "${names[@]}"; do
	[ -f "bench/$name.pl" ] || die "there is no benchmark \"$name\""
done

use_temporary_installation

for name in "${names[@]}"; do
	heading "$name, $rounds rounds"
	perl -I "$PG_TEST_PERL" -I t -I bench "bench/$name.pl" "$rounds"
done
