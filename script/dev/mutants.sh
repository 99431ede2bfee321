#!/bin/bash
# mutants.sh [NAME...]: breaks the code on purpose, in each way that a file of
# src/raft/test/mutants describes, and sees who notices.
#
#	JOBS=n		mutants at a time (default: one for each core)
#	SEEDS=n		the simulator tries 200 seeds, and that many while nobody has
#				noticed (20000)
#	EXPLORE=1	the explorer looks at every mutant of the core, not only at
#				those that the others let pass
#
# Only a failed check counts: not a signal, a time-out, a compile error, or the
# golden datagram, which any change of the layout changes.  A mutant that says
# "Equivalent: why" changes nothing that can be seen, and has to survive.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

work=$top/build/mutants
patches=$top/src/raft/test/mutants
limit=300						# seconds of a processor for each tool

# Runs a tool; also on a busy machine it gets that time.
limited()
{
	(
		ulimit -t "$limit"
		exec timeout $((5 * limit)) "$@"
	)
}

# What the mutant of that file can be noticed by.
build_for()
{
	case $1 in
		raft/* | wire/*)
			make -s -f script/dev/core_tests.mk SANITIZE= core &&
				make -s -f script/dev/sim.mk KIND=fast WERROR=
			;;
		*) make -s -f script/dev/core_tests.mk SANITIZE= all ;;
	esac
}

# Runs a program of cmocka; says the first check that failed, or nothing.
failed_check()
{
	local status=0 output
	output=$(CMOCKA_MESSAGE_OUTPUT=TAP limited "$1" 2>&1) || status=$?
	[ "$status" -ne 0 ] || return 0
	if [ "$status" -ge 124 ] || grep -q 'Test failed with exception' <<<"$output"; then
		echo "$(basename "$1") died" >>died
		return 0
	fi
	sed -n 's/^not ok [0-9]* - //p' <<<"$output" | grep -v '^test_golden_datagram$' | head -n 1
}

# The first of these programs that notices, and what.
first_to_notice()
{
	local program check
	for program; do
		check=$(failed_check "$program")
		if [ -n "$check" ]; then
			echo "$check"
			return
		fi
	done
}

# The simulator's first seed that fails, from $1 to $2.
simulate()
{
	local status=0 output
	output=$(SEEDS=$(($2 - $1 + 1)) FIRST=$1 JOBS=1 COVERAGE=0 limited build/sim/fast/sim 2>&1) ||
		status=$?
	case $status in
		0) ;;
		1) sed -n 's/^seed \([0-9]*\): \(I[0-9]*\).*/\1 \2/p; s/^seed \([0-9]*\): \([^I].*\)/\1 \2/p' <<<"$output" |
			head -n 1 ;;
		*) echo "the simulator died" >>died ;;
	esac
}

explore()
{
	local status=0 output
	[ -x script/dev/explore.sh ] || return 0
	output=$(limited script/dev/explore.sh 2>&1) || status=$?
	case $status in
		0) ;;
		1) sed -n 's/^violation in run \([^:]*\).*/\1/p' <<<"$output" | head -n 1 | grep . || echo "noticed" ;;
		*) echo "the explorer died" >>died ;;
	esac
}

# One mutant; its line of the table goes to results/NAME.
try()
{
	local name=$1 patch=$patches/$1.patch
	local file unit='' story='' seed='' explored='' verdict tests
	file=$(sed -n 's|^+++ b/src/||p' "$patch")

	rm -rf "${work:?}/$name"
	cp -a "$work/base" "$work/$name"
	cd "$work/$name"
	if ! patch -p1 -s --no-backup-if-mismatch -F 3 <"$patch" >patch.log 2>&1 ||
		! build_for "$file" >build.log 2>&1; then
		verdict="BROKEN: does not apply or compile"
	else
		mapfile -t tests < <(find build/core -path '*/test/test_*' -type f -perm -u+x | LC_ALL=C sort)
		case $file in
			raft/* | wire/*) mapfile -t tests < <(printf '%s\n' "${tests[@]}" | grep -v '^build/core/test/') ;;
		esac
		unit=$(first_to_notice "${tests[@]}")
		case $file in
			raft/* | wire/*)
				story=$(failed_check build/core/raft/test/scenarios/run_stories)
				seed=$(simulate 1 200)
				if [ -z "$unit$story$seed" ]; then
					seed=$(simulate 201 "${SEEDS:-20000}")
				fi
				if [ -n "${EXPLORE-}" ] || [ -z "$unit$story$seed" ]; then
					explored=$(explore)
				fi
				;;
		esac
		if [ -n "$unit$story$seed$explored" ]; then
			verdict=caught
		elif [ -s died ]; then
			verdict="NOT CAUGHT: $(head -n 1 died)"
		else
			verdict="NOT CAUGHT"
		fi
		if grep -q '^Equivalent: ' "$patch"; then
			[ "$verdict" = "NOT CAUGHT" ] && verdict=equivalent || verdict="NOT EQUIVALENT: $verdict"
		fi
	fi
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$file" "$verdict" \
		"${unit:--}" "${story:--}" "${seed:--}" "${explored:--}" >"$work/results/$name"
	cd "$top"
	rm -rf "${work:?}/$name"
}

if [ "${1-}" = --try ]; then
	try "$2"
	exit
fi

mapfile -t names < <(if [ $# -gt 0 ]; then printf '%s\n' "$@"; else basename -s .patch "$patches"/*.patch; fi)

heading "the code as it is"
rm -rf "$work"
mkdir -p "$work/base" "$work/results"
cp -a src script "$work/base"
cd "$work/base"
build_for raft/raft.c
build_for state_file.c
mapfile -t tests < <(find build/core -path '*/test/test_*' -type f -perm -u+x | LC_ALL=C sort)
noticed=$(first_to_notice "${tests[@]}" build/core/raft/test/scenarios/run_stories)$(simulate 1 200)
if [ -n "$noticed" ] || [ -s died ]; then
	die "the code as it is fails: $noticed $(cat died 2>/dev/null)"
fi
cd "$top"
echo "passes unit tests, stories, and 200 seeds of the simulator"

heading "${#names[@]} mutants"
printf '%s\n' "${names[@]}" | xargs -P "${JOBS:-$(nproc)}" -I{} "$0" --try {}

cat "$work"/results/* | awk -F '\t' '
	BEGIN {
		format = "%-40s %-20s %-34.34s %-34.34s %-10s %s\n"
		printf format, "mutant", "file", "unit tests", "stories", "seed", "explorer"
	}
	{
		printf format, $1, $2, $4, $5, $6, $7
		if ($3 == "caught") caught++
		else if ($3 == "equivalent") equivalent++
		else { bad++; print "    ^ " $3 }
		unit += $4 != "-"; story += $5 != "-"; seed += $6 != "-"; explored += $7 != "-"
	}
	END {
		printf "noticed by: unit tests %d, stories %d, simulator %d, explorer %d\n", unit, story, seed, explored
		if (bad) { printf "mutants: %d not caught\n", bad; exit 1 }
		printf "mutants ok: %d caught, %d equivalent\n", caught, equivalent
	}'
