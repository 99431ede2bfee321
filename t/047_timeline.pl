# If this broke, whoever asks after an outage why leadership moved would get no
# answer, or a wrong one: events in an order in which they cannot have happened,
# a vote before its candidacy, a dead node shown alive.

use strict;
use warnings;

use FindBin;
use IPC::Run;
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;
use Test::More;

my $script = "$FindBin::RealBin/../script/timeline.sh";
my $folder = PostgreSQL::Test::Utils::tempdir();

# 2026-11-25 09:33:00 UTC
my $begin = 1_795_599_180;

# A line of a node, so many milliseconds after the begin; its machine has run
# for 1,000 s then, and more for greater ids.
sub line
{
	my ($node, $ms, $term, $role, $leader, $event, %clocks) = @_;

	my $us      = int($ms * 1000 + 0.5);
	my $wall    = $us + int(($clocks{ahead_ms} // 0) * 1000);
	my $uptime  = $clocks{uptime_s} // 1000 * ($node + 1);
	my $seconds = $begin + int $wall / 1_000_000;
	return sprintf
	  "time=%s.%06dZ clock=%d node=%d term=%d role=%s leader=%d event=%s\n",
	  strftime('%Y-%m-%dT%H:%M:%S', gmtime $seconds),
	  $wall % 1_000_000, $uptime * 1e9 + $us * 1000, $node, $term, $role,
	  $leader, $event;
}

sub message
{
	my ($way, $type, $peer, $term, %of) = @_;
	return
	  sprintf
	  'event=%s type=%s peer=%d message_term=%d granted=%d refusal="%s" successor=%d'
	  =~ s/^event=//r, $way, $type, $peer, $term, $of{granted} // 0,
	  $of{refusal} // 'none', $of{successor} // -1;
}

sub settings
{
	return
		'settings heartbeat_interval=100000000'
	  . ' election_timeout_min=1000000000 election_timeout_max=1500000000'
	  . ' max_clock_drift=10000 priority=100 enable_log=on';
}

sub start
{
	my ($standing, $vote) = @_;
	return "start nodes=3 session=0123456789abcdef standing=$standing"
	  . qq( vote=$vote generation=4 cluster="sales");
}

my $files = 0;

# Writes lines into a file of its own, and returns its name.
sub file_of
{
	my $name = "$folder/log" . $files++;
	append_to_file($name, join '', @_);
	return $name;
}

# Exit status, standard output and standard error.
sub timeline
{
	my (@arguments) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ $script, @arguments ], '<', \'', '>', \$out, '2>', \$err);
	return ($? & 127 ? 'signal' : $? >> 8, $out, $err);
}

# Its output, of a run that has nothing to complain of.
sub text_of
{
	my (@arguments) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($status, $out, $err) = timeline(@arguments);
	is($status, 0,  "timeline.sh: exit status");
	is($err,    '', 'and no complaint');
	return $out;
}

# Of a text, what happened: "node: words", in order.
sub happened
{
	my ($text) = @_;
	return map { s/^\s*\S+\s+\d+\s+(?:\[.\]| . )+\s*(\d+)\s+/$1: /r }
	  grep { /^\s*\+\d+\.\d{6}\s/ } split /\n/, $text;
}

