# failover.pl KILLS WHAT: what failover.sh runs, in a temporary installation.

use strict;
use warnings;

use List::Util    qw(min max);
use PgLeaderBench qw(report percentile);
use PgLeaderCluster;

my ($kills, $what) = @ARGV;

my $cluster = PgLeaderCluster->new(
	nodes    => 3,
	settings => { PgLeaderBench::default_timings() });
$PgLeaderSampler::pause = 0.001;
$cluster->start_all;
$cluster->start_sampler;

my @losses;
foreach my $kill (1 .. $kills)
{
	# Every node votes, those too that have restarted.
	my ($leader, $term) = PgLeaderBench::wait_until_whole($cluster);

	my $loss = { node => $leader, term => $term };
	$loss->{at} = PgLeaderSampler::now();
	$what eq 'power'
	  ? $cluster->power_off($leader)
	  : $cluster->kill9($leader);
	$cluster->wait_for_leader(above => $term);
	$cluster->start($leader);
	push @losses, $loss;
	report "  $kill" if $kill % 10 == 0;
}
$cluster->wait_for_leader;
my @samples = $cluster->stop_sampler;
$cluster->stop_all;

# First answer of each term.
my %first;
foreach my $sample (grep { defined $_->{token} } @samples)
{
	my $term = $sample->{token};
	$first{$term} = $sample
	  if !defined $first{$term} || $sample->{after} < $first{$term}{after};
}

my @problems = PgLeaderSampler::violations(@samples);
my @times;
foreach my $kill (0 .. $#losses)
{
	my $loss = $losses[$kill];
	my $next = $kill < $#losses ? $losses[ $kill + 1 ]{at} : 9e99;

	# The leader may have been asked for the first time just before its end;
	# that it is not answered for by another is checked above.
	my @new = sort { $a->{after} <=> $b->{after} }
	  grep {
			 $_->{after} > $loss->{at}
		  && $_->{after} < $next
		  && $_->{token} != $loss->{term}
	  } values %first;

	my $line = sprintf 'kill %d: node %d, leader in term %s', $kill + 1,
	  @{$loss}{qw(node term)};
	foreach my $leader (@new)
	{
		my $ms = ($leader->{after} - $loss->{at}) * 1000;
		$line .= sprintf '; after %.1f ms node %d in term %s', $ms,
		  @{$leader}{qw(node token)};
	}
	report $line;

	push @problems,
	  'kill ' . ($kill + 1) . ': ' . scalar(@new) . ' new leaders'
	  unless @new == 1;
	push @problems, 'kill ' . ($kill + 1) . ': the term has not grown'
	  if grep { $_->{token} <= $loss->{term} } @new;
	push @times, ($new[0]{after} - $loss->{at}) * 1000 if @new;
}

report '';
report "problem: $_" foreach @problems;
my @sorted = sort { $a <=> $b } @times;
report sprintf 'ms from the kill to the new leader\'s first answer:'
  . ' min %.1f, median %.1f, p90 %.1f, p99 %.1f, max %.1f',
  min(@sorted), map({ percentile($_, @sorted) } 0.5, 0.9, 0.99), max(@sorted)
  if @sorted;
if (@problems)
{
	report 'failover FAILED: ' . scalar(@problems) . ' problems';
	exit 1;
}
report "failover ok: $kills kills, a new leader after each,"
  . ' terms strictly growing, never two leaders at a time';
