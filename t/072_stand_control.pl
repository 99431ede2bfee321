# If this broke, the commands of the manual would do something else than it
# says, and whoever tries out a partition would learn nothing, or the wrong
# thing.

use strict;
use warnings;

use FindBin;
use IPC::Run;
use lib $FindBin::RealBin;
use PgLeaderStand;
use Test::More;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

plan skip_all => PgLeaderStand::reason_to_skip()
  if PgLeaderStand::reason_to_skip();

my $stand;

# Who hears whom by the table of "status": "0<1 0<2 ..." for every way.
sub ways
{
	my ($table) = @_;
	my @ways;

	foreach my $line (split /\n/, $table)
	{
		my ($id, $hears) =
		  $line =~
		  /^(\d) +yes +\S+ +\S+ +\S+ +\S+(?: ms)? +(?:yes|no) +((?:\d )*\d|-) /
		  or next;
		push @ways, map { "$id<$_" } $hears =~ /\d/g;
	}
	return join ' ', @ways;
}

# Every way but these.
sub all_ways_but
{
	my %cut = map { $_ => 1 } @_;
	my @ways;

	foreach my $one ($stand->ids)
	{
		push @ways, grep { !$cut{$_} }
		  map { "$one<$_" } grep { $_ != $one } $stand->ids;
	}
	return join ' ', @ways;
}

# A test: after these commands, only these ways are cut.
sub cuts
{
	my ($commands, $name, @cut) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my $output = $stand->does("$commands; status", $name);
	is(ways($output), all_ways_but(@cut), "$name: who hears whom");
	return;
}

# A user at a terminal.
my ($terminal, $keys, $screen);

sub sit_down
{
	local $ENV{PGLD_CONFIG} = $stand->{config};
	($keys, $screen) = ('', '');
	$terminal = IPC::Run::start(["$PgLeaderStand::scripts/test_stand/ctl.sh"],
		'<pty<', \$keys, '>pty>', \$screen);
	return;
}

