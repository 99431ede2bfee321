# If this broke, a leader whose server crashes and restarts would block the
# election of the next one for a whole timeout, or would go on leading with
# what its old life left in shared memory.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = PgLeaderCluster->new(nodes => 3);
$cluster->start_all;
$cluster->start_sampler;

foreach my $round (1 .. 2)
{
	my ($leader, $term) = $cluster->wait_for_leader;
	my $old      = $leader;
	my @others   = grep { $_ != $old } $cluster->ids;
	my $launcher = $cluster->status($old)->{launcher_pid};
	my %from     = map { $_ => $cluster->log_size($_) } $cluster->ids;

	# Any of the server's processes will do.
	kill 'KILL', $cluster->value($old, 'SELECT pg_backend_pid()');

	# On a busy machine it may be the old one again.
	($leader, my $new_term) = $cluster->wait_for_leader(above => $term);
	cmp_ok($new_term, '>', $term, "crash $round: a new term");
	$cluster->wait_for(
		sub {
			grep {
				$cluster->log_of($_, $from{$_}) =~
				  /has lost leader $old of term \d+: leader resigned/
			} @others;
		},
		'a node to have heard the last words of the old leader');
	pass("crash $round: the old leader resigned with its last words");

	my $status = $cluster->wait_for(
		sub {
			my $status = $cluster->try_status($old) // return undef;
			return
				 $status->{launcher_pid}
			  && $status->{launcher_pid} != $launcher
			  && $status->{standing} eq 'member'
			  && $status;
		},
		"crash $round: node $old to be back");
	like(
		$cluster->log_of($old, $from{$old}),
		qr/all server processes terminated; reinitializing/,
		"crash $round: its server restarted by itself");
	($leader, my $last_term) = $cluster->wait_for_leader;
	cmp_ok($last_term, '>=', $new_term, "crash $round: all agree again");
	cmp_ok($cluster->state_of($old)->{term},
		'>=', $new_term, "crash $round: also on its disk");
}

$cluster->check_samples('crash restarts');
$cluster->stop_all;
done_testing();
