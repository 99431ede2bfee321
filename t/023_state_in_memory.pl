# If this broke, a state file that is deleted or set back under a running
# server would let the node's term go back, and with it the fencing token; or
# a vote would be given twice, as no other node is there to notice, or the one
# that is has just started its workers anew.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PostgreSQL::Test::Utils;
use Test::More;

# In place, so that it stays the same file.
sub set_back
{
	my ($path, $bytes) = @_;

	open my $handle, '+<:raw', $path or die "could not open $path: $!";
	print $handle $bytes;
	close $handle or die "could not write $path: $!";
	return;
}

# Deleted: the node, alone in its cluster and declared new, is born again.
my $cluster = PgLeaderCluster->new(nodes => 1);
$cluster->start_all;
my (undef, $term) = $cluster->wait_for_leader;
my $file = $cluster->state_directory(0) . '/state';
my $from = $cluster->log_size(0);

unlink $file or die "could not remove $file: $!";
$cluster->wait_for_log(
	0,
	qr/ERROR:  state file "[^"]+" was deleted or replaced while node 0 was running\n/,
	$from);
my (undef, $new_term) = $cluster->wait_for_leader(above => $term);
cmp_ok($new_term, '>', $term, 'state deleted: the term does not go back');
cmp_ok($cluster->value(0, 'SELECT pg_leader_fencing_token()'),
	'>', $term, 'state deleted: nor does the token');

# Set back, and then the pipeline starts anew: no peer remembers, but the
# server does.
my $old_state = slurp_file($file);
$cluster->ask(0, 'SELECT pg_leader_step_down()');
(undef, $term) = $cluster->wait_for_leader(above => $new_term);
my $ticker = $cluster->status(0)->{ticker_pid};

# The second copy is written when the node has time: not over what comes now.
$cluster->wait_for(
	sub {
		my @slots = $cluster->state_slots(0);
		return $slots[0]{record}{generation} == $slots[1]{record}{generation};
	},
	'both copies of the state to be written');
set_back($file, $old_state);
kill 'TERM', $ticker;

my $status = $cluster->wait_for(
	sub {
		my $status = $cluster->status(0);
		return $status->{standing} eq 'amnesiac' && $status;
	},
	'the node to see that its state was set back');
isnt($status->{ticker_pid}, $ticker, 'state set back: a new ticker found it');
like($status->{note}, qr/is older than/,
	'state set back: the status says so');
is($status->{term},      $term, 'state set back: the term does not go back');
is($status->{is_leader}, 'f',   'state set back: the node does not lead');
is($cluster->state_of(0)->{standing},
	'amnesiac', 'state set back: durably so');
is($status->{recovers_in},
	undef, 'state set back: nobody is there to be asked');
like(
	$status->{note},
	qr/no other node can tell it the term/,
	'state set back: and the status says so');
$cluster->stop_all;

# What a node has seen of another one's records is written along with its own
# next record only, but outlives its ticker.  Here node 1 writes, as it makes
# longer promises, and node 0, which leads, has nothing to write.
$cluster = PgLeaderCluster->new(
	nodes         => 2,
	node_settings => { 1 => { priority => 0 } });
$cluster->start_all;
(undef, $term) = $cluster->wait_for_leader;
$file      = $cluster->state_directory(1) . '/state';
$old_state = slurp_file($file);
my $generation = $cluster->state_of(1)->{generation};
$cluster->set(1, election_timeout_min => '600ms');
$cluster->node(1)->reload;
$cluster->wait_for(sub { $cluster->state_of(1)->{generation} > $generation },
	'node 1 to write its state');
$cluster->wait_for_heartbeats(0, 10);
$cluster->stop('fast', 1);

$ticker = $cluster->status(0)->{ticker_pid};
kill 'TERM', $ticker;
$cluster->wait_for(
	sub {
		my $status = $cluster->status(0);
		return $status->{role} ne 'down' && $status->{ticker_pid} != $ticker;
	},
	'node 0 to have another ticker');

# With the setting that was in force then, it has nothing to write either.
set_back($file, $old_state);
$cluster->set(1, election_timeout_min => '500ms');
$cluster->start(1);
$status = $cluster->wait_for(
	sub {
		my $status = $cluster->status(1);
		return $status->{standing} eq 'amnesiac' && $status;
	},
	'node 1 to learn from node 0 that its state was set back');
like(
	$status->{note},
	qr/state rolled back/,
	'state set back: the new ticker of the other node remembers');

$cluster->stop_all;

# What a node was told is known to its shared memory alone while it cannot be
# written.  Node 1 never leads; it comes up with an old record, and without
# room on its disk.
$cluster = PgLeaderCluster->new(
	nodes         => 2,
	node_settings => { 1 => { priority => 0 } });
$cluster->start_all;
(undef, $term) = $cluster->wait_for_leader;
$file      = $cluster->state_directory(1) . '/state';
$old_state = slurp_file($file);

# Node 0 writes what it has seen of node 1's votes along with its next term.
foreach (1 .. 2)
{
	$cluster->ask(0, 'SELECT pg_leader_step_down()');
	(undef, $term) = $cluster->wait_for_leader(above => $term);
}
$cluster->stop_all;
set_back($file, $old_state);
$cluster->start(1);
$cluster->wait_for(sub { $cluster->status(1)->{role} ne 'down' },
	'node 1 to have read its state');
system_or_bail('prlimit', '--pid', $cluster->disk_pid(1), '--fsize=0:');
$cluster->start(0);
$cluster->wait_for(
	sub {
		my $peer = $cluster->peers(0)->[1];
		return $peer && ($peer->{standing} // '') eq 'amnesiac';
	},
	'node 1 to be told that its state was set back');
is($cluster->status(1)->{standing},
	'member', 'state set back, and no room to write that: it is not written');
$cluster->stop('fast', 0);

# The new ticker has a disk process without that limit, and nobody to tell it.
$ticker = $cluster->status(1)->{ticker_pid};
$from   = $cluster->log_size(1);
kill 'TERM', $ticker;
$status = $cluster->wait_for(
	sub {
		my $status = $cluster->status(1);
		return
			 $status->{role} ne 'down'
		  && $status->{ticker_pid} != $ticker
		  && $status;
	},
	'node 1 to have another ticker');
is($status->{standing}, 'amnesiac',
	'state set back, and no room to write that: the new ticker remembers');
like(
	$status->{note},
	qr/does not say what was found/,
	'state set back, and no room to write that: and the status says so');
is($cluster->state_of(1)->{standing},
	'amnesiac', 'state set back: and now it is written');
$cluster->wait_for_log(1, qr/WARNING: .* state of node 1 is lost\n/, $from);

$cluster->stop_all;
done_testing();
