# If this broke, the hook of a node that was elected, but that no majority
# follows, would act as if it led: take the address, say, from the leader.
#
# A cluster of two is born; then node 1 is stopped, and this test votes in its
# name, but for a while acknowledges no heartbeat.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PgLeaderDatagram;
use PgLeaderHook;
use PgLeaderPeer;
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = PgLeaderCluster->new(nodes => 2);
my $hook    = PgLeaderHook->new($cluster);
$hook->install(0);
$cluster->start_all;
$cluster->wait_for_leader;

# From here on node 0 knows of no leader.
$cluster->stop('fast', 1);
$cluster->wait_for_no_leader(0);
$hook->wait_for_told(0, -1);
my $runs_before = $hook->runs(0);

my $session = 42;
my $peer    = PgLeaderPeer->new(cluster => $cluster, id => 1, to => 0);
$peer->open_session($session);

sub answer
{
	my ($request, $type, %fields) = @_;

	$peer->send(
		$peer->message(
			$session,
			type  => $type,
			nonce => $request->{nonce},
			term  => $request->{term},
			map({ $_ => $request->{$_} } qw(subject_term round)),
			%fields));
	return;
}

# Does what a member does that would have node 0 for its leader; but whether
# it acknowledges heartbeats is said here.  Returns the terms of heartbeats
# that came.
sub serve
{
	my ($acknowledges) = @_;
	my @terms;

	foreach my $request ($peer->pending)
	{
		my $type = $request->{type};

		if ($type == PgLeaderDatagram::PROBE)
		{
			answer($request, PgLeaderDatagram::PROBE_REPLY);
		}
		elsif ($type == PgLeaderDatagram::PRE_VOTE)
		{
			answer(
				$request,
				PgLeaderDatagram::PRE_VOTE_REPLY,
				flags => PgLeaderDatagram::GRANTED);
		}
		elsif ($type == PgLeaderDatagram::VOTE)
		{
			answer($request, PgLeaderDatagram::VOTE_REPLY,
				flags => PgLeaderDatagram::GRANTED);
		}
		elsif ($type == PgLeaderDatagram::HEARTBEAT)
		{
			push @terms, $request->{subject_term};
			answer(
				$request,
				PgLeaderDatagram::HEARTBEAT_ACK,
				promise_ns => 400_000_000) if $acknowledges;
		}
	}
	return @terms;
}

# Elected again and again, and each time not followed.  The last of these terms
# still goes on.
my %unfollowed;
$cluster->wait_for(
	sub {
		$unfollowed{$_} = 1 foreach serve(0);
		return keys %unfollowed >= 4;
	},
	'node 0 to be elected in four terms');
my ($last_term) = sort { $b <=> $a } keys %unfollowed;
delete $unfollowed{$last_term};

# Elected, and followed.
my $told = $cluster->wait_for(
	sub {
		serve(1);
		my ($last) = reverse $hook->runs(0);
		return $last->{leader_id} == 0 ? $last : undef;
	},
	'the hook to be told that node 0 leads');
is($told->{is_leader}, 'true', 'the hook was told that the node leads');
cmp_ok($told->{term}, '>=', $last_term, 'in a term in which it was followed');

my @runs = $hook->runs(0);
splice @runs, 0, $runs_before;
my @false =
  grep { $_->{leader_id} == 0 && $unfollowed{ $_->{term} } } @runs;
is(join(' ', map { $_->{term} } @false),
	'', 'and of no leader in the terms in which it was not');

$peer->close;
$cluster->stop('fast', 0);
done_testing();