# The leader of three nodes, 0, dies at 5 s; node 1 follows in term 3.  The
# clocks of node 1's machine can be set.
sub failover
{
	my (%clocks) = @_;
	my $yes = { granted => 1 };

	my @zero = (
		line(0, 0,    1, 'follower', -1, start('member', -1)),
		line(0, 0.01, 1, 'follower', -1, settings()),
		line(
			0, 100, 2, 'candidate', -1,
			'role old_role=follower reason="election timeout"'),
		line(0, 100.2, 2, 'candidate', -1, message('send', 'vote', 1, 2)),
		line(0, 100.3, 2, 'candidate', -1, message('send', 'vote', 2, 2)),
		line(
			0, 102, 2, 'candidate', -1,
			message('receive', 'vote_reply', 1, 2, granted => 1)),
		line(
			0, 102.01, 2, 'leader', 0,
			'role old_role=candidate reason="elected by a majority"'),
		line(
			0, 102.02, 2, 'leader', 0,
			'leader old_leader=-1 reason="elected by a majority"'),
		line(
			0, 103, 2, 'leader', 0,
			'lease state=begun until=' . (1000 * 1e9 + 940 * 1e6)));
	my @one = map { line(1, @$_, %clocks) } (
		[ 0.5,   1, 'follower', -1, start('member', -1) ],
		[ 0.51,  1, 'follower', -1, settings() ],
		[ 100.5, 1, 'follower', -1, message('receive', 'vote', 0, 2) ],
		[ 101.5, 2, 'follower', -1, 'vote candidate=0' ],
		[
			101.6, 2, 'follower', -1,
			message('send', 'vote_reply', 0, 2, %$yes)
		],
		[
			102.5, 2, 'follower', 0,
			'leader old_leader=-1 reason="heard the leader"'
		],
		[
			6000, 2, 'pre-candidate', -1,
			'leader old_leader=0 reason="election timeout"'
		],
		[
			6000.01, 2, 'pre-candidate', -1,
			'role old_role=follower reason="election timeout"'
		],
		[ 6000.1, 2, 'pre-candidate', -1, message('send', 'pre-vote', 2, 3) ],
		[
			6000.8, 2,
			'pre-candidate',
			-1,
			message(
				'receive', 'pre-vote_reply', 2, 3,
				refusal => 'hears a leader')
		],
		[
			6100.8, 2,
			'pre-candidate',
			-1,
			message(
				'receive', 'pre-vote_reply', 2, 3,
				refusal => 'hears a leader')
		],
		[
			6200.8, 2, 'pre-candidate', -1,
			message('receive', 'pre-vote_reply', 2, 3, %$yes)
		],
		[
			6202, 3, 'candidate', -1,
			'persist took=1100000 vote=1 generation=6'
		],
		[
			6202.01, 3, 'candidate', -1,
			'role old_role=pre-candidate reason="election timeout"'
		],
		[
			6204, 3, 'candidate', -1,
			message('receive', 'vote_reply', 2, 3, %$yes)
		],
		[
			6204.01, 3, 'leader', 1,
			'role old_role=candidate reason="elected by a majority"'
		],
		[
			6205, 3, 'leader', 1,
			'lease state=begun until=' . (2000 * 1e9 + 7000 * 1e6)
		],
		[ 7000, 3, 'leader', 1, 'peer peer=0 state=lost silent=2000000000' ]);
	my @two = (
		line(2, 0.7,   1, 'follower', -1, start('member', -1)),
		line(2, 0.71,  1, 'follower', -1, settings()),
		line(2, 101.7, 2, 'follower', -1, 'vote candidate=0'),
		line(
			2, 102.4, 2, 'follower', 0,
			'leader old_leader=-1 reason="heard the leader"'),
		line(
			2, 6203, 3, 'follower', -1,
			'leader old_leader=0 reason="higher term"'),
		line(2, 6203.01, 3, 'follower', -1, 'vote candidate=1'),
		line(
			2, 6204.5, 3, 'follower', 1,
			'leader old_leader=-1 reason="heard the leader"'),
		line(
			2, 6900, 3, 'follower', 1,
			'peer peer=0 state=lost silent=1900000000'));
	return (\@zero, \@one, \@two);
}

#
# What it shows
#

my @nodes = failover();
my @logs  = map { file_of(@$_) } @nodes;
my $text  = text_of(@logs);
is($text, <<'END', 'a failover as text');
3 nodes, 2026-11-25 09:33:00.000 to 2026-11-25 09:33:07.000 UTC (7.00 s)

term  leader    from      to     for  gap before
   2       0  +0.103  +5.837  5.73 s           -
   3       1  +6.205  +7.000  795 ms      368 ms

L leader, E elected, without a lease, C candidate, p asks whether an election could succeed,
f follower, n knows no leader, . down, x no sign of life; [ ] the node whose event it is

    seconds  term   0  1  2  node  event

--- term 1, 09:33:00.000 UTC ---
  +0.000000     1  [n] .  .     0  starts as member, has not voted, cluster "sales", 3 nodes
  +0.000500     1   n [n] .     1  starts as member, has not voted, cluster "sales", 3 nodes
  +0.000700     1   n  n [n]    2  starts as member, has not voted, cluster "sales", 3 nodes

