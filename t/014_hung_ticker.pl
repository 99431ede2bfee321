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
$cluster->wait_for(
	sub {
		$cluster->log_of($old) =~
		  /LOG:  ticker of node $old stood still for [\d.]+ s\n.*DETAIL:  This server, or its host/;
	},
	'the log to tell that the ticker stood still');

# A request that was cancelled is withdrawn even if the ticker runs again at
# once.  The second of two changes tells that the turn of the first is over,
# with all that the ticker found to do in it.
$ticker = $cluster->status($leader)->{ticker_pid};
my $from = $cluster->log_size($leader);
$cluster->ask($leader, q{SET statement_timeout = '100ms'});
kill 'STOP', $ticker;
(undef, $code) = $cluster->error($leader, 'SELECT pg_leader_step_down()');
kill 'CONT', $ticker;
is($code, '57014',
	'a request to a ticker that hangs for a moment: cancelled');
$cluster->ask($leader, 'RESET statement_timeout');

foreach my $priority (90, 80)
{
	$cluster->set($leader, priority => $priority);
	$cluster->node($leader)->reload;
	$cluster->wait_for(
		sub { $cluster->status($leader)->{priority} == $priority },
		"priority $priority to be in force");
}
my $log = $cluster->log_of($leader, $from);
unlike(
	$log,
	qr/was asked to step down|step-down requested/,
	'it is not carried out later');

# Who may have asked the wrong node is told the right one.
($leader, $term) = $cluster->wait_for_leader;
my ($follower) = grep { $_ != $leader } $cluster->ids;
my ($message)  = $cluster->error($follower, 'SELECT pg_leader_step_down()');
my $port       = $cluster->node($leader)->port;
like(
	$message,
	qr/Node $leader \(127\.0\.0\.1, port $port\) leads; ask it\./,
	'a follower tells whom to ask');

$cluster->check_samples('a hung ticker');
$cluster->stop_all;
done_testing();
