# If this broke, a cluster would have no leader, or none that all nodes agree
# on; or a leader that is cut off from the majority would go on leading.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PostgreSQL::Test::Utils;
use Test::More;

# All nodes agree, in every way in which they can be asked.
sub check_agreement
{
	my ($cluster, $name) = @_;

	my ($leader, $term) = $cluster->wait_for_leader;
	$cluster->wait_for(
		sub {
			my $same = 1;
			foreach my $id ($cluster->running)
			{
				my $status = $cluster->status($id);
				$same &&=
					 defined $status->{leader_id}
				  && $status->{leader_id} == $leader
				  && $status->{term} == $term
				  && $status->{role} eq
				  ($id == $leader ? 'leader' : 'follower')
				  && $status->{is_leader} eq ($id == $leader ? 't' : 'f')
				  && ($status->{leader_host} // '') eq '127.0.0.1'
				  && ($status->{leader_port} // 0) ==
				  $cluster->node($leader)->port
				  && $status->{node_count} == $cluster->ids
				  && $status->{quorum} == int($cluster->ids / 2) + 1;
			}
			($leader, $term) = $cluster->wait_for_leader unless $same;
			return $same;
		},
		"$name: all views to agree");
	pass("$name: all nodes agree");
	return ($leader, $term);
}

foreach my $case (
	{ nodes => 3, secret => 1 },
	{ nodes => 5, secret => 0 },
	{ nodes => 2, secret => 1 },
	{ nodes => 4, secret => 0 })
{
	my $count   = $case->{nodes};
	my $name    = "$count nodes";
	my $cluster = PgLeaderCluster->new(%$case);
	my $quorum  = int($count / 2) + 1;

	$cluster->start_all;
	$cluster->start_sampler;
	my ($leader, $term) = check_agreement($cluster, $name);

	my $peers = $cluster->peers($leader);
	is(scalar(@$peers), $count, "$name: the leader lists all");
	foreach my $id ($cluster->ids)
	{
		is( $peers->[$id]{port},
			$cluster->udp_port($id),
			"$name: the leader knows the port of node $id");
	}

	# Lose nodes, the leader last, until only a bare majority is left.
	my @order = sort { ($a == $leader) - ($b == $leader) } $cluster->ids;
	while ($cluster->running > $quorum)
	{
		my $lost = shift @order;
		$cluster->stop('immediate', $lost);
		$cluster->wait_for_leader;
		my $left = $cluster->running;
		pass("$name: a leader among $left");
		push @order, $lost;
	}

	# One more, and there is no majority.
	($leader) = $cluster->wait_for_leader;
	my ($lost) = grep { $_ != $leader } $cluster->running;
	$cluster->stop('immediate', $lost);
	my @left = $cluster->running;
	$cluster->wait_for_no_leader(@left);
	foreach my $id (@left)
	{
		my $row = $cluster->ask($id,
			'SELECT pg_leader_is_leader(), pg_leader_fencing_token()')->[0];
		is_deeply(
			$row,
			[ 'f', undef ],
			"$name: node $id does not lead without a majority");
	}
	is($cluster->status($leader)->{role} eq 'leader',
		'', "$name: the leader has stepped down");
	my $highest = (
		sort { $b <=> $a }
		map  { $cluster->value($_, 'SELECT pg_leader_term()') } @left)[0];

	# And back, one by one.
	$cluster->start($lost);
	(undef, my $new_term) = $cluster->wait_for_leader;
	cmp_ok($new_term, '>',  $term,    "$name: a majority elects again");
	cmp_ok($new_term, '>=', $highest, "$name: no term is used twice");
	$cluster->start_all;
	check_agreement($cluster, "$name, all back");

	$cluster->check_samples($name);
	$cluster->stop_all;
}

done_testing();
