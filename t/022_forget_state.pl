# If this broke, an operator could not bring a node back that has lost its
# state when another one has too, or could do so too easily, and the node would
# vote a second time.
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
my (undef, $term) = $cluster->wait_for_leader;

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
foreach my $id (1, 2)
{
	my $other = 3 - $id;
	my $note;
	$cluster->wait_for(
		sub {
			my $status = $cluster->status($id);
			$note = $status->{note} // '';
			return ($status->{awaited} // '') eq "{$other}"
			  && $note =~ /lost its state/;
		},
		"node $id to wait for node $other alone");
	like(
		$note,
		qr/waits for the term of node $other \(has lost its state\).*; of nodes that .* one needs pg_leader_forget_state\(\)/,
		"node $id says that node $other, which has lost its state, cannot help it"
	);
}
$term = $cluster->value(0, 'SELECT pg_leader_term()');

# The operator knows that node 1 may forget.
is( $cluster->value(
		1, q{SELECT pg_leader_forget_state() BETWEEN '0' AND '60 s'}),
	't',
	'the node says after how long it takes part again');
my $status = $cluster->status(1);
is($status->{standing}, 'amnesiac', 'until then it is amnesiac');
$cluster->wait_for(
	sub {
		return $cluster->status(1)->{note} =~
		  /takes part again in .*, as was requested/;
	},
	'node 1 to say what it waits for');
my $from = $cluster->log_size(1);

$cluster->wait_for(sub { $cluster->status(1)->{standing} eq 'member' },
	'node 1 to be a member again');
cmp_ok(
	$cluster->state_of(1)->{term},
	'>=',
	$term + 1000,
	'its term is beyond any that it can have forgotten');
$cluster->wait_for_log(
	1,
	qr/LOG:  node 1, which had lost its state, takes part again in term \d+ after \d+\.\d s: forgetting was requested\n/,
	$from);

# And the history, with who asked
my $history = $cluster->records(
	1,
	q{SELECT reason, requested_by FROM pg_leader_history
	  WHERE reason LIKE '%forgetting%'});
like(
	join('; ', map { $_->{reason} } @$history),
	qr/^(forgetting of the lost state requested; )+takes part again: forgetting was requested$/,
	'the history tells of both');
is(scalar(grep { ($_->{requested_by} // '') !~ /^user "/ } @$history),
	0, 'and who asked');
pass('it says how that came about');

# Now the other one, whom nobody told to forget, has two to ask who both know
# their terms; it may be the first to lead.
$cluster->wait_for(sub { $cluster->status(2)->{standing} eq 'member' },
	'node 2 to come back by itself');
cmp_ok(
	$cluster->state_of(2)->{term},
	'>=',
	$term + 1000,
	'the other one comes back by itself, with no lower term');
my (undef, $new_term) = $cluster->wait_for_leader;
cmp_ok($new_term, '>', $term + 1000, 'and the cluster goes on from there');

$cluster->stop_all;
done_testing();
