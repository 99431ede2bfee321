# idle.pl SECONDS: what idle.sh runs, in a temporary installation.

use strict;
use warnings;

use PgLeaderBench qw(report);
use PgLeaderCluster;
use Time::HiRes qw(sleep time);

my ($seconds) = @ARGV;

# Nanoseconds that a process has spent on a processor.
sub busy_ns
{
	my ($pid) = @_;
	open my $file, '<', "/proc/$pid/schedstat"
	  or die "cannot read /proc/$pid/schedstat: $!\n";
	my ($ns) = split ' ', readline $file;
	close $file;
	return $ns;
}

# What the workers of a node have used, and what its state file looks like.
sub snapshot
{
	my ($cluster, $id) = @_;
	my $status    = $cluster->status($id);
	my %processes = $cluster->processes($id);
	my @pids      = (
		(map { $status->{"${_}_pid"} } qw(launcher receiver ticker sender)),
		grep { $processes{$_} =~ /: pg_leader hook runner/ } keys %processes);
	my @stat = stat $cluster->state_directory($id) . '/state';
	my $busy = 0;

	$busy += busy_ns($_) foreach @pids;
	return { pids => "@pids", busy => $busy, file => "@stat[1,7,9,10]" };
}

my $cluster = PgLeaderCluster->new(
	nodes    => 3,
	secret   => 1,
	settings => {
		heartbeat_interval   => '100ms',
		election_timeout_min => '1000ms',
		election_timeout_max => '1500ms'
	});
$cluster->start_all;
my ($leader, $term) = $cluster->wait_for_leader;

# Let the mirrored slots be written.
$cluster->wait_for_heartbeats($_, 20) foreach $cluster->ids;

my %before = map { $_ => snapshot($cluster, $_) } $cluster->ids;
my $began  = time;
sleep $seconds;
my %after   = map { $_ => snapshot($cluster, $_) } $cluster->ids;
my $elapsed = time - $began;
my ($last_leader, $last_term) = $cluster->wait_for_leader;

my $problems = 0;
foreach my $id ($cluster->ids)
{
	my $same = $before{$id}{file} eq $after{$id}{file};
	my $cost = ($after{$id}{busy} - $before{$id}{busy}) / 1e9 / $elapsed;

	report sprintf 'node %d, %-8s: %.2f %% of a core, state file %s', $id,
	  $id == $leader ? 'leader' : 'follower', 100 * $cost,
	  $same ? 'not written' : 'WRITTEN';
	$problems++
	  if !$same || $before{$id}{pids} ne $after{$id}{pids};
}
$cluster->stop_all;

if ($problems || "$leader $term" ne "$last_leader $last_term")
{
	report 'idle FAILED: the cluster did not idle';
	exit 1;
}
report 'idle ok';
