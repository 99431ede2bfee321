# If this broke, a DBA who looks why a node is not counted would be told
# nothing, or the wrong thing; and graphs drawn from the statistics would jump.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use IO::Socket::INET;
use IPC::Run;
use PgLeaderCluster;
use PgLeaderDatagram;
use PgLeaderPeer;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = PgLeaderCluster->new(nodes => 3);
$cluster->start_all;
my ($leader, $term) = $cluster->wait_for_leader;

# What only grows: the counters, and the times that are no maxima.
sub totals
{
	my ($id) = @_;
	my $counters = $cluster->counters($id);

	delete @$counters{
		grep { /max_time|high_water|hook_last|stats_reset/ }
		  keys %$counters
	};
	return $counters;
}

sub messages
{
	my ($id) = @_;
	return @{ $cluster->records($id, 'SELECT * FROM pg_stat_leader_messages')
	};
}

#
# Messages, by type and by peer
#

$cluster->wait_for_heartbeats($_, 50) foreach $cluster->ids;
foreach my $id ($cluster->ids)
{
	my @others = grep { $_ != $id } $cluster->ids;
	my $peers  = $cluster->peers($id);

	foreach my $other (@others)
	{
		cmp_ok($peers->[$other]{messages_sent},
			'>', 0, "node $id counts what it sends to node $other");
		cmp_ok($peers->[$other]{messages_received},
			'>', 0, "node $id counts what it receives from node $other");
		like($peers->[$other]{session_start},
			qr/^\d/, "node $id knows since when node $other runs");
	}
	# Each pair measures its way, followers among them too.
	$cluster->wait_for(
		sub {
			return !grep {
					 !defined $_->{last_round_trip}
				  || !defined $_->{last_measured}
			} @{ $cluster->peers($id) }[@others];
		},
		"node $id to measure the way to every other");
	is($peers->[$id]{messages_sent}, undef, "node $id sends itself nothing");

	# Some come in between the two questions.
	$cluster->wait_for(
		sub {
			return $cluster->value(
				$id, q{
				SELECT abs(p.sent - m.sent) + abs(p.received - m.received) < 20
				FROM (SELECT sum(messages_sent) AS sent,
							 sum(messages_received) AS received
					  FROM pg_leader_peers) AS p,
					 (SELECT sum(sent) AS sent, sum(received) AS received
					  FROM pg_stat_leader_messages) AS m}) eq 't';
		},
		"node $id to count as many messages by peer as by type");
}
my %by_type = map { $_->{type} => $_ } messages($leader);
cmp_ok($by_type{heartbeat}{sent}, '>', 0, 'a leader sends heartbeats');
cmp_ok($by_type{'heartbeat ack'}{received},
	'>', 0, 'and they are acknowledged');
cmp_ok($cluster->counters($leader)->{inbox_high_water},
	'>', 0, 'a message is in a queue for a moment');

#
# The start of the workers, and a reset
#

my $follower = ($leader + 1) % 3;
my $before   = totals($follower);
my $sessions = $cluster->value($leader,
	"SELECT session_start FROM pg_leader_peers WHERE node_id = $follower");
my $old_pid = $cluster->status($follower)->{ticker_pid};
kill 'TERM', $cluster->status($follower)->{receiver_pid};
$cluster->wait_for(
	sub {
		my $pid = $cluster->status($follower)->{ticker_pid};
		return defined $pid && $pid != $old_pid;
	},
	'the workers to start again');
($leader, $term) = $cluster->wait_for_leader;
my $after = totals($follower);
is(join(' ', grep { $after->{$_} < $before->{$_} } sort keys %$before),
	'', 'no counter goes back when the workers start again');
is( $after->{pipeline_starts},
	$before->{pipeline_starts} + 1,
	'that they did is counted');
my ($watcher) = grep { $_ != $follower } $cluster->ids;
$cluster->wait_for(
	sub {
		$cluster->value($watcher,
				"SELECT session_start > '$sessions' FROM pg_leader_peers"
			  . " WHERE node_id = $follower") eq 't';
	},
	'the new session to be shown');

$cluster->wait_for_heartbeats($follower, 50);
$before = totals($follower);
my $reset_before =
  $cluster->value($follower, 'SELECT stats_reset FROM pg_stat_leader');
$cluster->ask($follower, 'SELECT pg_leader_stat_reset()');
$after = totals($follower);
cmp_ok(
	$after->{datagrams_received},
	'<',
	$before->{datagrams_received},
	'a reset begins anew');
is($after->{pipeline_starts}, 0, 'with every counter');
is( $cluster->value(
		$follower, "SELECT stats_reset > '$reset_before' FROM pg_stat_leader"
	),
	't',
	'and tells when that was');

# While datagrams rain in and somebody resets over and over again, nobody who
# looks sees a counter below zero.
my $rain = fork // die "could not fork: $!";
if ($rain == 0)
{
	my $socket = IO::Socket::INET->new(
		Proto    => 'udp',
		PeerAddr => '127.0.0.1',
		PeerPort => $cluster->udp_port($follower));
	my $parent = getppid;
	$socket->send('x') while getppid == $parent;
	POSIX::_exit(0);
}
my $output    = '';
my $resetting = IPC::Run::start(
	[
		'psql',
		'-XAtq',
		'-d',
		$cluster->node($follower)->connstr('postgres')
		  . ' application_name=resetting',
		'-c',
		q{DO $$ BEGIN LOOP PERFORM pg_leader_stat_reset(); END LOOP; END $$}
	],
	'>&',
	\$output);
