
=head1 NAME

TimelineText - the timeline as text

=cut

package TimelineText;

use strict;
use warnings;

use List::Util qw(max min);
use TimelineWords;

my %letter = (
	unknown         => '?',
	down            => '.',
	gone            => 'x',
	follower        => 'f',
	waiting         => 'n',
	'pre-candidate' => 'p',
	candidate       => 'C',
	elected         => 'E',
	leader          => 'L');

my $legend =
	"L leader, E elected, without a lease, C candidate, "
  . "p asks whether an election could succeed,\n"
  . "f follower, n knows no leader, . down, x no sign of life; "
  . "[ ] the node whose event it is\n";

# More nodes than this do not get three columns each.
my $wide_lanes = 20;

# Longer than this without an event deserves a line.
my $quiet_ns = 5_000_000_000;

# Rows under right-aligned headings.
sub _table
{
	my ($headings, @rows) = @_;

	my @widths = map {
		my $column = $_;
		max map { length $_->[$column] } $headings, @rows
	} 0 .. $#$headings;
	my $format = join('  ', map { "%${_}s" } @widths) . "\n";
	return join '', map { sprintf $format, @$_ } $headings, @rows;
}

sub _seconds
{
	my ($ns) = @_;
	return sprintf '%+.3f', $ns / 1e9;
}

sub _reigns
{
	my ($story, $from, $to) = @_;

	my (@rows, $before);
	foreach my $reign (@{ $story->{reigns} })
	{
		my $gap = defined $before ? $reign->{from} - $before : undef;
		$before = $reign->{to};
		next if $reign->{to} < $from || $reign->{from} > $to;
		push @rows,
		  [
			$reign->{term},
			$reign->{node},
			_seconds($reign->{from} - $story->{begin}),
			_seconds($reign->{to} - $story->{begin}),
			TimelineWords::duration($reign->{to} - $reign->{from}),
			defined $gap ? TimelineWords::duration($gap) : '-'
		  ];
	}
	return @rows
	  ? _table([ 'term', 'leader', 'from', 'to', 'for', 'gap before' ], @rows)
	  : "no leader\n";
}

sub _lanes
{
	my ($nodes, $state, $own) = @_;
	my $wide = @$nodes <= $wide_lanes;

	return join '', map {
		my $letter = $letter{ $state->{$_} };
		!$wide ? $letter : $_ == $own ? "[$letter]" : " $letter ";
	} @$nodes;
}

sub _lane_heading
{
	my ($nodes) = @_;
	return @$nodes <= $wide_lanes
	  ? join '', map { sprintf $_ > 99 ? '%d' : '%2d ', $_ } @$nodes
	  : 'nodes ' . "$nodes->[0]-$nodes->[-1]";
}

=head1 FUNCTIONS

=over

=item timeline($events, $story, %options)

The whole text.  Options: from, to (nanoseconds of Unix time), all (every
event, not only those that matter), width (of a line; 0: as long as it takes),
remarks (lines for the heading).

=cut

sub timeline
{
	my ($events, $story, %options) = @_;

	my ($from, $to, $begin) = (@options{qw(from to)}, $story->{begin});
	my @nodes = @{ $story->{nodes} };
	my $text  = sprintf "%d node%s, %s to %s UTC (%s)\n", scalar @nodes,
	  @nodes == 1 ? '' : 's',
	  map({ TimelineWords::date_and_time($_) } $from, $to),
	  TimelineWords::duration($to - $from);
	$text .= "$_\n" foreach @{ $options{remarks} };
	$text .= "\n" . _reigns($story, $from, $to) . "\n$legend\n";

	my $lane_width = max(3 * @nodes, 5);
	$lane_width = length _lane_heading(\@nodes) if @nodes > $wide_lanes;
	$lane_width = max($lane_width, scalar @nodes);
	my $time_width = max(11, length sprintf '%+.6f', ($to - $begin) / 1e9);
	my $format     = "%${time_width}s %5s  %-${lane_width}s %4s  %s";

	my @lines = (
		sprintf $format,
		'seconds', 'term', _lane_heading(\@nodes),
		'node',    'event');
	my $words = TimelineWords->new;
	my %state;
	my ($term, $last) = (-1);
	foreach my $i (0 .. $#$events)
	{
		my $event = $events->[$i];
		$state{ $_->[0] } = $_->[1]
		  foreach $i == 0 ? @{ $story->{changes}[0] } : (),
		  @{ $story->{changes}[ $i + 1 ] };
		next if $event->{at} < $from        || $event->{at} > $to;
		next unless $words->matters($event) || $options{all};

		my $gap = defined $last ? $event->{at} - $last : 0;
		push @lines, '' if $gap > $quiet_ns || $event->{term} > $term;
		push @lines,
		  sprintf '%*s', $time_width, '... ' . TimelineWords::duration($gap)
		  if $gap > $quiet_ns;
		if ($event->{term} > $term)
		{
			$term = $event->{term};
			push @lines,
			  sprintf '--- term %s, %s UTC ---', $term,
			  TimelineWords::clock_time($event->{at});
		}
		$last = $event->{at};
		push @lines,
		  sprintf $format, sprintf('%+.6f', ($event->{at} - $begin) / 1e9),
		  $event->{term}, _lanes(\@nodes, \%state, $event->{node}),
		  $event->{node}, TimelineWords::words($event);
	}
	if ($options{width})
	{
		$_ = substr $_, 0, $options{width} foreach @lines;
	}
	return $text . join '', map { s/\s+$//r . "\n" } @lines;
}

=back

=cut

1;
