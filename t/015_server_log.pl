# If this broke, a DBA would read in the server log neither who leads nor why
# nobody does, or could not find it among lines that say nothing new.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $duration = qr/\d+ ms|\d+\.\d s/;

my $cluster = PgLeaderCluster->new(nodes => 3);
$cluster->start_all;
my ($leader, $term) = $cluster->wait_for_leader;
my @others = grep { $_ != $leader } $cluster->ids;

# The birth and the first leader
$cluster->wait_for_log($_,
	qr/LOG:  node $_ is a member of its cluster in term 0 after $duration\n/)
  foreach $cluster->ids;
$cluster->wait_for_log($leader,
	qr/LOG:  node $leader became leader in term $term after $duration without a leader\n/
);
$cluster->wait_for_log($_,
	qr/LOG:  node $_ follows leader $leader in term $term after $duration without a leader\n/
) foreach @others;
pass('birth and first leader');

# While nothing changes, nothing.  An election may come in between on a busy
# machine: then there is something to be said, and we look again.
$cluster->wait_for(
	sub {
		my @before = map { $cluster->log_size($_) } $cluster->ids;
		my $before = join ' ', $cluster->wait_for_leader;

		$cluster->wait_for_heartbeats($_, 40) foreach $cluster->ids;
		return 0 if $before ne join ' ', $cluster->wait_for_leader;

		my @new = map { $cluster->log_of($_, $before[$_]) } $cluster->ids;
		return !grep { /node|leader/ } @new;
	},
	'the log to say nothing while nothing changes');
pass('nothing while nothing changes');

# Stepping down on request: who asked, who gave up, who follows
my @from;
$cluster->wait_for(
	sub {
		($leader) = $cluster->wait_for_leader;
		@from = map { $cluster->log_size($_) } $cluster->ids;
		return
		  defined $cluster->session($leader)
		  ->query('SELECT pg_leader_step_down()');
	},
	'a leader to step down');
$cluster->wait_for_log(
	$leader,
	qr/LOG:  node $leader was asked to step down as leader by user "[^"]+", database "postgres", client local, process \d+, application "[^"]*"\n/,
	$from[$leader]);
$cluster->wait_for_log(
	$leader,
	qr/LOG:  node $leader, leader in term \d+, stepped down after $duration: step-down requested\n/,
	$from[$leader]);
$cluster->wait_for_log(
	$_,
	qr/LOG:  node $_ has lost leader $leader of term \d+: leader resigned, naming node \d its successor\n/,
	$from[$_]) foreach grep { $_ != $leader } $cluster->ids;
pass('stepping down on request');

# The majority is lost: why nobody leads, every few seconds.  (A leader that
# was deposed just before it lost them has nothing to step down from.)
($leader, $term) = $cluster->wait_for_leader;
@others = grep { $_ != $leader } $cluster->ids;
@from   = map  { $cluster->log_size($_) } $cluster->ids;
$cluster->kill9($_) foreach @others;
$cluster->wait_for_log(
	$leader,
	qr/LOG:  node $leader(, leader in term \d+, stepped down after $duration: quorum lost\n.*DETAIL:  Last heard: node \d $duration ago; node \d $duration ago\.| has lost leader \d of term \d+: .*)\n/,
	$from[$leader]);
$cluster->wait_for_log($leader,
	qr/LOG:  node $leader no longer hears node $_: silent for \d+\.\d s\n/,
	$from[$leader])
  foreach @others;
my $silent = join '; ',
  map { "node $_ silent for \\d+\\.\\d s" } sort @others;
$cluster->wait_for_log($leader,
	qr/LOG:  no leader for \d+\.\d s: 1 of 2 needed votes; $silent\n/,
	$from[$leader]);
pass('what is missing for a leader');

# And back
$cluster->start(@others);
my ($back) = $cluster->wait_for_leader(above => $term);
$cluster->wait_for_log(
	$leader,
	$back == $leader
	? qr/LOG:  node $leader became leader in term \d+ after \d+\.\d s without a leader\n/
	: qr/LOG:  node $leader follows leader $back in term \d+ after \d+\.\d s without a leader\n/,
	$from[$leader]);
pass('the end of a time without a leader');
$cluster->wait_for_log($leader,
	qr/LOG:  node $leader hears node $_ again after \d+\.\d s\n/,
	$from[$leader])
  foreach @others;
pass('peers that are lost, and back');

# A leader that falls silent: for how long
($leader, $term) = $cluster->wait_for_leader;
@others = grep { $_ != $leader } $cluster->ids;
@from   = map  { $cluster->log_size($_) } $cluster->ids;
$cluster->power_off($leader);
$cluster->wait_for_leader(above => $term);
$cluster->wait_for(
	sub {
		return grep {
			$cluster->log_of($_, $from[$_]) =~
			  /LOG:  node $_ has lost leader $leader of term $term: election timeout, silent for $duration\n/
		} @others;
	},
	'a node to tell of the silent leader');
pass('a leader that falls silent');

$cluster->stop_all;
done_testing();
