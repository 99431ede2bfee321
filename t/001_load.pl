# If this broke, a user could not load the extension, see what it does, or be
# rid of it; or a node that is alone would never lead.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = PgLeaderCluster->new(nodes => 1);
my $node    = $cluster->node(0);

# All that there are, but pg_leader_node_id().
my @functions = qw(pg_leader_term() pg_leader_leader_id()
  pg_leader_is_leader() pg_leader_fencing_token() pg_leader_wait()
  pg_leader_step_down() pg_leader_transfer(1) pg_leader_forget_state()
  pg_leader_get_status() pg_leader_get_peers() pg_leader_get_history()
  pg_leader_get_statistics() pg_leader_get_messages() pg_leader_get_drops()
  pg_leader_get_refusals()   pg_leader_stat_reset());

# Titles of pg_leader's own processes.
sub workers
{
	my %processes = $cluster->processes(0);
	return grep { /: pg_leader [\w ]+, node \d+/ } sort values %processes;
}

#
# A node that is alone
#

$cluster->start_all;
my ($leader, $term) = $cluster->wait_for_leader;
is($leader, 0, 'a single node elects itself');

my $status = $cluster->status(0);
is($status->{node_id},              0,             'status: node id');
is($status->{role},                 'leader',      'status: role');
is($status->{term},                 $term,         'status: term');
is($status->{leader_id},            0,             'status: leader');
is($status->{leader_host},          '127.0.0.1',   'status: leader\'s host');
is($status->{leader_port},          $node->port,   'status: leader\'s port');
is($status->{is_leader},            't',           'status: lease');
is($status->{voted_for},            0,             'status: vote');
is($status->{quorum},               1,             'status: quorum');
is($status->{node_count},           1,             'status: number of nodes');
is($status->{standing},             'member',      'status: standing');
is($status->{in_recovery},          'f',           'status: not a standby');
is($status->{settings_in_force},    't',           'status: settings');
is($status->{heartbeat_interval},   '00:00:00.05', 'status: heartbeat');
is($status->{election_timeout_min}, '00:00:00.5',  'status: timeout');

my %processes = $cluster->processes(0);
foreach my $worker (qw(launcher receiver ticker sender))
{
	my $title = $processes{ $status->{"${worker}_pid"} } // 'no such process';
	like(
		$title,
		qr/pg_leader $worker, node 0$/,
		"ps shows the $worker and its node");
}
is(scalar(grep { /: pg_leader hook runner, node 0$/ } workers()),
	1, 'ps shows the hook runner, too');
is(scalar(workers()), 6,
	'five processes, the one that keeps the state file, and no more');

is($cluster->value(0, 'SELECT pg_leader_node_id()'),   0,     'node id');
is($cluster->value(0, 'SELECT pg_leader_leader_id()'), 0,     'leader');
is($cluster->value(0, 'SELECT pg_leader_term()'),      $term, 'term');
is($cluster->value(0, 'SELECT pg_leader_is_leader()'), 't',   'lease');
is($cluster->value(0, 'SELECT pg_leader_fencing_token()'),
	$term, 'fencing token');
is($cluster->value(0, 'SELECT pg_leader_wait()'), 0, 'wait');

my $peers = $cluster->peers(0);
is(scalar(@$peers),         1,     'one node in the list');
is($peers->[0]{is_self},    't',   'which is this one');
is($peers->[0]{last_heard}, undef, 'and hears nobody');

# With no successor there is nobody to leave it to, so it comes back.
is($cluster->value(0, 'SELECT pg_leader_step_down()'),
	undef, 'a single node has no successor');
($leader, my $new_term) = $cluster->wait_for_leader(above => $term);
cmp_ok($new_term, '>', $term, 'and leads again, in a greater term');
$term = $new_term;

my ($message, $code) = $cluster->error(0, 'SELECT pg_leader_forget_state()');
is($code, '55000', 'nothing to forget on a node that remembers');

#
# Privileges
#

