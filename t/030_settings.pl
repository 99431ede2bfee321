# If this broke, a mistyped setting could let a node vote under settings that
# nobody chose, a contradiction could stop a running node, or a server that
# has pg_leader switched off could pay for it.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('settings');
$node->init;
$node->append_conf(
	'postgresql.conf', qq(
shared_preload_libraries = 'pg_leader'
include = 'case.conf'
));

my $own     = '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port();
my $peer    = '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port();
my $case    = $node->data_dir . '/case.conf';
my $secrets = PostgreSQL::Test::Utils::tempdir();

# A node that is on, alone, and right.
my %good = (
	node_id       => 0,
	cluster       => $own,
	initial_state => 'new');

# Settings of one start: those of %good, but for these; undef leaves one out.
sub configure
{
	my %settings = (%good, @_);
	my $lines    = '';

	foreach my $name (sort keys %settings)
	{
		next unless defined $settings{$name};
		my $full =
		  $name eq 'max_worker_processes' ? $name : "pg_leader.$name";
		$lines .= "$full = '$settings{$name}'\n";
	}
	unlink $case;
	append_to_file($case, $lines);
	return;
}

# The messages of the present log, a hash for each, without those of SQL.
sub messages
{
	my @messages;

	foreach my $line (split /\n/, slurp_file($node->logfile))
	{
		next unless $line =~ /\b(WARNING|LOG|ERROR|FATAL|DETAIL|HINT):  (.*)/;
		if ($1 eq 'DETAIL' || $1 eq 'HINT')
		{
			$messages[-1]->{ lc $1 } = $2 if @messages;
			next;
		}
		push @messages,
		  { level => $1, message => $2, detail => '', hint => '' };
	}
	return @messages;
}

# The server does not start; its last message is this one.
sub refused
{
	my ($what, $settings, $message, $detail, $hint) = @_;

	configure(@$settings);
	$node->rotate_logfile;
	if ($node->start(fail_ok => 1))
	{
		$node->stop('immediate');
		fail("$what: the server started");
		return;
	}

	my @fatal = grep { $_->{level} eq 'FATAL' } messages();
	is(scalar(@fatal), 1, "$what: one fatal message");
	like($fatal[0]->{message}, $message, "$what: message");
	like($fatal[0]->{detail},  $detail,  "$what: detail") if defined $detail;
	like($fatal[0]->{hint},    $hint,    "$what: hint")   if defined $hint;
	return;
}

# The server starts with these settings; it is left running.
sub started
{
	my ($what, @settings) = @_;

	configure(@settings);
	$node->rotate_logfile;
	return ok($node->start(fail_ok => 1), "$what: the server starts");
}

# Titles of the postmaster's children that are pg_leader's.
sub workers
{
	my $postmaster =
	  (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
	my @titles;

	foreach my $stat (glob '/proc/[0-9]*/stat')
	{
		my ($pid) = $stat =~ m!/(\d+)/!;
		open(my $file, '<', $stat) or next;
		my $line = <$file>;
		close $file;
		next
		  unless defined $line
		  && $line =~ /\) \S (\d+) /
		  && $1 == $postmaster;
		open($file, '<', "/proc/$pid/cmdline") or next;
		my $title = <$file> // '';
		close $file;

		# A child that was just forked still has the postmaster's words.
		push @titles, $title if $title =~ /^postgres: .*pg_leader/;
	}
	return @titles;
}

# A file in the folder for secrets, with these contents and permissions.
sub secret_file
{
	my ($name, $contents, $mode) = @_;
	my $path = "$secrets/$name";

	append_to_file($path, $contents);
	chmod $mode, $path or die "could not change permissions of $path: $!";
	return $path;
}

#
# Single values
#

my $long_host = 'h' x 254;
my $many      = join(', ', map { "127.0.0.1:$_" } 20001 .. 20129);

