# If this broke, some split of the network would give the cluster two leaders,
# or none where there could be one, or an election for nothing.

use strict;
use warnings;

use File::Basename qw(basename);
use FindBin;
use lib $FindBin::RealBin;
use PgLeaderStand;
use Test::More;

plan skip_all => PgLeaderStand::reason_to_skip()
  if PgLeaderStand::reason_to_skip();

# On a machine that stands still for that long, in seconds, nodes elect for that
# reason alone.
my $heartbeat = 0.1;
my $timeout   = 1;
my $stall     = $timeout / 3;

my $folder = "$PgLeaderStand::scripts/test_stand/scenarios";
my $wanted = $ENV{SCENARIOS} // '';
my @names =
  $wanted eq 'all'
  ? map { basename($_, '.txt') } sort glob "$folder/*.txt"
  : split ' ', $wanted || 'leader_alone even_split deaf_leader';

my $stand = PgLeaderStand->new(
	nodes    => 5,
	settings => {
		PGLD_HEARTBEAT_INTERVAL   => 1000 * $heartbeat,
		PGLD_ELECTION_TIMEOUT_MIN => 1000 * $timeout,
		PGLD_ELECTION_TIMEOUT_MAX => 1500 * $timeout
	});
is(($stand->net_init)[0], 0, 'a stand of five nodes');
$stand->does('start; wait leader ALL', 'they elect');

foreach my $name (@names)
{
	my ($status, @violations);

	# A run in which the machine stood still proves nothing about elections
	# that should not have happened; that two nodes led would count.
	foreach my $run (1 .. 3)
	{
		$stand->start_sampler;
		($status) =
		  $stand->run('test_stand/ctl.sh', '-s', "$folder/$name.txt");
		my @samples = $stand->stop_sampler;

		push @violations, PgLeaderSampler::violations(@samples);
		note map { "  $_\n" } PgLeaderSampler::leaders(@samples);
		my $longest = 0;
		foreach my $id ($stand->ids)
		{
			my $rate = $stand->{rates}{$id};
			note sprintf
			  '  node %d: %d answers, %.0f a second, at most %.3f s apart',
			  $id, @{$rate}{qw(count per_second stall)};
			$longest = $rate->{stall} if $rate->{stall} > $longest;
		}
		last if $status == 0 || $longest < $stall;
		diag sprintf
		  '%s: the machine stood still for %.3f s; run %d does not count',
		  $name, $longest, $run;
		$stand->ctl('flush; start; wait leader ALL');
	}
	is(join("\n", @violations),
		'', "$name: never two leaders, and no term that goes back");
	if (!is($status, 0, "$name: what must hold does"))
	{
		$stand->show_logs;
		$stand->ctl('status; stat; flush; start; wait leader ALL');
	}
}

is(($stand->down)[0], 0,  'the stand is taken down');
is($stand->leftovers, '', 'nothing is left');

done_testing();
