# If this broke, the proofs of the core (simulator, explorer) would say nothing
# of real servers: the workers could have fed it in an order, or carried out
# its answers in a way, that nobody has looked at.
#
# Five servers go through failovers of every kind, with every input of the core
# in their logs; the core, without a server, has to answer the same again.  The
# histories tell the same, too.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PgLeaderEventLog;
use PostgreSQL::Test::Utils;
use Test::More;

my $top      = "$FindBin::RealBin/..";
my $compiler = 'gcc';
plan skip_all => "there is no C compiler \"$compiler\""
  if system("$compiler --version >/dev/null 2>&1") != 0;

my $folder = PostgreSQL::Test::Utils::tempdir();

# Builds the program from that tree; returns where it is.
sub build
{
	my ($source, $name) = @_;

	system_or_bail('make', '-s', '-C', $top, '-f', 'script/dev/replay.mk',
		"SOURCE=$source", "BUILD=$folder/$name", "$folder/$name/replay");
	return "$folder/$name/replay";
}

# Replays; returns exit status and output.
sub replay
{
	my ($program, @files) = @_;

	my $pid = open my $pipe, '-|', $program, @files
	  or die "could not run $program: $!";
	local $/;
	my $output = <$pipe>;
	close $pipe;
	return ($? >> 8, $output);
}

my $cluster = PgLeaderCluster->new(nodes => 5);
my $log     = PgLeaderEventLog->new($cluster);
$log->enable($_, 'replay') foreach $cluster->ids;
$cluster->start_all;
my ($leader, $term) = $cluster->wait_for_leader;

#
# Failovers
#

sub signal_worker
{
	my ($signal, $worker) = @_;
	my $pid = $cluster->status($leader)->{"${worker}_pid"};

	kill $signal, $pid or die "could not signal the $worker: $!";
	return $pid;
}

# Stops the leader's ticker until another node leads.
sub freeze_ticker
{
	my $pid    = signal_worker('STOP', 'ticker');
	my @others = grep { $_ != $leader } $cluster->ids;
	$cluster->wait_for_leader(among => \@others, above => $term);
	kill 'CONT', $pid;
	return;
}

sub lose_state
{
	my $path = $cluster->state_directory($leader) . '/state';
	unlink $path or die "could not remove \"$path\": $!";
	return;
}

sub reload
{
	my (%settings) = @_;

	$cluster->set($leader, %settings);
	$cluster->node($leader)->reload;
	return;
}

# Another one than the leader.
sub successor
{
	return ($leader + 1) % $cluster->ids;
}

my @failovers = (
	'crash of the postmaster' => sub { $cluster->kill9($leader) },
	'loss of power'           => sub { $cluster->power_off($leader) },
	'fast shutdown'           => sub { $cluster->stop('fast',      $leader) },
	'immediate shutdown'      => sub { $cluster->stop('immediate', $leader) },
	'step-down'               =>
	  sub { $cluster->ask($leader, 'SELECT pg_leader_step_down()') },
	'transfer' => sub {
		my $to = successor();
		$cluster->wait_for(
			sub {
				return
				  defined $cluster->session($leader)
				  ->query("SELECT pg_leader_transfer($to)");
			},
			'leadership to be handed over');
	},
	'ticker that is stopped'   => \&freeze_ticker,
	'SIGTERM for the receiver' => sub { signal_worker('TERM', 'receiver') },
	'SIGTERM for the sender'   => sub { signal_worker('TERM', 'sender') },
	'SIGTERM for the ticker'   => sub { signal_worker('TERM', 'ticker') },
	'SIGKILL for the ticker'   => sub { signal_worker('KILL', 'ticker') },
	'reload: never leads'                  => sub { reload(priority => 0) },
	'reload: other timings, and step-down' => sub {
		reload(
			election_timeout_min => '600ms',
			election_timeout_max => '900ms');
		$cluster->wait_for(
			sub {
				$log->events(
					$leader,
					event                => 'in_reconfigure',
					election_timeout_min => 600_000_000);
			},
			'the timings to change');
		$cluster->session($leader)->query('SELECT pg_leader_step_down()');
	},
	'lost state' => \&lose_state);

my $done = 0;
while (my ($name, $failover) = splice @failovers, 0, 2)
{
	($leader, $term) = $cluster->wait_for_leader;
	note "$name: of leader $leader in term $term";
	$failover->();
	$cluster->wait_for_leader(
		among => [ grep { $_ != $leader } $cluster->running ],
		above => $term);
	$cluster->start_all;
	$done++;
}
cmp_ok($done, '>=', 10, "$done failovers");

