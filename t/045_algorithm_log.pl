# If this broke, nobody could find out afterwards how an election went; or the
# log's disk would decide on whether a node leads, or its server stops.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PgLeaderEventLog;
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = PgLeaderCluster->new(nodes => 3);
my $log     = PgLeaderEventLog->new($cluster);

# Process ids of a node's logger, or of the process that writes for it.
sub pids
{
	my ($id, $title) = @_;
	my %titles = $cluster->processes($id);

	return grep { $titles{$_} =~ /pg_leader $title, node $id/ }
	  sort { $a <=> $b } keys %titles;
}

sub wait_for_process
{
	my ($id, $title) = @_;

	return $cluster->wait_for(sub { (pids($id, $title))[0] },
		"the $title of node $id to run");
}

sub reload
{
	my ($id, %settings) = @_;

	$cluster->set($id, %settings);
	$cluster->node($id)->reload;
	return;
}

sub names
{
	return join ' ', map { $_->{event} } @_;
}

#
# Off by default: no process, no file
#

$cluster->start_all;
my ($leader, $term) = $cluster->wait_for_leader;
foreach my $id ($cluster->ids)
{
	is(scalar(pids($id, 'logger')), 0, "node $id: no logger by default");
	is($cluster->value($id, 'SHOW pg_leader.enable_log'),
		'off', "node $id: off by default");
}

#
# On, at reload: it begins with the settings
#

$log->enable($_, 'on') foreach $cluster->ids;
$cluster->node($_)->reload foreach $cluster->ids;
foreach my $id ($cluster->ids)
{
	my $event = $log->wait_for($id, event => 'settings');
	is($event->{line}, ($log->lines($id))[0], "node $id: first line");
	is($event->{heartbeat_interval},
		50_000_000, "node $id: heartbeat_interval in nanoseconds");
	is($event->{enable_log}, 'on', "node $id: enable_log");
	is(scalar(pids($id, 'logger')),     1, "node $id: one logger");
	is(scalar(pids($id, 'log writer')), 1, "node $id: one log writer");
	my $mode = (stat $log->file($id))[2] & 07777;
	is($mode, 0600, "node $id: only the server's user reads the file");
}

#
# An election
#

($leader, $term) = $cluster->wait_for_leader;
$cluster->value($leader, 'SELECT pg_leader_step_down()');
my ($next, $next_term) = $cluster->wait_for_leader(above => $term);
$log->wait_for($_, event => 'leader', term => $next_term, leader => $next)
  foreach $cluster->ids;

my ($control) = $log->events($leader, event => 'control');
is($control->{request},  'step_down', 'the request is told');
is($control->{argument}, -1,          'without an argument');
is($control->{result},   'ok',        'and what came of it');
like($control->{requested_by}, qr/\w/, 'and who asked');
my ($lost) = $log->events($leader, event => 'role', old_role => 'leader');
is($lost->{reason}, 'step-down requested', 'the role is lost, and why');
is($lost->{role},   'follower',            'its role after the event');
ok( $log->events(
		$leader,
		event => 'lease',
		state => 'ended',
		until => 0),
	'the lease ends');
my ($resign) = $log->events(
	$leader,
	event        => 'send',
	type         => qr/^(resign|timeout_now)$/,
	message_term => $term);
ok(defined $resign, 'the leader takes its leave of its term');
$log->wait_for(
	$resign->{peer},
	event        => 'receive',
	type         => $resign->{type},
	peer         => $leader,
	message_term => $term,
	successor    => $resign->{successor});
my ($won) =
  $log->events($next, event => 'role', role => 'leader', term => $next_term);
is($won->{old_role}, 'candidate',             'the next one has won');
is($won->{reason},   'elected by a majority', 'and why');
my $begun = $log->wait_for(
	$next,
	event => 'lease',
	state => 'begun',
	term  => $next_term);
cmp_ok($begun->{until}, '>', $begun->{clock}, 'its lease ends in the future');
my ($granted) = $log->events(
	$next,
	event        => 'receive',
	type         => 'vote_reply',
	message_term => $next_term,
	granted      => 1);
ok(defined $granted, 'a vote was granted to it');
my ($vote) = $log->events(
	$granted->{peer},
	event     => 'vote',
	candidate => $next,
	term      => $next_term);
