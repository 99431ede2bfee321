# If this broke, a cluster that was restarted as a whole would use a term
# twice, and two leaders would hold the same fencing token; or it would wear
# out its disk while nothing happens.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = PgLeaderCluster->new(nodes => 3);
$cluster->start_all;
my ($leader, $term) = $cluster->wait_for_leader;

#
# Restart of all
#

my %end = (
	'fast'      => sub { $cluster->stop('fast',      $_[0]) },
	'immediate' => sub { $cluster->stop('immediate', $_[0]) },
	'SIGKILL'   => sub { $cluster->kill9($_[0]) });

foreach my $how (sort keys %end)
{
	($leader, $term) = $cluster->wait_for_leader;
	$end{$how}->($_) foreach $cluster->ids;

	my %before = map { $_ => $cluster->state_of($_) } $cluster->ids;
	foreach my $id ($cluster->ids)
	{
		cmp_ok($before{$id}{term},
			'>=', $term, "$how: the term of node $id is on disk");
	}

	$cluster->start_all;
	(undef, my $new_term) = $cluster->wait_for_leader;
	cmp_ok($new_term, '>', $term, "$how: the next leader has a greater term");
	foreach my $id ($cluster->ids)
	{
		my $after = $cluster->state_of($id);
		cmp_ok(
			$after->{term}, '>=',
			$before{$id}{term},
			"$how: the term of node $id has not gone back");

		# A node that met the new term while the others stopped need not
		# write anything.
		cmp_ok(
			$after->{generation}, '>=',
			$before{$id}{generation},
			"$how: the state of node $id is no older one");
		is($after->{standing}, 'member', "$how: node $id is a member");
	}
}

#
# One after the other
#

foreach my $id ($cluster->ids)
{
	(undef, $term) = $cluster->wait_for_leader;
	$cluster->stop('fast', $id);
	my $before = $cluster->state_of($id);
	my @others = grep { $_ != $id } $cluster->ids;
	$cluster->wait_for_leader(among => \@others);
	$cluster->start($id);
	(undef, my $new_term) = $cluster->wait_for_leader;
	cmp_ok($new_term, '>=', $term, "restart of node $id: term");
	cmp_ok($cluster->state_of($id)->{term},
		'>=', $before->{term}, "restart of node $id: term on disk");
}

#
# No writes while nothing changes
#

sub file_stamps
{
	my %stamps;
	foreach my $id ($cluster->ids)
	{
		my @stat = stat $cluster->state_directory($id) . '/state'
		  or die "could not stat the state of node $id: $!";
		my $writes = $cluster->counters($id)->{state_writes};
		$stamps{$id} =
		  "@stat[7, 9, 10] $writes " . $cluster->state_of($id)->{generation};
	}
	return \%stamps;
}

# An election in between is a change; then look again.
my ($before, $after);
$cluster->wait_for(
	sub {
		my ($first_leader, $first_term) = $cluster->wait_for_leader;
		$before = file_stamps();
		$cluster->wait_for_heartbeats($_, 100) foreach $cluster->ids;
		$after = file_stamps();
		my ($last_leader, $last_term) = $cluster->wait_for_leader;
		return $first_term == $last_term;
	},
	'a while without an election');
is_deeply($after, $before, 'an idle cluster does not touch its state files');

$cluster->stop_all;
done_testing();
