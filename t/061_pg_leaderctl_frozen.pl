# If this broke, the tool would hang exactly when it is needed: while one server
# of a cluster is frozen as a whole, and another one is dead.

use strict;
use warnings;

use Encode;
use FindBin;
use lib $FindBin::RealBin;
use IO::Pty;
use IPC::Run;
use JSON::PP;
use PgLeaderCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $json = JSON::PP->new->utf8;

# How long the frozen server is waited for.  The others have to answer within
# that on a busy machine too, or else it is tried once more.
my $node_timeout = 3;

my $cluster = PgLeaderCluster->new(nodes => 5);
$cluster->start_all;
my ($leader) = $cluster->wait_for_leader;

my $all =
	'dbname=postgres host='
  . join(',', map { $cluster->node($_)->host } $cluster->ids)
  . ' port='
  . join(',', map { $cluster->node($_)->port } $cluster->ids);

# Runs the tool; returns exit status, output and error messages.  Dies if it
# hangs.
sub ctl
{
	my @arguments = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'pg_leaderctl', @arguments, $all ],
		'<', \undef, '>', \$out, '2>', \$err,
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	note "pg_leaderctl @arguments: exit status ", $? >> 8, "\n", $out, $err;
	die "pg_leaderctl was ended by a signal" if $? & 127;
	return ($? >> 8, $out, $err);
}

# Asks until the answer is as expected: elections may come in between.
sub ctl_until
{
	my ($expected, @arguments) = @_;
	my @answer;

	$cluster->wait_for(
		sub {
			@answer = ctl(@arguments);
			return $expected->(@answer);
		},
		"the expected answer of pg_leaderctl @arguments");
	return @answer;
}

