# If this broke, an operator could not bring a node back that has lost its
# state, or could do so too easily, and the node would vote a second time.
#
# The node has to be silent for 60 seconds, the longest promise that it may
# have forgotten: this test takes that long, and waits most of the time.

use strict;
use warnings;

use File::Path qw(rmtree);
use FindBin;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = PgLeaderCluster->new(
	nodes    => 3,
	settings => {
		heartbeat_interval   => '100ms',
		election_timeout_min => '1000ms',
		election_timeout_max => '1500ms'
	});
$cluster->start_all;
my ($leader, $term) = $cluster->wait_for_leader;

foreach my $id ($cluster->ids)
{
	my ($message, $code) =
	  $cluster->error($id, 'SELECT pg_leader_forget_state()');
	is($code, '55000', "node $id has nothing to forget");
}

# Two of three lose their state: nobody is left to ask, and nobody can lead.
$cluster->stop('fast', 1, 2);
rmtree($cluster->state_directory($_))          foreach 1, 2;
$cluster->set($_, initial_state => 'existing') foreach 1, 2;
$cluster->start(1, 2);
foreach my $id (1, 2)
{
	$cluster->wait_for(
		sub { $cluster->status($id)->{standing} eq 'amnesiac' },
		"node $id to be amnesiac");
}
$cluster->wait_for_no_leader($cluster->ids);
$term = $cluster->value(0, 'SELECT pg_leader_term()');

# The operator knows that node 1 may forget.
is( $cluster->value(
		1, q{SELECT pg_leader_forget_state() BETWEEN '0' AND '60 s'}),
	't',
	'the node says after how long it takes part again');
my $status = $cluster->status(1);
is($status->{standing}, 'amnesiac', 'until then it is amnesiac');
isnt($status->{note} // '', '', 'and says what it waits for');

($leader, my $new_term) = $cluster->wait_for_leader(among => [ 0, 1 ]);
is($cluster->status(1)->{standing}, 'member', 'then it is a member again');
cmp_ok(
	$cluster->state_of(1)->{term},
	'>',
	$term + 1000,
	'its term is beyond any that it can have forgotten');
cmp_ok($new_term, '>', $term + 1000, 'and the cluster goes on from there');
is($cluster->status(2)->{standing},
	'amnesiac', 'the other one, which nobody asked, is still amnesiac');

$cluster->stop_all;
done_testing();