$cluster->wait_for(
	sub {
		return $cluster->value(
			$follower,
			q{SELECT count(*) FROM pg_stat_activity
			  WHERE application_name = 'resetting' AND query LIKE 'DO%'}) > 0;
	},
	'resets to begin');
my $least = $cluster->value(
	$follower, q{
	CREATE TEMPORARY TABLE seen (least bigint);
	DO $$
	DECLARE
		least bigint := 0;
	BEGIN
		FOR i IN 1..30000 LOOP
			least := least(least, (SELECT datagrams_received FROM pg_stat_leader));
		END LOOP;
		INSERT INTO seen VALUES (least);
	END
	$$;
	SELECT least FROM seen});
$cluster->ask(
	$follower,
	q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	  WHERE application_name = 'resetting'});
IPC::Run::finish($resetting);
like($output, qr/terminating connection/, 'resets went on to the end');
kill 'KILL', $rain;
waitpid $rain, 0;
cmp_ok($least, '>=', 0, 'no counter is ever below zero');

#
# Why a peer is not counted
#

my $victim = 2;
my ($node) = grep { $_ != $victim } $cluster->ids;

sub wait_for_note
{
	my ($pattern, $name, $again) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my $note;
	$cluster->wait_for(
		sub {
			$again->() if $again;
			$note = $cluster->peers($node)->[$victim]{note} // '';
			return $note =~ $pattern;
		},
		"the note about a peer, $name, to match $pattern");
	like($note, $pattern, $name);
	return;
}

$cluster->stop('fast', $victim);
wait_for_note(qr/^silent for \d+\.\d s$/, 'unreachable');
is($cluster->peers($node)->[$victim]{reachable},
	'f', 'it is shown as unreachable');

my $peer = PgLeaderPeer->new(
	cluster => $cluster,
	id      => $victim,
	to      => $node);
my $name     = $cluster->value($node, 'SHOW pg_leader.cluster_name');
my %datagram = (
	fingerprint  => PgLeaderDatagram::fingerprint(3, $name),
	version      => 1,
	type         => PgLeaderDatagram::PROBE,
	from         => $victim,
	to           => $node,
	from_session => 42,
	generation   => 1,
	priority     => 100);
my $elsewhere = IO::Socket::INET->new(
	Proto     => 'udp',
	LocalAddr => '127.0.0.9') or die "could not open a socket: $!";

foreach my $case (
	[
		'another cluster\'s name',
		qr/another cluster name or number of nodes/,
		{ fingerprint => PgLeaderDatagram::fingerprint(3, 'other') }
	],
	[
		'another number of nodes',
		qr/another cluster name or number of nodes/,
		{ fingerprint => PgLeaderDatagram::fingerprint(5, $name) }
	],
	[ 'meant for another node', qr/meant for another node/, { to => 1 } ],
	[ 'a field out of range',   qr/malformed/, { priority => 5000 } ],
	[ 'another address',        qr/not from its address/, {}, $elsewhere ])
{
	my ($what, $pattern, $fields, $socket) = @$case;
	my $bytes =
	  PgLeaderDatagram::encode($PgLeaderCluster::secret, %datagram, %$fields);
	wait_for_note(qr/datagrams in its name are refused: $pattern$/,
		$what, sub { $peer->send($bytes, $socket) });
}

#
# Why this node refuses its vote: it has a leader
#

$peer->open_session(43);
$cluster->wait_for(
	sub {
		my ($leads, $leader_term) =
		  $cluster->wait_for_leader(among => [ $cluster->running ]);
		$peer->send(
			$peer->message(
				43,
				type         => PgLeaderDatagram::PRE_VOTE,
				term         => $leader_term,
				subject_term => $leader_term + 1,
				nonce        => 1));
		my $reason = $leads == $node ? 'is the leader' : 'hears a leader';
		return $cluster->value($node,
				'SELECT pre_votes FROM pg_stat_leader_refusals'
			  . " WHERE reason = '$reason'") > 0;
	},
	'a pre-vote to be refused for the reason that there is');
is( $cluster->value(
		$node, q{
		SELECT (pre_votes_refused, votes_refused) =
			(SELECT sum(pre_votes), sum(votes) FROM pg_stat_leader_refusals)
		FROM pg_stat_leader}),
	't',
	'refusals by reason are all refusals');
$peer->close;

# As a DBA would meet it: the secret of one server is another one.
$cluster->write_secret(
	$cluster->node($victim)->basedir . '/secret',
	'another secret, of the same length or so');
$cluster->start($victim);
wait_for_note(
	qr/^silent for .*; datagrams in its name are refused: not signed with this node's secret$/,
	'another secret');
$cluster->stop('fast', $victim);
$cluster->write_secret($cluster->node($victim)->basedir . '/secret',
	$PgLeaderCluster::secret);
$cluster->start($victim);
wait_for_note(qr/^(?!silent|.*refused)/, 'and with the right one');

$cluster->stop_all;
done_testing();
