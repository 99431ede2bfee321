#!/bin/bash
# explore.sh: every interleaving of small clusters of cores, within bounds.
#
#	explore.sh [default]	closes the default spaces, in some minutes
#	explore.sh big			larger ones: an hour or two, and up to 10 gigabytes
#	explore.sh check		tiny ones, under sanitizers, with checks of the explorer
#	explore.sh planted		copies of the core with a bug each: which run finds it?
#	explore.sh [KEY=VALUE]... RUN	one run, with changed bounds (explore.c)
set -euo pipefail
. "$(dirname "$0")/environment.sh"

planted=src/raft/test/explore/planted

build()
{
	make -s -f script/dev/explore.mk WERROR="${WERROR-}" "$@"
}

# What a run of that program finds, on one line.
find_bug()
{
	local output

	output=$("$@") || true
	sed -n 's/^broken: //p; s/^wedged: /wedged: /p; s/^found after /after /p' \
		<<< "$output" | paste -sd ' '
}

# "Run: ..." in a patch says which run has to find it.  The second line tells
# what would come of it in the end, if no single node were looked into.
explore_planted()
{
	local patch name run tree found harm missed=0

	printf '%-29s %-19s %s\n' "planted bug" run "found"
	for patch in "$planted"/*.patch; do
		name=$(basename "$patch" .patch)
		run=$(sed -n 's/^Run: //p' "$patch")
		tree=build/explore/planted-$name
		rm -rf "$tree"
		mkdir -p "$tree/raft/test"
		cp src/raft/*.[ch] "$tree/raft"
		cp -r src/raft/test/explore "$tree/raft/test"
		patch -s -p2 -d "$tree" < "$patch" || die "$patch does not apply any more"
		build SOURCE="$tree" BUILD="$tree"
		# shellcheck disable=SC2086 # several words
		found=$(find_bug "$tree/explore" $run)
		# shellcheck disable=SC2086
		harm=$(find_bug "$tree/explore" whole=1 $run)
		[[ -n $found ]] || missed=1
		printf '%-29s %-19s %s\n' "$name" "$run" "${found:-MISSED}"
		[[ $harm = "$found" ]] || printf '%-29s %-19s %s\n' "" "  seen from outside" \
			"${harm:-(nothing, within these bounds)}"
	done
	[[ $missed = 0 ]] || die "a planted bug was missed"
}

case ${1-default} in
	check)
		build BUILD=build/explore/sanitized \
			SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=all"
		exec build/explore/sanitized/explore check
		;;
	planted)
		explore_planted
		;;
	*)
		build
		exec build/explore/plain/explore "${@:-default}"
		;;
esac
