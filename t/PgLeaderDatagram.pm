
=head1 NAME

PgLeaderDatagram - pg_leader's datagrams, made and read by a test

=head1 DESCRIPTION

The layout of src/wire/wire.h once more, written down independently, so that a
test can speak to a node as a peer would, or as somebody who pretends to be
one.

=cut

package PgLeaderDatagram;

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256);

use constant {
	SIZE        => 224,
	SIGNED_SIZE => 192,

	PRE_VOTE       => 1,
	PRE_VOTE_REPLY => 2,
	VOTE           => 3,
	VOTE_REPLY     => 4,
	HEARTBEAT      => 5,
	HEARTBEAT_ACK  => 6,
	PROBE          => 10,
	PROBE_REPLY    => 11,

	GRANTED => 1,

	MEMBER => 3,
};

# Name and format of each field, in order.
my @layout = (
	[ magic             => 'a4' ],
	[ version           => 'C' ],
	[ type              => 'C' ],
	[ flags             => 'C' ],
	[ standing          => 'C' ],
	[ role              => 'C' ],
	[ refusal           => 'C' ],
	[ from              => 'S<' ],
	[ to                => 'S<' ],
	[ rank              => 's<' ],
	[ fingerprint       => 'Q<' ],
	[ sequence          => 'Q<' ],
	[ from_session      => 'Q<' ],
	[ to_session        => 'Q<' ],
	[ term              => 'Q<' ],
	[ subject_term      => 'Q<' ],
	[ nonce             => 'Q<' ],
	[ round             => 'Q<' ],
	[ promise_ns        => 'Q<' ],
	[ rank_delay_ns     => 'Q<' ],
	[ token_term        => 'Q<' ],
	[ known_leader_term => 'Q<' ],
	[ generation        => 'Q<' ],
	[ generation_seen   => 'Q<' ],
	[ storage_ns        => 'Q<' ],
	[ rank_epoch        => 'L<' ],
	[ token_leader      => 's<' ],
	[ successor         => 's<' ],
	[ known_leader      => 's<' ],
	[ priority          => 's<' ],
	[ advertised_port   => 'S<' ],
	[ filler            => 'S<' ],
	[ position          => 'a16' ],
	[ membership        => 'a16' ],
	[ former_generation => 'Q<' ]);

my $format = join ' ', map { $_->[1] } @layout;

my %default = (
	magic        => 'PGLD',
	version      => 1,
	rank         => -1,
	standing     => MEMBER,
	token_leader => -1,
	successor    => -1,
	known_leader => -1,
	position     => '',
	membership   => '');

=over

=item PgLeaderDatagram::encode($secret, %fields)

Returns a datagram; fields that are not given say "none".  It is signed with
the secret, unless that is undef.

=cut

sub encode
{
	my ($secret, %fields) = @_;

	my $signed = pack $format,
	  map { $fields{ $_->[0] } // $default{ $_->[0] } // 0 } @layout;
	return $signed . tag($secret, $signed);
}

=item PgLeaderDatagram::tag($secret, $signed)

The last 32 bytes of a datagram that begins with these.

=cut

sub tag
{
	my ($secret, $signed) = @_;
	return defined $secret ? hmac_sha256($signed, $secret) : "\0" x 32;
}

=item PgLeaderDatagram::decode($datagram)

Returns the fields as a hash, and the tag as C<tag>.

=cut

sub decode
{
	my ($datagram) = @_;
	my %fields;

	@fields{ map { $_->[0] } @layout } = unpack $format, $datagram;
	$fields{tag} = substr $datagram, SIGNED_SIZE;
	return %fields;
}

=item PgLeaderDatagram::fingerprint($node_count, $cluster_name)

FNV-1a of 64 bits, over the number of nodes in four bytes and the name.

=back

=cut

sub fingerprint
{
	my ($node_count, $cluster_name) = @_;

	# Multiplication modulo 2^64.
	use integer;
	no warnings 'portable';
	my $hash = unpack 'q', pack 'Q', 0xcbf29ce484222325;
	foreach my $byte (unpack 'C*', pack('L<', $node_count) . $cluster_name)
	{
		$hash ^= $byte;
		$hash *= 0x100000001b3;
	}
	return unpack 'Q', pack 'q', $hash;
}

1;
