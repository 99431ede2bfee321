# If this broke, who follows the manual's first page would get no cluster, or
# one that loses what he has changed; or a node whose data directory was made
# anew would vote twice.

use strict;
use warnings;

use FindBin;
use IO::Socket::INET;
use IPC::Run;
use lib $FindBin::RealBin;
use PgLeaderSession;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

my $scripts      = "$FindBin::RealBin/../script";
my $folder       = PostgreSQL::Test::Utils::tempdir_short();
my $prefix       = "$folder/a place/node";
my $shell_prefix = $prefix =~ s/ /\\ /r;

delete $ENV{$_} foreach grep { /^PG(?!_CONFIG)/ } keys %ENV;
$ENV{PGLD_CONFIG} = "$folder/config";

sub write_config
{
	my (%settings) = @_;

	open my $file, '>', $ENV{PGLD_CONFIG} or die $!;
	print $file "# a comment\n";
	print $file "$_=$settings{$_}\n" foreach sort keys %settings;
	close $file;
	return;
}

# Exit status, output, errors.
sub run_script
{
	my (@command) = @_;
	my ($output, $errors) = ('', '');

	IPC::Run::run([ "$scripts/$command[0]", @command[ 1 .. $#command ] ],
		'<', \undef, '>', \$output, '2>', \$errors);
	note join ' ', @command, "\n$output$errors";
	return ($? >> 8, $output, $errors);
}

# A mistake gets one line, and makes nothing.
sub is_refused
{
	my ($name, $pattern, @command) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($status, $output, $errors) = run_script(@command);
	is($status, 1, "$name: refused");
	like($errors, qr/\A[^\n]*$pattern[^\n]*\n\z/, "$name: one line says why");
	return;
}

sub wait_for
{
	my ($condition, $what) = @_;

	my $end =
	  clock_gettime(CLOCK_MONOTONIC) +
	  $PostgreSQL::Test::Utils::timeout_default;
	while (clock_gettime(CLOCK_MONOTONIC) < $end)
	{
		my $result = $condition->();
		return $result if $result;
		select undef, undef, undef, 0.05;
	}
	die "waited in vain for $what\n";
}

sub free_ports
{
	my ($count) = @_;

	while (1)
	{
		my $first = 10200 + int rand 22000;
		return $first
		  unless grep {
			my $port = $_;
			grep {
				!IO::Socket::INET->new(
					Proto     => $_,
					LocalAddr => '127.0.0.1',
					LocalPort => $port,
					$_ eq 'tcp' ? (Listen => 1, ReuseAddr => 1) : ())
			} 'tcp', 'udp'
		  } $first .. $first + $count - 1;
	}
}

sub session
{
	my ($id) = @_;
	return PgLeaderSession->new(
		host => "$prefix$id.socket",
		port => $main::server_port + $id,
		user => 'postgres');
}

sub value
{
	my ($id, $sql) = @_;

	my $session = session($id);
	my $rows    = $session->query($sql);
	die "node $id, $sql: " . $session->error unless defined $rows;
	$session->close;
	return $rows->[0][0];
}

sub stop
{
	my (@ids) = @_;
	system_or_bail('pg_ctl', '-s', '-m', 'fast', '-D', "$prefix$_", 'stop')
	  foreach @ids;
	return;
}

# Nothing outlives a test that dies.
END
{
	my $status = $?;
	system('pg_ctl', '-s', '-m', 'immediate', '-D', "$prefix$_", 'stop')
	  foreach grep { -e "$prefix$_/postmaster.pid" } 0 .. 2;
	$? = $status;
}

#
# Mistakes
#

our $server_port = free_ports(6);
my $election_port = $server_port + 3;
my %config        = (
	N_NODES      => 3,
	IPv4_CLUSTER => '"'
	  . join(', ', map { '127.0.0.1:' . ($election_port + $_) } 0 .. 2) . '"',
	PGLD_DB_PATHNAME_PREFIX   => "'$prefix'",
	PGLD_PORT_START           => $server_port,
	PGLD_HEARTBEAT_INTERVAL   => 50,
	PGLD_ELECTION_TIMEOUT_MIN => 500,
	PGLD_ELECTION_TIMEOUT_MAX => 750);
my @launch = ('nodelaunch.sh', 0);

foreach my $mistake (
	[
		'an unknown setting',
		{ NNODES => 3 },
		'line \d+: there is no .*"NNODES"'
	],
	[ 'no number',      { N_NODES => 'three' }, 'N_NODES is "three"' ],
	[ 'too many nodes', { N_NODES => 129 },     'number from 1 to 128' ],
	[
		'another number of addresses',
		{ N_NODES => 4 },
		'has 3 addresses, but N_NODES is 4'
	],
	[
		'a port that is no user port',
		{ N_NODES => 1, IPv4_CLUSTER => '127.0.0.1:1023' },
		'"1023" for node 0.*1024 to 49151'
	],
	[
		'no address',
		{ N_NODES => 1, IPv4_CLUSTER => '127.0.0:7400' },
		'"127.0.0:7400" for node 0'
	],
	[
		'an address of no host',
		{ N_NODES => 1, IPv4_CLUSTER => '0.0.0.0:7400' },
		'"0.0.0.0" for node 0.*not the address of one host'
	],
	[
		'an address of many',
		{ N_NODES => 1, IPv4_CLUSTER => '224.0.0.1:7400' },
		'"224.0.0.1" for node 0.*not the address of one host'
	],
	[
		'a network of many',
		{ NETWORK => '224.0.0' },
		'NETWORK is "224.0.0".*no network of hosts'
	],
	[ 'this host', { NETWORK => '127.0.0' }, 'NETWORK is "127.0.0"' ],
	[
		'an address twice',
		{ N_NODES => 2, IPv4_CLUSTER => '"127.0.0.1:7400,127.0.0.1:7400"' },
		'127.0.0.1:7400 twice'
	],
	[
		'a comma at the end',
		{ N_NODES => 1, IPv4_CLUSTER => '"127.0.0.1:7400,"' },
		'has 2 addresses, but N_NODES is 1'
	],
	[
		'what follows a value that is understood, comment and all',
		{ N_NODES => '3 # $5 each', ENABLE_LOG => 'yes' },
		'off, on or replay'
	],
	[ 'a relative path', { PGLD_DB_PATHNAME_PREFIX => 'db' }, 'absolute' ],
	[ 'a command', { PGLD_USER => '"$(id)"' }, 'between single quotes' ],
	[ 'two words', { NETWORK   => '10.0 0' },  'not of the form NAME=value' ],
	[ 'a log of another kind', { ENABLE_LOG => 'yes' }, 'off, on or replay' ],
	[
		'timeouts that are too short',
		{ PGLD_HEARTBEAT_INTERVAL => 101 },
		'PGLD_ELECTION_TIMEOUT_MIN is "500".* from 505 '
	],
	[
		'timeouts the wrong way round',
		{ PGLD_ELECTION_TIMEOUT_MAX => 500 },
		'PGLD_ELECTION_TIMEOUT_MAX is "500".* from 501 '
	],
	[
		'a path that is too long',
		{ PGLD_DB_PATHNAME_PREFIX => '/' . 'x' x 90 },
		'PGLD_DB_PATHNAME_PREFIX is too long'
	],
	[
		'a place that cannot be made',
		{ PGLD_DB_PATHNAME_PREFIX => '/proc/here/node' },
		'could not make directory "/proc/here": No such file'
	],
	[
		'a place that is a file',
		{ PGLD_DB_PATHNAME_PREFIX => "'$folder/config/node'" },
		'is not a directory'
	],
	[
		'a secret without a place',
		{ PGLD_SECRET_FILE => "'$folder/none/secret'" },
		'could not make secret file ".*secret": there is no directory'
	],
	[
		'a bridge with the name of an interface',
		{ PGLD_BRIDGE => 'pgld7' },
		'a name for the interface of a node'
	])
{
	my ($name, $settings, $pattern) = @$mistake;
	write_config(%config, %$settings);
	is_refused($name, $pattern, @launch);
}
{
	local $ENV{PGLD_CONFIG} = "$folder/missing";
	is_refused('no such file', 'does not exist', @launch);
}

write_config(%config);
is_refused(
	'a node too many',
	'"3" is no node: ids go from 0 to 2',
	'nodelaunch.sh', 3);
is_refused('no number of a node', '"-1" is no node', 'nodelaunch.sh', -1);
is_refused('nor to be watched',   '"01" is no node', 'watchpsql.sh',  '01');
is_refused('no node at all',      'say which node.*0 1 2', 'nodelaunch.sh');
foreach my $in_use ([ 'udp', $election_port ], [ 'tcp', $server_port ])
{
	my ($protocol, $port) = @$in_use;
	my $socket = IO::Socket::INET->new(
		Proto     => $protocol,
		LocalAddr => '127.0.0.1',
		LocalPort => $port,
		$protocol eq 'tcp' ? (Listen => 1) : ()) or die $!;
	is_refused("$protocol port in use",
		uc($protocol) . " port $port .*in use", @launch);
}

# 192.0.2.0/24 is nobody's.
write_config(
	%config,
	N_NODES      => 2,
	IPv4_CLUSTER => "'127.0.0.1:$election_port, 192.0.2.1:7400'");
is_refused(
	'the address of another host',
	'192.0.2.1, the address of node 1',
	'nodelaunch.sh', 1);
my ($status, $output, $errors) = run_script(@launch);
is($status, 1, 'a cluster of several hosts has no secret of one of them');
like(
	$errors,
	qr/secret file "\Q$prefix\E.secret" does not exist\n.*urandom.* > \Q$shell_prefix\E\.secret\n.*copy it.*: 192\.0\.2\.1\n/s,
	'and what to copy where is said');
ok(!-e "$folder/a place", 'mistakes have left nothing behind');

#
# First start
#

write_config(%config);
foreach my $id (0 .. 2)
{
	($status, $output) = run_script('nodelaunch.sh', $id);
	is($status, 0, "node $id starts");
	like(
		$output,
		qr/\Anode $id runs on 127.0.0.1.*psql -h \Q$shell_prefix$id\E.socket -p ${\($server_port + $id)} .*pg_ctl -D \Q$shell_prefix$id\E stop\n\z/s,
		"node $id: what to do with it is said, as a shell takes it");
}
like(value(0, q{SELECT pg_leader_wait('60 s')}),
	qr/^[012]$/, 'they elect a leader');

ok(-s "$prefix$_.state/state", "node $_ has its state beside its data")
  foreach 0 .. 2;
is((stat "$prefix.secret")[2] & oct(7777), oct(600), 'the secret is one');
is(value(0, 'SHOW max_worker_processes'),
	8 + 6, 'the workers have slots of their own');
is(value(0, 'SHOW pg_leader.initial_state'),
	'new', 'a node is declared new at its first start');
is_refused('a node that runs',
	'node 0 is running already \(process \d+\)', @launch);

#
# Watching
#

sub start_watching
{
	my (@nodes) = @_;
	my $watcher = { output => '' };

	$watcher->{harness} = IPC::Run::start([ "$scripts/watchpsql.sh", @nodes ],
		'<', \undef, '>', \$watcher->{output}, '2>&1');
	return $watcher;
}

sub wait_for_output
{
	my ($watcher, $pattern) = @_;
	return wait_for(
		sub {
			$watcher->{harness}->pump_nb;
			$watcher->{output} =~ $pattern;
		},
		"$pattern in what is watched");
}

sub stop_watching
{
	my ($watcher) = @_;
	$watcher->{harness}->signal('TERM');
	eval { $watcher->{harness}->finish };
	note $watcher->{output};
	return;
}

my $one = start_watching(1);
my $all = start_watching('ALL');
ok( wait_for_output($one, qr/^[0-9:]+ +1 +\d+ +[012]$/m),
	'a node is watched: node id, term, leader id');
ok(wait_for_output($all, qr/^[0-9:]+( +\d+ +[012]){3}$/m),
	'all are watched side by side');

stop(1);
ok(wait_for_output($one, qr/waiting for node 1: it does not run/),
	'what is waited for is said');
ok(wait_for_output($all, qr/^[0-9:]+ +\S+ +\S+ +waiting +\S+ +\S+$/m),
	'of one among all too');
is((run_script('nodelaunch.sh', 1))[0], 0, 'the node comes back');
ok(wait_for_output($one, qr/does not run.*^[0-9:]+ +1 +\d+ +[012]$/ms),
	'the watcher survives a restart of the node');
isnt(value(1, 'SHOW pg_leader.initial_state'),
	'new', 'a node is not declared new at its second start');
stop_watching($one);
stop_watching($all);

# By TCP: pg_leaderctl and the watcher's role.
{
	open my $sum, '-|',
	  "printf '%s\\n' leader_watch | cat - '$prefix.secret' | sha256sum"
	  or die $!;
	local $ENV{PGPASSWORD} = <$sum> =~ s/ .*//sr;
	my $ports  = join ',', map { $server_port + $_ } 0 .. 2;
	my $server = 'host=127.0.0.1 dbname=postgres';
	my $all    = "$server user=leader_watch"
	  . " host=127.0.0.1,127.0.0.1,127.0.0.1 port=$ports";

	sub by_tcp
	{
		my (@command) = @_;
		my ($output, $errors) = ('', '');
		IPC::Run::run([@command], '<', \undef, '>', \$output, '2>', \$errors);
		note "@command[0, 1]\n$output$errors";
		return ($? >> 8, $output, $errors);
	}

	foreach my $command ('status', 'peers', 'history', 'leader')
	{
		is((by_tcp('pg_leaderctl', $command, $all))[0],
			0, "the watcher may ask for pg_leaderctl $command");
	}
	my $watched = '';
	my $watch =
	  IPC::Run::start([ 'pg_leaderctl', 'status', '--watch=0.1', $all ],
		'<', \undef, '>', \$watched);
	ok( wait_for(
			sub {
				$watch->pump_nb;
				return 2 <= (() = $watched =~ /Of 3 servers, 3 agree/g);
			},
			'two looks'),
		'and look again and again');
	$watch->kill_kill;

	foreach my $forbidden (
		'TABLE pg_authid',
		'SELECT pg_leader_step_down()',
		'SELECT pg_leader_stat_reset()')
	{
		my ($status, undef, $errors) =
		  by_tcp('psql', '-wXAtqc', $forbidden,
			"$server user=leader_watch port=$server_port");
		is($status, 1, "but not: $forbidden");
		like($errors, qr/permission denied/, 'and is told so');
	}
	like(
		(   by_tcp(
				'psql',     '-wXAtqc',
				'SELECT 1', "$server user=postgres port=$server_port"))[2],
		qr/authentication failed|no pg_hba\.conf entry/,
		'nobody else gets in');
}
{
	my $secret = "$prefix.secret";
	rename $secret, "$secret.away" or die $!;
	my $stranger = start_watching(1);
	ok( wait_for_output(
			$stranger, qr/waiting for node 1: no password: neither/),
		'who cannot read the secret is told what is missing');
	stop_watching($stranger);
	rename "$secret.away", $secret or die $!;
}

#
# Later starts
#

write_config(%config, PGLD_HEARTBEAT_INTERVAL => 60);
stop(0, 1);
append_to_file("${prefix}1/pg_leader.conf",
	"pg_leader.heartbeat_interval = 70ms\n");
append_to_file("${prefix}0/postgresql.conf", "work_mem = '5MB'\n");
is((run_script('nodelaunch.sh', $_))[0], 0, "node $_ starts again")
  foreach 0, 1;
is(value(0, 'SHOW pg_leader.heartbeat_interval'),
	'60ms', 'what has changed in the configuration file is taken over');
is(value(0, 'SHOW work_mem'), '5MB', 'what a user has added stays');
is(value(1, 'SHOW pg_leader.heartbeat_interval'),
	'70ms', 'and a file that a user has edited is left alone');

stop(2);
my $term = value(0, 'SELECT pg_leader_term()');
system_or_bail('rm', '-rf', "${prefix}2");
is((run_script('nodelaunch.sh', 2))[0],
	0, 'a node starts whose data directory was lost');
is( wait_for(
		sub { value(2, 'SELECT standing FROM pg_leader_status') },
		'node 2 to read its state'),
	'member',
	'it has kept its vote');
isnt(value(2, 'SHOW pg_leader.initial_state'),
	'new', 'and is not declared new');
cmp_ok(value(2, 'SELECT pg_leader_term()'),
	'>=', $term, 'its term has not gone back');

stop(0);
system_or_bail('rm', '-rf', "${prefix}0");
mkdir "${prefix}0";
append_to_file("${prefix}0/somebody", "was here\n");
is_refused('a directory with something else in it',
	'neither a data directory nor empty', @launch);
unlink "${prefix}0/somebody";
chmod 0777, "$folder/a place";
is_refused('a place that others can change',
	'can be changed by others', @launch);
chmod 0755, "$folder/a place";

#
# Programs
#

chomp(my $with_postgres = `sh -c 'command -v postgres'`);
{
	my $tools = "$folder/tools";
	mkdir $tools;
	foreach my $tool (
		qw(bash cat dirname base64 chown cut flock grep head id install ls mkdir
		mktemp mv perl readlink rm sed sha256sum sort stat tail test))
	{
		chomp(my $path = `sh -c 'command -v $tool'`);
		symlink $path, "$tools/$tool" if -x $path;
	}
	open my $config, '>', "$tools/my_config" or die $!;
	print $config "#!$tools/bash\necho ", dirname($with_postgres), "\n";
	close $config;
	chmod 0755, "$tools/my_config";

	local $ENV{PATH}      = $tools;
	local $ENV{PG_CONFIG} = 'my_config';
	rename "$tools/perl", "$tools/hidden" or die $!;
	is_refused('no perl', 'perl is missing; .* package perl-base', @launch);
	rename "$tools/hidden", "$tools/perl" or die $!;
	$ENV{PG_CONFIG} = 'none_config';
	is_refused('no programs', 'neither PATH nor "none_config" leads to',
		@launch);
	$ENV{PG_CONFIG} = 'my_config';
	is((run_script(@launch))[0],
		0, 'the programs are found by pg_config, too');
}

stop(0 .. 2);
done_testing();

sub dirname
{
	my ($path) = @_;
	return $path =~ s{/[^/]*\z}{}r;
}
