# If this broke, a state file that is deleted or set back under a running
# server would let the node's term go back, and with it the fencing token; or
# a vote would be given twice, where no other node is there to notice.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Deleted: the node, alone in its cluster and declared new, is born again.
my $cluster = PgLeaderCluster->new(nodes => 1);
$cluster->start_all;
my (undef, $term) = $cluster->wait_for_leader;
my $file = $cluster->state_directory(0) . '/state';
my $from = $cluster->log_size(0);

unlink $file or die "could not remove $file: $!";
$cluster->wait_for_log(
	0,
	qr/ERROR:  state file "[^"]+" was deleted or replaced while node 0 was running\n/,
	$from);
my (undef, $new_term) = $cluster->wait_for_leader(above => $term);
cmp_ok($new_term, '>', $term, 'state deleted: the term does not go back');
cmp_ok($cluster->value(0, 'SELECT pg_leader_fencing_token()'),
	'>', $term, 'state deleted: nor does the token');

# Set back in place, so that the file is the same one, and then the pipeline
# starts anew: no peer remembers, but the server does.
my $old_state = slurp_file($file);
$cluster->ask(0, 'SELECT pg_leader_step_down()');
(undef, $term) = $cluster->wait_for_leader(above => $new_term);
my $ticker = $cluster->status(0)->{ticker_pid};

open my $handle, '+<:raw', $file or die "could not open $file: $!";
print $handle $old_state;
close $handle or die "could not write $file: $!";
kill 'TERM', $ticker;

my $status = $cluster->wait_for(
	sub {
		my $status = $cluster->status(0);
		return $status->{standing} eq 'amnesiac' && $status;
	},
	'the node to see that its state was set back');
isnt($status->{ticker_pid}, $ticker, 'state set back: a new ticker found it');
like($status->{note}, qr/is older than/,
	'state set back: the status says so');
is($status->{term},      $term, 'state set back: the term does not go back');
is($status->{is_leader}, 'f',   'state set back: the node does not lead');
is($cluster->state_of(0)->{standing},
	'amnesiac', 'state set back: durably so');

$cluster->stop_all;
done_testing();
