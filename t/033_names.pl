# If this broke, a cluster whose nodes are given by host name would have no
# leader, or one name that the resolver does not know would stop all others; or
# a server that has no worker slot left would miss its vote without a word.

use strict;
use warnings;

use FindBin;
use IO::Socket::INET;
use IPC::Run;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PostgreSQL::Test::Utils;
use Test::More;

# A part of a name has 63 characters at most, so no resolver knows this one,
# and none asks a server for it.
my $unknown = 'x' x 64 . '.invalid';

my $cluster = PgLeaderCluster->new(nodes => 3);

# Gives all nodes the same list of hosts, with the ports that they have.
sub name_hosts
{
	my (@hosts) = @_;

	my $list = join ', ',
	  map { "$hosts[$_]:" . $cluster->udp_port($_) } $cluster->ids;
	$cluster->set($_, cluster => $list) foreach $cluster->ids;
	return;
}

sub count_in_log
{
	my ($of, $id, $pattern) = @_;
	my @found = $of->log_of($id) =~ /$pattern/g;
	return scalar @found;
}

#
# Names that are known
#

name_hosts(('localhost') x 3);
$cluster->start_all;
my ($leader, $term) = $cluster->wait_for_leader;
is($cluster->status($leader)->{leader_host},
	'localhost', 'the leader is shown by its name');
foreach my $peer (@{ $cluster->peers($leader) })
{
	my $id = $peer->{node_id};
	is($peer->{host}, 'localhost', "node $id is shown by its name");
	like(
		$peer->{address},
		qr/:${\ $cluster->udp_port($id)}$/,
		"and node $id by what it was resolved to");
}

#
# One that is not: the others elect
#

$cluster->stop_all;
name_hosts('localhost', 'localhost', $unknown);
$cluster->start(0, 1);
($leader, my $next_term) = $cluster->wait_for_leader(above => $term);
pass('without the node whose name is unknown the others elect');

my $complaint =
  qr/LOG: .*could not resolve host name "\Q$unknown\E" of node 2/;
$cluster->wait_for_log($_, $complaint) foreach 0, 1;
is($cluster->peers(0)->[2]{address},
	undef, 'the node whose name is unknown has no address');
is($cluster->peers(0)->[2]{note}, 'never heard', 'nor was it heard of');

# The node itself does not know where it is.
$cluster->start(2);
$cluster->wait_for_log(2,
	qr/WARNING: .*could not resolve this node's host name "\Q$unknown\E"/);
is($cluster->status(2)->{role},
	'down', 'a node that does not know its own address takes no part');

#
# No free worker slot.  A node that is alone gets just the four that
# elections need.
# While it cannot start, because somebody else has its port, a parallel query
# takes one of them.
#

my $single = PgLeaderCluster->new(
	nodes => 1,
	conf  => "max_worker_processes = 4\nmax_logical_replication_workers = 0");
my $thief = IO::Socket::INET->new(
	Proto     => 'udp',
	LocalAddr => '127.0.0.1',
	LocalPort => $single->udp_port(0)) or die "could not take the port: $!";
$single->start_all;
$single->ask(0, 'CREATE TABLE sleepers AS SELECT 1 AS one');
$single->ask(0, 'ALTER TABLE sleepers SET (parallel_workers = 2)');

my $sql = q{
	SET max_parallel_workers_per_gather = 2;
	SET parallel_setup_cost = 0;
	SET parallel_tuple_cost = 0;
	SET min_parallel_table_scan_size = 0;
	SET parallel_leader_participation = off;
	SELECT count(*) FROM sleepers WHERE pg_sleep(3600) IS NOT NULL};
my ($said, $query);

# True if a parallel worker sleeps.  If no slot was free, its leader does; then
# it is sent away.
sub take_slot
{
	$query = IPC::Run::start(
		[
			'psql', '-XAtq', '-d', $single->node(0)->connstr('postgres'),
			'-c',   $sql
		],
		'>'  => \$said,
		'2>' => \$said);
	my $sleeper = $single->wait_for(
		sub {
			$single->value(
				0,
				q{SELECT min(backend_type) FROM pg_stat_activity
				  WHERE wait_event = 'PgSleep'});
		},
		'a query to hold a worker');
	return 1 if $sleeper eq 'parallel worker';
	end_query();
	return 0;
}

sub end_query
{
	$single->ask(
		0,
		q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity
		  WHERE query LIKE '%sleepers%' AND backend_type = 'client backend'
			AND pid <> pg_backend_pid()});
	$query->finish;
	return;
}

$single->wait_for(\&take_slot, 'a parallel query to get a worker');
my $warning = qr/WARNING:  no background worker slot is free for pg_leader\n/;
$single->wait_for_log(0, $warning);
like(
	$single->log_of(0),
	qr/HINT:  Increase max_worker_processes\.$/m,
	'no free slot: the log says which setting helps');
is($single->value(0, 'SELECT pg_leader_is_leader()'),
	'f', 'no free slot: the node takes no part, and its server serves on');

#
# Names are asked for every five seconds, slots every second.  While a hundred
# heartbeats come, nobody complains again.
#

my ($follower) = grep { $_ != $leader } 0, 1;
$cluster->wait_for_heartbeats($follower, 110);
is(count_in_log($cluster, $_, $complaint),
	1, "node $_ has complained of the name once")
  foreach 0, 1;
is(count_in_log($cluster, 2, qr/could not resolve this node's/),
	1, 'and so has the node itself');

# Parallel queries and others take slots and give them back: each time that
# slots are missing has one warning and, unless it lasts, one end.
my $again = qr/LOG:  pg_leader has background worker slots again/;
cmp_ok(
	count_in_log($single, 0, $warning),
	'<=',
	1 + count_in_log($single, 0, $again),
	'no free slot: one warning');

# Both can be mended.
close $thief;
end_query();
$single->wait_for_leader;
$single->wait_for_log(0, qr/pg_leader has background worker slots again/);
pass('a slot is free again: the node takes part, by itself');
$single->stop_all;

$cluster->stop_all;
name_hosts('localhost', '127.0.0.1', 'localhost');
$cluster->start_all;
$cluster->wait_for_leader(above => $next_term);
pass('names and addresses mixed: all nodes elect');
$cluster->stop_all;
done_testing();