ok(defined $vote, 'by a node that says so');
my ($persist) = $log->events(
	$granted->{peer},
	event => 'persist',
	term  => $next_term,
	vote  => $next);
cmp_ok($persist->{took}, '>', 0, 'once its vote was durable');

# All clocks of one node go forward.
foreach my $id ($cluster->ids)
{
	my @clocks = map { $_->{clock} } $log->events($id);
	is( join(' ', @clocks),
		join(' ', sort { $a <=> $b } @clocks),
		"node $id: events are in order");
	is(scalar($log->events($id, type => qr/heartbeat(_ack)?$|probe/)),
		0, "node $id: neither heartbeats nor probes");
}

# While nothing changes, nothing is logged.
my $before = @{ [ $log->lines($next) ] };
$cluster->wait_for_heartbeats($next, 40);
my @more = $log->events($next);
splice @more, 0, $before;
is(names(grep { $_->{term} == $next_term } @more),
	'', 'nothing is logged while nothing changes');

#
# The node's start and its end
#

my $file   = $log->file($next);
my $events = @{ [ $log->events($next) ] };
$cluster->stop('fast', $next);
my @last = $log->events($next);
is($last[-1]{event}, 'stop', 'the last event is the stop');

# All workers are told at the same moment: one may notice another's end first.
like($last[-1]{reason},
	qr/^(ticker process has ended|receiver or sender has gone)$/,
	'and why');
$cluster->start($next);
$cluster->wait_for_leader;
$log->wait_for(
	$next,
	event => 'silence',
	state => 'ended');
my @first = $log->events($next);
splice @first, 0, scalar @last;
is(names(@first[ 0, 1 ]), 'start settings', 'a session begins');
like($first[0]{session}, qr/^[0-9a-f]{16}$/, 'it has a number');
is($first[0]{nodes},    3,           'of how many nodes');
is($first[0]{standing}, 'member',    'with its standing');
is($first[0]{cluster},  'pg_leader', 'in which cluster');
is( names(grep { $_->{event} eq 'silence' } @first),
	'silence silence',
	'it begins and ends to be silent');

#
# Rotation: the file is renamed, the server reloads
#

my ($node) = $cluster->wait_for_leader;
$file = $log->file($node);
rename $file, "$file.1" or die "could not rename \"$file\": $!";
$cluster->node($node)->reload;
$log->wait_for($node, event => 'settings');
is(($log->events($node))[-1]{event}, 'settings', 'rotated: a new file');
my $old_size = -s "$file.1";
$cluster->value($node, 'SELECT pg_leader_step_down()');
$log->wait_for($node, event => 'control', request => 'step_down');
is(-s "$file.1", $old_size, 'rotated: the old file is left alone');
$cluster->wait_for_leader;

#
# A file that cannot be written
#

my $folder = $cluster->node($node)->basedir . '/folder';
my $from   = $cluster->log_size($node);
$cluster->node($node)->append_conf('postgresql.conf', 'log_file_mode = 0640');
reload($node, log_file => "$folder/events.log");
$cluster->wait_for_log(
	$node,
	qr{LOG:  could not open log file "\Q$folder\E/events.log" of pg_leader: No such file or directory},
	$from);
($leader, $term) = $cluster->wait_for_leader;
$cluster->value($leader, 'SELECT pg_leader_step_down()');
($leader, $term) = $cluster->wait_for_leader(above => $term);
mkdir $folder or die "could not make \"$folder\": $!";
$cluster->wait_for(sub { -s "$folder/events.log" },
	'the file to be there when its directory is');
$cluster->wait_for_log($node,
	qr/LOG:  log file ".*" of pg_leader can be written again after/, $from);
my $text = slurp_file("$folder/events.log");
like(
	$text,
	qr/event=leader.* term=$term |term=$term .*event=leader/,
	'what happened meanwhile is told');
unlike($text, qr/event=lost/, 'nothing is lost');
my @complaints = $cluster->log_of($node, $from) =~ /could not open log file/g;
is(scalar(@complaints), 1, 'it is said once');
is((stat "$folder/events.log")[2] & 07777,
	0640, 'a new file has the permissions of log_file_mode');

# Nobody writes into a directory.
$from = $cluster->log_size($node);
reload($node, log_file => $folder);
$cluster->wait_for_log($node,
	qr{could not open log file "\Q$folder\E" of pg_leader: Is a directory},
	$from);

