# If this broke, a node whose ticker hangs (in a write to a sick disk, say)
# would be shown as the leader that it no longer is, and a session that asks
# it to step down could neither be answered nor cancelled.

use strict;
use warnings;

use FindBin;
use IPC::Run;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = PgLeaderCluster->new(nodes => 3);
$cluster->start_all;
$cluster->start_sampler;

my ($old, $term) = $cluster->wait_for_leader;
my @others = grep { $_ != $old } $cluster->ids;
my $ticker = $cluster->status($old)->{ticker_pid};

kill 'STOP', $ticker;
my ($leader, $new_term) = $cluster->wait_for_leader(
	among => \@others,
	above => $term);
isnt($leader, $old, 'another node leads');
is($cluster->value($old, 'SELECT pg_leader_is_leader()'),
	'f', 'the lease of the old leader has run out by itself');
is($cluster->value($old, 'SELECT pg_leader_fencing_token()'),
	undef, 'and its token is void');

my $status = $cluster->wait_for(
	sub {
		my $status = $cluster->status($old);
		return $status->{role} eq 'down' && $status;
	},
	'the old leader to be shown as down');
like($status->{note}, qr/hangs/, 'the status says why');
is($status->{leader_id}, undef, 'it names no leader');
is( $status->{term},
	$cluster->state_of($old)->{term},
	'its term is the last durable one');
is($cluster->value($old, 'SELECT pg_leader_leader_id()'),
	undef, 'nor does the function');
is($cluster->value($old, q{SELECT pg_leader_wait('1 ms')}),
	undef, 'and there is none to be waited for');
is(scalar(grep { defined $_->{reachable} } @{ $cluster->peers($old) }),
	0, 'of its peers nothing is known');

# Three requests: one that gives up by itself, one that is cancelled while it
# waits for its turn, and one while it waits for the answer.
my ($said, $objected) = ('', '');
my $waiting = IPC::Run::start(
	[
		'psql', '-XAtq',
		'-v',   'VERBOSITY=sqlstate',
		'-d',   $cluster->node($old)->connstr('postgres'),
		'-c',   'SELECT pg_leader_step_down()'
	],
	'>'  => \$said,
	'2>' => \$objected);
$cluster->wait_for(
	sub {
		return $cluster->value(
			$old,
			q{SELECT count(*) FROM pg_stat_activity
			  WHERE query LIKE '%step_down%' AND wait_event_type = 'Extension'
				AND pid <> pg_backend_pid()});
	},
	'another session to wait for an answer');

$cluster->ask($old, q{SET statement_timeout = '200ms'});
my (undef, $code) = $cluster->error($old, 'SELECT pg_leader_step_down()');
is($code, '57014', 'waiting for one\'s turn can be cancelled');

$waiting->finish;
is($objected, "ERROR:  55000\n", 'without an answer a request gives up');

(undef, $code) = $cluster->error($old, 'SELECT pg_leader_step_down()');
is($code, '57014', 'waiting for an answer can be cancelled');

# Once it runs again, the ticker finds that nobody asks any more.
$cluster->ask($old, 'RESET statement_timeout');
kill 'CONT', $ticker;
($leader, $term) = $cluster->wait_for_leader;
is($cluster->status($old)->{ticker_pid}, $ticker, 'the ticker is the same');

$cluster->check_samples('a hung ticker');
$cluster->stop_all;
done_testing();
