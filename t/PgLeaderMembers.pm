
=head1 NAME

PgLeaderMembers - a cluster whose nodes are members for good

=cut

package PgLeaderMembers;

use strict;
use warnings;

use PgLeaderCluster;

=over

=item PgLeaderMembers::start(%options)

Starts three nodes, which B<new> of PgLeaderCluster gets the options for, and
returns their cluster once all are members.  From then on a node without a
state file is not taken for a new one.

=back

=cut

sub start
{
	my %options = @_;

	my $cluster = PgLeaderCluster->new(nodes => 3, %options);
	$cluster->start_all;
	$cluster->wait_for_leader;
	foreach my $id ($cluster->ids)
	{
		$cluster->wait_for(
			sub { $cluster->state_of($id)->{standing} eq 'member' },
			"node $id to be a member");
		$cluster->set($id, initial_state => 'existing');
	}
	return $cluster;
}

1;
