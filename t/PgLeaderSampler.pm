
=head1 NAME

PgLeaderSampler - watches a cluster for two leaders at a time

=head1 DESCRIPTION

For each node a process of its own asks pg_leader_fencing_token() and
pg_leader_term() over and over, and writes down the clock before each question
and after each answer.
An answer was true at some instant between these two.  So two answers "I am
the leader" contradict each other only if

=over

=item *

they come from two nodes and name one term, or

=item *

the one for the lower term I<begins> after the one for the higher term has
I<ended>: at the instant of the first to be given there was a leader of a
later term already.

=back

Polls of several nodes, one after another, by one process prove nothing: the
leader may change in between.

And no node may tell of a term that is lower than one that it has told of
before.

Every process takes the time from the same clock of the machine; nodes must
therefore run on one machine.

=cut

package PgLeaderSampler;

use strict;
use warnings;

use File::Basename qw(dirname);
use IO::Handle;
use PgLeaderSession;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

# Seconds between an answer and the next question, and those after which a
# server that says nothing is given up.
our $pause   = 0.002;
our $timeout = 60;

=over

=item PgLeaderSampler->start($folder, @servers)

Begins to sample.  Each server is a hash with C<node>, C<host> and C<port>,
and C<user> unless that is the operating system's; the samples go to files in the folder.  Returns once every process has begun.

=cut

sub start
{
	my ($class, $folder, @servers) = @_;

	my $self = bless { processes => [] }, $class;
	foreach my $server (@servers)
	{
		my $file = "$folder/samples_$server->{port}";
		unlink $file;

		# The process ends when this end of its standard input is closed, so
		# it does not outlive this one, whatever happens.
		open my $leash, '|-', $^X, '-I' . dirname(__FILE__),
		  '-MPgLeaderSampler',
		  '-e', 'PgLeaderSampler::sample(@ARGV)', $server->{node},
		  $server->{host}, $server->{port}, $file, $pause, $timeout,
		  $server->{user} // ()
		  or die "could not start a sampler: $!";
		push @{ $self->{processes} }, { leash => $leash, file => $file };
	}

	foreach my $process (@{ $self->{processes} })
	{
		select undef, undef, undef, 0.005 until -s $process->{file};
	}
	return $self;
}

=item $sampler->stop

Ends the processes and returns all samples that were taken, as for
violations().

=cut

sub stop
{
	my ($self) = @_;

	foreach my $process (@{ $self->{processes} })
	{
		close $process->{leash}
		  or die "a sampler failed: "
		  . ($! ? $! : "exit status " . ($? >> 8));
	}
	return $self->samples;
}

=item $sampler->samples

All samples that were taken up to now: hashes with C<node>, C<before>,
C<after>, C<token> (undef if the node does not lead) and C<term>, and C<down> if
there was no answer.  A run of samples without a token is thinned to its first
in each term.

=cut

sub samples
{
	my ($self) = @_;
	my @samples;

	foreach my $process (@{ $self->{processes} })
	{
		open my $file, '<', $process->{file}
		  or die "could not read \"$process->{file}\": $!";
		while (my $line = <$file>)
		{
			# the last line may be half written
			my ($node, $before, $after, $token, $term) =
			  $line =~ /^(\d+) (\S+) (\S+) (\d+|none|down) (\d+|none)\n/
			  or last;
			push @samples,
			  {
				node   => $node,
				before => $before,
				after  => $after,
				token  => $token =~ /^\d/ ? $token : undef,
				term   => $term  =~ /^\d/ ? $term  : undef,
				down   => $token eq 'down'
			  };
		}
		close $file;
	}
	return @samples;
}

=item $sampler->rates

After stop(): for each node, as a hash by its id, a hash with C<count>, how many
answers there were; C<per_second>, how many in a second while the node answered;
and C<stall>, the longest time, in seconds, from one answer to the next.

=cut

sub rates
{
	my ($self) = @_;
	my %rates;

	foreach my $process (@{ $self->{processes} })
	{
		open my $file, '<', $process->{file}
		  or die "could not read \"$process->{file}\": $!";
		while (<$file>)
		{
			/^end (\d+) (\d+) (\S+) (\S+)\n/ or next;
			$rates{$1} = {
				count      => $2,
				per_second => $3 > 0 ? $2 / $3 : 0,
				stall      => $4
			};
		}
		close $file;
	}
	return \%rates;
}

=item PgLeaderSampler::violations(@samples)

Returns a sentence for each contradiction that is found; none is what one
hopes for.

=cut

