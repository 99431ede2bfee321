# If this broke, a disk that does not answer, or a worker that does not keep up
# with its queue, would keep PostgreSQL from stopping, or a cluster from having
# a leader.
#
# t/hung_disk.c makes the disk under a node's state file hang on demand.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PgLeaderPeer;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;

my $compiler = $ENV{CC} // 'cc';
plan skip_all => "there is no C compiler \"$compiler\""
  if system("$compiler --version >/dev/null 2>&1") != 0;

my $folder  = PostgreSQL::Test::Utils::tempdir();
my $library = "$folder/hung_disk.so";
system_or_bail("$compiler -shared -fPIC -o '$library'"
	  . " '$FindBin::RealBin/hung_disk.c'");

# Five, so that three are left when a disk hangs and a node is stopped.
my $cluster = PgLeaderCluster->new(nodes => 5);

# The disk of node $id hangs as long as this file exists.
sub flag
{
	my ($id) = @_;
	return "$folder/node$id";
}

sub let_disk_hang
{
	my ($id) = @_;

	unlink flag($id) . '.hit';
	append_to_file(flag($id), '');
	return;
}

sub let_disk_answer
{
	my ($id) = @_;

	unlink flag($id) or die "could not remove \"" . flag($id) . "\": $!";
	return;
}

sub wait_for_hang
{
	my ($id) = @_;

	$cluster->wait_for(sub { -e flag($id) . '.hit' },
		"the disk of node $id to hang");
	return;
}

sub start
{
	my (@ids) = @_;

	foreach my $id (@ids)
	{
		local $ENV{LD_PRELOAD} = $library;
		local $ENV{HUNG_DISK}  = flag($id);
		$cluster->start($id);
	}
	return;
}

# Nothing is written while nothing changes, so let something change: a longer
# promise than ever has to be durable before it is given.
my $timeout_ms = 500;

sub hang_ticker
{
	my ($id) = @_;

	let_disk_hang($id);
	$timeout_ms += 50;
	$cluster->set(
		$id,
		election_timeout_min => "${timeout_ms}ms",
		election_timeout_max => $timeout_ms + 250 . 'ms');
	$cluster->node($id)->reload;
	wait_for_hang($id);
	return;
}

