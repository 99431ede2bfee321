
=head1 NAME

PgLeaderBench - what the benchmarks and other measurements have in common

=head1 DESCRIPTION

A benchmark compares a cluster with a I<peer>, another cluster that differs in
one thing, in the same run and round by round in turn, so that whatever else
the machine does meets both.  It prints medians and their ratio, and fails only
if what it measured was not what it was meant to measure, never as it took
long.

=cut

package PgLeaderBench;

use strict;
use warnings;

use Exporter 'import';
use List::Util qw(max min);
use PgLeaderCluster;
use Test::More;

our @EXPORT_OK = qw(report percentile);

=over

=item report(@text)

Prints a line.  (PostgreSQL's test modules have sent standard output to their
log.)

=cut

sub report
{
	my $output = Test::More->builder->output;
	print $output @_, "\n";
	return;
}

=item percentile($part, @values)

The value that $part of all are not above; 0.5: the median.

=cut

sub percentile
{
	my ($part, @values) = @_;
	my @sorted = sort { $a <=> $b } @values;

	return $sorted[ max(0, int($part * @sorted + 0.999999) - 1) ];
}

sub median
{
	return percentile(0.5, @_);
}

=item compare($unit, $name => \@values, $peer => \@values)

Prints a table of both, and the ratio of their medians.

=cut

sub compare
{
	my ($unit,   @rows) = @_;
	my ($values, $peer) = @rows[ 1, 3 ];

	report sprintf '%-24s %7s %9s %9s %9s %9s', $unit, 'rounds', 'min',
	  'median', 'p90', 'max';
	while (my ($name, $times) = splice @rows, 0, 2)
	{
		report sprintf '%-24s %7d %9.2f %9.2f %9.2f %9.2f', $name,
		  scalar @$times, min(@$times), median(@$times),
		  percentile(0.9, @$times), max(@$times);
	}
	report sprintf 'ratio of the medians     %.2f',
	  median(@$values) / median(@$peer);
	return;
}

=item default_timings()

The timings that users have unless they change them; the tests' are shorter.

=cut

sub default_timings
{
	return (
		heartbeat_interval   => '100ms',
		election_timeout_min => '1000ms',
		election_timeout_max => '1500ms');
}

=item wait_until_whole($cluster)

Waits until every node votes and hears the others, and returns leader and term.

=cut

sub wait_until_whole
{
	my ($cluster) = @_;

	foreach my $id ($cluster->ids)
	{
		$cluster->wait_for(
			sub {
				($cluster->status($id)->{note} // '') eq ''
				  && !grep { $_->{is_self} eq 'f' && $_->{reachable} ne 't' }
				  @{ $cluster->peers($id) };
			},
			"node $id to vote and to hear the others");
	}
	return $cluster->wait_for_leader;
}

=item measure_failover($cluster)

Kills the postmaster of the leader, starts it again, and returns the
milliseconds from the kill to the first answer of another node that it leads.
Dies if two nodes led at a time.

=back

=cut

sub measure_failover
{
	my ($cluster) = @_;
	my ($leader, $term) = wait_until_whole($cluster);

	local $PgLeaderSampler::pause = 0.001;
	my $sampler =
	  $cluster->start_sampler(grep { $_ != $leader } $cluster->ids);
	my $killed = PgLeaderSampler::now();
	$cluster->kill9($leader);
	my @answers;
	$cluster->wait_for(
		sub {
			@answers = grep { defined $_->{token} && $_->{token} > $term }
			  $sampler->samples;
			return scalar @answers;
		},
		'another node to answer that it leads');
	my @samples = $cluster->stop_sampler;
	$cluster->start($leader);

	my @problems = PgLeaderSampler::violations(@samples);
	die "@problems\n" if @problems;
	return (min(map { $_->{after} } @answers) - $killed) * 1000;
}

1;
