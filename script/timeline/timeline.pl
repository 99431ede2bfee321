# timeline.pl: what timeline.sh runs.

use strict;
use warnings;

use AlgorithmLog;
use Getopt::Long
  qw(GetOptionsFromArray :config no_ignore_case no_auto_abbrev);
use Time::Local qw(timegm);
use TimelineDrawing;
use TimelineOrder;
use TimelineStates;
use TimelineText;

my $help = <<'END';
Merges the algorithm logs of pg_leader's nodes into one timeline.

Usage:
  timeline.sh [OPTION...] FILE...

A FILE is a log that pg_leader.log_file names, a server log (of the formats
"stderr" and "syslog") with such lines in it, or "-" for standard input.  Any
number of files per node, in any order: rotated ones, or one with several nodes.

Options:
      --svg[=FILE]   draw the timeline, into FILE or to standard output
      --from=TIME    begin there
      --to=TIME      end there
      --width=N      cut lines of text at N columns; width of the picture in
                     pixels (1400)
      --all          every event; without it, those that tell why leadership
                     moved
      --help         show this, then exit

A TIME is in UTC, as 2026-11-25T09:33:01.5 or 2026-11-25 09:33; or a time of
day alone, the first such one in the logs; or +12.5, seconds from their begin.

Text: a line for each event, with a column for the state of each node at that
moment.  Picture: a bar for each node, above them the leaders with their leases.
Its time axis is not to scale, so that votes of milliseconds can be seen beside
days of quiet; it tells how long the longer stretches took.

Order: the events of a node stay in the order of its machine's clock.  Wall
clocks of several machines differ; by how much is reckoned from messages that
went both ways, told if it is more than 1 ms, and taken out.  Whatever the
times say, no term stands before its first candidacy, no vote before the
candidacy, no follower before the leader's election, and no receipt before the
sending; an event whose time contradicts that gets the time of what it follows.

When a node ended, or froze, it did not log that itself: "last sign of life" is
when the others heard of it for the last time.

Exit status: 0; 1, if a file cannot be read or has no event; 2, for wrong
arguments.  Lines that are not whole are left out, and counted on standard error.
END

sub fail
{
	my ($status, @message) = @_;
	print STDERR 'timeline.sh: ', @message;
	exit $status;
}

sub usage
{
	fail(2, @_, qq(\nTry "timeline.sh --help".\n));
}

# Nanoseconds of Unix time; begin and end are those of the logs.
sub time_of
{
	my ($option, $text, $begin, $end) = @_;

	if ($text =~ /^\+(\d+(?:\.\d+)?)s?$/)
	{
		return $begin + int($1 * 1e9);
	}
	if ($text =~ /^(?:(\d{4})-(\d\d)-(\d\d)(?:[T ]|$))?
				   (?:(\d\d):(\d\d)(?::(\d\d)(\.\d{1,9})?)?)?Z?$/x
		&& length $text)
	{
		my ($year, $month, $day, $hour, $minute, $second, $fraction) =
		  ($1, $2, $3, $4 // 0, $5 // 0, $6 // 0, $7 // 0);
		my $dated = defined $year;
		my @now   = gmtime int($begin / 1e9);
		($day, $month, $year) = ($now[3], $now[4] + 1, $now[5] + 1900)
		  unless $dated;
		my $seconds =
		  eval { timegm($second, $minute, $hour, $day, $month - 1, $year); };
		if (defined $seconds)
		{
			my $ns = $seconds * 1_000_000_000 + int($fraction * 1e9);

			# A time of day may be one of the next day.
			my $next_day = $ns + 86_400 * 1_000_000_000;
			$ns = $next_day if !$dated && $ns < $begin && $next_day <= $end;
			return $ns;
		}
	}
	usage(qq("$text" is no time for --$option));
	return;
}

my %options;
{
	my @problems;
	# Its value is behind "=", or it has none: what follows is a log, and not to be
	# written over.
	@ARGV = map { $_ eq '--svg' ? '--svg=' : $_ } @ARGV;
	local $SIG{__WARN__} = sub { push @problems, lcfirst $_[0] };
	GetOptionsFromArray(
		\@ARGV, \%options, 'svg:s', 'from=s',
		'to=s', 'width=s', 'all',   'help|h|?');
	if (@problems)
	{
		chomp $problems[0];
		usage($problems[0]);
	}
}
if ($options{help})
{
	print $help;
	exit 0;
}
usage('no file') unless @ARGV;
if (defined $options{width}
	&& (   $options{width} !~ /^[1-9]\d{0,4}$/
		|| $options{width} < (defined $options{svg} ? 400 : 40)))
{
	usage(qq("$options{width}" is no width));
}

foreach my $log (@ARGV)
{
	my @log     = stat $log                 or next;
	my @picture = stat($options{svg} // '') or next;
	usage(qq("$log" is a log, and would be overwritten))
	  if "@log[0, 1]" eq "@picture[0, 1]";
}

my ($events, $broken, $remarks);
if (!eval { ($events, $broken) = AlgorithmLog::read_logs(@ARGV); 1 })
{
	fail(1, $@);
}
print STDERR "timeline.sh: $_\n" foreach @$broken;

($events, $remarks) = TimelineOrder::merge($events);
$events = TimelineStates::add_ends($events);
my $story = TimelineStates::follow($events);

my $from = $story->{begin};
my $to   = $story->{end};
$from = time_of('from', $options{from}, @{$story}{qw(begin end)})
  if defined $options{from};
$to = time_of('to', $options{to}, @{$story}{qw(begin end)})
  if defined $options{to};
usage('--from is later than --to, or than the last event') if $from > $to;
usage('--to is earlier than the first event') if $to < $story->{begin};

my %shown = (
	from    => $from,
	to      => $to,
	all     => $options{all},
	width   => $options{width} // 0,
	remarks => $remarks);
if (!defined $options{svg})
{
	print TimelineText::timeline($events, $story, %shown);
	exit 0;
}

my $picture = TimelineDrawing::picture($events, $story, %shown,
	width => $options{width} // 1400);
print STDERR "timeline.sh: $_\n" foreach @$remarks;
if ($options{svg} eq '')
{
	print $picture;
}
else
{
	my $file;
	open($file, '>', $options{svg}) && print($file $picture) && close($file)
	  or fail(1, qq(could not write file "$options{svg}": $!\n));
}
exit 0;