# A full disk, as the kernel plays one.
SKIP:
{
	skip 'there is no /dev/full', 1 unless -w '/dev/full';
	$from = $cluster->log_size($node);
	reload($node, log_file => '/dev/full');
	$cluster->wait_for_log(
		$node,
		qr{could not write log file "/dev/full" of pg_leader: No space left on device},
		$from);
	reload($node, log_file => $log->file($node));
	$log->wait_for($node, event => 'settings', clock => qr/./);
	$cluster->wait_for_log($node, qr/can be written again/, $from);
	pass('full disk: another file helps');
}

#
# To the server log
#

$from = $cluster->log_size($node);
reload($node, log_file => '');
$cluster->wait_for_log(
	$node,
	qr/ LOG:  time=\S+ clock=\d+ node=$node term=\d+ role=\S+ leader=-?\d+ event=settings /,
	$from);
$cluster->wait_for(sub { !pids($node, 'log writer') },
	'the log writer to end');
pass('server log: nobody writes a file');

# What the file ends with, if it was cut off, is a line of its own.
my $cut = 'time=2026-11-25T09:33:01.123456Z clo';
append_to_file($log->file($node), $cut);
reload($node, log_file => $log->file($node));
$cluster->wait_for(
	sub {
		slurp_file($log->file($node)) =~ /^\Q$cut\E\ntime=\S+ clock=/m;
	},
	'a line that was cut off to be ended');
pass('a line that was cut off is ended');
unlink $log->file($node) or die "could not remove the log: $!";
$cluster->node($node)->reload;
$log->wait_for($node, event => 'settings');

#
# A logger that ends is started again, alone
#

my $logger = wait_for_process($node, 'logger');
my $status = $cluster->status($node);
kill 'TERM', $logger;
$cluster->wait_for(
	sub {
		my ($pid) = pids($node, 'logger');
		return defined $pid && $pid != $logger;
	},
	'another logger');
is($cluster->status($node)->{ticker_pid},
	$status->{ticker_pid}, 'logger ended: the ticker goes on');
$events = @{ [ $log->events($node, event => 'settings') ] };
$cluster->node($node)->reload;
$cluster->wait_for(
	sub {
		@{ [ $log->events($node, event => 'settings') ] } > $events;
	},
	'the new logger to write');

# Its child dies: it gets another one.
my ($writer) = pids($node, 'log writer');
kill 'KILL', $writer;
$events = @{ [ $log->events($node, event => 'settings') ] };
$cluster->node($node)->reload;
$cluster->wait_for(
	sub {
		@{ [ $log->events($node, event => 'settings') ] } > $events;
	},
	'another log writer to write');
pass('log writer killed: another one writes');

# What a logger that ends could not write is lost, and counted.
SKIP:
{
	skip 'there is no /dev/full', 2 unless -w '/dev/full';
	$from = $cluster->log_size($node);
	reload($node, log_file => '/dev/full');
	$cluster->wait_for_log($node,
		qr{could not write log file "/dev/full" of pg_leader}, $from);
	($logger) = pids($node, 'logger');
	kill 'TERM', $logger;
	$cluster->wait_for(
		sub {
			my ($pid) = pids($node, 'logger');
			return defined $pid && $pid != $logger;
		},
		'a logger that knows nothing of these');
	reload($node, log_file => $log->file($node));
	my $taken = $log->wait_for($node, event => 'lost');
	cmp_ok($taken->{count}, '>', 0,
		'logger ended at a full disk: what it takes with it is told');
	cmp_ok(
		$cluster->value($node, 'SELECT log_events_lost FROM pg_stat_leader'),
		'>=', $taken->{count}, '... and counted');
}

#
# A logger, and then a writer, that does not run: events wait, and those that
# find no room are counted.  A refused request is an event, and nothing more.
#

my $requests = 4000;
my $refused  = qr/^forget_state$/;

# Returns when the log has all that it will have.
sub make_events
{
	my ($id) = @_;

	$cluster->ask(
		$id, qq{
		DO \$\$
		BEGIN
			FOR i IN 1 .. $requests LOOP
				BEGIN
					PERFORM pg_leader_forget_state();
				EXCEPTION WHEN OTHERS THEN NULL;
				END;
			END LOOP;
		END \$\$});
	return;
}

