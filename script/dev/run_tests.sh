#!/bin/bash
# run_tests.sh: the tests of "make check", in this tree, as an ordinary user.
#
# All of them: unit tests, regression tests, TAP tests; the first suite that
# fails ends the run.  With REGRESS or PROVE_TESTS only what these name.
# Everything is written to build (what is built) and tmp_check (what tests
# leave behind: log, regress/regression.diffs).
set -euo pipefail
. "$(dirname "$0")/environment.sh"

stage=build/stage
regress_tests=${REGRESS-}
tap_tests=${PROVE_TESTS-}
if [ -z "$regress_tests$tap_tests" ]; then
	regress_tests=$(find sql -name '*.sql' ! -name 'pg_leader--*' -printf '%f\n' | sed 's/\.sql$//' | sort)
	tap_tests='t/*.pl'
	heading "unit tests, with sanitizers"
	script/dev/check_core.sh
fi

heading "temporary installation"
script/dev/stage.sh "$stage"
# shellcheck source=/dev/null
. "$stage/env"
echo "$("$STAGE_BINDIR/postgres" --version) with pg_leader in $stage"

rm -rf tmp_check
mkdir -p tmp_check/regress

# A UDP port for pg_leader that nobody uses, below those that the kernel hands
# out by itself.
free_udp_port()
{
	perl -MIO::Socket::INET -e '
		for (1 .. 1000)
		{
			my $port = 10200 + int(rand(22000));
			next unless IO::Socket::INET->new(Proto => "udp",
				LocalAddr => "127.0.0.1", LocalPort => $port);
			print $port;
			exit;
		}
		die "no free UDP port\n";'
}

if [ -n "$regress_tests" ]; then
	heading "regression tests"
	port=$(free_udp_port)
	echo "pg_leader.cluster = '127.0.0.1:$port'" >tmp_check/regress/port.conf
	# shellcheck disable=SC2086 # the names are words
	"$PG_REGRESS" --inputdir=. --outputdir=tmp_check/regress --bindir="$STAGE_BINDIR" \
		--temp-instance=tmp_check/regress/instance --no-locale --encoding=UTF8 \
		--temp-config=regress.conf --temp-config=tmp_check/regress/port.conf \
		$regress_tests
fi

if [ -n "$tap_tests" ]; then
	heading "TAP tests"
	export TESTDIR=$top
	# shellcheck disable=SC2086 # options and patterns are words
	prove -I "$PG_TEST_PERL" -I t ${PROVE_FLAGS--j 2} $tap_tests
fi
