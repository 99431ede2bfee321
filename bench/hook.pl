# hook.pl ROUNDS: does a hook that never ends slow a failover?
#
# Two clusters of three nodes: in one, every change of leader starts a command
# that sleeps for ever on every node; the other has no hook.

use strict;
use warnings;

use PgLeaderBench;
use PgLeaderCluster;

my ($rounds) = @ARGV;

my $asleep = PgLeaderCluster->new(
	settings => {
		PgLeaderBench::default_timings(),
		on_leader_change => 'exec sleep infinity',
		hook_timeout     => 0
	});
my $without =
  PgLeaderCluster->new(settings => { PgLeaderBench::default_timings() });
$_->start_all foreach $asleep, $without;

# Does the hook of every node sleep?
sub check_hooks
{
	foreach my $id ($asleep->ids)
	{
		$asleep->wait_for(
			sub {
				my %titles = $asleep->processes($id);
				return scalar grep { /^sleep\0?/ } values %titles;
			},
			"the hook of node $id to sleep");
	}
	return;
}

my (@asleep, @without);
foreach my $round (1 .. $rounds)
{
	PgLeaderBench::wait_until_whole($asleep);
	check_hooks();
	push @asleep,  PgLeaderBench::measure_failover($asleep);
	push @without, PgLeaderBench::measure_failover($without);
}
$_->stop_all foreach $asleep, $without;

PgLeaderBench::report(
	'A leader is killed; milliseconds until the next one answers:');
PgLeaderBench::compare(
	'',
	'every hook sleeps' => \@asleep,
	'no hook'           => \@without);
