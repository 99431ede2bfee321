# If this broke, two servers that run with one node id, as after a virtual
# machine was cloned, would take turns in voting and acknowledging: each with a
# memory of its own, so that two leaders could be elected in one term.
#
# A cluster of three is born; then node 2 is stopped, and this test speaks on
# its port in the name of two servers.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PgLeaderDatagram;
use PgLeaderPeer;
use PostgreSQL::Test::Utils;
use Test::More;

# As in src/wire/session.h.
my $contest_answers = 5;

my $cluster = PgLeaderCluster->new(nodes => 3);
$cluster->start_all;
my ($leader, $term) = $cluster->wait_for_leader;
$cluster->stop('fast', 2);
($leader, $term) = $cluster->wait_for_leader(among => [ 0, 1 ]);
my $peer = PgLeaderPeer->new(cluster => $cluster, id => 2, to => 0);
my $log  = $cluster->log_size(0);

my $warning =
  qr/WARNING: .*dropped a datagram of node 2 from "127\.0\.0\.1:\d+": clone/;
my $back = qr/LOG: .*node 2 is believed again/;

sub dropped
{
	return $cluster->counters(0)->{dropped_clone};
}

sub reachable
{
	return ($cluster->peers(0)->[2]{reachable} // '') eq 't';
}

# How often this is in node 0's log since then.
sub count_in_log
{
	my ($pattern, $from) = @_;

	my $found = () = $cluster->log_of(0, $from) =~ /$pattern/g;
	return $found;
}

# What a server that lives does: it answers Probes that are meant for it.
# Returns session and nonce of each.
sub answer_probes
{
	my (@sessions) = @_;
	my @answered;

	foreach my $probe (grep { $_->{type} == PgLeaderDatagram::PROBE }
		$peer->pending)
	{
		foreach my $session (grep { $_ == $probe->{to_session} } @sessions)
		{
			push @answered, [ $session, $probe->{nonce} ];
			$peer->send(
				$peer->message(
					$session,
					type  => PgLeaderDatagram::PROBE_REPLY,
					nonce => $probe->{nonce},
					term  => $term));
		}
	}
	return @answered;
}

# Something that a member of a later term might say, if it were believed.
sub send_from
{
	my ($session, $type) = @_;

	$peer->send(
		$peer->message(
			$session,
			type         => $type,
			nonce        => 1,
			term         => $term + 5,
			subject_term => $term + 5,
			round        => 1));
	return;
}

# A Probe of one of these sessions in turn, as of servers that hear nothing that
# is meant for them; at once, all but the first would find no hearing.
my $turn = 0;

sub speak
{
	my (@sessions) = @_;

	$peer->send(
		$peer->message(
			$sessions[ $turn++ % @sessions ],
			nonce => 1,
			term  => $term));
	return answer_probes(@sessions);
}

sub check_dropped
{
	my ($counter, $name, $session, $type) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my $before = $cluster->counters(0)->{$counter};
	send_from($session, $type);
	$cluster->wait_for(sub { $cluster->counters(0)->{$counter} > $before },
		"$name to be counted");
	pass($name);
	return;
}

#
# One after the other
#

$peer->open_session(41);
$peer->open_session(42);
$peer->open_session(43);
$cluster->wait_for(sub { speak(43); reachable() },
	'node 0 to count node 2 as reachable');
check_dropped('dropped_session', 'a former session is not believed',
	42, PgLeaderDatagram::HEARTBEAT);
is(dropped(), 0, 'a node that restarts is not taken for two');

#
# The former one is alive
#

$cluster->wait_for(sub { speak(42); dropped() > 0 },
	'a former session to prove that it lives');
$cluster->wait_for_log(0, $warning, $log);
like(
	$cluster->log_of(0, $log),
	qr/DETAIL: .*Two servers run as node 2.*\n.*HINT: .*Stop one of them/,
	'the log says what is wrong, and what to do');

foreach my $session (42, 43)
{
	check_dropped(
		'dropped_clone', "a heartbeat of session $session",
		$session,        PgLeaderDatagram::HEARTBEAT);
	check_dropped('dropped_clone', "a vote request of session $session",
		$session, PgLeaderDatagram::VOTE);
}
my $before = dropped();
send_from($_ % 2 ? 42 : 43, PgLeaderDatagram::HEARTBEAT) foreach 1 .. 50;
$cluster->wait_for(sub { dropped() >= $before + 50 },
	'50 datagrams to be dropped');
cmp_ok(count_in_log($warning, $log), '<', 10, 'and the log tells of few');
is($cluster->status(0)->{term}, $term, 'none of them changed the term');

# However many challenges both answer, and a third one that is new.
my %answered_by;
$cluster->wait_for(
	sub {
		$answered_by{ $_->[1] }{ $_->[0] } = 1 foreach speak(42, 43, 44);
		return 2 * $contest_answers < grep { keys %$_ > 1 }
		  values %answered_by;
	},
	'many challenges to be answered by all');
check_dropped('dropped_clone', 'neither is believed while both live',
	43, PgLeaderDatagram::HEARTBEAT);
is(count_in_log($back, $log), 0, 'and the log does not say so');
$cluster->wait_for(sub { !reachable() },
	'node 0 not to count node 2 as reachable');

#
# One is left.  It may hear node 0 so well that it never probes: its
# acknowledgements must do.
#

$cluster->wait_for(
	sub {
		$peer->send(
			$peer->message(
				43,
				type => PgLeaderDatagram::HEARTBEAT_ACK,
				term => $term));
		answer_probes(43);
		return $cluster->log_of(0, $log) =~ $back;
	},
	'the one that is left to be believed again');
$cluster->wait_for(sub { speak(43); reachable() },
	'node 0 to count node 2 as reachable again');
check_dropped('dropped_session', 'the other one is not believed',
	42, PgLeaderDatagram::HEARTBEAT);

#
# The other one is back; then both go, and node 2 itself comes
#

$before = dropped();
$log    = $cluster->log_size(0);
$cluster->wait_for(
	sub { speak(42); dropped() > $before },
	'the other one to prove that it lives');
$cluster->wait_for_log(0, $warning, $log);
$peer->close;
$cluster->start(2);
$cluster->wait_for_log(0, $back, $log);
my ($last_leader, $last_term) = $cluster->wait_for_leader;
is($cluster->status(2)->{standing}, 'member',  'node 2 is back');
is("$last_leader $last_term", "$leader $term", 'no election in all this')
  or $cluster->dump_all('an election');

# A server that restarts quickly is one.
$log = $cluster->log_size(0);
foreach (1 .. 5)
{
	$cluster->stop('immediate', 2);
	$cluster->start(2);
}
$cluster->wait_for(\&reachable, 'node 2 to be reachable after its restarts');
is(count_in_log($warning, $log),
	0, 'a server that restarts quickly is not taken for two');

$cluster->stop_all;
done_testing();
