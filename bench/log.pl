# log.pl ROUNDS: does the algorithm log slow a failover?
#
# Two clusters of three nodes: one logs every input and output of the
# algorithm, the other nothing.

use strict;
use warnings;

use PgLeaderBench;
use PgLeaderCluster;
use PgLeaderEventLog;

my ($rounds) = @ARGV;

my $logging =
  PgLeaderCluster->new(settings => { PgLeaderBench::default_timings() });
my $log = PgLeaderEventLog->new($logging);
$log->enable($_, 'replay') foreach $logging->ids;
my $without =
  PgLeaderCluster->new(settings => { PgLeaderBench::default_timings() });
$_->start_all foreach $logging, $without;

my (@logging, @without);
foreach my $round (1 .. $rounds)
{
	push @logging, PgLeaderBench::measure_failover($logging);
	push @without, PgLeaderBench::measure_failover($without);
}

# Was all of it logged?
foreach my $id ($logging->ids)
{
	die "node $id has logged nothing of elections\n"
	  unless $log->events($id, event => 'in_receive');
	die "node $id has lost events\n" if $log->events($id, event => 'lost');
}
$_->stop_all foreach $logging, $without;

PgLeaderBench::report(
	'A leader is killed; milliseconds until the next one answers:');
PgLeaderBench::compare(
	'',
	'enable_log = replay' => \@logging,
	'enable_log = off'    => \@without);
