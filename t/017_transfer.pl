# If this broke, an operator who wants to work on the leader's machine could
# not choose who leads instead, would be told the wrong leader, or would end
# up with two.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $duration = qr/\d+ ms|\d+\.\d s/;

# Left to themselves, leaders name node 0 or 1 as their successor.
my %priority = (0 => 300, 1 => 200, 2 => 100);
my $cluster  = PgLeaderCluster->new(
	nodes         => 3,
	node_settings => { map { $_ => { priority => $priority{$_} } } 0 .. 2 });
$cluster->start_all;
$cluster->start_sampler;

# Elections may come in between on a busy machine: then once more.  Returns
# the term before, and that of the leadership that came of it.
sub transfer
{
	my ($target) = @_;
	my ($leader, $term, @from);

	$cluster->wait_for(
		sub {
			($leader, $term) = $cluster->wait_for_leader;
			@from = map { $cluster->log_size($_) } $cluster->ids;
			return 0 if $leader == $target;
			my $rows =
			  $cluster->session($leader)
			  ->query("SELECT pg_leader_transfer($target)");
			return defined $rows && ($rows->[0][0] // -1) == $target;
		},
		"leadership to be handed over to node $target");
	$cluster->wait_for_log($target,
		qr/LOG:  node $target became leader in term \d+/,
		$from[$target]);
	my ($next_term) = $cluster->log_of($target, $from[$target]) =~
	  /LOG:  node $target became leader in term (\d+)/;
	return ($leader, $term, $next_term, @from);
}

# An error that is not due to an election: the same leader before and after.
sub refusal
{
	my ($target) = @_;
	my ($leader, $term, $message, $code);

	$cluster->wait_for(
		sub {
			($leader, $term) = $cluster->wait_for_leader;
			my $session = $cluster->session($leader);
			return 0 if $leader eq $target;
			return 0
			  if
			  defined $session->query("SELECT pg_leader_transfer($target)");
			($message, $code) = ($session->error, $session->sqlstate);
			return $message !~ /is not the leader/;
		},
		"a leader to refuse to hand over to node $target");
	return ($leader, $message, $code);
}

#
# From each node to each other one
#

my ($leader) = $cluster->wait_for_leader;
transfer(0) if $leader != 0;
foreach my $target (1, 2, 0, 2, 1, 0)
{
	my ($old, $term, $next_term) = transfer($target);
	cmp_ok($next_term, '>', $term,
		"node $old hands over to node $target, in a higher term");
}

# What the log tells
my ($old, $term, $next_term, @from) = transfer(2);
$cluster->wait_for_log(
	$old,
	qr/LOG:  node $old was asked to hand leadership over to node 2 by user "[^"]+", .*\n/,
	$from[$old]);
$cluster->wait_for_log(
	$old,
	qr/LOG:  node $old, leader in term \d+, stepped down after $duration: .*transfer.*\n/,
	$from[$old]);
$cluster->wait_for_log(
	$old,
	qr/LOG:  node $old follows leader 2 in term $next_term after $duration without a leader\n/,
	$from[$old]);
pass('the log tells who asked for what, and what came of it');

#
# Who follows whom: a leader ranks the others, and each knows its own rank
#

