
=head1 NAME

PgLeaderStateFile - reads a node's durable state from its file

=head1 DESCRIPTION

The format of src/state_record.h once more, written down independently, so
that a test sees what a node would find after a crash, whatever the node says.

=cut

package PgLeaderStateFile;

use strict;
use warnings;

use constant {
	SLOT_SPACING => 4096,
	RECORD_SIZE  => 1152,
	CRC_OFFSET   => 1148,
	NODES_MAX    => 128
};

my @standings = qw(new met ready member amnesiac);

# CRC-32C of each single byte.
my @crc_table = map {
	my $crc = $_;
	$crc = $crc & 1 ? ($crc >> 1) ^ 0x82f63b78 : $crc >> 1 foreach 1 .. 8;
	$crc;
} 0 .. 255;

=over

=item PgLeaderStateFile::slots($path)

Returns both slots, in the file's order, as hashes: C<offset> in the file,
C<size> of the record, and C<record>, undef if it cannot be read.  A record is
a hash with C<node_id>, C<node_count>, C<vote>, C<fingerprint>, C<inode>,
C<birth_ns>, C<generation>, C<term>, C<max_promise_ns>, C<standing> and, by
node id, C<peer_generations>.

=cut

sub slots
{
	my ($path) = @_;

	open my $file, '<:raw', $path or die "could not read \"$path\": $!";
	local $/;
	my $bytes = <$file>;
	close $file;

	my @slots;
	foreach my $offset (0, SLOT_SPACING)
	{
		my $record =
		  $offset < length $bytes
		  ? substr $bytes, $offset, RECORD_SIZE
		  : '';
		push @slots,
		  {
			offset => $offset,
			size   => RECORD_SIZE,
			record => _parse($record)
		  };
	}
	return @slots;
}

=item PgLeaderStateFile::newest($path)

Returns the record that counts; dies if there is none.

=back

=cut

sub newest
{
	my ($path) = @_;

	my ($newest) = sort { $b->{generation} <=> $a->{generation} }
	  grep { defined } map { $_->{record} } slots($path);
	die "no record in \"$path\" can be read" unless defined $newest;
	return $newest;
}

sub _parse
{
	my ($bytes) = @_;

	return undef
	  unless length $bytes == RECORD_SIZE
	  && substr($bytes, 0, 8) eq 'PGLSTATE'
	  && unpack('L<', substr $bytes, CRC_OFFSET) ==
	  crc32c(substr $bytes, 0, CRC_OFFSET);

	my (%record, @peer_generations);
	(   @record{
			qw(version node_id node_count vote fingerprint inode birth_ns
			  generation term max_promise_ns standing)
		},
		@peer_generations)
	  = unpack 'x8 L< L< L< l< Q< Q< Q< Q< Q< Q< L< x4 Q<' . NODES_MAX,
	  $bytes;
	$record{standing} = $standings[ $record{standing} ];
	$record{peer_generations} =
	  [ @peer_generations[ 0 .. $record{node_count} - 1 ] ];
	return \%record;
}

sub crc32c
{
	my ($bytes) = @_;

	my $crc = 0xffffffff;
	$crc = ($crc >> 8) ^ $crc_table[ ($crc ^ $_) & 0xff ]
	  foreach unpack 'C*', $bytes;
	return $crc ^ 0xffffffff;
}

1;
