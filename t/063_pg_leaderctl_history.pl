# If this broke, whoever asks in the morning why leadership moved at night would
# be told a story with pages missing, or in the wrong order.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use JSON::PP;
use PgLeaderCluster;
use PgLeaderCtl;
use PostgreSQL::Test::Utils;
use Test::More;

my $json = JSON::PP->new->utf8;
$ENV{PGCONNECT_TIMEOUT} = 60;

my $cluster = PgLeaderCluster->new(nodes => 3);
$cluster->start_all;
$cluster->wait_for_leader;

# A connection string of some nodes.
sub string_of
{
	my @ids = @_;
	return
		'dbname=postgres host='
	  . join(',', map { $cluster->node($_)->host } @ids)
	  . ' port='
	  . join(',', map { $cluster->node($_)->port } @ids);
}
my $all = string_of($cluster->ids);

#
# What has really happened
#

my ($leader, $term) = $cluster->wait_for_leader;
my ($status, $out, $err);
$cluster->wait_for(
	sub {
		($leader, $term) = $cluster->wait_for_leader;
		($status) = ctl('step-down', $all);
		return $status == 0;
	},
	'a leader to step down');
$cluster->wait_for_leader(above => $term);

# Between two answers something may happen: then once more.
my $answer;
$cluster->wait_for(
	sub {
		my $before = join ' ', map { _newest($_) } $cluster->ids;
		($status, $out) = ctl('history', '--json', $all);
		$answer = $json->decode($out);
		return $before eq join ' ', map { _newest($_) } $cluster->ids;
	},
	'a history that is not going on');

sub _newest
{
	my ($id) = @_;
	return $cluster->value($id, 'SELECT max(number) FROM pg_leader_history');
}

is($status, 0, 'history: all have answered');
foreach my $id ($cluster->ids)
{
	my @told = grep { $_->{node_id} == $id } @{ $answer->{history} };
	my @real = @{
		$cluster->ask($id,
			'SELECT number, term, old_role, new_role, old_leader_id, leader_id,'
			  . ' reason, requested_by FROM pg_leader_history ORDER BY number'
		)
	};
	is_deeply(
		[
			map {
				[
					@{$_}{
						qw(number term old_role new_role old_leader_id
						  leader_id reason requested_by)
					}
				]
			} @told
		],
		\@real,
		"history --json: all of node $id, in order");
}
is_deeply(
	[ sort keys %{ $answer->{history}[0] } ],
	[
		sort 'node_id',
		map { $_->[0] } @{
			$cluster->ask(
				0,
				'SELECT attname FROM pg_attribute WHERE attnum > 0'
				  . " AND attrelid = 'pg_leader_history'::regclass")
		}
	],
	'history --json: all columns');
ok( (   grep {
				 $_->{node_id} == $leader
			  && $_->{term} == $term
			  && ($_->{requested_by} // '') =~ /pg_leaderctl/
		} @{ $answer->{history} }) >= 1,
	'history: who asked the leader to step down');
is_deeply(
	[ map { "$_->{node_id} $_->{port}" } @{ $answer->{nodes} } ],
	[ map { "$_ " . $cluster->node($_)->port } $cluster->ids ],
	'history --json: who was asked');
($status, $out) = ctl('history', $all);
my @rows = rows_of($out);
cmp_ok(
	scalar(@rows), '>=',
	scalar(@{ $answer->{history} }),
	'history: a row for each');
ok((grep { $_->{reason} =~ /; asked by .*pg_leaderctl/ } @rows),
	'... with who asked');

#
# In which order
#

# Stands in for what nodes have recorded: number and seconds of each entry.
sub pretend
{
	my ($id, @seconds) = @_;
	my $number = 0;
	my @values =
	  map { '(' . ++$number . ", $_)" } @seconds;

	@values = ('(0, 0)') if !@values;
	$cluster->ask(
		$id,
		q{CREATE OR REPLACE VIEW pg_leader_history AS
		  SELECT n::bigint AS number,
				 to_timestamp(1700000000 + s) AS changed_at, 7::bigint AS term,
				 'follower'::text AS old_role, 'candidate'::text AS new_role,
				 NULL::integer AS old_leader_id, NULL::integer AS leader_id,
				 'a reason'::text AS reason, NULL::text AS requested_by
		  FROM (VALUES } . join(', ', @values) . q{) AS v (n, s) WHERE n > 0});
	return;
}

# The second node's clock was set back, the third one has recorded nothing.
pretend(0, 0, 10,   20.5);
pretend(1, 5, 4.25, 30);
pretend(2);

# Node and number of each row.
sub order
{
	($status, $out) = ctl('history', '--json', @_);
	return join ' ',
	  map { "$_->{node_id}:$_->{number}" }
	  @{ $json->decode($out)->{history} };
}
is( order($all),
	'0:1 1:1 1:2 0:2 0:3 1:3',
	'history: by time, and each node in its own order');
is(order('--limit=2', $all), '0:3 1:3', 'history --limit: the newest');
is( order('--limit=7', $all),
	'0:1 1:1 1:2 0:2 0:3 1:3',
	'history --limit: more than there are');
is(order('--node=1', $all), '1:1 1:2 1:3', 'history --node');
is(order('--node',   1, '--limit', 1, $all), '1:3', 'history --node --limit');
is(order('--node=2', $all),
	'', 'history --node: one that has recorded nothing');
is($status, 0, '... is an answer');

{
	local $ENV{TZ} = 'XYZ-05:45';
	($status, $out) = ctl('history', '--node=0', $all);
	is( join("\n", map { $_->{changed_at} } rows_of($out)),
		"2023-11-15 03:58:20.000 +0545\n"
		  . "2023-11-15 03:58:30.000 +0545\n"
		  . '2023-11-15 03:58:40.500 +0545',
		'history: times as the user\'s clock shows them');
}

#
# Who does not answer
#

($status, $out, $err) = ctl('history', '--node=2', string_of(0, 1));
is($status, 2, 'history --node: not among the servers');
like($err,
	qr/node 2 has not answered.*detail: No server named is that of node 2/s,
	'... is told');

$cluster->stop('immediate', 1);
($status, $out) = ctl('history', $all);
is($status, 1, 'history: some have answered');
@rows = rows_of($out);
is(join(' ', map { $_->{node_id} } @rows[ 0 .. 2 ]),
	'0 0 0', '... what they have recorded is shown');
is( $rows[3]{node_id},
	string_of(1) =~ /host=(\S+) port=(\d+)/ ? "$1:$2" : '',
	'... the other one comes last');
like($rows[3]{reason}, qr/^UNREACHABLE: /, '... and is marked');
($status, $out) = ctl('history', '--json', $all);
$answer = $json->decode($out);
ok( $status == 1
	  && !defined $answer->{nodes}[1]{node_id}
	  && defined $answer->{nodes}[1]{message},
	'history --json: the same');
($status, $out) = ctl('history', '--node=0', $all);
is($status, 0, 'history --node: nobody else needs to answer');
unlike($out, qr/UNREACHABLE/, '... and nobody else is shown');
($status, $out, $err) = ctl('history', '--node=1', $all);
is($status, 2, 'history --node: it does not answer');
like($out, qr/UNREACHABLE/, '... is told');

$cluster->stop_all;
done_testing();
