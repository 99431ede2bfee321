# If this broke, nobody would take over from a leader that dies or leaves, or
# the old one would believe for a while that it still leads.

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
my ($leader, $term) = $cluster->wait_for_leader;

my %loss = (
	'SIGKILL of the postmaster' => sub { $cluster->kill9($leader) },
	'power failure'             => sub { $cluster->power_off($leader) },
	'immediate shutdown' => sub { $cluster->stop('immediate', $leader) },
	'fast shutdown'      => sub { $cluster->stop('fast',      $leader) });

foreach my $how (sort keys %loss)
{
	my @others = grep { $_ != $leader } $cluster->ids;
	my $old    = $leader;

	$loss{$how}->();
	($leader, my $new_term) = $cluster->wait_for_leader(
		among => \@others,
		above => $term);
	isnt($leader, $old, "$how: another node leads");
	cmp_ok($new_term, '>', $term, "$how: in a greater term");

	# Back as a follower, unless a further election happens to make it leader.
	$cluster->start($old);
	my $role = $cluster->wait_for(
		sub {
			($leader, $term) = $cluster->wait_for_leader;
			my $status = $cluster->status($old);
			return
				 $status->{term} == $term
			  && $status->{role} =~ /^(follower|leader)$/
			  && $status->{role};
		},
		"$how: the old leader to take part again");
	is( $role,
		$leader == $old ? 'leader' : 'follower',
		"$how: the old leader is back");
	cmp_ok($cluster->state_of($old)->{term},
		'>=', $new_term, "$how: and has learnt the new term, durably");
}

#
# Stepping down
#

my ($follower) = grep { $_ != $leader } $cluster->ids;
my ($message, $code) =
  $cluster->error($follower, 'SELECT pg_leader_step_down()');
is($code, '55000', 'a follower cannot step down');

foreach my $round (1 .. 3)
{
	# An election may come in between; then there is another leader to ask.
	my $successor;
	$cluster->wait_for(
		sub {
			($leader, $term) = $cluster->wait_for_leader;
			my $rows = $cluster->session($leader)
			  ->query('SELECT pg_leader_step_down()');
			$successor = $rows->[0][0] if defined $rows;
			return defined $successor;
		},
		'a leader to step down for another');
	isnt($successor, $leader, "step down $round: it names a successor");
	(undef, my $new_term) = $cluster->wait_for_leader(above => $term);
	cmp_ok($new_term, '>', $term, "step down $round: a greater term");
}

$cluster->check_samples('leaders lost in every way');

#
# Smart shutdown: the leader leads until its last client has left
#

($leader, $term) = $cluster->wait_for_leader;
my @others = grep { $_ != $leader } $cluster->ids;
$cluster->stop('smart', $leader);
(undef, my $new_term) = $cluster->wait_for_leader(
	among => \@others,
	above => $term);
cmp_ok($new_term, '>', $term, 'smart shutdown: another node leads');

$cluster->stop_all;
done_testing();
