# If this broke, sessions that ask who leads without end, which anybody may do,
# would keep a node from telling anything new: after some seconds it would seem
# to be down, and its hook would be told that there is no leader.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $readers = 24;
my $cluster = PgLeaderCluster->new(nodes => 1);
my $node    = $cluster->node(0);

# Without compilation, which would take the seconds of this test.
$node->append_conf('postgresql.conf', "jit = off\n");
$cluster->start_all;
my (undef, $term) = $cluster->wait_for_leader;

# Some million questions each.
my $query = 'SELECT count(pg_leader_leader_id())'
  . ' FROM generate_series(1, 10000) AS a, generate_series(1, 10000) AS b';
my @command =
  ('psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', $query);
my @clients = map {
	IPC::Run::start(\@command, '<', \undef, '>', \my $out, '2>', \my $err)
} 1 .. $readers;
$cluster->wait_for(
	sub {
		return $cluster->value(0,
				"SELECT count(*) FROM pg_stat_activity WHERE state = 'active'"
			  . " AND query LIKE '%generate\\_series%' AND pid <> pg_backend_pid()"
		) == $readers;
	},
	'all readers to ask');

$cluster->ask(0, 'SELECT pg_leader_step_down()');
my $began = time;
my $new_term;
do
{
	$new_term = $cluster->value(0, 'SELECT pg_leader_term()');
} while ($new_term <= $term && time < $began + 30);
cmp_ok($new_term, '>', $term, 'what is new is told, though many ask');
isnt($cluster->status(0)->{role},
	'down', 'nor does the node seem to be down');

$cluster->ask(0,
		"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
	  . " WHERE query LIKE '%generate\\_series%' AND pid <> pg_backend_pid()"
);
foreach my $client (@clients)
{
	eval { $client->finish };
}
$cluster->stop_all;
done_testing();