# Each: pg_leader.cluster, the rule it breaks.
foreach my $try (
	[ 'here',   qr/^Item 1 .* "here", in which the port is missing\.$/ ],
	[ 'here:',  qr/ "here:", in which the port is missing\.$/ ],
	[ ':5433',  qr/ ":5433", in which the host is empty\.$/ ],
	[ 'here:0', qr/ the port is outside 1 to 65535\.$/ ],
	[ "$own, h:65536", qr/^Item 2 .* "h:65536", .* outside 1 to 65535\.$/ ],
	[ 'h:18446744073709551617', qr/ the port is outside 1 to 65535\.$/ ],
	[ 'h:-5',                   qr/ the port is not a number\.$/ ],
	[ 'h:5433x',                qr/ the port is not a number\.$/ ],
	[ "$own, ",                 qr/^Item 2 of the list is empty\.$/ ],
	[ "$own,, $peer",           qr/^Item 2 of the list is empty\.$/ ],
	[ "$own, $own",    qr/^Items 1 and 2 .* same address, "\Q$own\E"\.$/ ],
	[ 'a:1, b:1, A:1', qr/^Items 1 and 3 .* same address, "A:1"\.$/ ],
	[ '[::1]:5, [0:0::1]:5', qr/^Items 1 and 2 .* same address/ ],
	[ '::1:5433',            qr/ an IPv6 address must be written in brack/ ],
	[ '[::1:5433',           qr/ the closing bracket .* is missing\.$/ ],
	[ '[::1]',               qr/ the port is missing\.$/ ],
	[ '[::1]5433',           qr/ not followed by a colon and a port\.$/ ],
	[ '[here]:5433',         qr/ brackets do not hold an IPv6 address\.$/ ],
	[ '[127.0.0.1]:5433',    qr/ brackets do not hold an IPv6 address\.$/ ],
	[ '[fe80::1%]:5433',     qr/ the scope .* is empty\.$/ ],
	[ '[fe80::1%a`b]:5433',  qr/ the scope .* has a character other than / ],
	[ 'a b:5433',            qr/ the host has a character other than / ],
	[ 'a$(b):5433',          qr/ the host has a character other than / ],
	[ '127.1:5433',      qr/ neither a name nor a complete IPv4 address\.$/ ],
	[ '127.0.0.256:1',   qr/ neither a name nor a complete IPv4 address\.$/ ],
	[ '-a:5433',         qr/ begins with "-"\.$/ ],
	[ 'a..b:5433',       qr/ has an empty part/ ],
	[ "$long_host:5433", qr/ the host is longer than 253 characters\.$/ ],
	[ $many,             qr/^The list has more than 128 items\.$/ ])
{
	my ($value, $detail) = @$try;

	refused(
		"cluster " . substr($value, 0, 30),
		[ cluster => $value ],
		qr/^invalid value for parameter "pg_leader\.cluster": "\Q$value\E"$/,
		$detail,
		qr/'host:port, host:port, \.\.\.', for up to 128 nodes/);
}

