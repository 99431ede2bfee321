# If this broke, a hook would live on after its server and go on to move an
# address or promote a standby; or would keep the server from stopping, or from
# starting again; or the end of a hook would cost an election.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PgLeaderHook;
use PostgreSQL::Test::Utils;
use Test::More;

# A hook that never ends, deaf to every signal that a process can be deaf to,
# with children in its process group and outside of it: three that are called
# "sleep".
my $cluster = PgLeaderCluster->new(nodes => 3);
my $hook    = PgLeaderHook->new($cluster);
my $script  = $hook->write_script('deaf', <<'SCRIPT');
trap '' TERM HUP INT QUIT USR1
echo "$PG_LEADER_START/$PG_LEADER_SEQUENCE" >>@directory@/begun.$1
sleep 100000 & echo $! >>@directory@/living.$1
setsid sh -c "echo \$\$ >>@directory@/living.$1; exec sleep 100000" &
(setsid sh -c "echo \$\$ >>@directory@/living.$1; exec sleep 100000" &)
while :; do sleep 100000; done
SCRIPT
$cluster->set($_, on_leader_change => "$script %n", hook_timeout => 0)
  foreach $cluster->ids;
$cluster->start_all;
my ($leader, $term) = $cluster->wait_for_leader;
$hook->wait_for_living("living.$_", 3) foreach $cluster->ids;

sub begun
{
	my ($id) = @_;
	my $path = $hook->path("begun.$id");
	return -e $path ? split(/\n/, slurp_file($path)) : ();
}

# Wait until a hook runs on that node that is not one of these.
sub wait_for_hook
{
	my ($id, @before) = @_;

	$cluster->wait_for(sub { begun($id) > @before },
		"the hook of node $id to begin");
	return $hook->wait_for_living("living.$id", 3);
}

# None of these lives.
sub wait_for_end_of
{
	my ($name, @pids) = @_;

	$cluster->wait_for(
		sub {
			!grep { -e "/proc/$_" } @pids;
		},
		"the end of processes @pids");
	pass("$name: nothing of the hook is left");
	return;
}

sub wait_for_pids
{
	my ($id) = @_;
	return $cluster->wait_for(
		sub {
			my $status = $cluster->try_status($id) // return 0;
			my @pids   = grep { defined }
			  @$status{qw(launcher_pid receiver_pid ticker_pid sender_pid)};
			return @pids == 4 ? "@pids" : undef;
		},
		"the workers of node $id to run");
}

my ($follower) = grep { $_ != $leader } $cluster->ids;

#
# The hook's guardian, the child of the hook runner, is killed
#

my @before   = begun($follower);
my $pids     = wait_for_pids($follower);
my $runner   = $hook->runner($follower);
my @hook     = $hook->wait_for_living("living.$follower", 3);
my %children = $hook->children($runner);
is(scalar(keys %children), 1, 'the hook runner has one child');
my $from = $cluster->log_size($follower);
kill 'KILL', keys %children;
wait_for_end_of('guardian killed', @hook);
$cluster->wait_for_log($follower,
	qr/pg_leader hook \d+ \(.*\) failed with status 137 /, $from);
is($hook->runner($follower), $runner, 'guardian killed: the runner goes on');

# Should the leader have changed meanwhile, another run goes on already.
$cluster->wait_for(
	sub {
		my %now = $hook->children($runner);
		return !grep { exists $now{$_} } keys %children;
	},
	'the guardian to be waited for');
pass('guardian killed: no zombie is left');
is(wait_for_pids($follower),
	$pids, 'guardian killed: nor do the others notice');

#
# The next change finds the hooks of the other nodes hanging: nobody minds
#

$cluster->session($leader)->query('SELECT pg_leader_step_down()');
($leader, $term) = $cluster->wait_for_leader(above => $term);
wait_for_hook($follower, @before);
pass('guardian killed: the hook runs again with the next change');

#
# The hook runner ends: it alone is started again, and begins with the news
# that it has not finished
#