# Waits until the screen shows this; what was there before is not looked at.
sub see
{
	my ($pattern, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my $end = clock_gettime(CLOCK_MONOTONIC) + $PgLeaderStand::patience;
	while ($screen !~ $pattern && clock_gettime(CLOCK_MONOTONIC) < $end)
	{
		last unless eval { $terminal->pumpable };
		$terminal->pump_nb;
		select undef, undef, undef, 0.02;
	}
	note $screen;
	like($screen, $pattern, $name);
	return;
}

sub type
{
	my ($line, $pattern, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	$screen = '';
	$keys .= "$line\n";
	see($pattern, $name // "\"$line\" at the prompt");
	return;
}

# As at a terminal: who starts the tests in the background has it ignored, and
# what is ignored from the start cannot be caught by a shell.
local $SIG{INT} = 'DEFAULT';

foreach my $count (3, 5)
{
	$stand = PgLeaderStand->new(nodes => $count);
	my @ids  = $stand->ids;
	my $last = $count - 1;
	my @rest = (2 .. $last);
	my $rest = join ' ', @rest;

	#
	# A person at a terminal
	#

	is(($stand->net_init)[0], 0, "a stand of $count nodes");
	sit_down();
	see(qr/stand of $count nodes.*pg_leader> /s, 'a prompt');
	type('help', qr/brainsplit GROUP.*exit, q, quit.*> \z/s);
	type($_,     qr/disconnect ONE ANOTHER \[both\].*> \z/s) foreach 'h', '?';
	type('status',  qr/^0 +down .*^$last +down .*> \z/ms);
	type('start 0', qr/node 0 started\r\n.*> \z/s);
	type('st ' . join(',', 1 .. $last - 1),
		qr/node ${\($last - 1)} started\r\n.*> \z/s);
	type('st',               qr/node $last started\r\n.*> \z/s);
	type('start ALL',        qr/all nodes are running already\r\n/);
	type("wait leader @ids", qr/node \d leads in term \d+\r\n.*> \z/s);
	type('disconnect 0 1',   qr/no packets from 0 to 1\r\n.*> \z/s);
	type(
		'nonsense',
		qr/there is no command "nonsense".*> \z/s,
		'a mistake does not end it');
	type("stat", qr/ 0 +1 +dropped +\d+ +\d+\r\n.*> \z/s);
	type(
		"\e[A\e[A\n",
		qr/nonsense.*no command "nonsense".*> \z/s,
		'the last but one line comes back');
	$screen = '';
	$keys .= 'half a line';
	see(qr/half a line\z/, 'half a line');
	type(
		"\cCecho whole",
		qr/^whole\r\n.*> \z/ms,
		'an interrupt at the prompt empties it');
	type('r 0 1', qr/packets go from 0 to 1\r\n.*> \z/s);
	type('reconnect 0 1 both',
		qr/as before: packets go between 0 and 1\r\n.*> \z/s);
	type("b 0 ; 1 $rest",           qr/split: 0 \| 1 $rest\r\n.*> \z/s);
	type("brainsplit 0,1 $rest[0]", qr/split: 0 1 \| 2\r\n.*> \z/s);
	type('stat', qr/ 0 +2 +dropped .* 2 +1 +dropped +\d+ +\d+\r\n.*> \z/s);
	type('f',    qr/no restriction is left.*> \z/s);
	type('statistics', qr/no restrictions\r\n.*> \z/s);
	type('watch', qr/^$last +yes .*^$last +yes /ms, 'watching');
	type('',      qr/> \z/,                         'until a key is pressed');
	$screen = '';
	$keys .= "echo now; wait no-leader\n";
	see(qr/^now\r\n/m, 'waiting');
	$keys .= "\cC";
	see(qr/interrupted.*> \z/s, 'until it is interrupted');
	type('sp 0',     qr/node 0 stopped\r\n.*> \z/s);
	type('stop',     qr/node 1 stopped\r\n.*node $last stopped\r\n.*> \z/s);
	type('stop ALL', qr/no node runs\r\n.*> \z/s);
	$screen = '';
	$keys .= $count == 3 ? "quit\n" : "\cD";
	$terminal->finish;
	is($terminal->result(0), 0, 'the conversation ends');

	if ($count > 3 && ($ENV{SCENARIOS} // '') ne 'all')
	{
		$stand->down;
		next;
	}
	$stand->does("start; wait leader @ids", 'all start again');
	foreach my $word ('q', 'exit')
	{
		is(($stand->ctl("$word; nonsense"))[0], 0, "\"$word\" ends it");
	}

	#
	# Cuts
	#

	cuts('echo',                           'as it begins');
	cuts('d 0 1',                          'one way',        '1<0');
	cuts('d 0 1',                          'cut twice',      '1<0');
	cuts('disconnect 0 1 both',            'both ways',      '1<0', '0<1');
	cuts('r 0 1',                          'one way joined', '0<1');
	cuts('r 1 0',                          'the other, too');
	cuts('d 2 1 both; reconnect 2 1 both', 'both joined');
	my @split = map { ("0<$_", "$_<0", "1<$_", "$_<1") } @rest;
	cuts("b 0 1 ; $rest", 'a split, with ";"', @split);
	$stand->does('statistics', 'counts',
		map { qr/^ +0 +$_ +dropped +\d+ +\d+$/m, qr/^ +$_ +1 +dropped /m }
		  @rest);
	cuts('f',                                  'flushed');
	cuts('brainsplit 0,1 ' . join(',', @rest), 'with ","', @split);
	cuts('bj',                                 'joined');
	cuts("b \"0 1\" \"$rest\"", 'with quotes',    @split);
	cuts("brainjoin 0 ; $rest", 'joined in part', grep { /1/ } @split);
	cuts('flush',               'flushed');
	cuts('unplug 1', 'unplugged',
		map { ("$_<1", "1<$_") } grep { $_ != 1 } @ids);
	like(($stand->ctl('stat'))[1], qr/^node 1 is unplugged$/m,
		'that is said');
	cuts('plug 1',          'plugged in');
	cuts('reject 1 2',      'rejected', '2<1');
	cuts('reject 1 2 both', 'rejected both ways', '2<1', '1<2');
	$stand->does(
		'statistics',
		'counts of rejections',
		qr/^ +1 +2 +rejected /m,
		qr/^ +2 +1 +rejected /m);
	cuts('r 1 2 both',               'joined');
	cuts('loss 0 1 30; loss 0 1 40', 'loss is no cut');
	like(
		($stand->ctl('stat'))[1],
		qr/\A[^\n]*\n +0 +1 +lost, 40 % +\d+ +\d+\n\z/,
		'the last loss counts');
	$stand->does('loss 0 1 0; stat', 'loss ends', qr/no restrictions/);
	$stand->does(
		'd 0 1; unplug 0; reject 2 0; loss 1 2 9; f; stat',
		'all of them end',
		qr/no restrictions/);

	#
	# Whether packets heed it
	#

	my $output = $stand->does(
		"wait leader @ids; mark; b L ; "
		  . join(' ', map { "F$_" } 1 .. $last)
		  . '; wait new-term; status',
		'the leader alone: the others elect',
		qr/^node \d leads in term \d+$/m);
	is(scalar(() = $output =~ / ms +yes /g), 1, 'there is one leader');
	like(
		$stand->does('stat', 'counts'),
		qr/ dropped +[1-9]\d* +[1-9]\d*$/m,
		'packets were dropped');
	$stand->does("f; wait leader @ids", 'flushed, they agree again');

	#
	# Nodes
	#

	my ($leader) = $stand->does(
		"wait leader @ids; mark; kill L",
		'the leader is killed',
		qr/killed/) =~ /node (\d) killed/;
	$stand->does(
		"wait leader; status; start $leader; wait leader @ids",
		'it comes back',
		qr/^$leader +down /m,
		qr/node $leader started/);
	($leader) = $stand->does(
		"mark; pause L; status",
		'the leader is paused',
		qr/^\d +paused /m) =~ /node (\d) paused/;
	$stand->does(
		"wait leader; resume $leader; wait leader @ids",
		'it resumes',
		qr/node $leader resumed/);
	$stand->does('stop 0; status', 'a node stops', qr/^0 +down /m);
	$stand->does('sp 1',           'another one',  qr/node 1 stopped/);
	$stand->does('sp',       'the others', map { qr/node $_ stopped/ } @rest);
	$stand->does('stop ALL', 'nothing to stop', qr/no node runs/);
	$stand->does(
		'st',
		'and all start again',
		map { qr/node $_ started/ } @ids);
	$stand->does("wait leader @ids", 'they agree');

	#
	# Mistakes
	#

	my $before = ($stand->ctl('stat'))[1];
	foreach my $mistake (
		[ 'frobnicate', 'there is no command "frobnicate"' ],
		[ 'start 0',    'node 0 is running already' ],
		[ "st $count",  "\"$count\" is no node: ids go from 0 to $last" ],
		[ 'stop x',     '"x" is no node' ],
		[ 'kill',       'usage: kill NODES' ],
		[ 'resume 0',   'node 0 is not paused' ],
		[ "stop ALL $count", '"ALL" names all nodes: nothing may stand' ],
		[ 'b ALL ; 0',       '"ALL" names all nodes: nothing may stand' ],
		[ 'd 0',             'usage: disconnect ONE ANOTHER \[both\]' ],
		[ 'd 0 0',           'node 0 is named twice' ],
		[ 'd 0 1 neither',   'usage: disconnect' ],
		[ 'r 0 1 2 both',    'usage: reconnect' ],
		[ 'b 0 1 ; 1 2',     'node 1 is named twice' ],
		[ 'b 0 1 2',         'usage: brainsplit 0 1 ; 2 3 4' ],
		[ 'b 0 ; 1 ; 2',     'usage: brainsplit' ],
		[ 'loss 0 1 101',    'usage: loss ONE ANOTHER PERCENT' ],
		[ 'unplug',          'usage: unplug NODES' ],
		[ 'plug 9',          '"9" is no node' ],
		[ 'f 1',             '"f" is the whole command' ],
		[ 'd L 0',           '"L" has no meaning before "mark"' ],
		[ 'echo "x',         'a quote is not closed' ],
		[ 'wait weather',    '"weather" is no condition' ],
		[ 'wait leader within x',     '"x" is no number of seconds' ],
		[ 'expect no-leader',         'not so: no-leader \(0 term' ],
		[ 'hold 1 no-leader',         'no longer so after \d+ s: no-leader' ],
		[ 'wait no-leader within 1',  'waited 1 s in vain for: no-leader' ],
		[ 'watch',                    'say for how many seconds' ],
		[ 'watch 0.5',                'usage: watch \[SECONDS\]' ],
		[ 'watch "UID[$(kill $$)]"',  'usage: watch \[SECONDS\]' ],
		[ 'hold 08 no-leader',        'no longer so after \d+ s: no-leader' ],
		[ 'wait no-leader within 01', 'waited 1 s in vain for: no-leader' ],
		[ 'log',                      'set ENABLE_LOG in .* to on' ])
	{
		$stand->refuses($mistake->[0], $mistake->[0], $mistake->[1]);
	}
	is(($stand->ctl('stat'))[1], $before, 'mistakes have changed nothing');

	$stand->does(
		'hold 01 leader 0; watch 00',
		'numbers are decimal',
		qr/^for 1 s: node/m);
	$stand->does(
		'watch 1',
		'watching for a second',
		qr/^[0-9:]+\n.*^0 +yes /ms);
	my ($status, $said, $errors) =
	  $stand->ctl('echo one; nonsense; echo two');
	is("$status $said", "1 one\n", 'a script ends at its first mistake');

	open my $script, '>', "$stand->{folder}/script" or die $!;
	print $script
	  "# a comment\necho \"a; b\" ; echo c # another\n\nnonsense\n";
	close $script;
	($status, $said, $errors) =
	  $stand->run('test_stand/ctl.sh', '-s', "$stand->{folder}/script");
	is($status, 1, 'a script in a file');
	like($said, qr/^a; b\nc\n/m, 'it is carried out');
	like(
		$errors,
		qr/no command "nonsense".*script, line 4: the rest is left out/s,
		'where it has ended is said');

	foreach my $file ('/nowhere', $stand->{folder})
	{
		($status, undef, $errors) =
		  $stand->run('test_stand/ctl.sh', '-s', $file);
		is($status, 1, "no script: $file");
		like(
			$errors,
			qr/\Actl.sh: script "\Q$file\E" .*\n\z/,
			'one line says why');
	}
	open $script, '>', "$stand->{folder}/script" or die $!;
	print $script
	  "# a comment\r\n\r\nd 0 1 both\r\nstat\r\nr 1 0 both\r\necho end";
	close $script;
	($status, $said) =
	  $stand->run('test_stand/ctl.sh', '-s', "$stand->{folder}/script");
	is($status, 0, 'a script from another system');
	like(
		$said,
		qr/^ +1 +0 +dropped.*^packets go between 1 and 0\n.*^end\n\z/ms,
		'it is carried out, to its last line without an end');
	is(($stand->run('test_stand/ctl.sh', '--nonsense'))[0],
		2, 'no such option');

	#
	# pg_leaderctl
	#

	my $leaderctl = sub {
		my (@arguments) = @_;
		my ($output, $errors) = ('', '');
		IPC::Run::run(
			[ 'pg_leaderctl', "--config=$stand->{config}", @arguments ],
			'<', \undef, '>', \$output, '2>', \$errors);
		note "pg_leaderctl @arguments\n$output$errors";
		return ($? >> 8, $output, $errors);
	};
	$stand->does("wait leader @ids", 'there is a leader');
	($status, $said) = $leaderctl->('status');
	is($status, 0, 'pg_leaderctl status');
	like(
		$said,
		qr/^Node \d leads in term \d+\. Of $count servers, $count agree\.$/m,
		'it finds the servers of the stand');
	my ($connection, $leads) = ($leaderctl->('leader'))[ 1, 0 ];
	is($leads, 0, 'pg_leaderctl leader');
	like(
		$connection,
		qr/host='?\Q$stand->{prefix}\E\d\.socket'? port=\d+/,
		'it tells of the socket');
	my ($target) =
	  $stand->does('mark', 'the others are named') =~ /\.\.\. are (\d)/;
	is(($leaderctl->('transfer', $target))[0], 0, 'pg_leaderctl transfer');
	$stand->does("wait leads $target; wait leader @ids",
		'leadership was handed over');
	$stand->does('stop 0', 'a node is stopped');
	($status, $said) = $leaderctl->('status');
	is($status, 1, 'pg_leaderctl status, one is down');
	like($said, qr/node0\.socket:\d+ +\| UNREACHABLE /, 'that one is marked');

	#
	# The algorithm logs, which are turned on by the configuration file
	#

	$stand->configure(ENABLE_LOG => 'on');
	my $began = $stand->does(
		"stop; start; wait leader @ids; mark; b L ; "
		  . join(' ', map { "F$_" } 1 .. $last)
		  . "; wait new-term; f; wait leader @ids",
		'started again with logs, the leader is cut off');
	my ($old, $new) = $began =~ /^L is node (\d).*^node (\d) leads/ms;
	my ($new_term) = $began =~ /^node $new leads in term (\d+)\n\z/m;
	my $log        = $stand->does('log', 'the log');
	my ($before_it, $after_it) =
	  split /^--- term $new_term, .* ---$/m, $log;
	my @column = map { '\[?\w\]?' } @ids;
	$column[$old] = '\[n\]';
	like(
		$before_it,
		qr/^ *\+[\d.]+ +\d+ +@{[join ' +', @column]} +$old  is leader no more: quorum lost$/m,
		'a timeline: the old leader gives up');
	like(
		$after_it,
		qr/^[^\n]* $new  is elected by a majority\n.* $new  has its lease: leads\n.* $old  follows node $new: heard the leader$/ms,
		'the new one is elected, then the old one follows');
	my @times = $log =~ /^ *\+([\d.]+) /mg;
	cmp_ok(scalar @times, '>', 10, 'events have times');
	is("@times", join(' ', sort { $a <=> $b } @times), 'and are in order');

	#
	# A file that its user has edited
	#

	open my $edited, '>>', "$stand->{prefix}0/pg_leader.conf" or die $!;
	print $edited "# edited\n";
	close $edited;
	$stand->does(
		'stop 0; start 0',
		'a node with settings that were edited',
		qr/^node 0: .*pg_leader\.conf was edited, and is left as it is\nnode 0 started$/m
	);
	$stand->does(
		'pause ALL; resume ALL; resume ALL; kill ALL; kill ALL; start all',
		'ALL are those for whom it can be done',
		qr/^no node is paused\nnode 0 killed.*^no node runs$/ms);

	#
	# The end, with a node that is paused and a shell in a namespace
	#

	$stand->does('pause 0; d 0 1; reject 1 2; loss 1 2 5', 'a mess');
	system 'ip netns exec pgld1 sleep 1000 &';
	is(($stand->down)[0], 0,  'the stand is taken down');
	is($stand->leftovers, '', 'nothing is left');

	#
	# Killed half-way, while it makes nodes
	#

	system 'rm', '-rf', glob("'$stand->{prefix}'*");
	is(($stand->net_init)[0], 0, 'a stand for new nodes');
	my $killed;
	{
		local $ENV{PGLD_CONFIG} = $stand->{config};
		$killed = IPC::Run::start(
			[ "$PgLeaderStand::scripts/test_stand/ctl.sh", '-c', 'start' ],
			'<', \undef, '>&', \my $ignored);
	}
	my $end = clock_gettime(CLOCK_MONOTONIC) + $PgLeaderStand::patience;
	until (-e "$stand->{prefix}1.new/base"
		  || clock_gettime(CLOCK_MONOTONIC) > $end)
	{
		select undef, undef, undef, 0.02;
	}
	ok(!-e "$stand->{prefix}1", 'a node is being made');
	$killed->signal('KILL');
	is(($stand->down)[0], 0,  'the stand is taken down');
	is($stand->leftovers, '', 'nothing is left');
	eval { $killed->finish };
	is(($stand->net_init)[0], 0, 'and made again');
	$stand->does("start; wait leader @ids", 'the nodes are made anew');
	$stand->down;
}

done_testing();