# Each: setting, value, message, detail.
my $invalid = qr/^invalid value for parameter/;
foreach my $try (
	[ 'cluster_name', '',         $invalid, qr/ has 1 to 63 characters/ ],
	[ 'cluster_name', 'x' x 64,   $invalid, qr/ has 1 to 63 characters/ ],
	[ 'cluster_name', 'a b',      $invalid, qr/ ASCII letter, a digit, / ],
	[ 'cluster_name', "\xc3\xa4", $invalid, qr/ ASCII letter, a digit, / ],
	[
		'listen_addresses', '127.0.0.1:5433',
		$invalid,           qr/ the host has a character other than /
	],
	[ 'listen_addresses', '127.0.0',  $invalid, qr/ complete IPv4 address/ ],
	[ 'listen_addresses', '[here]',   $invalid, qr/ hold an IPv6 address/ ],
	[ 'listen_addresses', $long_host, $invalid, qr/ longer than 253 / ],
	[ 'state_directory',  '',         $invalid, qr/ 1 to 512 characters/ ],
	[ 'initial_state',         'old',   $invalid ],
	[ 'allow_unauthenticated', 'maybe', qr/requires a Boolean value/ ],
	[ 'node_id',               'zero',  $invalid ],
	[ 'node_id',            '-2',  qr/^-2 is outside .* \(-1 \.\. 127\)$/ ],
	[ 'node_id',            '128', qr/^128 is outside .* \(-1 \.\. 127\)$/ ],
	[ 'heartbeat_interval', '9',   qr/^9 ms is outside / ],
	[ 'heartbeat_interval',   '10001',  qr/^10001 ms is outside / ],
	[ 'election_timeout_min', '1000x',  $invalid ],
	[ 'election_timeout_max', '600001', qr/^600001 ms is outside / ],
	[ 'max_clock_drift',      '200001', qr/ \(0 \.\. 200000\)$/ ],
	[ 'max_clock_drift',      '-1',     qr/ \(0 \.\. 200000\)$/ ],
	[ 'priority',             '1001',   qr/ \(0 \.\. 1000\)$/ ],
	[ 'priority',             '-1',     qr/ \(0 \.\. 1000\)$/ ],
	[
		'on_leader_change', 'a %z',
		$invalid,           qr/^"%z" is not a placeholder\.$/
	],
	[ 'on_leader_change', 'a %',  $invalid, qr/ends with a single "%"\.$/ ],
	[ 'enable_log',       'loud', $invalid ],
	[ 'log_file', 'folder/',      $invalid, qr/does not end with "\/"\.$/ ],
	[ 'log_file', 'x' x 1024,     $invalid, qr/at most 1023 characters/ ],
	[ 'hook_timeout',        '-1',  qr/^-1 ms is outside / ],
	[ 'hook_retry_interval', '25h', qr/^90000000 ms is outside / ])
{
	my ($name, $value, $message, $detail) = @$try;

	refused(
		$name . ' ' . substr($value, 0, 30),
		[ $name => $value ],
		$message, $detail);
}

#
# Rules between settings
#

refused(
	'no cluster',
	[ cluster => undef ],
	qr/^pg_leader\.node_id is 0, but pg_leader\.cluster is empty$/,
	qr/./, qr/or pg_leader\.node_id to -1/);
refused(
	'blank cluster',
	[ cluster => ' ' ],
	qr/^pg_leader\.node_id is 0, but pg_leader\.cluster is empty$/);
refused(
	'id outside the list',
	[ node_id => 2, cluster => "$own, $peer" ],
	qr/^pg_leader\.node_id is 2, but there is no such node/,
	qr/greatest id in the list is 1\.$/,
	qr/counted from 0/);

refused(
	'two kinds of addresses',
	[ cluster => "localhost:1, $own, [::ffff:127.0.0.1]:5433, [::1]:5433" ],
	qr/^pg_leader\.cluster mixes IPv4 and IPv6 addresses$/,
	qr/^Node 1 is "127\.0\.0\.1", node 3 is "::1"; /,
	qr/use host names\.$/);
refused(
	'listen in another kind',
	[ listen_addresses => '[::1]' ],
	qr/^pg_leader\.listen_addresses does not fit this node's address/,
	qr/"\[::1\]" and "127\.0\.0\.1"/,
	qr/or to "\*"\.$/);

my $contradiction = qr/^the timings of pg_leader contradict each other$/;
refused(
	'timeouts equal',
	[ election_timeout_min => '2s', election_timeout_max => '2s' ],
	$contradiction,
	qr/^pg_leader\.heartbeat_interval is 100 ms, pg_leader\.election_timeout_min 2000 ms, pg_leader\.election_timeout_max 2000 ms, but election_timeout_max must be greater than election_timeout_min\.$/,
	qr/from 500 ms to 60150 ms, /);
refused(
	'timeout under five heartbeats',
	[ heartbeat_interval => 201 ],
	$contradiction,
	qr/at least five times heartbeat_interval\.$/,
	qr/from 1005 ms to 60301 ms, /);
