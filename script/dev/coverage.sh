#!/bin/bash
# coverage.sh: which lines and branches of the core do the unit tests reach?
#
# Prints a table and every line that none reached; fails if lines are not above
# 97 %, or branches not above 90 %.  A branch counts as reached if it was taken
# at least once (gcov -b).
set -euo pipefail
. "$(dirname "$0")/environment.sh"

build=build/coverage
line_goal=97
branch_goal=90

core_make=(make -s -f script/dev/core_tests.mk "BUILD=$build" "SANITIZE=--coverage")
"${core_make[@]}" -j"$(nproc)" core
find "$build" -name '*.gcda' -delete
"${core_make[@]}" run-core >"$build/tests.log" 2>&1 || {
	tail -n 30 "$build/tests.log"
	die "the unit tests fail: $build/tests.log"
}

mapfile -t sources < <(printf '%s\n' src/raft/*.c)
mkdir -p "$build/gcov"
for source in "${sources[@]}"; do
	gcov -b -c -o "$build/raft" "$source" >"$build/gcov/$(basename "$source").summary"
	mv -- *.gcov "$build/gcov"
done

awk -v line_goal="$line_goal" -v branch_goal="$branch_goal" '
	function percent(part, all) { return all ? 100 * part / all : 100 }
	function say(name, lines, line_total, branches, branch_total)
	{
		printf "%-22s %6d %8.1f %% %9d %8.1f %%\n", name, line_total,
			percent(lines, line_total), branch_total, percent(branches, branch_total)
	}
	BEGIN { printf "%-22s %6s %10s %9s %10s\n", "file", "lines", "reached", "branches", "reached" }
	FNR == 1 { wanted = 0 }
	/^File / { wanted = ($0 ~ /src\/raft\/[a-z_]+\.c/); name = $0; gsub(/^File .src\/raft\/|.$/, "", name) }
	!wanted { next }
	/^Lines executed/ { split($0, word, /[:%]| of /); lines = word[2] / 100 * word[4]; line_total = word[4] }
	/^Taken at least once/ {
		split($0, word, /[:%]| of /)
		say(name, lines, line_total, word[2] / 100 * word[4], word[4])
		all_lines += lines; all_line_total += line_total
		all_branches += word[2] / 100 * word[4]; all_branch_total += word[4]
		wanted = 0
	}
	END {
		say("all", all_lines, all_line_total, all_branches, all_branch_total)
		exit !(percent(all_lines, all_line_total) > line_goal &&
			percent(all_branches, all_branch_total) > branch_goal)
	}' "$build"/gcov/*.summary && status=0 || status=1

echo
echo "Lines that no test reached:"
for source in "${sources[@]}"; do
	grep -H '^ *#####:' "$build/gcov/$(basename "$source").gcov" |
		sed -E 's/^[^:]*\/([a-z_]+\.c)\.gcov: *#####: *([0-9]+):[[:space:]]*/    \1:\2: /' || true
done

[ "$status" -eq 0 ] || die "less than $line_goal % of the lines or $branch_goal % of the branches"
echo "coverage ok"
