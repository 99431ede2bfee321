# If this broke, a cluster that changes its leader often would lose processes,
# files or, worst, the last of its changes: what the hooks have set up would
# then be for a leader that is none.
#
# HOOK_CHANGES=1000 in the environment for so many changes; 50 unless given.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PgLeaderHook;
use PostgreSQL::Test::Utils;
use Test::More;

my $changes = $ENV{HOOK_CHANGES} // 50;

my $cluster = PgLeaderCluster->new(nodes => 3);
my $hook    = PgLeaderHook->new($cluster);
$hook->install($_) foreach $cluster->ids;
$cluster->start_all;
my ($leader, $term) = $cluster->wait_for_leader;
$hook->wait_for_told($_, $leader) foreach $cluster->ids;

# What the hook runner has open while no hook runs.
sub open_files
{
	my ($id) = @_;
	my $runner = $hook->runner($id);

	$cluster->wait_for(sub { !$hook->children($runner) },
		"the hook of node $id to end");
	return sort map { readlink $_ // () } glob "/proc/$runner/fd/*";
}

my @runners = map { $hook->runner($_) } $cluster->ids;
my @files   = map { [ open_files($_) ] } $cluster->ids;

# Force the changes: the leader names its successor, who campaigns at once.
my $first_term = $term;
foreach my $change (1 .. $changes)
{
	$cluster->wait_for(
		sub {
			my ($id) = grep {
				$cluster->value($_, 'SELECT pg_leader_is_leader()') eq 't'
			} $cluster->ids;
			return defined $id
			  && defined $cluster->session($id)
			  ->query('SELECT pg_leader_step_down()');
		},
		"change $change of the leader");
}
($leader, $term) = $cluster->wait_for_leader(above => $first_term);
cmp_ok(
	$term, '>=',
	$first_term + $changes,
	"$changes changes: each was one of its own");

# The last run on every node names the leader and the term that are.
$cluster->wait_for(
	sub {
		($leader, $term) = $cluster->wait_for_leader;
		foreach my $id ($cluster->ids)
		{
			my ($last) = reverse $hook->runs($id);
			return 0
			  if $last->{leader_id} != $leader || $last->{term} != $term;
		}
		return 1;
	},
	'the last run on every node to name the final leader and term');
pass('the last run on every node names the final leader and term');

foreach my $id ($cluster->ids)
{
	my $runner = $hook->runner($id);

	is($runner, $runners[$id], "node $id: the hook runner is the same");
	is( join("\n", open_files($id)),
		join("\n", @{ $files[$id] }),
		"node $id: it has no file or pipe more than before");
	my %children = $hook->children($runner);
	is(join(' ', %children), '', "node $id: it has no child, living or dead");
	$hook->sane("node $id: the runs are in order", $id);

	# Each change was told, or is counted as skipped.
	my $told = 0;
	$cluster->wait_for(
		sub {
			my $counters  = $cluster->counters($id);
			my @runs      = $hook->runs($id);
			my %sequences = map { $_->{sequence} => 1 } @runs;
			$told = keys %sequences;
			return $counters->{hook_last_sequence} == $runs[-1]{sequence}
			  && $counters->{hook_last_sequence} ==
			  $told + $counters->{hook_skipped};
		},
		"node $id: changes told and changes skipped to be all that there were"
	);
	note "node $id: $told runs, ",
	  $cluster->counters($id)->{hook_skipped}, ' changes skipped';
	is($cluster->counters($id)->{hook_failures}, 0, "node $id: none failed");
}

$cluster->stop_all;
done_testing();
