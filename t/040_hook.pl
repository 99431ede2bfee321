# If this broke, whatever follows the leader (an address, a proxy, a job) would
# stay with the former one, or would be told of a leader that there is not.

use strict;
use warnings;

use Cwd qw(realpath);
use FindBin;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PgLeaderHook;
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = PgLeaderCluster->new(nodes => 3);
my $hook    = PgLeaderHook->new($cluster);
$hook->install($_, ask => 1) foreach $cluster->ids;

# Leader and term as all nodes have them, and as the hooks of these nodes were
# told last.
sub wait_for_all_told
{
	my (@ids) = @_;

	return @{
		$cluster->wait_for(
			sub {
				my ($leader, $term) = $cluster->wait_for_leader;
				foreach my $id (@ids)
				{
					my ($last) = reverse $hook->runs($id);
					return 0
					  unless defined $last
					  && $last->{leader_id} == $leader
					  && $last->{term} == $term;
				}
				return [ $leader, $term ];
			},
			"the hooks of nodes @ids to be told of the leader")
	};
}

#
# The first leader
#

$cluster->start_all;
my ($leader, $term) = wait_for_all_told($cluster->ids);
foreach my $id ($cluster->ids)
{
	my ($first)   = $hook->runs($id);
	my ($last)    = reverse $hook->runs($id);
	my $is_leader = ($id == $leader);

	cmp_ok($first->{leader_id}, '>=', 0,
		"node $id: the first run is told of a leader");
	is($first->{old_leader_id}, -1,  "node $id: there was none before");
	is($first->{attempt},       1,   "node $id: first attempt");
	is($last->{node_id},        $id, "node $id: %n");
	is($last->{leader_host}, '127.0.0.1',                   "node $id: %h");
	is($last->{leader_port}, $cluster->node($leader)->port, "node $id: %p");
	is($last->{role}, $is_leader ? 'leader' : 'follower',   "node $id: %r");
	is( $last->{is_leader},
		$is_leader ? 'true' : 'false',
		"node $id: is it the leader");
	is($last->{cluster_name}, 'pg_leader', "node $id: cluster name");
	like($last->{reason}, qr/^[a-z ]+$/, "node $id: reason, in words");
}

#
# Another leader
#