# What a terminal shows that was empty before.
sub screen_of
{
	my ($output) = @_;
	my @lines    = ('');
	my $row      = 0;
	my $column   = 0;

	while ($output =~ /\G(?:(\033\[H)|(\033\[K)|(\033\[J)|(\r)|(\n)|(.))/gs)
	{
		($row, $column) = (0, 0) if defined $1;
		substr($lines[$row], $column) = '' if defined $2;
		if (defined $3)
		{
			substr($lines[$row], $column) = '';
			splice @lines, $row + 1;
		}
		$column = 0             if defined $4;
		$lines[ ++$row ] //= '' if defined $5;
		if (defined $6)
		{
			die 'an unexpected control character' if $6 eq "\033";
			$lines[$row] .= ' ' x ($column - length $lines[$row])
			  if $column > length $lines[$row];
			substr($lines[$row], $column++, 1) = $6;
		}
	}
	return @lines;
}

my $columns = 200;

# Starts the tool on a terminal of so many rows; returns what to pump with: a
# function that reads until the screen matches, and the run.
sub on_terminal
{
	my ($rows, @arguments) = @_;
	my $terminal = IO::Pty->new;
	$terminal->slave->set_winsize($rows, $columns);
	my $run = IPC::Run::start([ 'pg_leaderctl', @arguments, $all ],
		'<', \undef, '>', $terminal->slave);
	my $seen = '';

	$terminal->blocking(0);
	my $until = sub {
		my ($condition, $what) = @_;
		$cluster->wait_for(
			sub {
				1 while sysread $terminal, $seen, 65536, length $seen;
				return $condition->(join("\n", screen_of($seen)), $seen);
			},
			$what);
		return $seen;
	};
	return ($until, $run);
}

#
# All are well
#

my ($status, $out, $err) = ctl_until(sub { $_[0] == 0 }, 'status');
like(
	$out,
	qr/^Node \d leads in term \d+\. Of 5 servers, 5 agree\.$/m,
	'five servers agree');

my ($until, $watch) =
  on_terminal(50, 'status', '--watch=0.2', '-t', $node_timeout);
$until->(
	sub { $_[0] =~ /Of 5 servers, 5 agree\./ },
	'five servers on the screen');

#
# One follower is frozen, one is dead
#

($leader) = $cluster->wait_for_leader;
my ($frozen, $dead) = grep { $_ != $leader } $cluster->ids;
$cluster->freeze($frozen);
$cluster->stop('immediate', $dead);

my $both = sub {
	my ($text) = @_;
	return $text =~ /Of 5 servers, 3 agree, 2 are unreachable\./
	  && $text =~
	  /:\Q${\$cluster->node($frozen)->port}\E +\| UNREACHABLE .*\| no (?:connection|answer) within $node_timeout s/
	  && $text =~
	  /:\Q${\$cluster->node($dead)->port}\E +\| UNREACHABLE .*\| (?!no connection within)/;
};
($status, $out) =
  ctl_until(sub { $both->($_[1]) }, 'status', '-t', $node_timeout);
is($status, 1, 'status: a frozen and a dead server are marked');

my $seen   = $until->($both, 'both on the screen');
my @screen = screen_of($seen);
is(scalar(grep { /^status  \(every/ } @screen),
	1, 'status --watch: one table is on the screen');
is(scalar(grep { /^(?:Node|No node|Nobody)/ } @screen),
	1, '... with one summary');
is(scalar(grep { /\|/ } @screen), 6, '... and a row for each server');

($status, $out) = ctl('status', '--json', '-t', $node_timeout);
my $answer = $json->decode($out);
is_deeply(
	[ map { $_->{status} ? 'answered' : $_->{view} } @{ $answer->{nodes} } ],
	[
		map { $_ == $frozen || $_ == $dead ? 'unreachable' : 'answered' }
		  $cluster->ids
	],
	'status --json: the same');

($status, $out) = ctl('peers', '-t', $node_timeout);
is($status, 1, 'peers: some have answered');
is(scalar(grep { /UNREACHABLE/ } split /\n/, $out),
	2, '... and two are marked');

# Who leads does not depend on them.
foreach my $command (['leader'], ['is-leader'], [ 'wait', '--timeout=180' ])
{
	($status) = ctl_until(sub { $_[0] == 0 }, @$command, '-t', $node_timeout);
	is($status, 0, "$command->[0]: the others suffice");
}
my ($other) =
  grep { $_ != $leader && $_ != $frozen && $_ != $dead } $cluster->ids;
($status, $out) =
  ctl_until(sub { $_[0] == 0 }, 'transfer', $other, '-t', $node_timeout);
is($status, 0, 'transfer: between those that live');
($status) =
  ctl_until(sub { $_[0] == 0 }, 'step-down', '-t', $node_timeout);
is($status, 0, 'step-down, too');

$cluster->thaw($frozen);
$cluster->start($dead);
$until->(
	sub { $_[0] =~ /Of 5 servers, 5 agree\./ },
	'five servers on the screen again');
@screen = screen_of($seen = $until->(sub { 1 }, 'anything'));
unlike("@screen", qr/UNREACHABLE/,
	'status --watch: nothing is left of what was there');
$watch->kill_kill;

#
# The leader is frozen: wait does not wait for it
#

# Much longer than the others are given: whoever waits for the frozen server to
# answer before it looks at the others again sees nothing.
my @waited;
$cluster->wait_for(
	sub {
		my ($id, $term) = $cluster->wait_for_leader;
		my @others = grep { $_ != $id } $cluster->ids;
		$cluster->freeze($id);
		@waited = ctl('wait', '--timeout=60', '-t', '3600');
		my $named = $waited[1] =~ /^node \d leads in term (\d+)/ ? $1 : 0;
		$cluster->wait_for_leader(among => \@others, above => $term);
		$cluster->thaw($id);
		$cluster->wait_for_leader;

		# It may have said that it leads just before.
		return $waited[0] != 0 || $named > $term;
	},
	'an answer about the time after the freeze');
is($waited[0], 0, 'wait: a frozen leader does not hide its successor');

#
# A terminal that is too small
#

($until, $watch) = on_terminal(4, 'status', '--watch=0.2');
$seen = $until->(
	sub { 3 <= (() = $_[1] =~ /\033\[J/g) },
	'three looks on a small terminal');
my @heights =
  map { tr/\n// } grep { $_ ne '' } split /\033\[H/,
  $seen =~ s/\033\[J[^\033]*\z//r;
is(join(' ', grep { $_ > 3 } @heights),
	'', 'status --watch: a small terminal does not scroll');
like((screen_of($seen))[2], qr/node_id/, '... and shows what fits');
$watch->kill_kill;

#
# Characters of several bytes, and such as take two columns
#

# What they take on the screen
sub width_of
{
	my ($line)     = @_;
	my $characters = Encode::decode('UTF-8', $line =~ s/\s+\z//r);
	return length($characters) + (() = $characters =~ /[\x{3000}-\x{30FF}]/g);
}

# Nobody has it, so the servers' messages quote it.
my $wide = join ' ', ("\xE3\x83\x87\xE3\x83\xBC") x 9;
$all .= " dbname='$wide'";
($status, $out) = ctl('status');
my @widths = sort { $a <=> $b } map { width_of($_) } split /\n/, $out;
my $lines  = @widths;
$columns = $widths[-1] + 1;

($until, $watch) = on_terminal($lines + 3, 'status', '--watch=0.2');
$seen = $until->(sub { $_[1] =~ /\033\[J/ },
	'a table that just fits on a terminal');
like($seen, qr/Nobody has told/, 'status --watch: all that fits is shown');
$watch->kill_kill;

$columns -= 10;
($until, $watch) = on_terminal(50, 'status');
$seen =
  $until->(sub { $_[0] =~ /Nobody has told/ }, 'a table that does not fit');
is(scalar(grep { width_of($_) > $columns } split /\n/, $seen),
	0, 'status: lines are folded by what they take on the screen');
$watch->finish;

$cluster->stop_all;

#
# A test that ends while a server is frozen takes it along
#

my $folder = PostgreSQL::Test::Utils::tempdir();
append_to_file("$folder/freezes.pl", <<'END');
use strict;
use warnings;
use PgLeaderCluster;
use PostgreSQL::Test::Utils;

my ($end, $file) = @ARGV;
my $cluster = PgLeaderCluster->new(nodes => 1);
$cluster->start_all;
my @processes = keys %{ { $cluster->processes(0) } };
$cluster->freeze(0);
append_to_file($file, "@processes");
die if $end eq 'die';
kill $end, $$;
$cluster->wait_for(sub { 0 }, 'the signal');
END
foreach my $end ('die', 'INT', 'TERM')
{
	local $ENV{TESTDIR} = "$folder/$end";

	# What fails leaves its folder behind.
	local $ENV{TMPDIR} = PostgreSQL::Test::Utils::tempdir_short();
	mkdir "$folder/$end";
	my $output = '';
	local $SIG{INT} = 'DEFAULT';
	IPC::Run::run(
		[
			$^X, (map { "-I$_" } @INC),
			"$folder/freezes.pl", $end,
			"$folder/$end/processes"
		],
		'>&',
		\$output);
	isnt($?, 0, "$end: it fails");
	unlike($output, qr/Bail out/, "$end: but the server has ended");
	my @processes = split ' ', slurp_file("$folder/$end/processes");
	cmp_ok(scalar @processes, '>', 5, "$end: there was one");
	is(join(' ', grep { (process_state($_) // 'Z') ne 'Z' } @processes),
		'', "$end: no process is left");
}
done_testing();

# The letter that ps shows; undef if there is no such process.
sub process_state
{
	my ($pid) = @_;

	open my $file, '<', "/proc/$pid/stat" or return undef;
	my $stat = readline($file) // '';
	return $stat =~ /\) (\S) / ? $1 : undef;
}
