# If this broke, a DBA who asks in the morning why leadership moved at night
# would find nothing, or something that is not so, or not who had asked for it.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster =
  PgLeaderCluster->new(nodes => 3, conf => "listen_addresses = '127.0.0.1'");
$cluster->start_all;

# The history of a node, as a list of hashes.
sub history
{
	my ($id) = @_;
	return @{
		$cluster->records($id,
				'SELECT *, extract(epoch FROM changed_at) AS seconds'
			  . ' FROM pg_leader_history')
	};
}

# From one entry to the next: numbers, times, and each begins as the last ended.
sub faults
{
	my (@history) = @_;
	my @faults;

	foreach my $i (1 .. $#history)
	{
		my ($last, $next) = @history[ $i - 1, $i ];
		push @faults, "number $next->{number} after $last->{number}"
		  if $next->{number} != $last->{number} + 1;
		push @faults, "$next->{number} is earlier"
		  if $next->{seconds} < $last->{seconds};
		push @faults, "$next->{number} has a lower term"
		  if $next->{term} < $last->{term};
		push @faults, "$next->{number} begins with another role"
		  if $next->{old_role} ne $last->{new_role};
		push @faults, "$next->{number} begins with another leader"
		  if ($next->{old_leader_id} // -1) != ($last->{leader_id} // -1);
	}
	return @faults;
}

# An entry as a line: what changed, and why.
sub line_of
{
	my ($entry) = @_;
	return sprintf 'term %d: %s to %s, leader %s to %s: %s%s', $entry->{term},
	  $entry->{old_role}, $entry->{new_role},
	  $entry->{old_leader_id} // 'none', $entry->{leader_id} // 'none',
	  $entry->{reason},
	  defined $entry->{requested_by} ? " ($entry->{requested_by})" : '';
}

# Each time that the node led, and each leader that it followed: by its history,
# and by the log of the server's last start.
sub leaders
{
	my ($id) = @_;
	my @leaders;

	foreach my $entry (history($id))
	{
		push @leaders, "became leader in term $entry->{term}"
		  if $entry->{new_role} eq 'leader' && $entry->{old_role} ne 'leader';
		push @leaders,
		  "follows leader $entry->{leader_id} in term $entry->{term}"
		  if ($entry->{leader_id} // $id) != $id;
	}
	return join '; ', @leaders;
}

sub logged_leaders
{
	my ($id) = @_;

	my $log = $cluster->log_of($id);
	$log =~ s/\A.*database system was (?:shut down|interrupted)//s;
	return join '; ',
	  $log =~
	  /LOG:  node $id (became leader in term \d+|follows leader \d in term \d+)/g;
}

#
# A first leader, then failovers of each kind
#

my ($leader, $term) = $cluster->wait_for_leader;
my @history = history($leader);
is( line_of($history[0]),
	'term 0: down to follower, leader none to none: node started',
	'it begins with the start of the node');
is_deeply(
	[
		map  { line_of($_) }
		grep { $_->{term} == $term && $_->{new_role} eq 'leader' } @history
	],
	[
		"term $term: candidate to leader, leader none to none: elected by a majority",
		"term $term: leader to leader, leader none to $leader: lease began"
	],
	'a leader is one that can be relied on once it holds the lease');

# Does what is asked for until it is done: an election may come in between.
sub on_leader
{
	my ($sql) = @_;
	my ($id, $above);

	$cluster->wait_for(
		sub {
			($id, $above) = $cluster->wait_for_leader;
			my $query = $sql;
			$query =~ s/OTHER/($id + 1) % 3/e;
			return defined $cluster->session($id)->query($query);
		},
		"$sql on the leader");
	$cluster->wait_for_leader(above => $above);
	return $id;
}

foreach my $case (
	[ 'pg_leader_step_down()',     'step-down requested' ],
	[ 'pg_leader_transfer(OTHER)', 'transfer requested' ])
{
	my ($call, $reason) = @$case;
	my $id    = on_leader("SET application_name = 'it''s me'; SELECT $call");
	my $pid   = $cluster->value($id, 'SELECT pg_backend_pid()');
	my $by    = qr/user "[^"]+", database "postgres", client local/;
	my ($row) = reverse grep { defined $_->{requested_by} } history($id);
	like(
		line_of($row),
		qr/^term \d+: leader to follower, leader $id to none: $reason \($by, process $pid, application "it's me"\)$/,
		"$call: what came of it, and who asked");
}

# Refused: it is in the log, with who asked and from where, and nothing has
# changed.
($leader) = $cluster->wait_for_leader;
my $other    = ($leader + 1) % 3;
my @requests = grep { defined $_->{requested_by} } history($other);
my $from     = $cluster->log_size($other);
$cluster->node($other)->psql(
	'postgres',
	'SELECT pg_leader_forget_state()',
	connstr => 'host=127.0.0.1 dbname=postgres port='
	  . $cluster->node($other)->port);
$cluster->wait_for_log(
	$other,
	qr/LOG:  node $other was asked to take part again although its state is lost by user .*, client 127\.0\.0\.1, .*\n.*DETAIL:  It refused, as it has not lost its state\.\n/,
	$from);
is( scalar(grep { defined $_->{requested_by} } history($other)),
	scalar @requests,
	'a request that was refused changes nothing');

# A crash of the leader, and of the workers
($leader, $term) = $cluster->wait_for_leader;
$cluster->kill9($leader);
$cluster->wait_for_leader(above => $term);
$cluster->start($leader);
$cluster->wait_for_leader;
is((history($leader))[0]{number}, 1, 'the history ends with the server');

my $follower = ($leader + 1) % 3;
my $before   = @{ [ history($follower) ] };
my $old_pid  = $cluster->status($follower)->{ticker_pid};
kill 'TERM', $cluster->status($follower)->{sender_pid};
$cluster->wait_for(
	sub {
		my $pid = $cluster->status($follower)->{ticker_pid};
		return defined $pid && $pid != $old_pid;
	},
	'workers to start again');
$cluster->wait_for_leader;
@history = history($follower);
cmp_ok(scalar @history, '>', $before, 'and outlives its workers');
my ($end) = grep { $_->{new_role} eq 'down' } @history;
like(
	$end->{reason},
	qr/^(receiver or sender has gone|ticker process has ended)$/,
	'the end of the ticker is told');

foreach my $id ($cluster->ids)
{
	@history = history($id);
	is(join("\n", faults(@history)), '', "history of node $id is whole")
	  or diag join "\n", map { line_of($_) } @history;
	$cluster->wait_for(
		sub {
			my $status = $cluster->status($id);
			my ($last) = reverse history($id);
			return
			  join(' ', map { $_ // '' } @$last{qw(new_role leader_id)}) eq
			  join(' ', map { $_ // '' } @$status{qw(role leader_id)});
		},
		"the history of node $id to end with what is now");
}

#
# It agrees with the log, which is written last
#

foreach my $id ($cluster->ids)
{
	my $leaders;
	$cluster->wait_for(
		sub {
			$leaders = leaders($id);
			return $leaders eq logged_leaders($id);
		},
		"history and log of node $id to agree");
	like($leaders, qr/ in term /, "node $id: history and log agree");
	note $leaders;
}

#
# Cut off: rounds that fail do not fill it
#

($leader, $term) = $cluster->wait_for_leader;
my @others = grep { $_ != $leader } $cluster->ids;
$cluster->kill9($_) foreach @others;
$cluster->wait_for(
	sub {
		my ($last) = reverse history($leader);
		return $last->{reason} =~ /^too few votes, [3-9]\d* times in a row$/;
	},
	'rounds to fail');
@history = history($leader);
is(join("\n", faults(@history)), '', 'and it is whole');

$cluster->stop_all;
done_testing();
