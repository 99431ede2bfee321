# If this broke, servers that reach each other over IPv6 could not have a
# leader.

use strict;
use warnings;

use FindBin;
use IO::Socket::IP;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'this machine has no IPv6 loopback address'
  unless IO::Socket::IP->new(Proto => 'udp', LocalHost => '::1');

# Listening on the own address, and on all that the host has.
my $cluster = PgLeaderCluster->new(
	nodes         => 3,
	node_settings => {
		1 => { listen_addresses => '*' },
		2 => { listen_addresses => '::' }
	});
my $list = join ', ', map { "[::1]:" . $cluster->udp_port($_) } $cluster->ids;
$cluster->set($_, cluster => $list) foreach $cluster->ids;
$cluster->start_all;
$cluster->start_sampler;

my ($leader, $term) = $cluster->wait_for_leader;
foreach my $id ($cluster->ids)
{
	my @addresses = map { $_->{address} } @{ $cluster->peers($id) };
	is(join(', ', @addresses), $list, "node $id shows addresses of IPv6");
}
is($cluster->status($leader)->{leader_host}, '::1', 'and so does the status');

# The successor is named by the last words, which go the same way.
$cluster->kill9($leader);
my ($next, $next_term) = $cluster->wait_for_leader(above => $term);
isnt($next, $leader, 'the leader was killed, another node leads');
$cluster->start($leader);
$cluster->wait_for_leader;

$cluster->check_samples('IPv6');
$cluster->stop_all;
done_testing();
