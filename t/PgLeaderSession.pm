
=head1 NAME

PgLeaderSession - a database session that survives its server

=head1 SYNOPSIS

  my $session = PgLeaderSession->new(host => '/tmp', port => 5432);
  my $rows = $session->query('SELECT pg_leader_term()');
  print defined $rows ? $rows->[0][0] : $session->error;

=head1 DESCRIPTION

Cluster tests ask several servers many questions a second, some of them while
the servers die.  One psql for each question would take most of the machine,
and would blur the times that the samplers take.  So this speaks the server's
protocol itself, as far as that is needed: a Unix socket, no password, simple
queries, text results.  It connects by itself, and connects again after the
server has gone away.

=cut

package PgLeaderSession;

use strict;
use warnings;

use IO::Socket::UNIX;
use Socket      qw(SOCK_STREAM);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

=over

=item PgLeaderSession->new(%params)

C<host> (a directory) and C<port> are required; C<user> is the operating
system's, C<database> "postgres" unless given.  A server that says nothing for
C<timeout> seconds, 60 unless given, is taken for gone.

=cut

sub new
{
	my ($class, %params) = @_;

	my $self = {
		user     => scalar(getpwuid($>)),
		database => 'postgres',
		timeout  => 60,
		%params,
		socket   => undef,
		buffer   => '',
		error    => undef,
		sqlstate => undef,
		columns  => [],
	};
	return bless $self, $class;
}

=item $session->query($sql)

Returns the rows of the last result as a list of lists, NULL as undef; or
undef if there was an error, or no server.

=cut

sub query
{
	my ($self, $sql) = @_;

	$self->{error}    = undef;
	$self->{sqlstate} = undef;

	# Whatever the server says unasked is that it is going.
	$self->close if defined $self->{socket} && $self->_readable(0);

	return undef unless defined $self->{socket} || $self->_connect;
	return undef unless $self->_send('Q', "$sql\0");
	return $self->_read_results;
}

=item $session->records($sql)

As query(), but each row is a hash with the columns' names as keys.

=cut

sub records
{
	my ($self, $sql) = @_;

	my $rows = $self->query($sql);
	return undef unless defined $rows;

	my @records;
	foreach my $row (@$rows)
	{
		my %record;
		@record{ @{ $self->{columns} } } = @$row;
		push @records, \%record;
	}
	return \@records;
}

=item $session->error, $session->sqlstate

What went wrong in the last query; undef if nothing did.  The SQLSTATE is
undef too if it was the connection that failed.

=cut

sub error
{
	my ($self) = @_;
	return $self->{error};
}

sub sqlstate
{
	my ($self) = @_;
	return $self->{sqlstate};
}

=item $session->close

Ends the connection; the next query makes a new one.

=back

=cut

sub close
{
	my ($self) = @_;

	if (defined $self->{socket})
	{
		# Terminate; it does not matter whether it still arrives.
		local $SIG{PIPE} = 'IGNORE';
		syswrite $self->{socket}, pack('a N', 'X', 4);
		CORE::close $self->{socket};
	}
	$self->{socket} = undef;
	$self->{buffer} = '';
	return;
}

sub _connect
{
	my ($self) = @_;

	my $socket = IO::Socket::UNIX->new(
		Type => SOCK_STREAM,
		Peer => "$self->{host}/.s.PGSQL.$self->{port}");
	return $self->_fail("could not connect: $!") unless defined $socket;
	$self->{socket} = $socket;

	my $startup = pack 'N (Z*)* x', 196608,
	  user             => $self->{user},
	  database         => $self->{database},
	  application_name => 'PgLeaderSession';
	return 0
	  unless $self->_write(pack('N', 4 + length $startup) . $startup);
	return defined $self->_read_results;
}

# Read up to the server's "ready for query".
sub _read_results
{
	my ($self) = @_;
	my @rows;

	$self->{columns} = [];
	while (1)
	{
		my ($type, $body) = $self->_read_message;
		return undef unless defined $type;

		if ($type eq 'Z')
		{
			return defined $self->{error} ? undef : \@rows;
		}
		elsif ($type eq 'R')
		{
			return $self->_fail('the server asks for a password')
			  unless unpack('N', $body) == 0;
		}
		elsif ($type eq 'T')
		{
			$self->{columns} = [ unpack 'n/(Z* x18)', $body ];
			@rows = ();
		}
		elsif ($type eq 'D')
		{
			push @rows, _parse_row($body);
		}
		elsif ($type eq 'E')
		{
			my %field = map { /^(.)(.*)$/s } split /\0/, $body;
			$self->{error} = join "\n", map { "$_->[0]: $field{$_->[1]}" }
			  grep { defined $field{ $_->[1] } }
			  ([ $field{S}, 'M' ], [ 'DETAIL', 'D' ], [ 'HINT', 'H' ]);
			$self->{sqlstate} = $field{C};
			if ($field{S} ne 'ERROR')
			{
				$self->close;
				return undef;
			}
		}
	}
}

sub _parse_row
{
	my ($body) = @_;
	my @row;

	my $count    = unpack 'n', $body;
	my $position = 2;
	foreach (1 .. $count)
	{
		my $length = unpack 'l>', substr $body, $position, 4;
		$position += 4;
		push @row, $length < 0 ? undef : substr $body, $position, $length;
		$position += $length if $length > 0;
	}
	return \@row;
}

sub _send
{
	my ($self, $type, $body) = @_;
	return $self->_write(pack('a N', $type, 4 + length $body) . $body);
}

sub _write
{
	my ($self, $bytes) = @_;

	local $SIG{PIPE} = 'IGNORE';
	while (length $bytes)
	{
		my $written = syswrite $self->{socket}, $bytes;
		return $self->_fail("could not send: $!") unless defined $written;
		substr $bytes, 0, $written, '';
	}
	return 1;
}

sub _read_message
{
	my ($self) = @_;

	my $give_up = clock_gettime(CLOCK_MONOTONIC) + $self->{timeout};
	my $wanted  = 5;
	while (1)
	{
		if (length $self->{buffer} >= $wanted)
		{
			my ($type, $length) = unpack 'a N', $self->{buffer};
			if (length $self->{buffer} >= 1 + $length)
			{
				my $message = substr $self->{buffer}, 0, 1 + $length, '';
				return ($type, substr $message, 5);
			}
			$wanted = 1 + $length;
		}

		my $left = $give_up - clock_gettime(CLOCK_MONOTONIC);
		return $self->_fail('the server does not answer')
		  unless $left > 0 && $self->_readable($left);

		my $count = sysread $self->{socket}, $self->{buffer}, 65536,
		  length $self->{buffer};
		return $self->_fail("could not receive: $!") unless defined $count;
		return $self->_fail('the server closed the connection')
		  if $count == 0;
	}
}

sub _readable
{
	my ($self, $timeout) = @_;

	my $set = '';
	vec($set, fileno $self->{socket}, 1) = 1;
	return (select $set, undef, undef, $timeout) > 0;
}

# Keep what the server said itself, if it said something.
sub _fail
{
	my ($self, $error) = @_;

	$self->{error} = $error unless defined $self->{error};
	$self->close;
	return;
}

1;
