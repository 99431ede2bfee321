# If this broke, whoever can send a datagram to a node could unseat its leader,
# stop its elections, or crash its server.
#
# A cluster of three is born; then node 2 is stopped, and this test speaks on
# its port: first as a stranger, then as somebody who knows the secret.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use IO::Socket::INET;
use PgLeaderCluster;
use PgLeaderDatagram;
use PgLeaderPeer;
use PostgreSQL::Test::Utils;
use Test::More;

my $secret  = $PgLeaderCluster::secret;
my $cluster = PgLeaderCluster->new(nodes => 3);
$cluster->start_all;
$cluster->wait_for_leader;
my $cluster_name = $cluster->value(0, 'SHOW pg_leader.cluster_name');
my $fingerprint  = PgLeaderDatagram::fingerprint(3, $cluster_name);
my $version      = 1;

$cluster->stop('fast', 2);
my $peer = PgLeaderPeer->new(cluster => $cluster, id => 2, to => 0);

sub dropped
{
	my ($reason) = @_;
	return $cluster->counters(0)->{"dropped_$reason"};
}

# What an attacker would like to change.
sub disturbance
{
	my $status = $cluster->status(0);
	return join ' ',
	  map { $status->{$_} // 'none' }
	  qw(leader_id term voted_for receiver_pid ticker_pid sender_pid);
}

# Sends a datagram that must be dropped for that reason, and for no other.
sub check_dropped
{
	my ($reason, $name, $datagram, $from) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my $before = $cluster->counters(0);
	$peer->send($datagram, $from);
	$cluster->wait_for(
		sub { dropped($reason) > $before->{"dropped_$reason"} },
		"$name to be counted");
	my $after = $cluster->counters(0);
	my @grown = grep { /^dropped_/ && $after->{$_} > $before->{$_} }
	  sort keys %$after;
	is("@grown", "dropped_$reason", $name);
	return;
}

#
# What is sent is what src/wire/wire.h says
#

my %heard = $peer->receive(sub { 1 }, 'a datagram of node 0');
is(length $heard{datagram},
	PgLeaderDatagram::SIZE, 'datagrams have the size that is documented');
is($heard{magic},       'PGLD',       'and the magic');
is($heard{version},     $version,     'and the version');
is($heard{fingerprint}, $fingerprint, 'and the fingerprint');
is($heard{to},          2,            'this one is for node 2');
is( unpack('H*', $heard{tag}),
	unpack(
		'H*',
		PgLeaderDatagram::tag(
			$secret, substr $heard{datagram},
			0,       PgLeaderDatagram::SIGNED_SIZE)),
	'and it is signed as documented');

#
# Without the secret.  Nodes 0 and 1 have a leader; the rest of the test must
# not change that.
#

my ($leader, $term) = $cluster->wait_for_leader;
my $undisturbed = disturbance();

my %forgery = (
	type         => PgLeaderDatagram::HEARTBEAT,
	version      => $version,
	from         => 2,
	to           => 0,
	fingerprint  => $fingerprint,
	sequence     => 1,
	from_session => 42,
	to_session   => $heard{from_session},
	term         => $term + 5,
	subject_term => $term + 5,
	round        => 1,
	promise_ns   => 0,
	generation   => 1,
	priority     => 100);

sub forged
{
	return PgLeaderDatagram::encode($secret, %forgery, @_);
}

sub unsigned
{
	return PgLeaderDatagram::encode(undef, %forgery, @_);
}

check_dropped('length',  'one byte',        'x');
check_dropped('length',  'no byte at all',  '');
check_dropped('length',  'truncated',       substr forged(), 0, -1);
check_dropped('length',  'a byte too long', forged() . 'x');
check_dropped('length',  'a very long one', 'PGLD' . 'x' x 60_000);
check_dropped('magic',   'garbage',         'x' x PgLeaderDatagram::SIZE);
check_dropped('magic',   'zeros',           "\0" x PgLeaderDatagram::SIZE);
check_dropped('version', 'another version', forged(version => $version + 1));
check_dropped(
	'fingerprint',
	'another cluster\'s name',
	forged(fingerprint => PgLeaderDatagram::fingerprint(3, 'other')));
check_dropped(
	'fingerprint',
	'another number of nodes',
	forged(fingerprint => PgLeaderDatagram::fingerprint(5, $cluster_name)));
check_dropped('addressee', 'meant for another node',     forged(to => 1));
check_dropped('sender', 'from a node that there is not', forged(from => 3));
check_dropped('sender', 'from the node itself',          forged(from => 0));
check_dropped('tag',    'not signed',                    unsigned());
check_dropped(
	'tag',
	'signed with another secret',
	PgLeaderDatagram::encode('x' x 40, %forgery));
check_dropped(
	'tag',
	'a vote request, signed with another secret',
	PgLeaderDatagram::encode(
		'x' x 40, %forgery, type => PgLeaderDatagram::VOTE));
check_dropped('tag',       'changed after it was signed', changed(forged()));
check_dropped('addressee', 'a captured one, sent back',   $heard{datagram});

# A bit of each byte that is signed, in a captured datagram that would be
# believed otherwise.
sub changed
{
	my ($datagram) = @_;
	my $byte = $forgery{term} & 1 ? 55 : 48;
	substr($datagram, $byte, 1) ^= "\x01";
	return $datagram;
}

# The address of the sender is not checked by its port, but by its host: any
# process on it may have the sender's.  It still has to know the secret.
my $other_port = IO::Socket::INET->new(
	Proto     => 'udp',
	LocalAddr => '127.0.0.1') or die "could not open a socket: $!";
check_dropped('tag', 'not signed, from another port',
	unsigned(), $other_port);
my $other_host = IO::Socket::INET->new(
	Proto     => 'udp',
	LocalAddr => '127.0.0.9') or die "could not open a socket: $!";
check_dropped('address', 'from another host', unsigned(), $other_host);

#
# With the secret, but as a session that node 0 has not accepted: this is what
# an old capture is.
#

check_dropped('malformed', 'a type that there is not', forged(type => 99));
check_dropped(
	'malformed',
	'a priority out of range',
	forged(priority => 5000));
check_dropped('session', 'of a session not accepted', forged());
check_dropped(
	'session',
	'with an echo of an old session',
	forged(to_session => $heard{from_session} ^ 1));

# A Probe of such a session is answered, and nothing of it is believed.
my %answer = $peer->receive(
	sub {
		$_[0]{type} == PgLeaderDatagram::PROBE_REPLY
		  && $_[0]{to_session} == 42;
	},
	'an answer to a Probe',
	sub {
		$peer->send(
			forged(
				type     => PgLeaderDatagram::PROBE,
				sequence => $forgery{sequence}++,
				nonce    => 4711));
	});
is($answer{nonce}, 4711, 'a stranger\'s Probe is answered with its nonce');

# That Probe may be a captured one that is sent over and over again: most of
# the copies are dropped.
my $replayed = forged(
	type     => PgLeaderDatagram::PROBE,
	sequence => $forgery{sequence}++,
	nonce    => 4712);
my $dropped_before = dropped('session');
my $answers        = 0;
$cluster->wait_for(
	sub {
		$peer->send($replayed) foreach 1 .. 100;
		$answers += grep { $_->{nonce} == 4712 } $peer->pending;
		return dropped('session') >= $dropped_before + 1000;
	},
	'a replayed Probe to be dropped');
cmp_ok($answers, '<', 500, 'a replayed Probe is seldom answered');

# Once this one is counted, what came before it has been looked at.
my $magic_before = dropped('magic');
$peer->send('x' x PgLeaderDatagram::SIZE);
$cluster->wait_for(sub { return dropped('magic') > $magic_before; },
	'garbage to be dropped');

is(disturbance(), $undisturbed, 'none of this has disturbed anything')
  or $cluster->dump_all('disturbed');

#
# As node 2 itself: make acquaintance, then send something twice
#

my $last_nonce = 1000;

# Waits for the answer to a Probe of an accepted session.
sub check_accepted
{
	my ($session, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my $nonce = ++$last_nonce;
	my %reply = $peer->receive(
		sub {
			$_[0]{type} == PgLeaderDatagram::PROBE_REPLY
			  && $_[0]{nonce} == $nonce;
		},
		"$name: an answer",
		sub { $peer->send($peer->message($session, nonce => $nonce)) });
	is($reply{to_session}, $session, $name);
	return;
}

$peer->open_session(42);
check_accepted(42, 'a session that has proved to live is accepted');
$cluster->wait_for(sub { ($cluster->peers(0)->[2]{reachable} // '') eq 't' },
	'node 0 to count node 2 as reachable');

my $once = $peer->message(42, nonce => 77);
$peer->receive(
	sub {
		$_[0]{type} == PgLeaderDatagram::PROBE_REPLY && $_[0]{nonce} == 77;
	},
	'the answer to the first copy',
	sub { $peer->send($once) });
check_dropped('replay', 'sent a second time', $once);
check_dropped(
	'replay',
	'a sequence number of long ago',
	$peer->message(42, sequence => 0));

# After the session was followed by another, nothing of it is believed, not
# even what was signed then and never sent before.
my %kept = map {
	$_ => $peer->message(
		42,
		type         => $_,
		term         => $term + 5,
		subject_term => $term + 5,
		round        => 1)
} PgLeaderDatagram::HEARTBEAT, PgLeaderDatagram::VOTE;
$peer->open_session(43);
check_accepted(43, 'the next session is accepted');
check_dropped(
	'session',
	'a heartbeat of a former session',
	$kept{ PgLeaderDatagram::HEARTBEAT() });
check_dropped(
	'session',
	'a vote request of a former session',
	$kept{ PgLeaderDatagram::VOTE() });

my ($last_leader, $last_term) = $cluster->wait_for_leader;
is($last_term, $term, 'no election in all this')
  or $cluster->dump_all('an election');

#
# And with node 2 itself again everything is as before
#

$peer->close;
$cluster->start(2);
$cluster->wait_for_leader;
is($cluster->status(2)->{standing}, 'member', 'node 2 is back');

$cluster->stop_all;
done_testing();