$cluster->ask(0, 'CREATE ROLE watcher LOGIN; GRANT pg_monitor TO watcher');
$cluster->ask(0, 'CREATE ROLE operator LOGIN');
$cluster->ask(0, 'CREATE ROLE nobody LOGIN');
$cluster->ask(0,
	'GRANT EXECUTE ON FUNCTION pg_leader_step_down() TO operator');

foreach my $question (
	'pg_leader_node_id()',   'pg_leader_term()',
	'pg_leader_leader_id()', 'pg_leader_is_leader()',
	'pg_leader_fencing_token()')
{
	ok( defined $cluster->value(
			0, "SET ROLE nobody; SELECT coalesce(${question}::text, 'null')"),
		"anybody may ask $question");
}
foreach my $view (
	'pg_leader_status',        'pg_leader_peers',
	'pg_leader_history',       'pg_stat_leader',
	'pg_stat_leader_messages', 'pg_stat_leader_drops',
	'pg_stat_leader_refusals')
{
	ok( $cluster->value(0, "SET ROLE watcher; SELECT count(*) FROM $view") >
		  0,
		"pg_monitor may look at $view");
	($message, $code) =
	  $cluster->error(0, "SET ROLE nobody; SELECT count(*) FROM $view");
	is($code, '42501', "others may not look at $view");
}
foreach my $act (
	'pg_leader_step_down()',    'pg_leader_transfer(1)',
	'pg_leader_forget_state()', 'pg_leader_stat_reset()')
{
	($message, $code) = $cluster->error(0, "SET ROLE watcher; SELECT $act");
	is($code, '42501', "pg_monitor may not call $act");
}
$cluster->ask(0, 'RESET ROLE');
$cluster->ask(0, 'SET ROLE operator; SELECT pg_leader_step_down()');
$cluster->ask(0, 'RESET ROLE');
pass('those to whom it is granted may call pg_leader_step_down()');
($leader, $term) = $cluster->wait_for_leader(above => $term);

#
# Shutdown, in each mode, and back
#

foreach my $mode (qw(smart fast immediate))
{
	$cluster->stop($mode, 0);
	is(scalar(workers()), 0, "$mode shutdown leaves no process behind");
	$cluster->start(0);
	($leader, $new_term) = $cluster->wait_for_leader;
	cmp_ok($new_term, '>', $term, "after $mode shutdown: a greater term");
	$term = $new_term;
}

#
# Switched off
#

$cluster->set(0, node_id => -1);
$cluster->stop('fast', 0);
$cluster->start(0);
is(scalar(workers()), 0, 'node_id -1: nothing starts');
is($cluster->value(0, 'SELECT pg_leader_node_id()'),
	undef, 'node_id -1: no id');
foreach my $call (@functions)
{
	($message, $code) = $cluster->error(0, "SELECT * FROM $call");
	is($code, '55000', "switched off: $call refuses");
	like(
		$message,
		qr/HINT: .*pg_leader\.node_id/,
		"switched off: $call tells how to mend it");
}

#
# Not preloaded: each function says so, and how to mend it
#

$cluster->set(0, node_id => 0);
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$cluster->stop('fast', 0);
$cluster->start(0);
foreach my $call ('pg_leader_node_id()', @functions)
{
	($message, $code) = $cluster->error(0, "SELECT * FROM $call");
	is($code, '55000', "not preloaded: $call refuses");
	like(
		$message,
		qr/HINT: .*shared_preload_libraries/,
		"not preloaded: $call tells how to mend it");
}

$node->append_conf('postgresql.conf',
	"shared_preload_libraries = 'pg_leader'");
$cluster->stop('fast', 0);
$cluster->start(0);
($leader, $new_term) = $cluster->wait_for_leader;
cmp_ok($new_term, '>', $term, 'switched on again: a greater term');

$cluster->ask(0, 'DROP EXTENSION pg_leader');
$cluster->ask(0, 'CREATE EXTENSION pg_leader');
is($cluster->value(0, 'SELECT pg_leader_wait()'),
	0, 'the extension can be dropped and created again');

$cluster->stop_all;
done_testing();