# Stops the node.  An immediate shutdown kills after a while what has not
# ended by itself, and says so; the others wait for ever.
sub check_stops
{
	my ($mode, $id, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my $from = $cluster->log_size($id);
	$cluster->stop($mode, $id);
	unlike($cluster->log_of($id, $from), qr/SIGKILL|PANIC/, $name);
	return;
}

start($cluster->ids);

#
# The leader's disk hangs: another node leads, and the server can be stopped
#

my ($leader, $term) = $cluster->wait_for_leader;
foreach my $mode (qw(fast smart immediate))
{
	my @others = grep { $_ != $leader } $cluster->ids;

	hang_ticker($leader);
	my ($next, $next_term) = $cluster->wait_for_leader(
		among => \@others,
		above => $term);
	isnt($next, $leader, "$mode shutdown: another node leads");
	is($cluster->value($leader, 'SELECT pg_leader_is_leader()'),
		'f', "$mode shutdown: the node whose disk hangs does not");
	check_stops($mode, $leader, "$mode shutdown while the disk hangs");

	let_disk_answer($leader);
	start($leader);
	($leader, $term) = $cluster->wait_for_leader;
}

# It hangs from the start on, when the state file is read.
my ($node, $other, $absent) = grep { $_ != $leader } $cluster->ids;
$cluster->stop('fast', $node);
let_disk_hang($node);
start($node);
wait_for_hang($node);
is($cluster->status($node)->{role}, 'down', 'a disk hangs: the node is down');
check_stops('fast', $node, 'fast shutdown while the disk hangs at the start');

# Nor does it keep the server from starting.
start($node);
is($cluster->value($node, 'SELECT 1'), 1, 'the server starts all the same');
is($cluster->status($node)->{role},    'down', 'but its node is down');
let_disk_answer($node);
$cluster->wait_for(
	sub { $cluster->status($node)->{role} ne 'down' },
	'the node to be back when the disk answers');
$cluster->wait_for_leader;

# Nor does it keep the server from starting when its postmaster was killed: who
# waits for the disk leaves, and nothing of the server's memory stays in use.
hang_ticker($node);
my $waiting = $cluster->status($node)->{ticker_pid};
$cluster->kill_postmaster($node);
$cluster->wait_for(sub { !kill 0, $waiting },
	'the ticker that waits for the disk to find its postmaster dead');
start($node);
is($cluster->value($node, 'SELECT 1'),
	1, 'postmaster killed while the disk hangs: the server starts');
let_disk_answer($node);
$cluster->wait_for(
	sub { $cluster->status($node)->{role} ne 'down' },
	'the node to be back after its postmaster was killed');
$cluster->wait_for_leader;

#
# Full queues.  The ticker does not take from the inbox while its disk hangs,
# and each Probe of a session that it has accepted is answered, so these fill
# the queues.
#

$cluster->stop('fast', $absent);
my $peer = PgLeaderPeer->new(cluster => $cluster, id => $absent, to => $node);
my $session = 42;

# Makes the node accept another session of the node that is stopped.
sub open_session
{
	$peer->open_session(++$session);
	$cluster->wait_for(
		sub {
			$peer->send($peer->message($session, nonce => 1));
			return ($cluster->peers($node)->[$absent]{reachable} // '') eq
			  't';
		},
		"node $node to hear of the new session");
	return;
}

# Sends Probes of that session until the counter has grown.
sub flood
{
	my ($counter) = @_;

	my $term   = $cluster->status($node)->{term};
	my $before = $cluster->counters($node)->{$counter};
	$cluster->wait_for(
		sub {
			$peer->send($peer->message($session, nonce => $_, term => $term))
			  foreach 1 .. 100;
			return $cluster->counters($node)->{$counter} > $before;
		},
		"$counter to grow on node $node");
	return;
}

sub pids
{
	my ($id) = @_;
	my $status = $cluster->status($id);
	return join ' ', map { $status->{"${_}_pid"} } qw(receiver ticker sender);
}

# Waits until the leader counts on the node's vote ("t"), or no more ("f").
sub wait_for_acknowledgement
{
	my ($id, $wanted) = @_;

	$cluster->wait_for(
		sub {
			my $leader =
			  $cluster->value($other, 'SELECT pg_leader_leader_id()');
			return defined $leader
			  && ($cluster->peers($leader)->[$id]{acknowledges} // '') eq
			  $wanted;
		},
		"\"acknowledges\" of node $id to be $wanted");
	return;
}

open_session();
my $pids = pids($node);
hang_ticker($node);
flood('dropped_queue_full');
pass('inbox full: what finds no room is counted');
$cluster->wait_for_log($node, qr/dropped a datagram .* queue full/);
wait_for_acknowledgement($node, 'f');

let_disk_answer($node);
wait_for_acknowledgement($node, 't');
is(pids($node), $pids, 'inbox full: the same workers go on');

hang_ticker($node);
flood('dropped_queue_full');
check_stops('fast', $node, 'fast shutdown while the inbox is full');
let_disk_answer($node);
start($node);
wait_for_acknowledgement($node, 't');
open_session();

# A sender that does not run; it does so again when the shutdown has begun.
$pids = pids($node);
my $sender = $cluster->status($node)->{sender_pid};
kill 'STOP', $sender;
flood('outbox_full');
pass('outbox full: what finds no room is counted');
wait_for_acknowledgement($node, 'f');
kill 'CONT', $sender;
wait_for_acknowledgement($node, 't');
is(pids($node), $pids, 'outbox full: the same workers go on');

kill 'STOP', $sender;
flood('outbox_full');
my $from  = $cluster->log_size($node);
my $waker = fork // die "could not fork: $!";
if ($waker == 0)
{
	eval {
		$cluster->wait_for_log($node, qr/received fast shutdown request/,
			$from);
	};
	kill 'CONT', $sender;
	POSIX::_exit(0);
}
check_stops('fast', $node, 'fast shutdown while the outbox is full');
waitpid $waker, 0;

# The node whose name was used comes back as itself.
$peer->close;
start($absent, $node);
$cluster->wait_for_leader;
is($cluster->status($absent)->{standing},
	'member', 'the node that was impersonated is a member');
$cluster->stop_all;
done_testing();