sub violations
{
	my @samples = grep { defined $_->{token} } @_;
	my @found;

	my %known;
	foreach my $sample (
		sort { $a->{after} <=> $b->{after} }
		grep { defined $_->{term} } @_)
	{
		my $before = $known{ $sample->{node} };
		push @found,
		  sprintf "node %d was in term %s at %.6f, but in term %s before",
		  @{$sample}{qw(node term after)}, $before
		  if defined $before && $sample->{term} < $before;
		$known{ $sample->{node} } = $sample->{term};
	}

	# For each term: who led, the last answer to begin, the first to end.
	my (%nodes, %last, %first);
	foreach my $sample (@samples)
	{
		my $term = $sample->{token};
		$nodes{$term}{ $sample->{node} } = 1;
		$last{$term} = $sample
		  if !defined $last{$term}
		  || $sample->{before} > $last{$term}{before};
		$first{$term} = $sample
		  if !defined $first{$term}
		  || $sample->{after} < $first{$term}{after};
	}

	my @terms = sort { $a <=> $b } keys %nodes;
	foreach my $term (@terms)
	{
		my @leaders = sort { $a <=> $b } keys %{ $nodes{$term} };
		push @found, "nodes @leaders both led in term $term"
		  if @leaders > 1;
	}

	# Compare each term with the earliest answer of all higher ones.
	my $earliest;
	foreach my $term (reverse @terms)
	{
		my $late = $last{$term};
		if (defined $earliest && $late->{before} > $earliest->{after})
		{
			push @found,
			  sprintf "node %d said at %.6f that it led in term %s,"
			  . " but node %d had said by %.6f that it led in term %s",
			  $late->{node}, $late->{before}, $term, $earliest->{node},
			  $earliest->{after}, $earliest->{token};
		}
		$earliest = $first{$term}
		  if !defined $earliest
		  || $first{$term}{after} < $earliest->{after};
	}
	return @found;
}

=item PgLeaderSampler::leaders(@samples)

One line for each term in which somebody led: who, from when to when.

=cut

sub leaders
{
	my %terms;

	foreach my $sample (grep { defined $_->{token} } @_)
	{
		my $seen = $terms{ $sample->{token} }{ $sample->{node} } //=
		  { from => $sample->{before}, to => $sample->{after}, count => 0 };
		$seen->{from} = $sample->{before}
		  if $sample->{before} < $seen->{from};
		$seen->{to} = $sample->{after} if $sample->{after} > $seen->{to};
		$seen->{count}++;
	}

	my @lines;
	foreach my $term (sort { $a <=> $b } keys %terms)
	{
		foreach my $node (sort { $a <=> $b } keys %{ $terms{$term} })
		{
			my $seen = $terms{$term}{$node};
			push @lines,
			  sprintf "term %s: node %d led from %.3f to %.3f, %d answers",
			  $term, $node, @{$seen}{qw(from to count)};
		}
	}
	return @lines;
}

=item PgLeaderSampler::now()

The clock of the samples, in seconds.

=cut

sub now
{
	return clock_gettime(CLOCK_MONOTONIC);
}

=item PgLeaderSampler::sample($node, $host, $port, $file, $pause, $timeout, $user)

The body of a sampling process: runs until its standard input ends.

=back

=cut

sub sample
{
	my ($node, $host, $port, $name, $rest, $limit, $user) = @_;

	local $SIG{PIPE} = 'IGNORE';
	open my $file, '>', $name or die "could not write \"$name\": $!";
	$file->autoflush(1);
	my $session = PgLeaderSession->new(
		host    => $host,
		port    => $port,
		timeout => $limit,
		defined $user ? (user => $user) : ());
	my $last = '';
	my ($count, $answering, $stall, $previous) = (0, 0, 0, undef);

	while (1)
	{
		my $before = now();
		my $rows   = $session->query(
			'SELECT pg_leader_fencing_token(), pg_leader_term()');
		my $after = now();
		my $answer =
		  defined $rows
		  ? join ' ', map { $_ // 'none' } @{ $rows->[0] }
		  : 'down none';

		# A question that the server does not understand is no sample.
		die "node $node: " . $session->error . "\n"
		  if ($session->sqlstate // '') =~ /^42/;

		printf $file "%d %.9f %.9f %s\n", $node, $before, $after, $answer
		  if $answer =~ /^\d/ || $answer ne $last;
		$last = $answer;

		if (defined $rows)
		{
			$count++;
			if (defined $previous)
			{
				my $gap = $after - $previous;
				$answering += $gap;
				$stall = $gap if $gap > $stall;
			}
		}
		$previous = defined $rows ? $after : undef;

		my $set = '';
		vec($set, fileno STDIN, 1) = 1;
		last if (select $set, undef, undef, $rest) > 0;
	}
	$session->close;
	printf $file "end %d %d %.9f %.9f\n", $node, $count, $answering, $stall;
	close $file or die "could not write \"$name\": $!";
	return;
}

1;
