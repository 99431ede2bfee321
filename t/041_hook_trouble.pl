# If this broke, a hook that fails, hangs or talks too much would go unnoticed,
# would keep those after it from ever running, or would fill the disk with its
# words; and the last one to run might not be of the last news.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PgLeaderHook;
use PostgreSQL::Test::Utils;
use Test::More;

# A node that is alone comes back when it steps down: each time it loses its
# leader and finds one.
my $cluster = PgLeaderCluster->new(nodes => 1);
my $hook    = PgLeaderHook->new($cluster);
my $from;

# From the next change on, this is the hook.
sub use_hook
{
	my ($text, %settings) = @_;
	my $script = $hook->write_script('hook', $text);

	# A command of its own, so that it is another one than before.
	$hook->change(
		0,
		on_leader_change => "$script " . $cluster->log_size(0),
		%settings);
	$from = $cluster->log_size(0);
	return;
}

# Lose the leader, and get one again; returns its term.
sub change_leader
{
	my $term;
	$cluster->wait_for(
		sub {
			(undef, $term) = $cluster->wait_for_leader;
			return
			  defined $cluster->session(0)
			  ->query('SELECT pg_leader_step_down()');
		},
		'the leader to step down');
	(undef, my $new_term) = $cluster->wait_for_leader(above => $term);
	return $new_term;
}

sub counters
{
	return $cluster->counters(0);
}

# Until the log tells the end of the hook for a leader in that term.
sub wait_for_end
{
	my ($term, $how) = @_;
	$cluster->wait_for_log(0,
		qr/pg_leader hook \d+ \(leader 0, term $term\) $how/, $from);
	return;
}

sub lines_in
{
	my ($name) = @_;
	my $path = $hook->path($name);
	return -e $path ? split(/\n/, slurp_file($path)) : ();
}

$cluster->start_all;
$cluster->wait_for_leader;

#
# It fails
#

use_hook("exit 3\n");
my $before = counters();
my $term   = change_leader();
wait_for_end($term, qr/failed with status 3 after \d+/);
my $after = counters();
is($after->{hook_last_status}, 3, 'a failure: the status is shown');
is( $after->{hook_failures} - $before->{hook_failures},
	$after->{hook_runs} - $before->{hook_runs},
	'a failure: it is counted');
cmp_ok(
	$after->{hook_failures},
	'>',
	$before->{hook_failures},
	'a failure: there was one');
cmp_ok($after->{hook_time}, '>', $before->{hook_time},
	'a failure: its time is counted');
