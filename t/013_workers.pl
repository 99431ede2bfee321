# If this broke, a worker that fails or is killed would leave a node without a
# vote until somebody restarts its server by hand; or would take the server
# down with it.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use IO::Socket::INET;
use PgLeaderCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my @pipeline = qw(receiver ticker sender);

my $cluster = PgLeaderCluster->new(nodes => 3);
$cluster->start_all;
$cluster->start_sampler;

# Process ids by role; undef if the server does not answer, or not all run.
sub pids
{
	my ($id) = @_;

	my $status = $cluster->try_status($id) // return undef;
	my %pids   = map { $_ => $status->{"${_}_pid"} } 'launcher', @pipeline;
	return (grep { !$_ } values %pids) ? undef : \%pids;
}

# Wait until none of these processes is left, all run again, and the node is a
# voter as before.
sub await_new_workers
{
	my ($id, $old, @replaced) = @_;

	my $new = $cluster->wait_for(
		sub {
			my $pids = pids($id) // return 0;
			return (grep { $pids->{$_} == $old->{$_} } @replaced)
			  ? undef
			  : $pids;
		},
		"new workers (@replaced) on node $id");
	$cluster->wait_for_leader;
	is($cluster->status($id)->{standing},
		'member', "node $id is still a member");
	return $new;
}

# Every process of one kind on a node.
sub count_running
{
	my ($id, $worker) = @_;

	my %processes = $cluster->processes($id);
	return scalar grep { /pg_leader.*$worker/ } values %processes;
}

my ($leader, $term) = $cluster->wait_for_leader;

#
# An orderly end of one worker: the whole pipeline is started afresh
#

foreach my $worker (@pipeline)
{
	($leader, $term) = $cluster->wait_for_leader;
	my $session = $cluster->value($leader, 'SELECT pg_backend_pid()');
	my $old     = pids($leader);

	kill 'TERM', $old->{$worker};
	my $new = await_new_workers($leader, $old, @pipeline);

	is($new->{launcher}, $old->{launcher},
		"$worker ended: the launcher goes on");
	is($cluster->value($leader, 'SELECT pg_backend_pid()'),
		$session, "$worker ended: the server serves on");
	is(count_running($leader, 'ticker'), 1, "$worker ended: one ticker");
	(undef, my $new_term) = $cluster->wait_for_leader;
	cmp_ok($new_term, '>', $term,
		"$worker of the leader ended: its leadership, too");
	$term = $new_term;
}

#
# The launcher: the postmaster starts it again, and it starts the others
#

($leader, $term) = $cluster->wait_for_leader;
my $session = $cluster->value($leader, 'SELECT pg_backend_pid()');
my $old     = pids($leader);
kill 'TERM', $old->{launcher};
await_new_workers($leader, $old, 'launcher', @pipeline);
is($cluster->value($leader, 'SELECT pg_backend_pid()'),
	$session, 'launcher ended: the server serves on');
is(count_running($leader, $_), 1, "launcher ended: one $_")
  foreach 'launcher', @pipeline;

#
# An error in a worker that runs: the ticker loses the process that keeps its
# state file, which is none of the server's.
#

($leader, $term) = $cluster->wait_for_leader;
$session = $cluster->value($leader, 'SELECT pg_backend_pid()');
$old     = pids($leader);
my $disk      = $cluster->disk_pid($leader);
my $log_start = $cluster->log_size($leader);
kill 'KILL', $disk;
await_new_workers($leader, $old, @pipeline);
like(
	$cluster->log_of($leader, $log_start),
	qr/ERROR:  the process that keeps the state file of node $leader has ended/,
	'error in the ticker: the log says why');
is($cluster->value($leader, 'SELECT pg_backend_pid()'),
	$session, 'error in the ticker: the server serves on');
isnt($cluster->disk_pid($leader),
	$disk, 'error in the ticker: its state file is kept again');
is(count_running($leader, $_), 1, "error in the ticker: one $_")
  foreach @pipeline, 'disk';
(undef, my $term_after) = $cluster->wait_for_leader;
cmp_ok($term_after, '>', $term,
	'error in the ticker of the leader: its leadership ends');

#
# Errors in the others are hard to come by while they run, so let them fail
# when they start, which goes the same way: they end with status 1, and the
# launcher starts the pipeline again.
#

# The ticker cannot read its state.
($leader) = $cluster->wait_for_leader;
my ($follower) = grep { $_ != $leader } $cluster->ids;
my $state      = $cluster->state_directory($follower) . '/state';
my $from       = $cluster->log_size($follower);
chmod 0000, $state or die "could not change the mode of \"$state\": $!";
$session = $cluster->value($follower, 'SELECT pg_backend_pid()');
$old     = pids($follower);
kill 'TERM', $old->{ticker};
$cluster->wait_for(
	sub {
		my @errors = $cluster->log_of($follower, $from) =~
		  /ERROR: .*could not open.*Permission denied/g;
		return @errors > 1;
	},
	'the ticker to fail twice');
is($cluster->value($follower, 'SELECT pg_backend_pid()'),
	$session, 'errors in the ticker: the server serves on');
is($cluster->value($follower, 'SELECT pg_leader_is_leader()'),
	'f', 'errors in the ticker: the node does not lead');
chmod 0600, $state or die "could not change the mode of \"$state\": $!";
await_new_workers($follower, $old, @pipeline);
is(count_running($follower, 'ticker'), 1,
	'errors in the ticker: one is left');

# The receiver cannot get its port.
$cluster->stop('fast', $follower);
my $thief = IO::Socket::INET->new(
	Proto     => 'udp',
	LocalAddr => '127.0.0.1',
	LocalPort => $cluster->udp_port($follower)
) or die "could not take the port of node $follower: $!";
$from = $cluster->log_size($follower);
$cluster->start($follower);
$cluster->wait_for(
	sub {
		my @errors = $cluster->log_of($follower, $from) =~
		  /ERROR: .*Address already in use/g;
		return @errors > 1;
	},
	'the receiver to fail twice');
is($cluster->value($follower, 'SELECT 1'),
	1, 'errors in the receiver: the server serves on');
$session = $cluster->value($follower, 'SELECT pg_backend_pid()');
close $thief;
$cluster->wait_for(sub { pids($follower) }, 'all workers to run');
$cluster->wait_for_leader;
is($cluster->value($follower, 'SELECT pg_backend_pid()'),
	$session, 'the port is free again: the node takes part, by itself');

#
# SIGKILL: PostgreSQL restarts the server, as for any process that has its
# shared memory
#

foreach my $worker ('launcher', @pipeline)
{
	($leader, $term) = $cluster->wait_for_leader;
	$old  = pids($leader);
	$from = $cluster->log_size($leader);
	kill 'KILL', $old->{$worker};
	await_new_workers($leader, $old, 'launcher', @pipeline);
	(undef, my $new_term) = $cluster->wait_for_leader;
	cmp_ok($new_term, '>', $term, "SIGKILL of the leader's $worker: it lost");
	like(
		$cluster->log_of($leader, $from),
		qr/all server processes terminated; reinitializing/,
		"SIGKILL of the leader's $worker: the server has restarted");
}

$cluster->check_samples('workers ended in every way');
$cluster->stop_all;
done_testing();
