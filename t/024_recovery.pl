# If this broke, a node that has lost its state would stay out of its cluster
# for ever although all others are there to tell it the term; or it would be
# back too early, and vote a second time in a term that it has forgotten.
#
# The node has to be silent for 60 seconds, the longest promise that it may
# have forgotten: this test takes that long, and waits most of the time.

use strict;
use warnings;

use File::Path qw(rmtree);
use FindBin;
use lib $FindBin::RealBin;
use PgLeaderMembers;
use PostgreSQL::Test::Utils;
use Test::More;

sub new_cluster
{
	return PgLeaderMembers::start(
		settings => {
			heartbeat_interval   => '100ms',
			election_timeout_min => '1000ms',
			election_timeout_max => '1500ms'
		});
}

# Node 2 starts without its state; returns its status once it waits for those.
sub start_amnesiac
{
	my ($cluster, $name, $awaited) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my $from = $cluster->log_size(2);
	$cluster->start(2);
	my $status = $cluster->wait_for(
		sub {
			my $status = $cluster->status(2);
			return
				 $status->{standing} eq 'amnesiac'
			  && ($status->{awaited} // 'none') eq $awaited
			  && $status;
		},
		"$name: node 2 to be amnesiac and to wait for $awaited");
	is($cluster->state_of(2)->{standing}, 'amnesiac', "$name: durably");
	like($status->{recovers_in},
		qr/^00:0[01]:/,
		"$name: it knows when it can be back at the earliest");
	like(
		$cluster->log_of(2, $from),
		qr/WARNING:  state of node 2 is lost\n.*HINT:  It takes part again by itself when nodes 0, 1 have told their terms, 60 seconds after its start at the earliest\./s,
		"$name: the log says how it comes back");
	return ($status, $from);
}

# Node 2 is back.
sub check_recovered
{
	my ($cluster, $name, $term, $generation, $from) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	$cluster->wait_for(sub { $cluster->status(2)->{standing} eq 'member' },
		"$name: node 2 to be a member again");
	my $state = $cluster->state_of(2);
	is($state->{standing}, 'member', "$name: durably");
	cmp_ok($state->{term}, '>=', $term, "$name: its term is not lower");
	cmp_ok($state->{generation},
		'>', $generation, "$name: nobody can take its state for an old one");
	$cluster->wait_for_log(
		2,
		qr/LOG:  node 2, which had lost its state, takes part again in term \d+ after \d+\.\d s: all others have told their terms\n/,
		$from);
	$cluster->wait_for(
		sub {
			my ($leader) = $cluster->wait_for_leader;
			return ($leader == 2
				  || ($cluster->peers($leader)->[2]{acknowledges} // '') eq
				  't')
			  && !defined $cluster->status(2)->{recovers_in}
			  && !defined $cluster->status(2)->{awaited};
		},
		"$name: the leader to count node 2");
	pass("$name: the leader counts it");
	return;
}

# Deleted, while another node is down
my $waiting = new_cluster();
$waiting->stop('fast', 1, 2);
my $old_waiting = $waiting->state_of(2);
my $term        = $waiting->state_of(1)->{term};
rmtree($waiting->state_directory(2));
my ($status, $from_waiting) =
  start_amnesiac($waiting, 'deleted, another node down', '{1}');
like(
	$status->{note},
	qr/waits for the term of node 1 \(never heard\), and for another \d+/,
	'deleted, another node down: it says for whom it waits');

# Damaged, and the others are there
my $asking = new_cluster();
$asking->stop('fast', 2);
my $old_asking = $asking->state_of(2);
my $state_file = $asking->state_directory(2) . '/state';
open my $file, '+<:raw', $state_file or die "could not open: $!";
foreach my $slot ($asking->state_slots(2))
{
	seek $file, $slot->{offset}, 0;
	print $file 'x' x $slot->{size};
}
close $file or die "could not write \"$state_file\": $!";
($status, my $from_asking) = start_amnesiac($asking, 'damaged', 'none');
like(
	$status->{note},
	qr/; it takes part again in \d+\.\d s/,
	'damaged: it says when it will be back');
my ($leader, $term_asking) = $asking->wait_for_leader(among => [ 0, 1 ]);
is($asking->peers($leader)->[2]{acknowledges},
	'f', 'damaged: until then the leader does not count it');
is($asking->status(2)->{voted_for}, undef, 'damaged: nor does it vote');

# When the time has come, one of them is back, and one still waits.
check_recovered($asking, 'damaged', $term_asking, $old_asking->{generation},
	$from_asking);

$waiting->wait_for_log(
	2,
	qr/LOG:  node 2 has taken no part in elections for \d+\.\d s: this node neither votes nor leads: state lost; it waits for the term of node 1 \(never heard\)\n/,
	$from_waiting);
$status = $waiting->status(2);
is($status->{standing}, 'amnesiac',
	'another node down: still amnesiac when the time has come');
is($status->{recovers_in}, '00:00:00', 'as it may be back any time');
is($status->{awaited},     '{1}',      'it waits for that node alone');
is($waiting->value(2, 'SELECT pg_leader_leader_id()'),
	undef, 'and there is no leader without it');

$waiting->start(1);
check_recovered(
	$waiting, 'the other node is up again',
	$term,    $old_waiting->{generation},
	$from_waiting);

# It is a member like the others: it can lead, and remembers that.
$asking->wait_for(
	sub {
		($leader, $term) = $asking->wait_for_leader;
		return 1 if $leader == 2;
		my $rows =
		  $asking->session($leader)->query('SELECT pg_leader_transfer(2)');
		return defined $rows && ($rows->[0][0] // -1) == 2;
	},
	'node 2 to lead');
pass('it can lead');
$asking->stop('fast', 2);
$asking->start(2);
$asking->wait_for(sub { defined $asking->status(2)->{standing} },
	'node 2 to be up again');
is($asking->status(2)->{standing}, 'member', 'and remembers that');
$asking->wait_for_leader;

$_->stop_all foreach $waiting, $asking;
done_testing();