$cluster->wait_for(
	sub {
		($leader, $term) = $cluster->wait_for_leader;
		my ($first, $second) =
		  sort { $priority{$b} <=> $priority{$a} }
		  grep { $_ != $leader } $cluster->ids;
		my @told = map { $_->{rank} // 'none' } @{ $cluster->peers($leader) };
		return
			 $told[$first] eq '0'
		  && $told[$second] eq '1'
		  && $told[$leader] eq 'none'
		  && !defined $cluster->status($leader)->{rank}
		  && ($cluster->status($first)->{rank}          // 'none') eq '0'
		  && ($cluster->status($second)->{rank}         // 'none') eq '1'
		  && ($cluster->peers($second)->[$second]{rank} // 'none') eq '1'
		  && !defined $cluster->peers($second)->[$first]{rank};
	},
	'leader and followers to agree on the ranks');
pass('leader and followers agree on the ranks');

#
# What is refused
#

foreach my $target ('NULL', -1, 3, 2147483647)
{
	(undef, my $message, my $code) = refusal($target);
	is($code, '22023', "there is no node $target");
}
foreach my $id ($cluster->ids)
{
	my ($message, $code) =
	  $cluster->error($id, "SELECT pg_leader_transfer($id)");
	is($code, '22023', "node $id cannot hand over to itself");
	like(
		$message,
		qr/node $id cannot hand leadership over to itself/,
		"node $id says so");
}

# Whom to ask is told by those who do not lead.
$cluster->wait_for(
	sub {
		($leader) = $cluster->wait_for_leader;
		my ($follower, $target) = grep { $_ != $leader } $cluster->ids;
		my $session = $cluster->session($follower);
		return 0
		  if defined $session->query("SELECT pg_leader_transfer($target)");
		my $port = $cluster->node($leader)->port;
		return $session->sqlstate eq '55000'
		  && $session->error =~
		  /node $follower is not the leader.*Node $leader \(127\.0\.0\.1, port $port\) leads; ask it\./s;
	},
	'a follower to refuse and tell who leads');
pass('a follower refuses, and tells who leads');

# As any function that acts.
$cluster->ask(0, 'CREATE ROLE nobody');
$cluster->ask(0, 'CREATE ROLE operator');
$cluster->ask(0,
	'GRANT EXECUTE ON FUNCTION pg_leader_transfer(integer) TO operator');
(undef, my $code) =
  $cluster->error(0, 'SET ROLE nobody; SELECT pg_leader_transfer(-1)');
is($code, '42501', 'not for everybody');
(undef, $code) =
  $cluster->error(0, 'SET ROLE operator; SELECT pg_leader_transfer(-1)');
is($code, '22023', 'but for those to whom it is granted');
$cluster->ask(0, 'RESET ROLE');

# Priority 0 never leads.
$cluster->set(2, priority => 0);
$cluster->node(2)->reload;
$cluster->wait_for(
	sub {
		($leader) = $cluster->wait_for_leader;
		return $leader != 2
		  && ($cluster->peers($leader)->[2]{priority} // -1) == 0;
	},
	'the leader to know that node 2 has priority 0');
($leader, my $message, $code) = refusal(2);
is($code, '55000', 'not to a node of priority 0');
like($message,
	qr/node 2 cannot take over leadership.*DETAIL: .*Its priority is 0\./s,
	'and why');
$cluster->set(2, priority => $priority{2});
$cluster->node(2)->reload;

# Nor does one that is down.
($leader) = transfer(1) if ($cluster->wait_for_leader)[0] == 2;
$cluster->stop('immediate', 2);
$cluster->wait_for(
	sub {
		($leader) = $cluster->wait_for_leader;
		return ($cluster->peers($leader)->[2]{reachable} // '') eq 'f';
	},
	'the leader to miss node 2');
($leader, $message, $code) = refusal(2);
is($code, '55000', 'not to a node that is down');
like(
	$message,
	qr/node 2 cannot take over leadership.*DETAIL: .*It (has been silent for \d+\.\d s|was never heard)\..*HINT: .*Node $leader still leads/s,
	'and why');
is($cluster->peers($leader)->[2]{rank}, undef, 'it has no rank either');
$cluster->start(2);
$cluster->wait_for_leader;

#
# A successor that hangs just then: another one leads, and the caller is told
#

# So many of the followers hang.  Returns leader, successor, the answer, and
# where the leader's log begins to tell of it.
sub transfer_to_hung
{
	my ($count) = @_;
	my ($leader, $target, $rows, $from);

	$cluster->wait_for(
		sub {
			($leader) = $cluster->wait_for_leader;
			my @hung =
			  (grep { $_ != $leader } $cluster->ids)[ 0 .. $count - 1 ];
			my @tickers = map { $cluster->status($_)->{ticker_pid} } @hung;

			# Its last acknowledgement has to be fresh still: or once more.
			$target = $hung[0];
			$from   = $cluster->log_size($leader);
			kill 'STOP', @tickers;
			$rows =
			  $cluster->session($leader)
			  ->query("SELECT pg_leader_transfer($target)");
			kill 'CONT', @tickers;
			return defined $rows;
		},
		'leadership to be handed over to a node that hangs');
	return ($leader, $target, $rows->[0][0], $from);
}

($leader, my $target, my $winner, my $from) = transfer_to_hung(1);
isnt($winner, undef,   'the successor hangs: there is a leader');
isnt($winner, $target, 'which is another one');
$cluster->wait_for_log(
	$leader,
	qr/WARNING:  node $leader has handed leadership over to node $target, but node $winner was elected\n/,
	$from);
pass('a warning tells so');

($leader, $target, $winner, $from) = transfer_to_hung(2);
is($winner, undef, 'no majority is left: no leader within the time');
$cluster->wait_for_log(
	$leader,
	qr/WARNING:  node $leader has handed leadership over to node $target, but knows of no new leader yet\n/,
	$from);
pass('a warning tells so, too');

$cluster->wait_for_leader;
$cluster->check_samples('transfers');
$cluster->stop_all;
done_testing();