refused(
	'promise over a minute',
	[ election_timeout_min => 60151, election_timeout_max => 70000 ],
	$contradiction,
	qr/ must not exceed 60 seconds\.$/,
	qr/ to 60150 ms, /);

#
# The secret
#

my $unsigned = qr/^pg_leader needs a secret to talk to other hosts$/;
refused(
	'no secret, other hosts',
	[ cluster => "$own, 192.0.2.1:5433" ],
	$unsigned,
	qr/^Node 1 of pg_leader\.cluster, "192\.0\.2\.1", /,
	qr/pg_leader\.secret_file .* at least 32 bytes, .*allow_unauthenticated/);
refused(
	'no secret, a name',
	[ cluster => "$own, 127.0.0.2:5433, localhost:5433, peer.invalid:5433" ],
	$unsigned,
	qr/^Node 3 .* "peer\.invalid"/);
refused(
	'no secret, this node on another address',
	[ cluster => "192.0.2.1:5433, $own" ],
	$unsigned, qr/^Node 0 /);

my $letters = 'correct horse battery staple 0123456789';
my $short   = 'x' x 31;

# Each: what, file, message, detail.
foreach my $try (
	[
		'missing', "$secrets/none",
		qr/^could not open secret file .*: No such/
	],
	[ 'directory',       $secrets,      qr/ is not a plain file$/ ],
	[ 'device',          '/dev/zero',   qr/ is not a plain file$/ ],
	[ 'of another user', '/etc/passwd', qr/ belongs to another user$/ ],
	[
		'read by group',
		secret_file('group', $letters, 0640),
		qr/ is accessible by group or others$/,
		qr/permissions are 0640, /
	],
	[
		'read by others',
		secret_file('others', $letters, 0604),
		qr/ is accessible by group or others$/,
		qr/permissions are 0604, /
	],
	[
		'empty',
		secret_file('empty', '', 0600),
		qr/ is too short$/,
		qr/ 0 byt/
	],
	[
		'short',
		secret_file('short', "$short\r\n\n", 0600),
		qr/ is too short$/,
		qr/^It has 31 bytes, newlines at the end not counted, .* at least 32\./
	],
	[
		'long',
		secret_file('long', 'x' x 1025, 0600),
		qr/ is too long$/,
		qr/at most 1024 bytes/
	],
	[
		'very long',
		secret_file('very_long', 'x' x 100000, 0600),
		qr/ is too long$/,
		qr/at most 1024 bytes/
	])
{
	my ($what, $path, $message, $detail) = @$try;

	refused("secret file $what", [ secret_file => $path ], $message, $detail);
}
refused(
	'secret file that cannot be read',
	[ secret_file => secret_file('unreadable', $letters, 0000) ],
	qr/^could not open secret file .*: Permission denied/,
	undef,
	qr/^The file must belong to the user that runs the server, .* read it/);

SKIP:
{
	my $fifo = "$secrets/fifo";

	skip 'mkfifo is missing', 2 if system('mkfifo', '-m', '600', $fifo) != 0;
	refused(
		'secret file a pipe',
		[ secret_file => $fifo ],
		qr/ is not a plain file$/);
}

#
# What is right
#