--- term 2, 09:33:00.100 UTC ---
  +0.100000     2  [C] n  n     0  becomes candidate: election timeout
  +0.101500     2   C [n] n     1  votes for node 0
  +0.101700     2   C  n [n]    2  votes for node 0
  +0.102010     2  [E] n  n     0  is elected by a majority
  +0.102400     2   E  n [f]    2  follows node 0: heard the leader
  +0.102500     2   E [f] f     1  follows node 0: heard the leader
  +0.103000     2  [L] f  f     0  has its lease: leads
  +5.000000     2  [x] f  f     0  gives its last sign of life
  +6.000000     2   x [p] f     1  knows no leader any more: election timeout
  +6.000010     2   x [p] f     1  asks whether an election could succeed: election timeout
  +6.000800     2   x [p] f     1  is refused by node 2 in term 3: hears a leader

--- term 3, 09:33:06.202 UTC ---
  +6.202010     3   x [C] f     1  becomes candidate: election timeout
  +6.203000     3   x  C [n]    2  knows no leader any more: higher term
  +6.203010     3   x  C [n]    2  votes for node 1
  +6.204010     3   x [E] n     1  is elected by a majority
  +6.204500     3   x  E [f]    2  follows node 1: heard the leader
  +6.205000     3   x [L] f     1  has its lease: leads
  +6.900000     3   x  L [f]    2  has heard nothing of node 0 for 1.90 s
  +7.000000     3   x [L] f     1  has heard nothing of node 0 for 2.00 s
END

my @happened = happened(text_of('--all', @logs));
is( scalar @happened,
	1 + map({ @$_ } @nodes),
	'--all shows every event, and when node 0 fell silent');
ok((grep { $_ eq '0: asks node 1 for its vote in term 2' } @happened),
	'messages among them');
ok( (   grep {
			$_ eq '1: works with heartbeats each 100 ms,'
			  . ' election timeouts of 1.00 s to 1.50 s, priority 100'
		} @happened),
	'and settings');

like(text_of('--width', 60, @logs), qr/^(?:.{0,100}\n)+\z/, 'lines are cut');
is( (   sort { $b <=> $a } map { length } grep { /^ *\+/ } split /\n/,
		text_of('--width', 60, @logs))[0],
	60,
	'where it was asked for');

#
# Files in any order and form
#

sub same
{
	my ($name, @arguments) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(text_of(@arguments), $text, $name);
}

