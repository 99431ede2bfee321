# environment.sh: what every script in this directory starts with (to source).
#
# Goes to the top of the source tree and remembers it as "top".  Gives
# PG_CONFIG a value.  Takes the job server out of MAKEFLAGS, which a make that
# the script starts cannot reach, and leaves the variables of the command line.
# shellcheck shell=bash

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$top" || exit 1

export PG_CONFIG="${PG_CONFIG:-pg_config}"

case ${MAKEFLAGS-} in
	*' -- '*) export MAKEFLAGS=" -- ${MAKEFLAGS#* -- }" ;;
	*) unset MAKEFLAGS ;;
esac
unset MFLAGS MAKELEVEL

heading()
{
	printf '\n== %s\n' "$*"
}

die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# check_count VALUE WHAT
check_count()
{
	case $1 in
		'' | *[!0-9]* | 0) die "\"$1\" is no number of $2" ;;
	esac
}

# The files of the tree, without what is built.
tree_files()
{
	find . \( -path ./.git -o -path ./build -o -path './tmp_*' -o -path ./results -o -path ./log \) -prune \
		-o -type f ! -name '*.o' ! -name '*.so' ! -name '*.bc' ! -name '*.a' \
		! -path ./src/exports.list ! -path ./src/bin/pg_leaderctl ! -path './regression.*' -printf '%P\n' | sort
}

# Make the temporary installation, and put it into the environment of what
# follows.  Logs of tests go to tmp_check, which is emptied.
use_temporary_installation()
{
	heading "temporary installation"
	script/dev/stage.sh build/stage
	# shellcheck source=/dev/null
	. build/stage/env
	export TESTDIR=$top
	rm -rf tmp_check
	mkdir -p tmp_check/log
}
