# If this broke, a new cluster would never get its first leader, or a node
# that lost its data and was set up anew would vote a second time, and there
# could be two leaders in one term.

use strict;
use warnings;

use File::Path qw(rmtree);
use FindBin;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = PgLeaderCluster->new(nodes => 3);

#
# One node is late
#

$cluster->start(0, 1);
foreach my $id (0, 1)
{
	# "met" says that they know each other's state; more needs the third.
	$cluster->wait_for(
		sub {
			my $status = $cluster->status($id);
			return
				 $status->{standing} eq 'new'
			  && ($status->{note} // '') =~ /\b2\b/
			  && ($status->{note} // '') !~ /\b[01]\b/;
		},
		"node $id to wait for node 2 alone");
}
foreach my $id (0, 1)
{
	my $status = $cluster->status($id);
	is($status->{standing}, 'new', "node $id: the cluster is not born yet");
	like($status->{note}, qr/\b2\b/, "node $id says for whom it waits");
	is($status->{awaited},   '{2}', "node $id: so does a column");
	is($status->{leader_id}, undef, "node $id: no leader without the third");
	is($status->{term},      0,     "node $id: no term either");
	is($cluster->value($id, q{SELECT pg_leader_wait('10 ms')}),
		undef, "node $id: waiting for a leader ends at its timeout");
}

$cluster->start(2);
my ($leader, $term) = $cluster->wait_for_leader;
pass('with the third node there is a leader');
foreach my $id ($cluster->ids)
{
	$cluster->wait_for(sub { $cluster->status($id)->{standing} eq 'member' },
		"node $id to be a member");
	is($cluster->state_of($id)->{standing},
		'member', "node $id is a member, durably");
}

$cluster->stop_all;

#
# One node is declared new a second time
#

foreach my $case ('a follower', 'the leader')
{
	$cluster = PgLeaderCluster->new(nodes => 3);
	$cluster->start_all;
	($leader, $term) = $cluster->wait_for_leader;
	my $victim = $case eq 'the leader' ? $leader : ($leader + 1) % 3;
	my @others = grep { $_ != $victim } $cluster->ids;

	$cluster->stop('immediate', $victim);
	rmtree $cluster->state_directory($victim);
	$cluster->start($victim);

	$cluster->wait_for(
		sub { $cluster->status($victim)->{standing} eq 'amnesiac' },
		"node $victim to find out that the cluster lives already");
	my ($new_leader, $new_term) =
	  $cluster->wait_for_leader(among => \@others);
	$cluster->wait_for(
		sub {
			my $known =
			  $cluster->value($victim, 'SELECT pg_leader_leader_id()');
			return defined $known && $known == $new_leader;
		},
		"node $victim to hear of the leader");

	my $status = $cluster->status($victim);
	is($status->{standing}, 'amnesiac', "$case declared new: it is amnesiac");
	is($status->{is_leader}, 'f', "$case declared new: it does not lead");
	isnt($status->{note} // '', '', "$case declared new: it says why");
	is($cluster->state_of($victim)->{standing},
		'amnesiac', "$case declared new: amnesiac, durably");

	# Long enough for several elections, if it were a candidate.
	$cluster->wait_for_heartbeats($victim, 50);
	$status = $cluster->status($victim);
	is($status->{voted_for}, undef, "$case declared new: it does not vote");
	is($status->{role},      'follower', "$case declared new: nor campaign");
	($new_leader) = $cluster->wait_for_leader(among => \@others);
	my $seen = $cluster->peers($new_leader)->[$victim];
	is($seen->{acknowledges}, 'f', "$case declared new: nor acknowledge");
	is($seen->{standing}, 'amnesiac',
		"$case declared new: the others see it");

	# It is not born a second time, whatever it is told.
	$cluster->stop('fast', $victim);
	$cluster->start($victim);
	$cluster->wait_for_heartbeats($victim, 20);
	is($cluster->status($victim)->{standing},
		'amnesiac', "$case declared new and restarted: still amnesiac");
	$cluster->stop_all;
}

done_testing();
