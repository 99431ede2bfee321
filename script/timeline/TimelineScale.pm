
=head1 NAME

TimelineScale - a time axis on which milliseconds and days have room together

=head1 DESCRIPTION

The width of a stretch between two moments at which something is drawn grows
with the logarithm of its time; one of quiet is broken, and no wider than a few
seconds would be.  Within a stretch the axis is linear.

=cut

package TimelineScale;

use strict;
use warnings;

use List::Util qw(min);

# Below this, widths grow in proportion to time.
my $linear_ns = 200_000;

# Longer than this is quiet, and broken.
my $quiet_ns = 5_000_000_000;

# Width of that which is broken, in the unit of _width().
my $broken_width = 14;

sub _width
{
	my ($ns) = @_;
	return $ns > $quiet_ns
	  ? $broken_width
	  : log(1 + $ns / $linear_ns) / log 2;
}

=head1 FUNCTIONS

=over

=item TimelineScale->new($left, $right, @moments)

A scale from the first to the last of the moments (nanoseconds, in any order),
at the places $left and $right.

=item $scale->place($ns)

Where that is; what is outside is at an end.

=item $scale->stretches

Between two moments: a list of { from, to, left, right, broken }.

=cut

sub new
{
	my ($class, $left, $right, @moments) = @_;

	my @sorted = sort { $a <=> $b } keys %{ { map { $_ => 1 } @moments } };
	my $total  = 0;
	$total += _width($sorted[$_] - $sorted[ $_ - 1 ]) foreach 1 .. $#sorted;
	my $unit = $total > 0 ? ($right - $left) / $total : 0;

	my @stretches;
	my $place = $left;
	foreach my $i (1 .. $#sorted)
	{
		my ($from, $to) = @sorted[ $i - 1, $i ];
		my $next = $place + $unit * _width($to - $from);
		push @stretches,
		  {
			from   => $from,
			to     => $to,
			left   => $place,
			right  => $next,
			broken => $to - $from > $quiet_ns
		  };
		$place = $next;
	}
	return bless { left => $left, stretches => \@stretches }, $class;
}

sub place
{
	my ($self, $ns) = @_;
	my $stretches = $self->{stretches};

	return $self->{left} if !@$stretches || $ns <= $stretches->[0]{from};
	return $stretches->[-1]{right} if $ns >= $stretches->[-1]{to};
	my ($low, $high) = (0, $#$stretches);
	while ($low < $high)
	{
		my $middle = int(($low + $high) / 2);
		$stretches->[$middle]{to} < $ns
		  ? ($low = $middle + 1)
		  : ($high = $middle);
	}
	my $stretch = $stretches->[$low];
	my $part =
	  ($ns - $stretch->{from}) / ($stretch->{to} - $stretch->{from});
	return $stretch->{left} + $part * ($stretch->{right} - $stretch->{left});
}

sub stretches
{
	my ($self) = @_;
	return @{ $self->{stretches} };
}

=item $scale->breaks

The places at which it is broken, from left to right.

=cut

sub breaks
{
	my ($self) = @_;
	return map { ($_->{left} + $_->{right}) / 2 }
	  grep { $_->{broken} } @{ $self->{stretches} };
}

=back

=cut

1;