foreach my $try (
	[ 'one node' => () ],
	[
		'edges of the ranges',
		cluster_name         => 'A-z_0.' . 'x' x 57,
		heartbeat_interval   => 10,
		election_timeout_min => 50,
		election_timeout_max => 51,
		max_clock_drift      => 200000,
		priority             => 0
	],
	[
		'longest promise',
		election_timeout_min => 60150,
		election_timeout_max => 600000,
		max_clock_drift      => 0,
		priority             => 1000
	],
	[
		'every loopback form',
		cluster =>
		  "\t$own ,\\nLocalHost:1, [::ffff:127.0.0.9]:65535,127.9.9.9:1"
	],
	[
		'loopback in IPv6',
		cluster          => '[::1]:5433,localhost:5433',
		listen_addresses => '::1'
	],
	[
		'128 nodes',
		node_id => 127,
		cluster => join(',', (map { "127.0.0.2:$_" } 20001 .. 20127), $own)
	],
	[ 'alone on another address', cluster => '192.0.2.1:5433' ],
	[
		'unsigned, on demand',
		cluster               => "$own, peer.invalid:5433",
		allow_unauthenticated => 'on'
	],
	[
		'secret of 32 bytes',
		cluster     => "$own, peer.invalid:5433",
		secret_file => secret_file('shortest', 'x' x 32, 0400)
	],
	[
		'secret of 1024 bytes and a newline',
		secret_file => secret_file('longest', 'x' x 1024 . "\r\n", 0600)
	],
	[ 'listen on any address',       listen_addresses => '*' ],
	[ 'listen on any, IPv4',         listen_addresses => '0.0.0.0' ],
	[ 'listen on any, IPv6',         listen_addresses => '::' ],
	[ 'listen on an address',        listen_addresses => '127.0.0.1' ],
	[ 'listen on a host\'s address', listen_addresses => 'localhost' ])
{
	my ($what, @settings) = @$try;

	started($what, @settings) or next;
	is( scalar(
			grep { $_->{level} eq 'WARNING' && $_->{message} =~ /parameter/ }
			  messages()),
		0,
		"$what: no setting was refused");
	$node->stop;
}

# The secret itself stays where it is.
my $secret = secret_file('secret', $letters, 0600);
if (started('secret', secret_file => $secret))
{
	$node->safe_psql('postgres', 'CREATE ROLE visitor');
	my ($status, undef, $stderr) =
	  $node->psql('postgres', 'SET ROLE visitor; SHOW pg_leader.secret_file');
	isnt($status, 0, 'secret: others do not see the file\'s name');
	like($stderr, qr/must be superuser/, 'secret: and are told so');
	is($node->safe_psql('postgres', 'SHOW pg_leader.secret_file'),
		$secret, 'secret: superusers do');
	$node->stop;
	unlike(slurp_file($node->logfile),
		qr/\Q$letters\E/, 'secret: it is not in the log');
}

# Too few slots for workers: the server serves.
if (started('few worker slots', max_worker_processes => 4))
{
	my ($warning) = grep { $_->{message} =~ /max_worker_proc/ } messages();

	is($warning->{level}, 'WARNING', 'few worker slots: warning');
	like($warning->{hint}, qr/ at least \d+/, 'few worker slots: hint');
	is($node->safe_psql('postgres', 'SELECT 1'),
		1, 'few worker slots: the server serves');
	$node->stop;
}

# The prefix is reserved.
if (started('misspelt setting', hartbeat_interval => 1))
{
	my ($warning) = grep { $_->{message} =~ /hartbeat/ } messages();

	is( $warning->{message},
		'invalid configuration parameter name "pg_leader.hartbeat_interval", removing it',
		'misspelt setting: warning');
	my ($status, undef, $stderr) =
	  $node->psql('postgres', 'SET pg_leader.hartbeat_interval = 1');
	like(
		$stderr,
		qr/invalid configuration parameter name/,
		'misspelt setting: nor can a session set it');
	$node->stop;
}

#
# Switched off
#

my $shared_memory =
  "SELECT count(*) FROM pg_shmem_allocations WHERE name ~ 'pg_leader'";
my $settings =
  "SELECT count(*) FROM pg_settings WHERE name ~ '^pg_leader\\.'";

if (started('on'))
{
	isnt(scalar(workers()), 0, 'on: there are workers');
	isnt($node->safe_psql('postgres', $shared_memory),
		0, 'on: there is shared memory');
	$node->stop;
}

