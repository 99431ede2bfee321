# If this broke, the cluster tests could pass while two nodes lead at a time:
# it tests the judge of the samples, with samples made up for it.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PgLeaderSampler;
use Test::More;

# "node before after token" each
sub violations
{
	my @samples = map {
		my ($node, $before, $after, $token) = split;
		{
			node   => $node,
			before => $before,
			after  => $after,
			token  => $token eq 'none' ? undef : $token
		}
	} @_;
	return PgLeaderSampler::violations(@samples);
}

is_deeply([ violations() ], [], 'no samples, no violation');
is_deeply(
	[
		violations(
			'0 1.0 1.1 1',
			'1 1.0 1.1 none',
			'0 2.0 2.1 1',
			'1 3.0 3.1 2')
	],
	[],
	'one leader after the other');
is_deeply([ violations('0 1.0 1.4 1', '1 1.1 1.3 2') ],
	[], 'answers that overlap in time may have been given in order');
is_deeply([ violations('0 1.0 1.1 9', '1 2.0 2.1 10') ],
	[], 'terms are numbers, not words');
is_deeply([ violations('0 1.0 1.1 1', '0 2.0 2.1 2', '0 3.0 3.1 3') ],
	[], 'a leader may be elected again');

like(
	join("\n", violations('0 1.0 1.1 1', '1 5.0 5.1 1')),
	qr/^nodes 0 1 both led in term 1$/,
	'two leaders in one term');
like(
	join("\n", violations('1 1.0 1.1 2', '0 1.2 1.3 1')),
	qr/^node 0 said at 1\.2\d* that it led in term 1, but node 1 had said by 1\.1\d* that it led in term 2$/,
	'an old leader that still leads');
like(
	join(
		"\n",
		violations(
			'0 1.0 1.1 1',
			'1 2.0 2.1 2',
			'2 3.0 3.1 3',
			'1 2.5 3.2 2',
			'0 3.2 3.3 1')),
	qr/^node 0 said at 3\.2\d* that it led in term 1, but node 1 had said by 2\.1/,
	'an old leader two terms later');
is( scalar(
		violations(
			'0 9.0 9.1 1', '1 9.2 9.3 2', '1 2.0 2.1 2', '2 3.0 3.1 3')),
	2,
	'the order of the samples does not matter');

my @terms = map { { node => $_->[0], after => $_->[1], term => $_->[2] } }
  ([ 0, 1, 4 ], [ 1, 2, 3 ], [ 0, 3, undef ], [ 0, 4, 4 ], [ 1, 5, 6 ]);
is_deeply([ PgLeaderSampler::violations(@terms) ],
	[], 'terms of one node that do not go back');
push @terms, { node => 0, after => 6, term => 3 };
is_deeply(
	[ PgLeaderSampler::violations(@terms) ],
	['node 0 was in term 3 at 6.000000, but in term 4 before'],
	'a term that goes back is one');

is_deeply(
	[
		PgLeaderSampler::leaders(
			{ node => 0, before => 1, after => 2, token => 4 },
			{ node => 0, before => 3, after => 5, token => 4 },
			{ node => 1, before => 6, after => 7, token => undef })
	],
	['term 4: node 0 led from 1.000 to 5.000, 2 answers'],
	'summary of the leaders');

done_testing();