foreach my $id ($cluster->ids)
{
	# The first time, it catches up.
	@before = begun($id);
	kill 'TERM', $hook->runner($id);
	wait_for_hook($id, @before);
}
($leader, $term) = $cluster->wait_for_leader;
foreach my $id ($cluster->ids)
{
	@before = begun($id);
	$pids   = wait_for_pids($id);
	$runner = $hook->runner($id);
	@hook   = $hook->wait_for_living("living.$id", 3);
	my $session = $cluster->value($id, 'SELECT pg_backend_pid()');

	kill 'TERM', $runner;
	wait_for_end_of("runner of node $id ended", @hook);
	wait_for_hook($id, @before);
	my @begun = begun($id);
	is($begun[-1], $before[-1],
		"runner of node $id ended: the next one begins anew with its news");
	isnt($hook->runner($id), $runner,
		"runner of node $id ended: there is another");
	is(wait_for_pids($id), $pids,
		"runner of node $id ended: the other workers go on");
	is($cluster->value($id, 'SELECT pg_backend_pid()'),
		$session, "runner of node $id ended: the server serves on");
	like(
		$cluster->log_of($id),
		qr/pg_leader hook runner has ended, restarting it alone/,
		"runner of node $id ended: the log says so");
}
my ($new_leader, $new_term) = $cluster->wait_for_leader;
is($new_term, $term, 'runners ended: no election took place');

#
# The launcher ends, and all workers with it
#

($leader, $term) = $cluster->wait_for_leader;
@before = begun($follower);
$runner = $hook->runner($follower);
@hook   = $hook->wait_for_living("living.$follower", 3);
kill 'TERM', $cluster->status($follower)->{launcher_pid};
wait_for_end_of('launcher ended', @hook);
wait_for_hook($follower, @before);
my %processes = $cluster->processes($follower);
is(scalar(grep { /pg_leader hook runner/ } values %processes),
	1, 'launcher ended: there is one hook runner');
isnt($hook->runner($follower), $runner, 'launcher ended: a new one');

#
# The hook runner is killed: the server restarts, as for any of its processes
#

@before = begun($follower);
@hook   = $hook->wait_for_living("living.$follower", 3);
$from   = $cluster->log_size($follower);
kill 'KILL', $hook->runner($follower);
wait_for_end_of('runner killed', @hook);
$cluster->wait_for_log($follower,
	qr/all server processes terminated; reinitializing/, $from);
wait_for_hook($follower, @before);
pass('runner killed: the hook runs again when the server does');

#
# The server is stopped, in each mode; the postmaster is killed
#

foreach my $mode (qw(fast smart immediate))
{
	@before = begun($follower);
	@hook   = $hook->wait_for_living("living.$follower", 3);
	$cluster->stop($mode, $follower);
	wait_for_end_of("$mode shutdown", @hook);
	$cluster->start($follower);
	wait_for_hook($follower, @before);
}

@before = begun($follower);
@hook   = $hook->wait_for_living("living.$follower", 3);
$cluster->kill9($follower);
wait_for_end_of('postmaster killed', @hook);
$cluster->start($follower);
wait_for_hook($follower, @before);
pass('postmaster killed: the server starts again, and the hook runs');

#
# A hook that is deaf costs no failover
#

($leader, $term) = $cluster->wait_for_leader;
$hook->wait_for_living("living.$_", 3) foreach $cluster->ids;
@hook = $hook->living("living.$leader");
$cluster->kill9($leader);
my @others = grep { $_ != $leader } $cluster->ids;
(undef, $new_term) =
  $cluster->wait_for_leader(above => $term, among => \@others);
cmp_ok($new_term, '>', $term, 'with hanging hooks another node takes over');
wait_for_end_of('the leader is killed', @hook);

my %left = map { $_ => [ $hook->living("living.$_") ] } @others;
$cluster->stop('fast', @others);
wait_for_end_of("node $_ stopped", @{ $left{$_} }) foreach @others;

#
# One slot too few for the hook runner: elections go on
#

my $single = PgLeaderCluster->new(
	nodes => 1,
	conf  => "max_worker_processes = 4\nmax_logical_replication_workers = 0");
$single->start_all;
$single->wait_for_leader;
$single->wait_for_log(0,
	qr/WARNING:  no background worker slot is free for pg_leader's hook runner\n/
);
is($single->value(0, 'SELECT pg_leader_is_leader()'),
	't', 'no slot for the hook runner: the node leads all the same');
$single->stop_all;

done_testing();