same('order of files',     reverse @logs);
same('a file given twice', @logs, $logs[1]);
same('one file for all',   file_of(map { @$_ } reverse @nodes));
same(
	'a file with a rotated part',
	$logs[0], $logs[2],
	file_of(@{ $nodes[1] }[ 7 .. $#{ $nodes[1] } ]),
	file_of(@{ $nodes[1] }[ 0 .. 6 ]));
same(
	'a server log',
	@logs[ 0, 1 ],
	file_of(
		"2026-11-25 09:33:00.000 UTC [1] LOG:  starting PostgreSQL\n",
		map({ "2026-11-25 09:33:00.000 UTC [2] LOG:  $_" } @{ $nodes[2] }),
		"2026-11-25 09:33:00.000 UTC [1] LOG:  time for a checkpoint\n"));
same(
	'what replay needs is passed over',
	@logs[ 0, 1 ],
	file_of(
		@{ $nodes[2] }[ 0 .. 2 ],
		line(2, 101.8, 2, 'follower', -1, 'in_tick now=1 draw=2'),
		line(2, 101.8, 2, 'follower', -1, 'out_view view_role=follower'),
		@{ $nodes[2] }[ 3 .. $#{ $nodes[2] } ]));
{
	my ($out, $err) = ('', '');
	my $all = join '', map { @$_ } @nodes;
	IPC::Run::run([ $script, '-' ], '<', \$all, '>', \$out, '2>', \$err);
	is($out, $text, 'standard input');
}

#
# Lines that are not whole
#

my @whole = @{ $nodes[2] };
my $cut   = substr $whole[4], 0, length($whole[4]) - 20;
my ($status, $out, $err) = timeline(
	@logs[ 0, 1 ],
	file_of(
		@whole[ 0 .. 3 ],
		"$cut\n",
		"rest of a line\n",
		$whole[4] =~ s/term=3/term=three/r,
		$whole[4] =~ s/event=leader/event=leadr/r,
		$whole[4] =~ s/ old_leader=0//r,
		$whole[4] =~ s/role=follower/role=fellow/r,
		$whole[4] =~ s/"higher term"/"higher term/r,
		$whole[4] =~ s/-11-25T/-13-25T/r,
		$whole[4] =~ s/node=2/node=222/r,
		@whole[ 4 .. $#whole ],
		substr($whole[0], 0, 100)));
is($status, 0,     'broken lines are not fatal');
is($out,    $text, 'they are left out');
like(
	$err,
	qr/\Atimeline\.sh: \S+: left out 10 broken lines, the first at line 5\n\z/,
	'and counted, once');

($status, $out, $err) = timeline(@logs[ 0, 1 ],
	file_of(@whole[ 0 .. $#whole - 1 ], $whole[-1] =~ s/\n//r));
like(
	$err,
	qr/: left out 1 broken line, the first at line 8$/m,
	'a last line without an end may lack more');

foreach my $node (@nodes)
{
	foreach my $line (@$node)
	{
		my $key;
		while ($line =~ /event=\w+.*? (\w+)=/g)
		{
			$key = $1;
			last;
		}
		next unless defined $key && $key ne 'enable_log';
		(undef, undef, $err) =
		  timeline($logs[0], file_of($line =~ s/ $key=(?:"[^"]*"|\S+)//r));
		like($err, qr/broken|no event/, "without $key it is not whole")
		  if $line =~ /event=(?:start|vote|lease|peer) /;
	}
}

#
# Errors
#

my @errors = (
	[ 2, qr/^timeline\.sh: no file$/m ],
	[
		2,            qr/^timeline\.sh: unknown option: nonsense$/m,
		'--nonsense', $logs[0]
	],
	[
		2,                  qr/"yesterday" is no time for --from$/m,
		'--from=yesterday', $logs[0]
	],
	[
		2, qr/"2026-02-30" is no time for --to$/m, '--to=2026-02-30', $logs[0]
	],
	[
		2,       qr/^timeline\.sh: option to requires an argument$/m,
		'--to=', $logs[0]
	],
	[ 2, qr/"\+2" is no width$/m,       '--width=+2', $logs[0] ],
	[ 2, qr/"39" is no width$/m,        '--width=39', $logs[0] ],
	[ 2, qr/"200" is no width$/m,       '--svg', '--width=200', $logs[0] ],
	[ 2, qr/--from is later than --to/, '--from=+3', '--to=+2', $logs[0] ],
	[ 2, qr/--from is later than/,      '--from=+8', @logs ],
	[
		2,              qr/--to is earlier than the first event/,
		'--from=09:00', '--to=2026-11-25 09:32',
		$logs[0]
	],
	[ 1, qr/could not open file "\S*\/none": No such file/, "$folder/none" ],
	[ 1, qr/"\S*" is a directory$/m,                        $folder ],
	[
		1, qr/^timeline\.sh: file "\S+" has no event of the algorithm log$/m,
		$logs[0], file_of("LOG:  time for a checkpoint\n")
	],
	[ 1, qr/has no event of the algorithm log$/m, file_of() ],
	[
		1, qr/has no event of the algorithm log that could be read$/m,
		file_of("$cut\n")
	],
	[
		2,                qr/"\S+" is a log, and would be overwritten$/m,
		"--svg=$logs[0]", reverse @logs
	],
	[
		1, qr/could not write file "\S+none\/x": No such file/,
		"--svg=$folder/none/x", $logs[0]
	]);
foreach my $error (@errors)
{
	my ($expected, $pattern, @arguments) = @$error;
	($status, $out, $err) = timeline(@arguments);
	is($status, $expected, "exit status of @arguments");
	like($err, $pattern, 'and why');
	is($out, '', 'and nothing else');
}
like(text_of('--help'), qr/\AMerges.*^Usage:.*--svg/ms, '--help');

#
# Parts of it
#

sub shown
{
	my (@arguments) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @lines = grep { /^ *\+.* node|^ *\+\d+\.\d{6} / } split /\n/,
	  text_of(@arguments, @logs);
	return join ' ', map { /(\+\d+\.\d{6})/ } @lines[ 0, -1 ];
}

foreach my $part (
	[ '+0.100000 +7.000000', '--from=+0.1' ],
	[ '+0.000000 +0.102400', '--to',                 '+0.10245' ],
	[ '+0.101500 +5.000000', '--from=09:33:00.1015', '--to=09:33:05' ],
	[
		'+5.000000 +6.000010',
		'--from=2026-11-25T09:33:01Z',
		'--to=2026-11-25 09:33:06.0001'
	],
	[ '+0.000000 +7.000000', '--from=2026-11-25', '--to=2026-11-26' ],
	[ '+0.000000 +7.000000', '--from=09:00',      '--to=09:34' ])
{
	my ($expected, @arguments) = @$part;
	is(shown(@arguments), $expected, "@arguments");
}
like(
	text_of('--from=+6.5', @logs),
	qr/^ *\+6\.900000 +3   x  L \[f\]/m,
	'what was before still counts');
is(scalar(() = text_of('--from=+6.5', @logs) =~ /^ +\d+ +\d+ +\+\d/mg),
	1, 'of the leaders, those of that part');

# Over midnight, a time of day is one of the next day.
my $midnight = (23 - 9) * 3600 + 26 * 60 + 50;
my $night    = file_of(
	line(0, $midnight * 1000, 2, 'follower', 1, 'vote candidate=1'),
	line(0, ($midnight + 20) * 1000, 2, 'follower', 2, 'vote candidate=2'));
is_deeply([ happened(text_of('--from=00:00:01', $night)) ],
	['0: votes for node 2'], 'the first such time of day');

#
# Clocks
#

my (undef, $ahead) = failover(ahead_ms => 37.25);
$out = text_of($logs[0], file_of(@$ahead), $logs[2]);
like(
	$out,
	qr/^the wall clock of node 1 is (3[67]\.\d) ms ahead of that of node 0 \(within 0\.\d ms\); corrected$/m,
	'a wall clock that is ahead');
is_deeply(
	[ happened($out) ],
	[ happened($text) ],
	'events are in order again');

(undef, $ahead) = failover(ahead_ms => -250);
$out = text_of($logs[0], file_of(@$ahead), $logs[2]);
like(
	$out,
	qr/^the wall clock of node 1 is \d+\.\d ms behind that of node 0/m,
	'a wall clock that is behind');
is_deeply([ happened($out) ], [ happened($text) ], 'likewise');

(undef, $ahead) = failover(ahead_ms => 0.4);
unlike(text_of($logs[0], file_of(@$ahead), $logs[2]),
	qr/wall clock/, 'less than 1 ms is not worth a word');

# Messages that came before they were sent, in both directions: a clock that
# jumps cannot be compared.
(undef, $ahead) = failover(ahead_ms => -20, uptime_s => 1999.98);
my (undef, $behind) = failover(ahead_ms => 20, uptime_s => 2000.02);
unlike(
	text_of(
		$logs[0], file_of(@$ahead[ 0 .. 3 ], @$behind[ 4 .. $#$behind ]),
		$logs[2]),
	qr/(?:ahead of|behind) that of/,
	'a clock that cannot be compared');

# One that is set while the node runs moves nothing.
my @set = @{ $nodes[1] };
(undef, $ahead) = failover(ahead_ms => -3_600_000);
@set[ 14 .. $#set ] = @$ahead[ 14 .. $#set ];
$out = text_of($logs[0], file_of(@set), $logs[2]);
like(
	$out,
	qr/^the wall clock of node 1 was set, by up to 3600000\.0 ms/m,
	'a wall clock that was set');
is_deeply([ happened($out) ], [ happened($text) ], 'nothing moved');

# A machine that restarts begins to count anew.
my @before =
  map { line(1, $_, 2, 'follower', 0, "vote candidate=$_") } 10, 20, 30;
my @after =
  map { line(1, $_, 3, 'follower', 0, "vote candidate=$_", uptime_s => 20) }
  100, 110, 120;
is_deeply(
	[ happened(text_of(file_of(@after), file_of(@before))) ],
	[ map { "1: votes for node $_" } 10, 20, 30, 100, 110, 120 ],
	'a machine that was restarted');
is_deeply(
	[ happened(text_of(file_of(@before, @after))) ],
	[ map { "1: votes for node $_" } 10, 20, 30, 100, 110, 120 ],
	'within one file');

# A file has a clock that does not go back: where lines are out of order, the
# clock is right.
is_deeply(
	[ happened(text_of(file_of(@before[ 2, 0, 1 ]))) ],
	[ map { "1: votes for node $_" } 10, 20, 30 ],
	'lines out of order');

# Clocks that cannot be compared, as no message is in both logs: causes first.
@happened = happened(
	text_of(
		file_of(
			line(
				0, 50, 4, 'candidate', -1,
				'role old_role=follower reason="election timeout"'),
			line(
				0, 52, 4, 'leader', 0,
				'role old_role=candidate reason="elected by a majority"')),
		file_of(
			line(1, 10, 4, 'follower', -1, 'vote candidate=0'),
			line(
				1, 11, 4, 'follower', 0,
				'leader old_leader=-1 reason="heard the leader"')),
		file_of(
			line(2, 5, 3, 'follower', 2, 'peer peer=1 state=back silent=1'),
			line(
				2, 12, 4, 'follower', -1,
				'leader old_leader=2 reason="higher term"'))));
is_deeply(
	\@happened,
	[
		'2: hears node 1 again, after 0 us',
		'0: becomes candidate: election timeout',
		'1: votes for node 0',
		'2: knows no leader any more: higher term',
		'0: is elected by a majority',
		'1: follows node 0: heard the leader'
	],
	'no term, vote or leader before its cause');

# Logs that contradict themselves: each vote is before the candidacy that the
# other one caused.
@happened = happened(
	text_of(
		file_of(
			line(0, 1, 5, 'follower', -1, 'vote candidate=1'),
			line(
				0, 2, 6, 'candidate', -1,
				'role old_role=follower reason="election timeout"')),
		file_of(
			line(1, 1, 6, 'follower', -1, 'vote candidate=0'),
			line(
				1, 2, 5, 'candidate', -1,
				'role old_role=follower reason="election timeout"'))));
is(scalar @happened, 4, 'a contradiction loses nothing, and ends');

#
# Who lives
#

my @restarted = (
	line(0, 9000, 2, 'follower', -1, start('member', 0)),
	line(
		0, 9000.01, 2, 'follower', -1,
		'silence state=begun until=' . (1000 * 1e9 + 9850 * 1e6)),
	line(0, 9850, 2, 'follower', 1, 'silence state=ended until=0'));
$out = text_of(file_of(@{ $nodes[0] }, @restarted), @logs[ 1, 2 ]);
like(
	$out,
	qr/^ *\+5\.000000 +2  \[\.\] f  f     0  gives its last sign of life before it starts again$/m,
	'a crash: down from the last sign of life');
like(
	$out,
	qr/0  restarted, and does not vote for 850 ms\n.*0  votes from now on$/m,
	'a silent voter');

# Before anybody has lost contact: its followers have missed it.
my @unnoticed = map {
	[ grep { !/ event=peer / } @$_ ]
} @nodes;
my @quickly_restarted = (
	line(0, 6300,    2, 'follower', -1, start('member', 0)),
	line(0, 6300.01, 2, 'follower', 1,  'silence state=ended until=0'));
$out = text_of(
	file_of(@{ $unnoticed[0] }, @quickly_restarted),
	map { file_of(@$_) } @unnoticed[ 1, 2 ]);
like(
	$out,
	qr/^ *\+5\.000000 +2  \[\.\] f  f     0  gives its last sign of life before it starts again$/m,
	'a crash and a quick restart: down since it was missed');
like($out, qr/^ +3 +1 +\+6\.205 .* 1\.21 s$/m, 'and nobody led meanwhile');

# Cut off, it hears nobody either, and says so.
my @cut_off = (
	line(0, 5800, 2, 'follower', -1, 'lease state=ended until=0'),
	line(
		0, 7050, 2, 'follower', -1,
		'peer peer=1 state=lost silent=2000000000'));
unlike(
	text_of(file_of(@{ $nodes[0] }, @cut_off), @logs[ 1, 2 ]),
	qr/last sign of life/,
	'who is only cut off lives');

# Only one of two others has lost it.
unlike(
	text_of(@logs[ 0, 1 ], file_of(@{ $nodes[2] }[ 0 .. 6 ])),
	qr/last sign of life/,
	'who is heard by others lives');

# One that is frozen for so short a time that nobody lost it, is a leader without
# a lease as soon as the voters of the next one were free; however many follow.
my @next = (
	line(
		2, 6950, 4, 'candidate', -1,
		'role old_role=follower reason="election timeout"'),
	line(
		2, 6960, 4, 'leader', 2,
		'role old_role=candidate reason="elected by a majority"'),
	line(
		2, 6970, 4, 'leader', 2,
		'lease state=begun until=' . (3000 * 1e9 + 7800 * 1e6)));
$out = text_of(
	$logs[0],
	file_of(@{ $nodes[1] }[ 0 .. $#{ $nodes[1] } - 1 ]),
	file_of(@{ $nodes[2] }[ 0 .. $#{ $nodes[2] } - 1 ], @next));
like(
	$out,
	qr/^ +2 +0 +\+0\.103 +\+6\.202 .*\n +3 +1 +\+6\.205 +\+6\.950 .*\n +4 +2 +\+6\.970 /m,
	'a leadership is over when the next candidacy begins');
like($out, qr/^ *\+6\.970000 +4   E  E \[L\]/m, 'whether it knows or not');

# Last words of a node that ends.
my @resignation = (
	line(
		2, 4000, 2, 'follower', 0,
		message('receive', 'resign', 0, 2, successor => 1)),
	line(
		2, 4000.1, 2, 'follower', 0,
		message('receive', 'resign', 0, 2, successor => 1)));
$out = text_of(
	file_of(@{ $nodes[0] }, @restarted),
	$logs[1],
	file_of(
		@{ $nodes[2] }[ 0 .. 3 ],
		@resignation,
		@{ $nodes[2] }[ 4 .. $#{ $nodes[2] } ]));
like(
	$out,
	qr/^ *\+4\.000000 +2  \[\.\] f  f     0  gives its last sign of life/m,
	'last words are the last sign of life');
my $heard = file_of(@{ $nodes[2] }[ 0 .. 3 ],
	@resignation, @{ $nodes[2] }[ 4 .. $#{ $nodes[2] } ]);
like(
	text_of(@logs[ 0, 1 ], $heard),
	qr/^ +2 +0 +\+0\.103 +\+4\.000 /m,
	'and end the lease at once');
like(
	text_of(
		file_of(
			@{ $nodes[0] },
			line(0, 3999,   2, 'follower', -1, 'lease state=ended until=0'),
			line(0, 20_000, 2, 'follower', -1, 'vote candidate=1')),
		$logs[1],
		$heard),
	qr/^ *\+5\.000000 +2  \[x\] f  f     0  gives its last sign of life$/m,
	'but not of one that resigned, and lived on');
is( scalar(() = $out =~ /hears that node 0 resigns and node 1 is to follow/g),
	1,
	'what is repeated is told once');

#
# The picture
#

# What keeps a document from being well-formed XML, or none.
sub fault_in
{
	my ($xml) = @_;
	my @open;

	return 'control or other characters' if $xml =~ /[^\n -~]/;
	$xml =~ s/\A<\?xml version="1\.0" encoding="UTF-8"\?>\n//
	  or return 'no declaration';
	$xml =~ s/\A<!DOCTYPE svg [^>]*>\n// or return 'no document type';
	while ($xml =~
		/\G([^<]*)(?:<(\/?)(\w+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>|\z)/gc)
	{
		my ($between, $closing, $name, $attributes, $empty) =
		  ($1, $2, $3, $4, $5);
		return "a bare & near \"$between\""
		  if ($between . ($attributes // '')) =~ /&(?!(?:amp|lt|gt|quot);)/;
		last unless defined $name;
		my %seen;
		foreach my $attribute (($attributes // '') =~ /([\w:-]+)=/g)
		{
			return "$attribute twice" if $seen{$attribute}++;
		}
		if ($closing)
		{
			my $opened = pop @open // 'nothing';
			return "<$opened> ends as <$name>" unless $opened eq $name;
		}
		elsif (!$empty)
		{
			return 'two roots'
			  if !@open && pos($xml) > length "<svg" && $name ne 'svg';
			push @open, $name;
		}
	}
	return 'something that is no tag at ' . substr $xml, pos($xml) // 0, 40
	  if (pos($xml) // 0) < length $xml;
	return @open ? "<@open> are not closed" : undef;
}

foreach my $damage (
	[ qr/<\/title>/, '' ],
	[ qr/<\/svg>/,   '' ],
	[ qr/term 2/,    'term & 2' ],
	[ qr/<line /,    '<line x1="1" ' ],
	[ qr/node 1/,    "node \x01" ])
{
	my ($pattern, $by) = @$damage;
	my $svg = text_of('--svg', @logs);
	$svg =~ s/$pattern/$by/;
	isnt(fault_in($svg), undef,
		"the check finds $pattern changed to \"$by\"");
}

my $svg = text_of('--svg', @logs);
is(fault_in($svg), undef, 'the picture is well-formed');
like($svg, qr/<svg [^>]*version="1\.1" width="1400"/,
	'as wide as it is said');
like(
	text_of('--svg', '--width=700', @logs),
	qr/<svg [^>]* width="700"/,
	'or as it was asked for');
unlike($svg, qr/<script|\bon\w+=|href=/, 'it does nothing');
is(scalar(() = $svg =~ /class="vote"/g),
	3 + 1, 'an arrow for each vote, and one in the legend');
foreach my $word (
	'node 0 leads in term 2 for 5.73 s',
	'node 1 leads in term 3 for 795 ms',
	'no leader for 368 ms',
	'node 0: leader with its lease, term 2',
	'node 1: candidate, term 3',
	'node 2: knows no leader, term 3',
	'node 0: no sign of life, term 2')
{
	like($svg, qr/<title>\Q$word\E/, "it shows: $word");
}
is(scalar(() = $svg =~ /class="lost"/g),
	2 + 1, 'a line for each lost contact, and one in the legend');

# Bars cover their lane without a gap, from margin to margin.
foreach my $node (1, 2)
{
	my @bars;
	while ($svg =~
		/<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"[^>]*><title>node $node: /g
	  )
	{
		push @bars, [ $1, $1 + $3 ];
	}
	my @gaps =
	  grep { abs($bars[$_][0] - $bars[ $_ - 1 ][1]) > 1 } 1 .. $#bars;
	cmp_ok(scalar @bars, '>', 3, "node $node has bars");
	is("@gaps", '', 'one after the other');
	cmp_ok(abs($bars[-1][1] - 1384), '<', 1, 'to the end');
}

# Quiet is broken: once in this log, when a year passes.
is(scalar(() = $svg =~ /stroke-width="5"/g), 1, 'no break but in the legend');
my $late = text_of(
	'--svg', @logs,
	file_of(
		line(
			2, 365 * 86_400_000,
			3, 'follower',
			1, 'peer peer=0 state=back silent=5')));
is(scalar(() = $late =~ /stroke-width="5"/g), 2, 'a year of quiet is broken');
like($late, qr/>364 d 23 h</,                'and how long it was is told');
like($late, qr/<title>no leader for 368 ms/, 'it hides nothing');

is(text_of("--svg=$folder/picture.svg", @logs), '',   'into a file');
is(slurp_file("$folder/picture.svg"),           $svg, 'the same picture');

my $part = text_of('--svg', '--from=+6.1', '--to=+6.3', @logs);
is(fault_in($part), undef, 'a part of the picture is well-formed');
unlike($part, qr/leads in term 2/, 'and only that part');

# What others chose does not become part of the picture.
$svg = text_of(
	'--svg',
	file_of(
		line(
			0,
			1,
			2,
			'leader',
			0,
			'control request=step_down argument=-1 result="ok"'
			  . ' requested_by="<script>\"&\\\\\''
			  . "\xff\e" . '"'),
		line(0, 2, 2, 'follower', -1, 'stop reason="]]></svg>"')));
is(fault_in($svg), undef, 'with hostile names it is well-formed');
like($svg, qr/&lt;script&gt;&quot;&amp;\\'\?\?/, 'and they are told');
unlike(
	text_of(
		file_of(line(0, 1, 2, 'follower', -1, qq(stop reason="\e[2Jhm")))),
	qr/\e/,
	'nor do they reach the terminal');

# A single event has no length.
is(fault_in(text_of('--svg', file_of($whole[0]))),
	undef, 'a single event makes a picture');
is_deeply(
	[ happened(text_of(file_of($whole[0]))) ],
	['2: starts as member, has not voted, cluster "sales", 3 nodes'],
	'and a text');

# As many nodes as there can be.
$out = text_of(
	file_of(
		map { line($_, $_, 2, 'follower', 5, 'vote candidate=5') } 0 .. 127));
like($out, qr/^nodes 0-127|  nodes 0-127 /m, '128 nodes are narrow');
is(scalar(() = $out =~ /votes for node 5/g), 128, 'all of them');

done_testing();
