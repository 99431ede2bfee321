# If this broke, a full disk under the state file would stop PostgreSQL, or
# leave a leader that cannot keep its promises.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = PgLeaderCluster->new(nodes => 3);
$cluster->start_all;
$cluster->start_sampler;

# What the process may write to a file from now on: "0" or "unlimited".
sub limit_writes
{
	my ($pid, $size) = @_;

	system_or_bail('prlimit', '--pid', $pid, "--fsize=$size:");
	return;
}

my ($leader, $term) = $cluster->wait_for_leader;
my $old     = $leader;
my @others  = grep { $_ != $old } $cluster->ids;
my $ticker  = $cluster->status($old)->{ticker_pid};
my $disk    = $cluster->disk_pid($old);
my $session = $cluster->value($old, 'SELECT pg_backend_pid()');

# Nothing is written while nothing changes, so let something change: a longer
# promise has to be durable before it is given.
limit_writes($disk, 0);
$cluster->set(
	$old,
	election_timeout_min => '900ms',
	election_timeout_max => '1200ms');
$cluster->node($old)->reload;

($leader, my $new_term) = $cluster->wait_for_leader(
	among => \@others,
	above => $term);
isnt($leader, $old, 'another node leads');
cmp_ok($new_term, '>', $term, 'in a greater term');

is($cluster->value($old, 'SELECT pg_leader_is_leader()'),
	'f', 'the old leader has resigned');
isnt($cluster->status($old)->{note} // '',
	'', 'the old leader says that it cannot write');
is($cluster->status($old)->{ticker_pid}, $ticker, 'its ticker runs on');
is($cluster->value($old, 'SELECT pg_backend_pid()'),
	$session, 'its server serves on');
$cluster->ask($old, 'CREATE TABLE written AS SELECT 1 AS one');
is($cluster->value($old, 'SELECT count(*) FROM written'),
	1, 'and writes its data');

# Nor does it vote: with one of the others gone, the third asks in vain.
my ($other) = grep { $_ != $leader } @others;
my $vote = $cluster->state_of($old);
$cluster->stop('immediate', $leader);
my $failed = $cluster->counters($other)->{rounds_failed};
$cluster->wait_for(
	sub { $cluster->counters($other)->{rounds_failed} > $failed + 2 },
	"node $other to campaign three times");
is_deeply($cluster->state_of($old), $vote, 'its state is as it was');
is($cluster->value($other, 'SELECT pg_leader_is_leader()'),
	'f', 'a node that cannot write its vote does not vote');

# There is room again.
limit_writes($disk, 'unlimited');
($leader, $term) = $cluster->wait_for_leader(above => $new_term);
pass('with room on the disk the node votes again');
is($cluster->status($old)->{standing}, 'member', 'and is a member as before');
is($cluster->status($old)->{ticker_pid}, $ticker, 'its ticker still runs');
cmp_ok($cluster->state_of($old)->{term},
	'>=', $term, 'the new term is on its disk');

$cluster->start_all;
$cluster->wait_for_leader;
$cluster->check_samples('full disk');
$cluster->stop_all;
done_testing();