# The node that has lost its state is told to forget it.
$cluster->wait_for(
	sub {
		return
		  defined $cluster->session($leader)
		  ->query('SELECT pg_leader_forget_state()');
	},
	"node $leader to forget its state");
my ($control) = $log->wait_for($leader, event => 'in_forget_state');
ok(defined $control, 'forgetting is an input, too');

#
# The histories tell what the logs tell
#

# Elections that the node won, and whom it followed, in each term.
sub told_by_history
{
	my ($id) = @_;
	my @told;

	foreach my $row (
		@{
			$cluster->ask($id,
					'SELECT term, old_role, new_role, leader_id'
				  . ' FROM pg_leader_history')
		})
	{
		my ($at, $old_role, $new_role, $leader_id) = @$row;
		push @told, "elected in $at"
		  if $new_role eq 'leader' && $old_role ne 'leader';
		push @told, "follows $leader_id in $at"
		  if defined $leader_id && $leader_id != $id;
	}
	return @told;
}

sub told_by_log
{
	my ($id) = @_;
	my @told;

	# History goes back to the last start of the server, the log further.
	my $starts = $cluster->value($id,
		"SELECT count(*) FROM pg_leader_history WHERE old_role = 'down'");
	my @events = $log->events($id);
	my @places =
	  grep { $events[$_]{event} eq 'start' } 0 .. $#events;
	foreach my $event (@events[ $places[ -$starts ] .. $#events ])
	{
		push @told, "elected in $event->{term}"
		  if $event->{event} eq 'role' && $event->{role} eq 'leader';
		push @told, "follows $event->{leader} in $event->{term}"
		  if $event->{event} eq 'leader'
		  && $event->{leader} >= 0
		  && $event->{leader} != $id;
	}
	return @told;
}

sub without_repetitions
{
	my %seen;
	return join ', ', sort grep { !$seen{$_}++ } @_;
}

foreach my $id ($cluster->ids)
{
	my ($history, $told);
	$cluster->wait_for(
		sub {
			$history = without_repetitions(told_by_history($id));
			$told    = without_repetitions(told_by_log($id));
			return $history eq $told;
		},
		"history and log of node $id to agree");
	isnt($history, '', "node $id: history and log agree: $history");
}
$cluster->stop_all;

#
# Replay
#

my $replay = build('src', 'core');
my @logs   = map { $log->file($_) } $cluster->ids;
my ($status, $output) = replay($replay, @logs);
note $output;
is($status, 0, 'the core answers as it did in the servers');
like($output, qr/^replay ok\n\z/m, 'and it is said');

my $inputs = 0;
foreach my $id ($cluster->ids)
{
	my ($sessions, $node_inputs, $outputs) = $output =~
	  /^\Q$logs[$id]\E: node $id, (\d+) sessions, (\d+) inputs, (\d+) outputs/m;
	my @starts = $log->events($id, event => 'start');
	is($sessions, scalar(@starts), "node $id: every session is replayed");
	cmp_ok($outputs, '>', 0, "node $id: it had outputs");
	$inputs += $node_inputs;
	is(scalar($log->events($id, event => 'lost')),
		0, "node $id: nothing is lost");
}
note "$inputs inputs";

#
# Would it notice?
#

# A log of one session or more, to be spoiled: that of a node that led.
my ($sample) =
  map  { $_->[0] }
  sort { $b->[1] <=> $a->[1] }
  map { [ $_, scalar($log->events($_, event => 'lease', state => 'begun')) ] }
  $cluster->ids;
my @lines = map { "$_\n" } $log->lines($sample);

sub replay_lines
{
	my (@text) = @_;
	my $file = "$folder/spoiled.log";

	open my $handle, '>', $file or die "could not write \"$file\": $!";
	print $handle @text;
	close $handle or die "could not write \"$file\": $!";
	return replay($replay, $file);
}

# The first line that matches.
sub find_line
{
	my ($pattern) = @_;

	foreach my $i (0 .. $#lines)
	{
		return $i if $lines[$i] =~ $pattern;
	}
	die "no line matches $pattern";
}

my @edits = (
	[ 'a message', qr/event=out_message .* round=\d/, 's/ round=/ round=9/' ],
	[
		'a lease',
		qr/event=out_view .*lease_end=\d/,
		's/lease_end=/lease_end=9/'
	],
	[
		'an event',
		qr/event=out_event .*new_role=leader/,
		's/new_role=leader/new_role=candidate/'
	],
	[ 'a record', qr/event=out_ready /, 's/ vote=-?\d+/ vote=4/' ],
	[
		'a time',
		qr/event=in_receive .*type=heartbeat from/,
		's/ round=\d+/ round=77777/'
	],
	[
		'a role',
		qr/role=leader .*event=in_tick/,
		's/ role=leader/ role=follower/'
	],
	[ 'no answer',    qr/event=out_message /,                     's/.*//s' ],
	[ 'no view',      qr/event=out_view .*lease_end=\d/,          's/.*//s' ],
	[ 'no input',     qr/event=in_receive .*type=heartbeat from/, 's/.*//s' ],
	[ 'damage',       qr/event=in_receive /, 's/ now=/ nw=/' ],
	[ 'another node', qr/event=in_tick/,     's/ node=\d/ node=77/' ]);
foreach my $edit (@edits)
{
	my ($name, $pattern, $change) = @$edit;
	my @edited = @lines;
	my $place  = find_line($pattern);

	eval "\$edited[\$place] =~ $change; 1" or die $@;
	die "nothing is changed: $name" if $edited[$place] eq $lines[$place];
	($status, $output) = replay_lines(@edited);
	is($status, 1, "$name: the difference is found");
	my ($number) = $output =~ /:(\d+): .*: /;
	cmp_ok($number // 0, '>', $place, "$name: and where");
	note $output;
}

# Cores with a bug.
foreach my $mutant (qw(lease_from_the_receipt promise_is_not_made))
{
	my $source = "$folder/$mutant/src";
	system_or_bail('mkdir', '-p', "$folder/$mutant");
	system_or_bail('cp', '-a', "$top/src", $source);
	system_or_bail('patch', '-s', '-p2', '-d', $source, '-i',
		"$top/src/raft/test/mutants/$mutant.patch");
	my $broken = build($source, "$mutant/build");
	($status, $output) = replay($broken, @logs);
	is($status, 1, "core with the bug $mutant: the difference is found");
	like($output, qr/the log has .*the core/, "$mutant: and what it is");
	note $output;
}

#
# What a crash leaves behind
#

my @cut = @lines;
$cut[-1] = substr $cut[-1], 0, 50;
($status, $output) = replay_lines(@cut);
is($status, 0, 'a line is cut off at the end: no difference');
like($output, qr/this line was cut off, as by a crash/, 'but it is said');

my $start = (grep { $lines[$_] =~ /event=start/ } 0 .. $#lines)[1];
@cut = @lines;
splice @cut, $start, 0, substr($lines[ $start - 1 ], 0, 50) . "\n";
($status, $output) = replay_lines(@cut);
is($status, 0, 'a line is cut off before the next start: no difference');
like($output, qr/this line was cut off, as by a crash/, 'and it is said');

my $input = find_line(qr/event=in_tick/);
@cut = @lines;
splice @cut, $input, 0, substr($lines[$input], 0, 70) . "\n";
($status, $output) = replay_lines(@cut);
is($status, 0, 'a line was written twice, as by a full disk: no difference');
like(
	$output,
	qr/this line was cut off, and is told again/,
	'written twice: it is said');

# A log that begins in the middle, or has a gap, is replayed as far as it goes.
my $second = (grep { $lines[$_] =~ /event=in_init/ } 0 .. $#lines)[1];
($status, $output) = replay_lines(@lines[ 20 .. $#lines ]);
is($status, 0, 'the beginning is missing: no difference');
like(
	$output,
	qr/begins in the middle of a session.*, 1 parts skipped/s,
	'the beginning is missing: it is said');

my @gap  = @lines;
my $lost = $gap[$input] =~ s/event=.*/event=lost count=3/r;
splice @gap, $input, 3, $lost;
($status, $output) = replay_lines(@gap);
is($status, 0, 'events are missing: no difference');
like($output, qr/here events were lost/, 'events are missing: it is said');

# Nothing to replay is no success.
($status, $output) =
  replay_lines(grep { !/event=(in|out)_/ } @lines);
is($status, 1, 'no input: no success');
like($output, qr/nothing to replay/, 'and why');
($status, $output) = replay($replay, "$folder/missing.log");
is($status, 2, 'no file: no success');

done_testing();
