#!/bin/bash
# stage.sh STAGE
#
# Builds the extension and makes a temporary installation below the directory
# STAGE: a copy of PostgreSQL's programs, libraries and share files, with the
# extension installed into it.  A server finds its files relative to its own
# executable (hence copies, no links), so nothing else is written.
#
# STAGE/env, to be sourced, puts the copy first in PATH and sets:
#	STAGE_BINDIR	the copy's programs
#	PG_REGRESS		pg_regress, which is not copied
#	PG_TEST_PERL	where PostgreSQL's TAP test modules lie
set -euo pipefail
. "$(dirname "$0")/environment.sh"

[ $# -eq 1 ] || die "usage: stage.sh STAGE"
mkdir -p "$1"
stage=$(cd "$1" && pwd)

make -s -j"$(nproc)" all

bindir=$("$PG_CONFIG" --bindir)
pkglibdir=$("$PG_CONFIG" --pkglibdir)
sharedir=$("$PG_CONFIG" --sharedir)
pgxs_top=$(cd "$(dirname "$("$PG_CONFIG" --pgxs)")/../.." && pwd)

if [ ! -x "$stage$bindir/postgres" ] || [ "$bindir/postgres" -nt "$stage$bindir/postgres" ]; then
	rm -rf "${stage:?}"/*
	tar -C / --exclude=bitcode --exclude=pgxs --exclude=man \
		-cf - "${bindir#/}" "${pkglibdir#/}" "${sharedir#/}" |
		tar -C "$stage" -m -xf -
fi
make -s install DESTDIR="$stage"

{
	printf 'export PATH=%q:%s\n' "$stage$bindir" "\"\$PATH\""
	printf 'export STAGE_BINDIR=%q\n' "$stage$bindir"
	printf 'export PG_REGRESS=%q\n' "$pgxs_top/src/test/regress/pg_regress"
	printf 'export PG_TEST_PERL=%q\n' "$pgxs_top/src/test/perl"
} >"$stage/env"
