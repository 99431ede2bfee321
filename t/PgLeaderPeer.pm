
=head1 NAME

PgLeaderPeer - speaks to a node on the port of another that is stopped

=head1 SYNOPSIS

  my $peer = PgLeaderPeer->new(cluster => $cluster, id => 2, to => 0);
  $peer->open_session(42);
  $peer->send($peer->message(42, nonce => 1));

=cut

package PgLeaderPeer;

use strict;
use warnings;

use IO::Socket::INET;
use PgLeaderCluster;
use PgLeaderDatagram;

=head1 METHODS

=over

=item PgLeaderPeer->new(cluster => $cluster, id => $id, to => $to)

Takes the port of node C<$id>, which must be stopped, until C<close>; C<$to>
is the node that is spoken to, which must run.

=cut

sub new
{
	my ($class, %params) = @_;

	my $self    = bless { %params, sequence => 1, to_session => 0 }, $class;
	my $cluster = $self->{cluster};
	$self->{socket} = IO::Socket::INET->new(
		Proto     => 'udp',
		LocalAddr => '127.0.0.1',
		LocalPort => $cluster->udp_port($self->{id})
	) or die "could not take the port of node $self->{id}: $!";
	$self->{fingerprint} = PgLeaderDatagram::fingerprint(scalar $cluster->ids,
		$cluster->value($self->{to}, 'SHOW pg_leader.cluster_name'));
	return $self;
}

sub close
{
	my ($self) = @_;
	$self->{socket}->close;
	return;
}

=item $peer->send($datagram, $socket)

Sends it to the node; by another socket, if one is given.

=cut

sub send
{
	my ($self, $datagram, $socket) = @_;

	my $address = pack_sockaddr_in($self->{cluster}->udp_port($self->{to}),
		inet_aton('127.0.0.1'));
	defined CORE::send($socket // $self->{socket}, $datagram, 0, $address)
	  or die "could not send: $!";
	return;
}

=item $peer->receive($test, $what, $again)

Waits for a datagram from the node that passes the test; returns its fields,
and all of it as C<datagram>.  What would bring it is done anew, again and
again: datagrams may be lost.

=item $peer->pending

Datagrams from the node that have come in already, each a hash.

=cut

sub receive
{
	my ($self, $test, $what, $again) = @_;

	my $found = $self->{cluster}->wait_for(
		sub {
			$again->() if $again;

			# Other nodes send to this port, too, so there is always one more.
			foreach (1 .. 10)
			{
				my $fields = $self->_next(0.1) // return undef;
				return $fields
				  if $fields->{from} == $self->{to} && $test->($fields);
			}
			return undef;
		},
		$what);
	return %$found;
}

sub pending
{
	my ($self) = @_;
	my @pending;

	while (my $fields = $self->_next(0))
	{
		push @pending, $fields if $fields->{from} == $self->{to};
	}
	return @pending;
}

# The next datagram of any node, if it comes within that many seconds.
sub _next
{
	my ($self, $seconds) = @_;

	my $set = '';
	vec($set, fileno $self->{socket}, 1) = 1;
	return undef unless (select $set, undef, undef, $seconds) > 0;

	recv $self->{socket}, my $datagram, 65536, 0;
	return { PgLeaderDatagram::decode($datagram), datagram => $datagram };
}

=item $peer->message($session, %fields)

A datagram, signed and with a sequence number of its own: what a follower
would say that knows no more than that it exists.  A Probe, unless the fields
say otherwise; its term is the node's.

=cut

sub message
{
	my ($self, $session, %fields) = @_;

	return PgLeaderDatagram::encode(
		$PgLeaderCluster::secret,
		type         => PgLeaderDatagram::PROBE,
		from         => $self->{id},
		to           => $self->{to},
		fingerprint  => $self->{fingerprint},
		from_session => $session,
		to_session   => $self->{to_session},
		sequence     => $self->{sequence}++,
		term         => $fields{term}
		  // $self->{cluster}->status($self->{to})->{term},
		generation => 1,
		priority   => 100,
		%fields);
}

=item $peer->open_session($session)

Makes the node accept this session, which must not have been used before.

=back

=cut

sub open_session
{
	my ($self, $session) = @_;

	# What has come so far may be of a session of the node that is over.
	$self->pending;

	# Our Probe makes it ask for a proof that we live: its challenge.
	my %challenge = $self->receive(
		sub {
			$_[0]{type} == PgLeaderDatagram::PROBE
			  && $_[0]{to_session} == $session;
		},
		'a challenge',
		sub { $self->send($self->message($session, nonce => 1)) });
	$self->{to_session} = $challenge{from_session};
	$self->send(
		$self->message(
			$session,
			type  => PgLeaderDatagram::PROBE_REPLY,
			nonce => $challenge{nonce}));
	return;
}

1;