# How many of them the log has, with those of which it says that it has not.
sub check_all_counted
{
	my ($id, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	# Another event tells of those that were lost before it.
	my $settings = @{ [ $log->events($id, event => 'settings') ] };
	$cluster->wait_for(
		sub {
			$cluster->node($id)->reload;
			@{ [ $log->events($id, event => 'settings') ] } > $settings;
		},
		"$name: node $id to log again");
	my $logged = @{ [ $log->events($id, request => $refused) ] };
	my $lost   = 0;
	$lost += $_->{count} foreach $log->events($id, event => 'lost');
	cmp_ok($cluster->value($id, 'SELECT log_events_lost FROM pg_stat_leader'),
		'>=', $lost, "$name: pg_stat_leader tells of them");
	cmp_ok($lost,   '>', 0,         "$name: what found no room is counted");
	cmp_ok($logged, '<', $requests, "$name: and it is not there");
	cmp_ok($logged + $lost, '>=', $requests, "$name: all is told");
	return;
}

sub restart_log
{
	my ($id) = @_;

	unlink $log->file($id) or die "could not remove the log: $!";
	$cluster->node($id)->reload;
	$log->wait_for($id, event => 'settings');
	return;
}

foreach my $title ('logger', 'log writer')
{
	restart_log($node);
	$status = $cluster->status($node);
	my ($stopped) = pids($node, $title);
	kill 'STOP', $stopped or die "could not stop the $title: $!";
	make_events($node);
	is($cluster->status($node)->{ticker_pid},
		$status->{ticker_pid}, "$title stopped: the ticker goes on");
	kill 'CONT', $stopped;
	check_all_counted($node, "$title stopped");
}

# A writer that hangs, as in a disk: it is said, and another file is written by
# another writer.
restart_log($node);
my ($hung) = pids($node, 'log writer');
$from = $cluster->log_size($node);
kill 'STOP', $hung or die "could not stop the log writer: $!";
$cluster->session($node)->query('SELECT pg_leader_forget_state()');
$cluster->wait_for_log(
	$node,
	qr/LOG:  the disk of log file "\Q$file\E" of pg_leader has not answered/,
	$from);
reload($node, log_file => "$folder/events.log");
$cluster->wait_for(
	sub {
		slurp_file("$folder/events.log") =~ /request=forget_state/;
	},
	'another file to be written');
pass('hung log writer: another one writes what it did not');

# Nor does one keep the server from stopping, or starting.
my ($follower) = grep { $_ != $node } $cluster->ids;
($hung) = pids($follower, 'log writer');
kill 'STOP', $hung or die "could not stop the log writer: $!";
$cluster->session($follower)->query('SELECT pg_leader_forget_state()');
$from = $cluster->log_size($follower);
$cluster->stop('fast', $follower);
unlike($cluster->log_of($follower, $from),
	qr/SIGKILL|PANIC/, 'hung log writer: the server stops');
$cluster->start($follower);
$log->wait_for($follower, event => 'start', clock => qr/./);
is($cluster->value($follower, 'SELECT 1'), 1, 'and starts');
$cluster->wait_for_leader;
$log->enable($node, 'on');
$cluster->node($node)->reload;
$cluster->wait_for(
	sub {
		my ($pid) = pids($node, 'log writer');
		return defined $pid && -s $log->file($node);
	},
	'the log to be where it was');

#
# Off
#

reload($node, enable_log => 'off');
$cluster->wait_for(sub { !pids($node, 'logger') }, 'the logger to end');
is(scalar(pids($node, 'log writer')), 0, 'off: no process is left');
my $end = ($log->events($node))[-1];
is( "$end->{event} $end->{enable_log}",
	'settings off',
	'off: the last line says so');
my $size = -s $log->file($node);
($leader, $term) = $cluster->wait_for_leader;
$cluster->value($leader, 'SELECT pg_leader_step_down()');
$cluster->wait_for_leader(above => $term);
is(-s $log->file($node), $size, 'off: nothing more is written');

reload($node, enable_log => 'on');
$log->wait_for(
	$node,
	event      => 'settings',
	enable_log => 'on',
	clock      => qr/^(?!$end->{clock}$)/);
is(scalar($log->events($node, event => 'lost')),
	0, 'on again: nothing was lost meanwhile');

$cluster->stop_all;
done_testing();
