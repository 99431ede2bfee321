
=head1 NAME

AlgorithmLog - read lines of pg_leader's algorithm log

=head1 DESCRIPTION

A line is looked for anywhere in a line of a file, as it may stand in a server
log behind a prefix.  What is not whole is counted, and left out.  An event is
a hash:

  time     wall clock, nanoseconds of Unix time
  clock    the machine's clock, nanoseconds
  node, term, role, leader, event
           what each line has; leader -1: none is known
  of       the event's own fields, key => value, without quotes
  file, line
           where it was read, the file as a number from 0

=cut

package AlgorithmLog;

use strict;
use warnings;

use Time::Local qw(timegm);

my $number = qr/^(?:0|[1-9]\d{0,19})$/;
my $node   = qr/^(?:-1|0|[1-9]\d?|1[01]\d|12[0-7])$/;
my $vote   = qr/^(?:-[12]|0|[1-9]\d?|1[01]\d|12[0-7])$/;
my $word   = qr/^[a-z][a-z_-]*$/;
my $state  = qr/^(?:begun|ended|failed|back|lost)$/;
my $text   = qr/^/;

my %message = (
	type         => $word,
	peer         => $node,
	message_term => $number,
	granted      => qr/^[01]$/,
	refusal      => $text,
	successor    => $node);

# The fields that an event must have; a line that lacks one is not whole.
my %fields = (
	start => {
		nodes      => $number,
		session    => qr/^[0-9a-f]{16}$/,
		standing   => $word,
		vote       => $vote,
		generation => $number,
		cluster    => $text
	},
	stop     => { reason => $text },
	settings => {
		heartbeat_interval   => $number,
		election_timeout_min => $number,
		election_timeout_max => $number,
		max_clock_drift      => $number,
		priority             => $number
	},
	role      => { old_role   => $word,  reason => $text },
	leader    => { old_leader => $node,  reason => $text },
	lease     => { state      => $state, until  => $number },
	silence   => { state      => $state, until  => $number },
	standing  => { standing   => $word,  reason => $text },
	vote      => { candidate  => $node },
	invariant => { other      => $node },
	storage   => { state      => $state },
	persist   => { took => $number, vote => $vote, generation => $number },
	send      => \%message,
	receive   => \%message,
	peer      => { peer => $node, state => $state, silent => $number },
	control   => {
		request      => $word,
		argument     => $node,
		result       => $text,
		requested_by => $text
	},
	lost => { count => $number });

my $roles = qr/follower|pre-candidate|candidate|leader/;

my $begin = qr/(?:^|(?<=[\s"]))time=(?=\d)/;
my $head  = qr/
	\G (\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{6})Z
	\ clock=(\d{1,19})\ node=(\d{1,3})\ term=(\d{1,19})
	\ role=($roles)\ leader=(-1|\d{1,3})\ event=([a-z_]+)
	(?=\ |$)/x;
my $field = qr/\G ([a-z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^ "]*))/;

# One line: an event; undef: none that belongs here; a word: what is wrong.
sub _parse
{
	my ($line) = @_;

	$line =~ /$begin/g or return;
	$line =~ /$head/gc or return 'broken';
	my ($year, $month, $day, $hour, $minute, $second, $microseconds) =
	  ($1, $2, $3, $4, $5, $6, $7);
	my %event = (
		clock  => $8 + 0,
		node   => $9 + 0,
		term   => $10 + 0,
		role   => $11,
		leader => $12 + 0,
		event  => $13);

	return if $event{event} =~ /^(?:in|out)_/;
	my $wanted = $fields{ $event{event} } or return 'broken';
	return 'broken' if $event{node} > 127 || $event{leader} > 127;

	my $seconds =
	  eval { timegm($second, $minute, $hour, $day, $month - 1, $year); };
	return 'broken' unless defined $seconds;
	$event{time} = $seconds * 1_000_000_000 + $microseconds * 1000;

	my %of;
	while ($line =~ /$field/gc)
	{
		my ($key, $quoted, $plain) = ($1, $2, $3);
		$quoted =~ s/\\(.)/$1/g if defined $quoted;
		$of{$key} = ($quoted // $plain) =~ tr{ -~}{?}cr;
	}
	return 'broken' unless pos($line) == length $line;
	foreach my $key (keys %$wanted)
	{
		return 'broken'
		  unless defined $of{$key} && $of{$key} =~ $wanted->{$key};
	}
	$event{of} = \%of;
	return \%event;
}

# Reads one file: its events, and how many lines are broken, the first of them.
sub _read_file
{
	my ($name, $number) = @_;

	my $file;
	if ($name eq '-')
	{
		$file = \*STDIN;
	}
	else
	{
		die qq(could not open file "$name": $!\n)
		  unless open $file, '<:raw', $name;
		die qq("$name" is a directory\n) if -d $file;
	}

	my (@events, @broken, @others);
	my ($alone, $inside) = (0, 0);
	while (my $line = <$file>)
	{
		# A writer ends each line; one without an end was cut.
		my $whole = $line =~ s/\r?\n\z//;
		my $event = _parse($line);

		if (ref $event && $whole)
		{
			@{$event}{qw(file line)} = ($number, $.);
			push @events, $event;
		}
		elsif (defined $event)
		{
			push @broken, $.;
		}
		elsif ($line !~ /$begin/ && $line =~ /\S/)
		{
			push @others, $.;
		}
		$alone  ||= $line =~ /^$begin/;
		$inside ||= $line =~ /\S.*$begin/;
	}
	die qq(could not read file "$name": $!\n) if $file->error;
	close $file unless $name eq '-';

	# In a server log there are other lines.  In a file of its own there are
	# none, but for the rests of lines.
	push @broken, @others if $alone && !$inside;
	return (\@events, [ sort { $a <=> $b } @broken ]);
}

=head1 FUNCTIONS

=over

=item read_logs(@names)

Reads the files, "-" for standard input.  Returns references to a list of
events, in the order in which they stand there, and to a list of remarks.  Dies
with a message if a file cannot be read or has no event.

=cut

sub read_logs
{
	my (@names) = @_;

	my (@all, @remarks);
	foreach my $i (0 .. $#names)
	{
		my ($events, $broken) = _read_file($names[$i], $i);
		if (!@$events)
		{
			die qq(file "$names[$i]" has no event of the algorithm log)
			  . (@$broken ? " that could be read\n" : "\n");
		}
		push @all, @$events;
		next unless @$broken;
		push @remarks,
		  sprintf '%s: left out %d broken line%s, the first at line %d',
		  $names[$i], scalar @$broken, @$broken == 1 ? '' : 's', $broken->[0];
	}

	my %clusters = map { ($_->{of}{cluster} => 1) }
	  grep { $_->{event} eq 'start' } @all;
	push @remarks, 'these are logs of several clusters: ' . join ', ',
	  map { qq("$_") } sort keys %clusters
	  if keys %clusters > 1;
	return (\@all, \@remarks);
}

=back

=cut

1;