# Nothing but the id is looked at, whatever the rest says.
foreach my $try (
	[ 'off' => () ],
	[ 'off, without a cluster',            cluster => undef ],
	[ 'off, a list that cannot be parsed', cluster => 'here' ],
	[
		'off, contradictions',
		cluster            => "$own, 192.0.2.1:5433",
		heartbeat_interval => '10s'
	],
	[ 'off, no secret file', secret_file => "$secrets/none" ])
{
	my ($what, @settings) = @$try;

	started($what, node_id => -1, @settings) or next;
	is(join(', ', workers()), '', "$what: no workers");
	is($node->safe_psql('postgres', $shared_memory),
		0, "$what: no shared memory");
	isnt($node->safe_psql('postgres', $settings),
		0, "$what: the settings can be seen");
	$node->stop;
}

# Tools that load the library without a server are not in its way.
configure(cluster => undef);
command_like([ 'postgres', '-D', $node->data_dir, '-C', 'pg_leader.node_id' ],
	qr/^0$/, 'postgres -C shows a setting, wrong or right');
run_log([ 'postgres', '--single', '-D', $node->data_dir, 'postgres' ],
	'<', \'SELECT 42 AS answer', '>', \my $answer, '2>', \my $said);
like(
	$answer,
	qr/answer = "42"/,
	'single-user mode works under contradictory settings');
configure();
command_like(
	[ 'postgres', '-D', $node->data_dir, '-C', 'shared_memory_size' ],
	qr/^\d+$/, 'postgres -C computes the size of shared memory');

#
# Reload
#

# Settings in force, as the status has them.
my @columns = (
	'settings_in_force',
	'(extract(epoch FROM heartbeat_interval) * 1000)::int',
	'(extract(epoch FROM election_timeout_min) * 1000)::int',
	'(extract(epoch FROM election_timeout_max) * 1000)::int',
	'max_clock_drift',
	'priority');
my $in_force =
	"SELECT concat_ws(' ', "
  . join(', ', map { "($_)::text" } @columns)
  . ") FROM pg_leader_status";

# Reload with these settings; await what the status says then.
sub reloaded
{
	my ($what, $settings, @expected) = @_;
	my $log = -s $node->logfile;

	configure(@$settings);
	$node->reload;
	ok( $node->poll_query_until('postgres', $in_force, join(' ', @expected)),
		"$what: status");
	return $log;
}

if (started('reload'))
{
	$node->safe_psql('postgres', 'CREATE EXTENSION pg_leader');
	reloaded('as started', [], qw(true 100 1000 1500 10000 100));

	reloaded(
		'new timings',
		[
			heartbeat_interval   => 50,
			election_timeout_min => 600,
			election_timeout_max => 900,
			max_clock_drift      => 500,
			priority             => 7
		],
		qw(true 50 600 900 500 7));

	my $log = reloaded(
		'contradiction',
		[
			heartbeat_interval   => 200,
			election_timeout_min => 999,
			priority             => 9
		],
		qw(false 50 600 900 500 7));
	my $said_so = slurp_file($node->logfile, $log);
	like(
		$said_so,
		qr/DETAIL:  .*pg_leader\.heartbeat_interval is 200 ms, .* at least five times heartbeat_interval\./,
		'contradiction: detail in the log');
	like(
		$said_so,
		qr/HINT:  .*from 1000 ms to 60300 ms, /,
		'contradiction: hint in the log');
	is($node->safe_psql('postgres', 'SHOW pg_leader.heartbeat_interval'),
		'200ms', 'contradiction: PostgreSQL shows the new value');
	isnt(scalar(workers()), 0, 'contradiction: the workers go on');

	# PostgreSQL keeps the old value of this one, and takes the others.
	reloaded(
		'a value out of range',
		[ heartbeat_interval => 5 ],
		qw(true 200 1000 1500 10000 100));

	reloaded('mended', [], qw(true 100 1000 1500 10000 100));

	$log = -s $node->logfile;
	configure(node_id => 1, cluster => "$peer, $own");
	$node->reload;
	$node->wait_for_log(
		qr/parameter "pg_leader\.node_id" cannot be changed without restarting/,
		$log);
	is( $node->safe_psql('postgres', 'SELECT node_id FROM pg_leader_status'),
		0,
		'identity does not change at reload');
	$node->stop;
}

done_testing();
