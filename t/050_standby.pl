# If this broke, pg_leader would not work on standbys, which is where a leader
# is needed most; or a base backup would bring along a second vote.

use strict;
use warnings;

use File::Path qw(rmtree);
use FindBin;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The primary never leads, so that one of its standbys does.  State lies
# outside the data directories, where no base backup takes it along.
my $states  = PostgreSQL::Test::Utils::tempdir();
my $cluster = PgLeaderCluster->new(
	nodes         => 3,
	streaming     => 1,
	node_settings => {
		0 => { priority => 0,   state_directory => "$states/0" },
		1 => { priority => 100, state_directory => "$states/1" },
		2 => { priority => 100, state_directory => "$states/2" }
	});

# Makes node $id anew, as a standby of node 0.
sub make_standby
{
	my ($id, $name) = @_;

	my $standby = PostgreSQL::Test::Cluster->new($name);
	$cluster->node(0)->backup("for_$name");
	$standby->init_from_backup($cluster->node(0), "for_$name",
		has_streaming => 1);
	$cluster->adopt($id, $standby);
	return $standby;
}

$cluster->start(0);
foreach my $id (1, 2)
{
	make_standby($id, "standby$id");
	$cluster->configure($id);
}
$cluster->start(1, 2);
$cluster->node(0)->wait_for_catchup($_) foreach 'standby1', 'standby2';

my ($leader, $term) = $cluster->wait_for_leader;
isnt($leader, 0, 'a standby is the leader');
is($cluster->value($leader, 'SELECT pg_is_in_recovery()'),
	't', 'while it is in recovery');

my $status = $cluster->status($leader);
is($status->{in_recovery},             't', 'status: leader is not primary');
is($status->{is_leader},               't', 'status: lease');
is($cluster->status(0)->{in_recovery}, 'f', 'status: the primary');
is($cluster->status(0)->{role},        'follower', 'status: which follows');
foreach my $view (
	qw(pg_leader_status pg_leader_peers pg_leader_history pg_stat_leader
	pg_stat_leader_messages pg_stat_leader_drops pg_stat_leader_refusals))
{
	cmp_ok($cluster->value($leader, "SELECT count(*) FROM $view"),
		'>', 0, "a standby shows $view");
}
my $reset = 'SELECT stats_reset FROM pg_stat_leader';
my $last  = $cluster->value($leader, $reset) // 'never';
$cluster->ask($leader, 'SELECT pg_leader_stat_reset()');
isnt($cluster->value($leader, $reset) // 'never',
	$last, 'and its statistics can be reset');

foreach my $id ($cluster->ids)
{
	is($cluster->value($id, 'SELECT pg_leader_node_id()'),
		$id, "node $id knows its own id");
	is($cluster->value($id, 'SELECT pg_leader_wait()'),
		$leader, "node $id can wait for the leader");
}

# Acting works in recovery as well.
my $successor;
$cluster->wait_for(
	sub {
		($leader, $term) = $cluster->wait_for_leader;
		my $rows =
		  $cluster->session($leader)->query('SELECT pg_leader_step_down()');
		$successor = $rows->[0][0] if defined $rows;
		return defined $successor;
	},
	'a standby to step down for another');
isnt($successor, 0, 'the primary with priority 0 is no successor');
($leader, $term) = $cluster->wait_for_leader(above => $term);
isnt($leader, 0, 'a standby leads again');

$cluster->wait_for(
	sub {
		($leader, $term) = $cluster->wait_for_leader;
		my $target = 3 - $leader;
		my $rows =
		  $cluster->session($leader)
		  ->query("SELECT pg_leader_transfer($target)");
		return defined $rows && ($rows->[0][0] // -1) == $target;
	},
	'a standby to hand leadership over to the other one');
($leader, $term) = $cluster->wait_for_leader(above => $term);
isnt($leader, 0, 'a standby hands leadership over to the other one');

# A standby's end, and the primary's.
$cluster->stop('immediate', $leader);
(undef, my $new_term) = $cluster->wait_for_leader(above => $term);
cmp_ok($new_term, '>', $term, 'the other standby takes over');
$cluster->start($leader);
$cluster->wait_for_leader;
$cluster->stop('immediate', 0);
($leader, $term) = $cluster->wait_for_leader;
isnt($leader, 0, 'without its primary the cluster has a leader');
$cluster->start(0);
$cluster->wait_for_leader;

#
# A rebuilt node whose state lies outside the data directory keeps its vote
#

my $before = $cluster->status(2)->{term};
$cluster->stop('fast', 2);
make_standby(2, 'rebuilt');
$cluster->configure(2);
$cluster->set(2, initial_state => 'existing');
$cluster->start(2);
$cluster->wait_for_leader;
is($cluster->status(2)->{standing},
	'member', 'rebuilt, state outside the data directory: a member');
cmp_ok($cluster->value(2, 'SELECT pg_leader_term()'),
	'>=', $before, 'and it remembers its term');

#
# One that has it inside comes with the state of the node that was copied,
# and must not vote with that
#

$cluster->stop('fast', 0);
rename "$states/0", $cluster->node(0)->data_dir . '/pg_leader'
  or die "could not move the state of node 0: $!";
$cluster->set(0, state_directory => 'pg_leader');
$cluster->start(0);
$cluster->wait_for_leader;
is($cluster->status(0)->{standing},
	'member', 'a state directory can be moved');

$cluster->stop('fast', 2);
make_standby(2, 'copied');
$cluster->configure(2);
$cluster->set(2, state_directory => 'pg_leader', initial_state => 'new');
ok( -e $cluster->node(2)->data_dir . '/pg_leader/state',
	'a base backup brings along the state of the node it is from');

# The test's way to restore a backup keeps the data directory's permissions
# only; pg_basebackup itself keeps all.
chmod 0700, $cluster->node(2)->data_dir . '/pg_leader'
  or die "could not protect the state of node 2: $!";
$cluster->start(2);
$cluster->wait_for(sub { $cluster->status(2)->{standing} eq 'amnesiac' },
	'the copy to be amnesiac');
$cluster->wait_for_leader(among => [ 0, 1 ]);
$status = $cluster->status(2);
like($status->{note} // '', qr/node 0/, 'it says whose state it found');
is($status->{role}, 'follower', 'it follows');
$cluster->wait_for(sub { defined $cluster->status(2)->{leader_id} },
	'the copy to hear of the leader');

$cluster->stop('fast', 2, 1, 0);
done_testing();