like(
	$cluster->log_of(0, $from),
	qr/WARNING:  pg_leader hook \d+ \(leader 0/,
	'a failure: a warning');

use_hook('/nonexistent/program');
wait_for_end(change_leader(), qr/failed with status 127 /);
like(
	$cluster->log_of(0, $from),
	qr/LOG:  pg_leader hook \d+: .*not found$/m,
	'no such command: the shell says so in the log');

use_hook("kill -9 \$\$\n");
wait_for_end(change_leader(), qr/failed with status 137 /);
pass('ended by a signal: status as a shell tells it');
is(counters()->{hook_retries}, 0, 'nothing was repeated');

#
# It fails, and is repeated
#

use_hook(<<'SCRIPT', hook_retry_interval => '20ms');
echo "$PG_LEADER_SEQUENCE $PG_LEADER_ATTEMPT $PG_LEADER_LEADER_ID" >>@directory@/attempts
[ $PG_LEADER_LEADER_ID = -1 ] || [ $PG_LEADER_ATTEMPT -ge 3 ]
SCRIPT
$term = change_leader();
wait_for_end($term, qr/succeeded after /);
my @attempts = map { [ split / / ] } lines_in('attempts');
my @last     = @attempts[ -3 .. -1 ];
is(join(' ', map { $_->[1] } @last),
	'1 2 3', 'repeated: until it succeeds, attempts are counted');
is($last[0][0],                $last[2][0], 'repeated: the news is the same');
is(counters()->{hook_retries}, 2,           'repeated: this is counted');
like(
	$cluster->log_of(0, $from),
	qr/DETAIL:  It is repeated in 20 ms, unless there is newer news by then\./,
	'repeated: the log announces it');

use_hook(<<'SCRIPT');
echo "$PG_LEADER_TERM $PG_LEADER_ATTEMPT $PG_LEADER_LEADER_ID" >>@directory@/stubborn
[ $PG_LEADER_LEADER_ID = -1 ]
SCRIPT
my $first_term = change_leader();
$cluster->wait_for(
	sub {
		grep { /^$first_term [5-9] 0$/ } lines_in('stubborn');
	},
	'many attempts');
$term = change_leader();
$cluster->wait_for(
	sub {
		grep { /^$term 5 0$/ } lines_in('stubborn');
	},
	'attempts for newer news');
my @stubborn = map { [ split / / ] } lines_in('stubborn');
my ($begin) =
  grep { $stubborn[$_][0] == $term && $stubborn[$_][2] == 0 } 0 .. $#stubborn;
is($stubborn[$begin][1], 1, 'newer news begins with its first attempt');
is( scalar(
		grep { $_->[0] == $first_term && $_->[2] == 0 }
		  @stubborn[ $begin .. $#stubborn ]),
	0,
	'and nothing is repeated for the news before');

# Another command ends the repetitions, and waits for the next change.  While a
# thousand questions are asked, there would be many.
use_hook("echo never >>\@directory\@/never\n");
$cluster->wait_for(sub { !$hook->children($hook->runner(0)) },
	'the last repetition to end');
my $ended = counters()->{hook_runs};
(undef, my $same_term) = $cluster->wait_for_leader;
$cluster->status(0) foreach 1 .. 1000;
ok( counters()->{hook_runs} == $ended
	  || ($cluster->wait_for_leader)[1] != $same_term,
	'another command: the former one is not repeated, nor does it run yet');
use_hook("echo \$PG_LEADER_TERM >>\@directory\@/replaced\n",
	hook_retry_interval => 0);
my $count = lines_in('stubborn');
$term = change_leader();
wait_for_end($term, qr/succeeded/);
my @replaced = lines_in('replaced');
is($replaced[-1], $term,
	'replaced: the new command ran with the next change');
cmp_ok(scalar(lines_in('stubborn')),
	'<=', $count + 1, 'replaced: the former one is not repeated for ever');
my $settled = lines_in('stubborn');

#
# It fails, and for a while no process can be started to repeat it
#

use_hook(<<'SCRIPT', hook_retry_interval => '20ms');
[ $PG_LEADER_LEADER_ID = -1 ] || [ -e @directory@/mended ]
SCRIPT
$term = change_leader();
wait_for_end($term, qr/failed/);
my @limit = ('prlimit', '--pid', $hook->runner(0));
my ($usual) = run_command([ @limit, qw(--nproc --noheadings --output SOFT) ]);
system_or_bail(@limit, '--nproc=0:');
$cluster->wait_for_log(0,
	qr/could not start pg_leader hook \d+ \(leader 0, term $term\)/, $from);
append_to_file($hook->path('mended'), '');
system_or_bail(@limit, "--nproc=$usual:");
wait_for_end($term, qr/succeeded/);
pass('no process for a repetition: it is tried again');

#
# It hangs
#

$before = counters();
use_hook(<<'SCRIPT', hook_timeout => '200ms', hook_retry_interval => 0);
[ $PG_LEADER_LEADER_ID != -1 ] || exit 0
trap 'echo $PG_LEADER_TERM >>@directory@/polite; exit 5' TERM
sleep 100000 & echo $! >>@directory@/hanging
wait
SCRIPT
$term = change_leader();
wait_for_end($term,
	qr/took too long and was ended with status (143|5) after /);
is((lines_in('polite'))[-1], $term, 'a hang: it is told to end, politely');
$hook->wait_for_living('hanging', 0);
$after = counters();
cmp_ok(
	$after->{hook_timeouts},
	'>',
	$before->{hook_timeouts},
	'a hang: it is counted');
cmp_ok(
	$after->{hook_failures},
	'>',
	$before->{hook_failures},
	'a hang: and is a failure');
is(scalar(lines_in('stubborn')), $settled, 'replaced: nor later');

# Deaf to that, with children that are so too, one in a session of its own.
use_hook(<<'SCRIPT');
[ $PG_LEADER_LEADER_ID != -1 ] || exit 0
trap '' TERM HUP INT
sleep 100000 & echo $! >>@directory@/deaf
setsid sh -c 'echo $$ >>@directory@/deaf; exec sleep 100000' &
(setsid sh -c 'echo $$ >>@directory@/deaf; exec sleep 100000' &)
while :; do sleep 100000; done
SCRIPT
$term = change_leader();
$hook->wait_for_living('deaf', 3);
wait_for_end($term,
	qr/took too long and was ended with status (143|137) after /);
is(scalar($hook->living('deaf')),
	0, 'deaf: it is killed, with all its descendants');

#
# Its runner ends: it is told to end as well, and begins again
#

use_hook(<<'SCRIPT', hook_timeout => 0);
[ $PG_LEADER_LEADER_ID != -1 ] || exit 0
trap 'echo $PG_LEADER_TERM >>@directory@/told; exit' TERM
[ ! -e @directory@/told ] || exit 0
echo begun >>@directory@/waiting
sleep 100000 &
wait
SCRIPT
$term = change_leader();
$cluster->wait_for(sub { lines_in('waiting') }, 'a hook to wait');
kill 'TERM', $hook->runner(0);
wait_for_end($term, qr/succeeded after /);
is(join(' ', lines_in('told')), $term,
	'its runner ends: it is told politely');
like(
	$cluster->log_of(0, $from),
	qr/LOG:  pg_leader hook \d+ was ended, as the hook runner ends$/m,
	'its runner ends: the log says so');

#
# It ends and leaves processes behind
#

use_hook(<<'SCRIPT', hook_timeout => 0);
sleep 100000 & echo $! >>@directory@/left
setsid sh -c 'echo $$ >>@directory@/left; exec sleep 100000' &
while [ $(wc -l <@directory@/left) -lt 2 ]; do :; done
SCRIPT
$term = change_leader();
wait_for_end($term, qr/succeeded after /);
cmp_ok(scalar(lines_in('left')), '>=', 2, 'left behind: there were some');
is(scalar($hook->living('left')), 0, 'left behind: they are ended, too');

#
# It says something
#

use_hook(<<'SCRIPT');
echo "term $PG_LEADER_TERM"
printf 'one\ntwo\ttabs\001\033[31m\200\303\274\n' >&2
printf 'no newline'
SCRIPT
$term = change_leader();
wait_for_end($term, qr/succeeded after /);
my $log = $cluster->log_of(0, $from);
foreach
  my $line ("term $term", 'one', "two\ttabs??[31m?\303\274", 'no newline')
{
	like($log, qr/LOG:  pg_leader hook \d+: \Q$line\E$/m, "it says: $line");
}

# Megabytes, in long lines and in many short ones
use_hook(<<'SCRIPT');
[ $PG_LEADER_LEADER_ID != -1 ] || exit 0
head -c 3000000 /dev/zero | tr '\0' x
yes | head -n 1000000
echo the end
SCRIPT
$term = change_leader();
wait_for_end($term, qr/succeeded after /);
my @lines =
  $cluster->log_of(0, $from) =~ /LOG:  pg_leader hook \d+: ([xy].*)$/mg;
cmp_ok(scalar(@lines), '>',  10,  'megabytes: some are logged');
cmp_ok(scalar(@lines), '<=', 500, 'megabytes: but few lines');
is(scalar(grep { length > 1024 } @lines), 0, 'megabytes: none is long');
cmp_ok(length(join '', @lines), '<=', 65536, 'megabytes: little in all');
my ($more) = $cluster->log_of(0, $from) =~
  /LOG:  pg_leader hook \d+ has written (\d+) bytes more$/m;
cmp_ok($more, '>', 3_900_000, 'megabytes: how much was left out');
(undef, my $now) = $cluster->wait_for_leader;
is($now, $term, 'megabytes: the leader does not notice');

#
# It is changed while it runs
#

use_hook(<<'SCRIPT');
[ $PG_LEADER_LEADER_ID != -1 ] || exit 0
echo "$PG_LEADER_SEQUENCE" >>@directory@/sequence
echo "begin $PG_LEADER_TERM" >>@directory@/first
while [ ! -e @directory@/released ]; do sleep 0.05; done
echo "end $PG_LEADER_TERM" >>@directory@/first
SCRIPT
$first_term = change_leader();
$cluster->wait_for(
	sub {
		grep { $_ eq "begin $first_term" } lines_in('first');
	},
	'the first command to begin');
my $second = $hook->write_script('second',
	"echo \$PG_LEADER_TERM >>\@directory\@/second\n");
$hook->change(0, on_leader_change => $second);

# Coalescing, too: while it waits, the leader changes five times.
$before = counters();
change_leader() foreach 1 .. 4;
$term = change_leader();
append_to_file($hook->path('released'), '');
wait_for_end($term, qr/succeeded/);
is( join(' ', lines_in('first')),
	"begin $first_term end $first_term",
	'changed while it runs: it goes on to its end, and is the last');
is(join(' ', lines_in('second')),
	$term, 'while it runs, newer news coalesces into the newest');
$after = counters();
is($after->{hook_runs} - $before->{hook_runs}, 1, 'one run');
my ($first_sequence) = lines_in('sequence');
my $skipped = $after->{hook_skipped} - $before->{hook_skipped};
cmp_ok($skipped, '>=', 9,
	'what was skipped is counted: five times lost, four times found');
is( $skipped,
	$after->{hook_last_sequence} - $first_sequence - 1,
	'and sequence numbers show it');

$hook->change(0, on_leader_change => $hook->command(0));
$term = change_leader();
my $run = $hook->wait_for_told(0, 0, $term);
cmp_ok(
	$run->{sequence}, '>=',
	$after->{hook_last_sequence} + 2,
	'sequence numbers count what is lost and what is found');
$hook->sane('runs are in order', 0);

#
# It is taken away
#

$hook->change(0, on_leader_change => '');
$before = counters();
change_leader();
$hook->change(0, on_leader_change => $hook->command(0));
$term = change_leader();
$hook->wait_for_told(0, 0, $term);
my @runs = $hook->runs(0);
is(scalar(grep { $_->{term} == $term - 1 && $_->{leader_id} == 0 } @runs),
	0, 'without a command nothing runs');
is( counters()->{hook_skipped},
	$before->{hook_skipped},
	'and nothing is skipped');

$cluster->stop_all;
done_testing();