foreach my $round (1 .. 3)
{
	my $old_term = $term;
	my $old      = $leader;
	$cluster->session($leader)->query('SELECT pg_leader_step_down()');
	$cluster->wait_for_leader(above => $term);
	($leader, $term) = wait_for_all_told($cluster->ids);
	cmp_ok($term, '>', $old_term, "change $round: all hooks are told");
}
foreach my $id ($cluster->ids)
{
	my @runs = $hook->runs($id);

	# Each run names the leader that was named before it.
	my $named = -1;
	my @wrong;
	foreach my $i (1 .. $#runs)
	{
		$named = $runs[ $i - 1 ]{leader_id}
		  if $runs[ $i - 1 ]{leader_id} != -1;
		push @wrong, $runs[$i]{sequence}
		  if $runs[$i]{old_leader_id} != $named;
	}
	is("@wrong", '', "node $id: each run is told the leader before");
}

#
# The majority is lost: the leader is lost; and back
#

($leader, $term) = wait_for_all_told($cluster->ids);
my @others = grep { $_ != $leader } $cluster->ids;
$cluster->kill9($_) foreach @others;
$cluster->wait_for_no_leader($leader);
my $lost = $hook->wait_for_told($leader, -1);
is($lost->{leader_host}, '',      'lost: no host');
is($lost->{leader_port}, 0,       'lost: no port');
is($lost->{is_leader},   'false', 'lost: it leads no more');
cmp_ok($lost->{term}, '>=', $term, 'lost: the term stays or grows');
is($lost->{old_leader_id}, $leader, 'lost: who led');
like($lost->{role}, qr/^(follower|candidate)$/, 'lost: the role');
$cluster->start(@others);
($leader, $term) = wait_for_all_told($cluster->ids);
pass('back: all hooks are told');

#
# Not at the own shutdown, in each mode, of a leader and of a follower; and once
# after the start
#

foreach my $mode (qw(fast smart immediate))
{
	foreach my $who (qw(leader follower))
	{
		($leader) = wait_for_all_told($cluster->ids);
		my $id     = $who eq 'leader' ? $leader : ($leader + 1) % 3;
		my @before = $hook->runs($id);

		$cluster->stop($mode, $id);
		my @after = $hook->runs($id);

		# On a busy machine something else may have happened meanwhile.
		my ($last) = reverse @after;
		ok( @before == @after || $last->{leader_id} != -1,
			"$mode shutdown of the $who: its hook is not told");
		$cluster->start($id);
		$cluster->wait_for(
			sub { $hook->runs($id) > @after },
			"the hook of node $id to run again");
		wait_for_all_told($cluster->ids);
		my @new = $hook->runs($id);
		@new = @new[ scalar(@after) .. $#new ];
		is($new[0]{old_leader_id},
			-1, "$mode shutdown of the $who: it starts without a past");
		cmp_ok($new[0]{leader_id},
			'>=', 0, "$mode shutdown of the $who: and with the first leader");
	}
}

#
# The leader's ticker alone ends, as it would with its server, which goes on:
# that is no shutdown, and the hook is told what comes of it.  Several times, as
# the hook runner has but a moment to take it for one.
#

foreach my $round (1 .. 5)
{
	($leader, $term) = wait_for_all_told($cluster->ids);
	kill 'TERM', $cluster->status($leader)->{ticker_pid};
	$cluster->wait_for_leader(above => $term);
	wait_for_all_told($cluster->ids);
	is(scalar(grep { $_->{reason} eq 'shutdown' } $hook->runs($leader)),
		0, "end $round of the ticker: no hook is told of a shutdown");
}

#
# The ticker hangs, and cannot say that leadership is over: the hook is told
# nevertheless
#

($leader, $term) = wait_for_all_told($cluster->ids);
my $ticker = $cluster->status($leader)->{ticker_pid};
kill 'STOP', $ticker;
$lost = $hook->wait_for_told($leader, -1);
is($lost->{reason}, 'lease ran out', 'a leader hangs: its hook is told');
isnt($lost->{role}, 'leader', 'a leader hangs: it leads no more');
kill 'CONT', $ticker;
($leader, $term) = wait_for_all_told($cluster->ids);

my $follower = ($leader + 1) % 3;
$ticker = $cluster->status($follower)->{ticker_pid};
kill 'STOP', $ticker;
$lost = $hook->wait_for_told($follower, -1);
is($lost->{role}, 'down', 'a follower hangs: its hook is told');
is( $lost->{reason},
	'no answer from the election process',
	'a follower hangs: and why');
kill 'CONT', $ticker;
wait_for_all_told($cluster->ids);
pass('they go on: the hooks are told');

#
# A node is told that it leads only when its lease is valid.  Then its server
# gives out the term as fencing token, or the node is not the leader any more,
# of which it is told as well.
#

my $tokens = 0;
foreach my $id ($cluster->ids)
{
	my @runs = $hook->runs($id);
	my @wrong;
	foreach my $i (0 .. $#runs)
	{
		my $run = $runs[$i];
		next if $run->{leader_id} != $id;
		if ($run->{token} eq $run->{term})
		{
			$tokens++;
		}
		elsif ($i == $#runs)
		{
			push @wrong, "$run->{sequence}: term $run->{term},"
			  . " token \"$run->{token}\"";
		}
	}
	is("@wrong", '', "node $id: told that it leads while it holds the lease");
	$hook->sane("node $id: runs are in order, and agree with themselves",
		$id);
}
cmp_ok($tokens, '>', 0, 'a hook can ask its server for the fencing token');

#
# What surrounds the command
#

my $surroundings = $hook->path('surroundings');
my $look         = $hook->write_script('look', <<'SCRIPT');
ls -l /proc/$$/fd >@directory@/files
{
	echo "directory $(pwd -P)"
	env | sed 's/^/variable /'
	sed -n 's/.* \([0-9]*\) -> /file \1 /p' @directory@/files

	# By the shell itself: it blocks all signals while it starts a program.
	while read -r key value; do
		case $key in SigBlk: | SigIgn:) echo "signals ${key%:} $value" ;; esac
	done </proc/$$/status
} >@directory@/surroundings.new
mv @directory@/surroundings.new @directory@/surroundings
SCRIPT

($leader, $term) = wait_for_all_told($cluster->ids);
my ($watched) = grep { $_ != $leader } $cluster->ids;
my @before = $hook->runs($watched);
$hook->change($watched, on_leader_change => $look);

# A new command has to wait for the next change of leader.
$cluster->wait_for_heartbeats($watched, 40);
my ($still, $still_term) = $cluster->wait_for_leader;
ok(!-e $surroundings || $still_term != $term,
	'a new command is not run before the leader changes');
$cluster->wait_for(
	sub {
		($leader, $term) = $cluster->wait_for_leader;
		$cluster->session($leader)->query('SELECT pg_leader_step_down()');
		return -e $surroundings;
	},
	'the new command to run');
is(scalar(grep { $_->{term} > $still_term } $hook->runs($watched)),
	0, 'and the former one does not');

my @lines       = split /\n/, slurp_file($surroundings);
my ($directory) = map { /^directory (.*)/ ? $1 : () } @lines;
is( $directory,
	realpath($cluster->node($watched)->data_dir),
	'it works in the data directory');
my @variables = sort map { /^variable (\w+)=/ ? $1 : () } @lines;
my @allowed   = (
	qw(HOME LANG LOGNAME PATH PGDATA PGHOST PGPORT PWD SHELL USER),
	map { "PG_LEADER_$_" }
	  qw(ATTEMPT CLUSTER_NAME IS_LEADER LEADER_HOST LEADER_ID LEADER_PORT
	  NODE_ID OLD_LEADER_ID REASON ROLE SEQUENCE SKIPPED START TERM));
is( join(' ', grep { !/^(_|OLDPWD|SHLVL)$/ } @variables),
	join(' ', sort @allowed),
	'its environment is what the manual says, and nothing else');
my %files = map { /^file (\d+) (.*)/ ? ($1 => $2) : () } @lines;
is($files{0}, '/dev/null', 'it has no input');
is( scalar(
		grep { m{socket:|/base/|/pg_wal/|PostgreSQL|eventpoll} }
		  values %files),
	0,
	'it has no socket and no file of the server');
my $scripts = $hook->path('');
is(join(' ', grep { !m{^/dev/null$|^pipe:|^\Q$scripts\E} } values %files),
	'', 'nor anything else but its output, and what a shell has open');
my %pipes = map { /^pipe:/ ? ($_ => 1) : () } values %files;
is( scalar(keys %pipes),
	1,
	'of pipes only that for its output, not that by which the server tells'
	  . ' of its end');

foreach my $signals (grep { /^signals/ } @lines)
{
	# The C library keeps 32 and 33 for itself.
	my ($which, $mask) = $signals =~ /(\w+) ([0-9a-f]+)$/;
	no warnings 'portable';
	is(hex($mask) & ~0x180000000, 0, "signals: $which is empty");
}

#
# The setting
#

($leader) = $cluster->wait_for_leader;
foreach my $bad (
	[ 'echo %x',   qr/"%x" is not a placeholder/ ],
	[ 'echo 100%', qr/ends with a single "%"/ ],
	[ 'echo %ü',   qr/followed by a character/ ])
{
	my ($message, $code) = $cluster->error($leader,
		"ALTER SYSTEM SET pg_leader.on_leader_change = '$bad->[0]'");
	is($code, '22023', "\"$bad->[0]\" is refused");
	like($message, $bad->[1],                 'with the reason');
	like($message, qr/HINT: .*%l \(leader\)/, 'and the placeholders');
}

$cluster->ask($leader, 'CREATE ROLE nobody LOGIN');
my ($message, $code) = $cluster->error($leader,
	'SET ROLE nobody; SHOW pg_leader.on_leader_change');
is($code, '42501', 'others do not see the command');
$cluster->ask($leader, 'SET ROLE nobody');
($message, $code) = $cluster->error($leader,
	q{ALTER SYSTEM SET pg_leader.on_leader_change = 'true'});
is($code, '42501', 'nor can they set it');
$cluster->ask($leader, 'RESET ROLE');
($message, $code) =
  $cluster->error($leader, q{SET pg_leader.on_leader_change = 'true'});
is($code, '55P02', 'nor can anybody in a session');

$cluster->stop_all;
done_testing();
