# If this broke, an operator would be shown a wrong picture of the cluster at
# the moment when it matters, a load balancer would send clients to a server
# that does not lead, or the tool would hang with the server that hangs.

use strict;
use warnings;

use File::Path qw(rmtree);
use FindBin;
use lib $FindBin::RealBin;
use IO::Socket::INET;
use IPC::Run;
use JSON::PP;
use PgLeaderCluster;
use PgLeaderCtl;
use PostgreSQL::Test::Utils;
use Test::More;

# How long a server that hangs is waited for.  Others have to answer within
# that on a busy machine too, or else it is tried once more.  Where none hangs,
# there is no reason to be in a hurry.
my $node_timeout = 3;
$ENV{PGCONNECT_TIMEOUT} = 60;

my $json = JSON::PP->new->utf8;

sub psql_value
{
	my ($to, $sql) = @_;
	my $value = '';
	IPC::Run::run([ 'psql', '-XAtq', '-c', $sql, '-d', $to ], '>', \$value)
	  or die "psql failed";
	chomp $value;
	return $value;
}

#
# What needs no server
#

program_help_ok('pg_leaderctl');
program_version_ok('pg_leaderctl');
program_options_handling_ok('pg_leaderctl');
foreach my $case (
	[ qr/^Usage:/m,                       'status', '--help' ],
	[ qr/^pg_leaderctl \(pg_leader\) \d/, '-q',     'leader', '--version' ],
	[ qr/^pg_leaderctl \(pg_leader\) \d/, 'leader', '-V' ])
{
	my ($expected, @arguments) = @$case;
	my ($status,   $out)       = ctl(@arguments);
	ok($status == 0 && $out =~ $expected, "@arguments");
}

# Nobody listens there: what is tried nevertheless is seen by the exit status.
my $nowhere = 'host=127.0.0.1 port=1';
foreach my $wrong (
	[ qr/no command given/,                                 '-d', $nowhere ],
	[ qr/there is no command "stat"/,                       'stat' ],
	[ qr/too many command-line arguments \(first is "b"\)/, 'status', 'b' ],
	[ qr/first is "$nowhere"/, 'status', '-d', $nowhere, $nowhere ],
	[ qr/command "transfer" needs a node's id/,   'transfer' ],
	[ qr/"two" is no node's id/,                  'transfer', 'two' ],
	[ qr/"99999999999" is no node's id/,          'transfer', '99999999999' ],
	[ qr/command "status" has no option -q/,      'status',   '--quiet' ],
	[ qr/command "leader" has no option --watch/, 'leader',   '--watch' ],
	[ qr/command "leader" has no option --for/,    'leader', '--for=leader' ],
	[ qr/command "peers" has no option --timeout/, 'peers',  '--timeout=1' ],
	[ qr/command "step-down" has no option --yes/, 'step-down', '--yes' ],
	[ qr/invalid value "0" for option --limit/,    'history',   '--limit=0' ],
	[ qr/"x" is no node's id/,                     'history',   '--node=x' ],
	[ qr/command "status" has no option --node/,   'status',    '--node=1' ],
	[ qr/command "history" has no option --watch/, 'history',   '--watch' ],
	[ qr/invalid value "king" for option --for/,   'wait', '--for', 'king' ],
	[ qr/invalid value "node=" for option --for/,  'wait', '--for=node=' ],
	[ qr/invalid value "-1" for option --timeout/, 'wait', '--timeout=-1' ],
	[ qr/invalid value "1s" for option --timeout/, 'wait', '--timeout=1s' ],
	[ qr/invalid value "0" for option -t/,         'status', '-t', '0' ],
	[ qr/invalid value "nan" for option -t/,       'status', '-t', 'nan' ],
	[ qr/invalid value "0" for option --watch/,    'status', '--watch=0' ],
	[ qr/add --yes/,                               'forget-state' ],
	[
		qr/acts on one server, not on 2/, 'forget-state', '--yes', '-h',
		'a,b'
	],
	[
		qr/match 2 port numbers to 3 hosts/,
		'status', '-h', 'a,b,c', '-p', '1,2'
	],
	[
		qr/match 2 host names to 3 hostaddr/, 'status',
		'host=a,b hostaddr=,,'
	],
	[ qr/invalid connection option "hots"/, 'status', 'hots=a' ],
	[ qr/missing "=" after "x"/,            'status', 'host=a x' ])
{
	my ($message, @arguments) = @$wrong;
	my ($status, $out, $err) = ctl(@arguments);
	ok($status == 3 && $out eq '' && $err =~ $message,
		"refused: pg_leaderctl @arguments");
}

# A server that accepts connections, and says nothing
my $silent = IO::Socket::INET->new(
	Listen    => 10,
	LocalAddr => '127.0.0.1',
	Proto     => 'tcp') or die "could not listen: $!";
my $silent_server = 'host=127.0.0.1 port=' . $silent->sockport;

foreach my $where ($nowhere, $silent_server)
{
	my $why =
	  $where eq $nowhere
	  ? qr/Connection refused/
	  : qr/no connection within 0\.3 s/;

	foreach my $command (
		['status'],          ['peers'],
		['history'],         ['leader'],
		['is-leader'],       [ 'wait', '--timeout=0' ],
		[ 'transfer', '1' ], ['step-down'],
		[ 'forget-state', '--yes' ])
	{
		my ($status, $out, $err) = ctl(@$command, '-t', '0.3', $where);
		my $shown = $command->[0] =~ /status|peers|history/ ? $out : $err;
		ok($status == 2 && $shown =~ $why, "cannot tell: @$command $where");
		unlike($err, qr/nevertheless/, '... and nothing may have been done');

		($status, $out, $err) = ctl(@$command, '-t', '0.3', '--json', $where);
		my $answer = $json->decode($out);
		is($status, 2, "@$command --json: cannot tell");
		like($answer->{nodes}[0]{message}, $why, '... and why')
		  if exists $answer->{nodes};
	}
}
my ($status, $out, $err) = ctl('is-leader', '--quiet', $nowhere);
is("$status:$out:$err", '2::', 'is-leader --quiet says nothing');
($status, $out) = ctl('status', "$silent_server connect_timeout=1");
like(
	$out,
	qr/no connection within 1 s/,
	'connect_timeout is the default limit');

# A name that does not exist, or that nobody can look up here
($status, $out) =
  ctl('status', '-t', $node_timeout, 'host=no-such-host.invalid');
ok( $status == 2
	  && $out =~
	  /could not translate host name "no-such-host.invalid"|address of the host not found within/,
	'a host without address');

#
# A cluster
#

my $cluster = PgLeaderCluster->new(nodes => 3);
$cluster->start_all;

my $host = $cluster->node(0)->host;
my %port = map { $_ => $cluster->node($_)->port } $cluster->ids;

# A connection string of some nodes.
sub string_of
{
	my @ids = @_;
	return
		'dbname=postgres host='
	  . join(',', ($host) x @ids)
	  . ' port='
	  . join(',', map { $port{$_} } @ids);
}
my $all = string_of($cluster->ids);

# Elections may come in between: asks until the answer is as expected, and
# gives up as wait_for() does.
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

($status, $out) = ctl('wait', '--timeout=180', $all);
is($status, 0, 'there is a leader');
like($out, qr/^node \d leads in term \d+\n$/, '... and it is told');

#
# status
#

($status, $out) = ctl_until(sub { $_[0] == 0 }, 'status', $all);
my @rows = rows_of($out);
is_deeply(
	[
		map { "$_->{node_id} $_->{server} $_->{view} $_->{in_recovery}" }
		  @rows
	],
	[ map { "$_ $host:$port{$_} agrees no" } $cluster->ids ],
	'status: a row for each node');
my ($leader, $term) =
  $out =~ /^Node (\d) leads in term (\d+)\. Of 3 servers, 3 agree\.$/m
  or die 'no summary';
is_deeply(
	[ map { "$_->{role} $_->{term} $_->{leader_id}" } @rows ],
	[
		map { ($_ == $leader ? 'leader' : 'follower') . " $term $leader" }
		  $cluster->ids
	],
	'status: its view');
like($rows[$leader]{lease}, qr/^\d+ ms$/, 'status: the lease of the leader');
is(join('', map { $_->{lease} } grep { $_->{node_id} != $leader } @rows),
	'', 'status: only that');

($status, $out) = ctl_until(sub { $_[0] == 0 }, 'status', '--json', $all);
my $answer = $json->decode($out);
is($out =~ tr/\n//, 1, 'status --json: one line');
ok($answer->{agreed},            'status --json: they agree');
ok($answer->{leader}{is_leader}, 'status --json: the leader holds the lease');
is_deeply(
	[ map { "$_->{host} $_->{port} $_->{view}" } @{ $answer->{nodes} } ],
	[ map { "$host $port{$_} agrees" } $cluster->ids ],
	'status --json: the nodes');

foreach my $node (@{ $answer->{nodes} })
{
	my $id = $node->{status}{node_id};
	is($node->{message}, undef, "status --json: no message of node $id");
	is_deeply(
		[ sort keys %{ $node->{status} } ],
		[ sort keys %{ $cluster->status($id) } ],
		"status --json: all columns of node $id");
	is( $node->{status}{leader_id},
		$answer->{leader}{node_id},
		"status --json: node $id names the leader");

	# Whatever is a time is a number of seconds.
	is($node->{status}{election_timeout_max},
		0.75, "status --json: seconds are numbers");
	is( join(' ',
			grep { ($_ // '') =~ /^-?\d+:\d\d:/ }
			  values %{ $node->{status} }),
		'',
		'status --json: no other form of a time');
}

# One of three: the others are not forgotten.
($status, $out) = ctl_until(sub { $_[0] == 0 }, 'status', string_of(0));
like(
	$out,
	qr/Of 1 server, 1 agrees\. The cluster has 3 nodes\.$/m,
	'status: the cluster is greater');

#
# peers
#

($status, $out) = ctl('peers', $all);
is($status, 0, 'peers: all have answered');
is_deeply(
	[ map { "$_->{seen_by} $_->{node_id} $_->{address}" } rows_of($out) ],
	[
		map {
			my $by = $_;
			map    { "$by $_ 127.0.0.1:" . $cluster->udp_port($_) }
			  grep { $_ != $by }
			  $cluster->ids
		} $cluster->ids
	],
	'peers: a row for each other node of each node');
($status, $out) = ctl('peers', '--json', $all);
$answer = $json->decode($out);
foreach my $node (@{ $answer->{nodes} })
{
	my $id = $node->{node_id};
	is_deeply(
		[ map { $_->{node_id} } @{ $node->{peers} } ],
		[ $cluster->ids ],
		"peers --json: what node $id knows");
	is_deeply(
		[ sort keys %{ $node->{peers}[0] } ],
		[ sort keys %{ $cluster->peers($id)->[0] } ],
		'peers --json: all columns');
}

# However many such columns there will be
sub intervals_of
{
	my ($view) = @_;
	return split /\n/,
	  psql_value(string_of(0),
		"SELECT attname FROM pg_attribute WHERE attrelid = '$view'::regclass"
		  . " AND atttypid = 'interval'::regtype");
}
my @peers = map { @{ $_->{peers} } } @{ $answer->{nodes} };
foreach my $column (intervals_of('pg_leader_peers'))
{
	my @values = grep { defined } map { $_->{$column} } @peers;
	ok( @values && !grep({ !/^[\d.]+$/ } @values),
		"peers --json: $column is a number of seconds");
}
($status, $out) = ctl('status', '--json', $all);
my @statuses = map { $_->{status} } @{ $json->decode($out)->{nodes} };
foreach my $column (intervals_of('pg_leader_status'))
{
	ok(!grep({ defined && !/^[\d.]+$/ } map { $_->{$column} } @statuses),
		"status --json: $column is a number of seconds");
}

#
# leader, is-leader
#

# Leader and term that did not change while something was done with them.
sub with_leader
{
	my ($deed) = @_;
	my ($id, $its_term, $later_id, $later_term);

	do
	{
		($id, $its_term) = $cluster->wait_for_leader;
		$deed->($id);
		($later_id, $later_term) = $cluster->wait_for_leader;
	} while ($its_term != $later_term);
	return ($id, $its_term);
}

($leader, $term) = with_leader(
	sub {
		($status, $out, $err) = ctl('leader', $all);
	});
is($status, 0,  'leader: there is one');
is($err,    '', 'leader: without a warning');
is( $out,
	"host=$host port=$port{$leader} dbname=postgres\n",
	'leader: its connection string');
chomp(my $string = $out);
is(psql_value($string, 'SELECT pg_leader_node_id()'),
	$leader, 'leader: leads to the leader');

($leader, $term) = with_leader(
	sub {
		($status, $out) = ctl('leader', '--json', $all);
	});
$answer = $json->decode($out);
is_deeply(
	$answer,
	{
		leader =>
		  { node_id => $leader, term => $term, is_leader => JSON::PP::true },
		connection_string => "host=$host port=$port{$leader} dbname=postgres"
	},
	'leader --json');

# One follower only: where the leader is, as that one tells it
($leader, $term) = with_leader(
	sub {
		my ($id) = @_;
		($status, $out, $err) = ctl('leader', string_of(($id + 1) % 3));
	});
is($status, 0, 'leader: a follower knows it');
is( $out,
	"host=127.0.0.1 port=$port{$leader} dbname=postgres\n",
	'leader: at the address that a follower tells');
like(
	$err,
	qr/warning: node $leader leads in term $term, as others tell; it has not answered itself/,
	'leader: with a warning');

# An address in the environment is for the servers named, if for any, and none
# of the leader's.
{
	local $ENV{PGHOSTADDR} = ',';
	($leader) = with_leader(
		sub {
			my ($id) = @_;
			($status, $out) =
			  ctl('leader', string_of(grep { $_ != $id } $cluster->ids));
		});
	is( $out,
		"host=127.0.0.1 hostaddr='' port=$port{$leader} dbname=postgres\n",
		'leader: not at an address of the environment');

	$ENV{PGHOSTADDR} = ',,';
	($leader) = with_leader(
		sub {
			($status, $out) = ctl('leader', $all);
		});
	chomp($string = $out);
	is(psql_value($string, 'SELECT pg_leader_node_id()'),
		$leader, '... but where the string leads');
}

# What the user has said goes into the string, but for passwords and for what
# is about several servers.
($leader) = with_leader(
	sub {
		($status, $out) = ctl('leader',
				"$all password=secret target_session_attrs=read-write"
			  . q{ application_name='it\'s a \\\\ test' connect_timeout=60});
	});
is( $out,
	"host=$host port=$port{$leader} connect_timeout=60 dbname=postgres"
	  . q{ application_name='it\'s a \\\\ test'} . "\n",
	'leader: with what else was said, quoted, and without the password') or 0;
chomp($string = $out);
is( psql_value($string, 'SHOW application_name'),
	q{it's a \\ test},
	'leader: quoted as libpq reads it');

foreach my $id ($cluster->ids)
{
	($leader) = with_leader(
		sub {
			($status, $out) = ctl('is-leader', string_of($id));
		});
	is($status, $id == $leader ? 0 : 1, "is-leader: node $id");
	like(
		$out,
		$id == $leader
		? qr/^\S+: node $id leads, in term \d+$/
		: qr/^\S+: node $id does not lead$/,
		'... in words');
}
($leader, $term) = with_leader(
	sub {
		($status, $out) = ctl('is-leader', $all);
	});
is($status, 0, 'is-leader: one of all nodes is');
like(
	$out,
	qr/^\S+:$port{$leader}: node $leader leads, in term $term$/,
	'... which one');
($leader) = with_leader(
	sub {
		my ($id) = @_;
		($status, $out) =
		  ctl('is-leader', string_of(grep { $_ != $id } $cluster->ids));
	});
is("$status $out", "1 none of 2 servers leads\n", 'is-leader: none of two');
($leader) = with_leader(
	sub {
		my ($id) = @_;
		($status, $out) =
		  ctl('is-leader', '--json', string_of(($id + 1) % 3));
	});
$answer = $json->decode($out);
ok( $status == 1
	  && !$answer->{is_leader}
	  && defined $answer->{is_leader}
	  && $answer->{leader}{node_id} == $leader,
	'is-leader --json');
($status, $out, $err) =
  ctl_until(sub { $_[0] == 0 }, 'is-leader', '-q', $all);
is("$out$err", '', 'is-leader --quiet says nothing');

# What is asked over and over must not fill the servers' logs.  One that is
# very busy may still find that the client has gone.
my @from = map { $cluster->log_size($_) } $cluster->ids;
ctl('is-leader', '-q', $all) foreach 1 .. 30;
my $lost = grep { /connection to client lost/ }
  map { split /\n/, $cluster->log_of($_, $from[$_]) } $cluster->ids;
cmp_ok($lost, '<', 15, 'is-leader: the servers do not miss the client');

#
# How to say which servers
#

my $ports = join ',', map { $port{$_} } $cluster->ids;
($status) = ctl_until(sub { $_[0] == 0 },
	'status', '-h', "$host,$host,$host", '-p', $ports);
is($status, 0, 'servers by options');
{
	local $ENV{PGHOST} = "$host,$host,$host";
	local $ENV{PGPORT} = $ports;
	($status, $out) = ctl_until(sub { $_[0] == 0 }, 'status');
	is(scalar(rows_of($out)), 3, 'servers by environment variables');
	($status, $out) =
	  ctl_until(sub { $_[0] == 0 }, 'status', "host=$host port=$port{1}");
	is(scalar(rows_of($out)),
		1, 'a string has precedence over the environment');

	# which is for one server out of a list otherwise
	local $ENV{PGTARGETSESSIONATTRS} = 'standby';
	($status) = ctl_until(sub { $_[0] == 0 }, 'status');
	is($status, 0, 'all servers are asked, whatever their sessions are like');
}
my $services = PostgreSQL::Test::Utils::tempdir . '/services';
append_to_file($services,
	"[cluster]\nhost=$host,$host,$host\nport=$ports\ndbname=postgres\n");
{
	local $ENV{PGSERVICEFILE} = $services;
	($status, $out) =
	  ctl_until(sub { $_[0] == 0 }, 'status', 'service=cluster');
	is(scalar(rows_of($out)), 3, 'servers by a service file');
	delete local $ENV{PGHOST};
	local $ENV{PGSERVICE} = 'cluster';
	($status, $out) = ctl_until(sub { $_[0] == 0 }, 'status');
	is(scalar(rows_of($out)), 3, 'and by a service named in the environment');
}
my $escaped = $host =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ger;
($status, $out) = ctl_until(
	sub { $_[0] == 0 },
	'status',
	'postgresql://'
	  . join(',', map { "$escaped:$port{$_}" } $cluster->ids)
	  . '/postgres');
is(scalar(rows_of($out)), 3, 'servers by a URI');
($status, $out) = ctl('status', '--json', "$all dbname='no \xFF \"such'");
like(
	$json->decode($out)->{nodes}[0]{message},
	qr/database "no .* "such" does not exist/,
	'JSON is valid whatever a message holds');

#
# Who may, and where the extension is
#

$cluster->ask($_, 'CREATE ROLE nobody LOGIN') foreach $cluster->ids;
($status) = ctl_until(sub { $_[0] == 0 }, 'is-leader', '-U', 'nobody', $all);
is($status, 0, 'everybody may ask who leads');
($status) = ctl_until(sub { $_[0] == 0 }, 'leader', '-U', 'nobody', $all);
is($status, 0, '... and where');
($status) = ctl_until(sub { $_[0] == 0 }, 'wait', '-U', 'nobody', $all);
is($status, 0, '... and wait');
($status, $out) = ctl('status', '-U', 'nobody', $all);
is($status, 2, 'but not see the views');
is( join("\n", map { "$_->{view}: $_->{note}" } rows_of($out)),
	join("\n", ('ERROR: permission denied for view pg_leader_status') x 3),
	'... as the table tells');
($status, $out, $err) = ctl('step-down', '-U', 'nobody', $all);
is($status, 1, '... nor act');
like(
	$err,
	qr/permission denied for function pg_leader_step_down/,
	'... as the message tells');

($status, $out) =
  ctl('status', '-d', 'template1', '-h', $host, '-p', $port{0});
is($status, 2, 'a database without the extension');
like($out, qr/extension "pg_leader" is not installed in database "template1"/,
	'... is told');
($status, $out, $err) =
  ctl('is-leader', '-d', 'template1', '-h', $host, '-p', $port{0});
is($status, 2, '... and no reason to deny that it leads');
like($err, qr/not installed.*hint: CREATE EXTENSION/s, '... but to say why');

foreach my $id ($cluster->ids)
{
	$cluster->ask($id, 'CREATE SCHEMA "Odd ""one"""');
	$cluster->ask($id, 'ALTER EXTENSION pg_leader SET SCHEMA "Odd ""one"""');
}
foreach my $command ('status', 'peers', 'is-leader')
{
	($status) = ctl_until(sub { $_[0] == 0 }, $command, $all);
	is($status, 0, "$command: the extension in any schema");
}
$cluster->ask($_, 'ALTER EXTENSION pg_leader SET SCHEMA public')
  foreach $cluster->ids;

#
# transfer, step-down, wait
#

foreach my $target (0 .. 2)
{
	# or another election was faster
	($status, $out) =
	  ctl_until(sub { $_[0] == 0 }, 'transfer', $target, $all);
	like(
		$out,
		qr/^node $target leads(?: already)?$/,
		"transfer to node $target");
	($status, $out) =
	  ctl('wait', "--for=node=$target", '--timeout=180', $all);
	is($status, 0, '... and it leads');
	like($out, qr/^node $target leads in term \d+$/, '... as is told');
}
($status, $out) = ctl_until(
	sub { $_[1] =~ /already/ || $_[0] }, 'transfer',
	($cluster->wait_for_leader)[0],      $all);
is($status, 0, 'transfer to the leader: nothing to do');

($status, $out) =
  ctl_until(sub { $_[0] == 0 }, 'transfer', '--json', '1', $all);
is_deeply(
	$json->decode($out),
	{ done => JSON::PP::true, leader_id => 1, message => undef },
	'transfer --json');
($status, $out, $err) =
  ctl_until(sub { $_[2] !~ /is not the leader/ }, 'transfer', '3', $all);
is("$status$out", '1', 'transfer to nobody');
like(
	$err,
	qr/there is no node 3 in the cluster.*detail: Node ids go from 0 to 2/s,
	'... is refused by the leader');
($status, $out, $err) = ctl_until(sub { $_[2] !~ /is not the leader/ },
	'transfer', '--json', '3', $all);
is_deeply(
	$json->decode($out),
	{
		done      => JSON::PP::false,
		leader_id => undef,
		message   => 'there is no node 3 in the cluster'
	},
	'transfer --json: refused');
with_leader(
	sub {
		my ($id) = @_;
		($status, $out, $err) =
		  ctl('transfer', $id, string_of(($id + 1) % 3));
	});
is($status, 2, 'transfer: the leader is not among the servers');
like(
	$err,
	qr/as others tell.*hint: Name the leader's server/s,
	'... as is told');

($leader, $term) = $cluster->wait_for_leader;
($status, $out)  = ctl_until(sub { $_[0] == 0 }, 'step-down', $all);
like(
	$out,
	qr/^node \d has stepped down, and (?:named node \d its|could name no) successor$/,
	'step-down');
(undef, my $next_term) = $cluster->wait_for_leader(above => $term);
cmp_ok($next_term, '>', $term, '... and another term begins');
($status, $out) = ctl_until(sub { $_[0] == 0 }, 'step-down', '--json', $all);
$answer = $json->decode($out);
ok($answer->{done} && exists $answer->{successor}, 'step-down --json');

($status, $out, $err) = ctl('wait', '--for=node=9', '--timeout=0', $all);
is($status, 1, 'wait: in vain');
like($err, qr/waited in vain: /, '... is told');
($status, $out, $err) =
  ctl('wait', '--for=node=9', '--timeout=0.5', '--json', $all);
$answer = $json->decode($out);
ok($status == 1 && defined $answer->{reached} && !$answer->{reached},
	'wait --json: in vain');
($status, $out) = ctl('wait', '--json', $all);
$answer = $json->decode($out);
ok($status == 0 && $answer->{reached} && $answer->{leader}{is_leader},
	'wait --json');

#
# Nodes that see it differently
#

# A follower that hears nobody
($leader) = $cluster->wait_for_leader;
my $deaf     = ($leader + 1) % 3;
my $receiver = $cluster->status($deaf)->{receiver_pid};
kill 'STOP', $receiver or die "could not stop process $receiver: $!";
($status, $out) = ctl_until(
	sub {
		my ($its_status, $table) = @_;
		my %view = map { $_->{node_id} => $_->{view} } rows_of($table);
		return
			 $its_status == 1
		  && $view{$deaf} eq 'DIFFERS'
		  && 2 == grep { $_ eq 'agrees' } values %view;
	},
	'status',
	$all);
like(
	$out,
	qr/^Node \d leads in term \d+\. Of 3 servers, 2 agree, 1 differs\.$/m,
	'status: a node that hears nobody differs');
($status, $out) =
  ctl_until(sub { $json->decode($_[1])->{nodes}[$deaf]{view} eq 'differs' },
	'status', '--json', $all);
ok(!$json->decode($out)->{agreed}, 'status --json: nor do they agree');
($status) = ctl_until(sub { $_[0] == 1 }, 'leader', string_of($deaf));
is($status, 1, 'leader: a node that hears nobody knows none');
($status, $out) = ctl('wait', '--for=no-leader', string_of($deaf));
is("$status $out", "0 no node leads\n", 'wait: until a node knows no leader');
{
	# of a role or a database; shorter than the server waits in one question
	local $ENV{PGOPTIONS} = '-c statement_timeout=100ms';
	($status) = ctl('wait', '--timeout=2', string_of($deaf));
	is($status, 1, "wait: in vain, whatever the session's statement_timeout");

	# Its first answer comes after a second, as does each one after that.
	$ENV{PGOPTIONS} = '-c post_auth_delay=1';
	($status) = ctl('wait', '--timeout=4', string_of($deaf));
	is($status, 1, 'wait: in vain, but not without an answer if it is late');
}
kill 'CONT', $receiver;
($status) = ctl('wait', '--timeout=180', string_of($deaf));
is($status, 0, 'wait: until it knows one, by the word of others too');

# Another cluster
{
	my $other = PgLeaderCluster->new(
		nodes    => 1,
		settings => { cluster_name => 'another_one' });
	$other->start_all;
	$other->wait_for_leader;

	# By the port, the last: its leader is as good as ours.
	my ($mixed) = map { "$_," . $other->node(0)->port } $ports;
	($status, $out) = ctl_until(
		sub {
			join(' ', map { $_->{view} } rows_of($_[1])) =~
			  /^agrees agrees agrees DIFFERS$|^DIFFERS DIFFERS DIFFERS agrees$/;
		},
		'status',
		'-h',
		join(',', ($host) x 3, $other->node(0)->host),
		'-p',
		$mixed);
	is($status, 1, 'status: nodes of two clusters differ');
	like(
		$out,
		qr/another cluster, "(?:another_one" of 1|pg_leader" of 3) nodes/,
		'... and it is told why');
	$other->stop_all;
}

#
# --watch
#

# Until the output matches; returns it.
sub watched
{
	my ($pattern, $redirection, @arguments) = @_;
	my $shown = '';
	my $run   = IPC::Run::start([ 'pg_leaderctl', @arguments ],
		$redirection, \$shown, IPC::Run::timeout(180, name => 'watch'));

	$run->pump until $shown =~ $pattern || !$run->pumpable;
	$run->kill_kill;
	return $shown;
}

$out = watched(qr/(?:.*^Of|.*Of 3 servers){3}/s,
	'>', 'status', '--watch', '0.2', $all);
my @shown = split /^(?=status  \(every 0\.2 s\))/m, $out;
cmp_ok(scalar(@shown), '>=', 3, 'status --watch: again and again');
unlike($out, qr/\033/, '... without control sequences in a file');
is(scalar(rows_of($shown[1] =~ s/\A.*\n\n//r)), 3, '... the table each time');

$out = watched(qr/(?:.*\n){3}/, '>', 'status', '--json', '--watch=0.2', $all);
foreach my $line ((split /\n/, $out)[ 0 .. 2 ])
{
	is(scalar(@{ $json->decode($line)->{nodes} }),
		3, 'status --json --watch: an object on each line');
}
$out = watched(qr/(?:.*\n){2}/, '>', 'peers', '--json', '--watch=0.2', $all);
is(scalar(@{ $json->decode((split /\n/, $out)[1])->{nodes} }),
	3, 'peers --json --watch, too');

$out = watched(qr/(?:\033\[H.*){3}/s, '>pty>', 'status', '--watch=0.2', $all);
@shown = split /\033\[H/, $out;
is(shift @shown, '', 'status --watch on a terminal: begins at the top');
like(
	$shown[0],
	qr/^status  \(every 0\.2 s\).*\033\[K\r?\n.*Of 3 servers.*\033\[J/s,
	'... and leaves nothing of what was there');

#
# Streams that are closed
#

# A connection must not take their place.
@from = map { $cluster->log_size($_) } $cluster->ids;
foreach my $case (
	[ 'status --watch=0.2',        '2>&1 >&-' ],
	[ 'status --watch=0.2 --json', '2>&1 >&- <&-' ],
	[ 'status --watch=0.2',        '2>&1 >/dev/full' ])
{
	my ($arguments, $closed) = @$case;
	my $run = IPC::Run::start(
		[ 'bash', '-c', "exec pg_leaderctl $arguments '$all' $closed" ],
		'>', \$out, IPC::Run::timeout(60, name => 'closed'));
	$run->finish;
	is($run->result, 2, "$arguments $closed: ends with 2");
	like(
		$out,
		qr/^pg_leaderctl: error: could not write to standard output: (?:Bad file|No space)/,
		'... and says why');
}
IPC::Run::run(
	[ 'bash', '-c', "exec pg_leaderctl transfer 9 '$all' 2>&- >&-" ]);
is($? >> 8, 1, 'transfer 9 2>&- >&-: ends with 1');
is( scalar(
		grep { /invalid frontend message/ }
		map  { $cluster->log_of($_, $from[$_]) } $cluster->ids),
	0,
	'... and no server has read any of it');

#
# Servers that hang or are gone
#

# A server that was asked before, and whose process hangs now: the next look
# does without it, and the one after that has a new connection.
($leader) = $cluster->wait_for_leader;
my $follower = ($leader + 1) % 3;
{
	my $seen = '';
	my $run  = IPC::Run::start(
		[
			'pg_leaderctl', 'status',      '--json', '--watch=0.2',
			'-t',           $node_timeout, "$all application_name=watcher"
		],
		'>',
		\$seen,
		IPC::Run::timeout(180, name => 'watch'));
	my $last_views = sub {
		my ($line) = $seen =~ /([^\n]*)\n[^\n]*\z/;
		return defined $line ? $json->decode($line)->{nodes} : [];
	};
	my $until = sub {
		my ($condition) = @_;
		$run->pump until $condition->($last_views->()) || !$run->pumpable;
	};

	$until->(sub { @{ $_[0] } });
	my $backend;
	$cluster->wait_for(
		sub {
			$backend = $cluster->value($follower,
				q{SELECT pid FROM pg_stat_activity WHERE application_name = 'watcher'}
			);
		},
		'a connection that is kept');
	kill 'STOP', $backend or die "could not stop process $backend: $!";
	my $message = '';
	$until->(
		sub {
			my ($node) = $_[0][$follower];
			$message = $node->{message} // ''
			  if $node->{view} eq 'unreachable';
			return $message ne '';
		});
	is( $message,
		"no answer within $node_timeout s",
		'status --watch: a process that hangs is not waited for');
	$until->(sub { $_[0][$follower]{view} ne 'unreachable' });
	isnt($last_views->()[$follower]{view},
		'unreachable', '... and has another connection the next time');
	kill 'CONT', $backend;

	# A connection that the server has ended is replaced at once.
	my $hung = $backend;
	$cluster->wait_for(
		sub {
			$backend = $cluster->value($follower,
					"SELECT pid FROM pg_stat_activity WHERE pid <> $hung"
				  . q{ AND application_name = 'watcher'});
		},
		'another connection that is kept');
	my $looks = $seen =~ tr/\n//;
	$cluster->ask($follower, "SELECT pg_terminate_backend($backend)");
	$cluster->wait_for(
		sub {
			$run->pump_nb;
			$cluster->value($follower,
				"SELECT count(*) FROM pg_stat_activity WHERE pid <> $backend"
				  . q{ AND application_name = 'watcher'}) > 0;
		},
		'yet another connection');
	my $later = $seen =~ tr/\n//;
	$until->(sub { ($seen =~ tr/\n//) > $later + 1 });
	my @lines = $seen =~ /^(.+)\n/mg;
	is( join(' ',
			grep  { !/agrees|differs/ }
			  map { $json->decode($_)->{nodes}[$follower]{view} }
			  @lines[ $looks .. $#lines ]),
		'',
		'status --watch: a connection that was ended is not missed');

	# And a server that is started anew is found again.
	$cluster->stop('fast', $follower);
	$until->(sub { $_[0][$follower]{view} eq 'unreachable' });
	$cluster->start($follower);
	$until->(sub { $_[0][$follower]{view} eq 'agrees' });
	is($last_views->()[$follower]{view},
		'agrees', 'status --watch: a server that was restarted is back');
	$run->kill_kill;
}

# One is frozen, with all of its processes that listen, and one is not there.
my $postmaster = $cluster->node($follower)->{_pid};
kill 'STOP', $postmaster or die "could not stop process $postmaster: $!";
my $five =
	"dbname=postgres host=$host,$host,$host,127.0.0.1,127.0.0.1"
  . " port=$ports,1,"
  . $silent->sockport;
my %expected = (
	(map { $_ => 'agrees' } $cluster->ids),
	$follower => 'UNREACHABLE',
	3         => 'UNREACHABLE',
	4         => 'UNREACHABLE');
($status, $out) = ctl_until(
	sub {
		my @views = map { $_->{view} } rows_of($_[1]);
		return "@views" eq join(' ', map { $expected{$_} } 0 .. 4);
	},
	'status',
	'-t',
	$node_timeout,
	$five);
is($status, 1, 'status: frozen and missing servers');
like(
	$out,
	qr/^Node \d leads in term \d+\. Of 5 servers, 2 agree, 3 are unreachable\.$/m,
	'... are counted');
is_deeply(
	[ map { $_->{note} } (rows_of($out))[ $follower, 3, 4 ] ],
	[
		"no connection within $node_timeout s",
		'Connection refused',
		"no connection within $node_timeout s"
	],
	'... and it is told why');
($status, $out) = ctl('peers', '-t', $node_timeout, $five);
is($status, 1, 'peers: frozen and missing servers');
like($out, qr/UNREACHABLE: no connection within/, '... are told');
($status) =
  ctl_until(sub { $_[0] == 0 }, 'leader', '-t', $node_timeout, $five);
is($status, 0, 'leader: the others tell');
($status) =
  ctl_until(sub { $_[0] == 0 }, 'is-leader', '-t', $node_timeout, $five);
is($status, 0, 'is-leader: one that is hung does not hide one that leads');
($status, $out, $err) =
  ctl('is-leader', '-t', $node_timeout, string_of($follower));
is("$status$out", '2', 'is-leader: cannot tell of a frozen server');
like($err, qr/no connection within $node_timeout s/, '... and says why');
($status) = ctl('wait', '--timeout=180', '-t', $node_timeout, $five);
is($status, 0, 'wait: the others suffice');
kill 'CONT', $postmaster;

# The leader is frozen: the others still name it, and it cannot be asked.
my ($acted, $waited);
with_leader(
	sub {
		my ($id) = @_;
		my $process = $cluster->node($id)->{_pid};
		kill 'STOP', $process or die "could not stop process $process: $!";
		$acted  = [ ctl('step-down', '-t', $node_timeout, $all) ];
		$waited = [ ctl('wait', '--timeout=0', '-t', $node_timeout, $all) ];
		kill 'CONT', $process;
	});
is("$acted->[0]$acted->[1]", '2', 'step-down: the leader cannot be asked');
like(
	$acted->[2],
	qr/no connection within $node_timeout s/,
	'... and it is told why');
unlike($acted->[2], qr/hint/, '... and there is nothing else to try');
is($waited->[0], 1,
	'wait: the word of others does not count for a leader that is silent');

# A leader whose lease has lapsed, as it could not prolong it, may not have
# found that out yet.
{
	my ($id) = $cluster->wait_for_leader;
	my $ticker = $cluster->status($id)->{ticker_pid};
	kill 'STOP', $ticker or die "could not stop process $ticker: $!";
	$cluster->wait_for(
		sub { $cluster->value($id, 'SELECT pg_leader_is_leader()') eq 'f' },
		"the lease of node $id to lapse");
	($status, $out) = ctl('is-leader', string_of($id));
	is($status, 1, 'is-leader: not without a lease');
	($status, $out) = ctl('leader', string_of($id));
	is("$status$out", '1', 'leader: nor is it printed');
	kill 'CONT', $ticker;
}

# A leader whose answer does not come: nobody knows what it has done.  It may
# have lost its lease before it is asked: then once more.
$cluster->wait_for(
	sub {
		my ($id) = $cluster->wait_for_leader;
		my $ticker = $cluster->status($id)->{ticker_pid};
		kill 'STOP', $ticker or die "could not stop process $ticker: $!";
		($status, $out, $err) =
		  ctl('step-down', '--timeout=1', string_of($id));
		kill 'CONT', $ticker;
		return $err =~ /no answer within 1 s/;
	},
	'a leader that does not act');
is("$status$out", '2', 'step-down: a leader that does not act');
like(
	$err,
	qr/detail: It may have been done nevertheless/,
	'... may do it later');

# What may have been done is not asked for once more when the connection is
# lost.
{
	my ($id, $run, $from);
	$cluster->wait_for(
		sub {
			($id) = $cluster->wait_for_leader;
			$from = $cluster->log_size($id);
			my $ticker = $cluster->status($id)->{ticker_pid};
			kill 'STOP', $ticker or die "could not stop process $ticker: $!";
			($out, $err) = ('', '');
			$run = IPC::Run::start(
				[
					'pg_leaderctl', 'step-down', '--timeout=60',
					string_of($id) . ' application_name=steps_down'
				],
				'>',
				\$out,
				'2>',
				\$err);
			my $ended;
			$cluster->wait_for(
				sub {
					$ended = $cluster->value(
						$id,
						q{SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
						  WHERE application_name = 'steps_down'
							AND state = 'active' AND query LIKE '%step_down%'}
					) > 0;
					return $ended || !$run->pumpable;
				},
				'a request that is not answered');
			kill 'CONT', $ticker if !$ended;
			$run->finish;

			# Its last message comes before the withdrawal.
			$cluster->wait_for(
				sub {
					0 == $cluster->value($id,
						q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'steps_down'}
					);
				},
				'the end of the backend');
			kill 'CONT', $ticker if $ended;
			return $ended;
		},
		'a request whose connection is lost');
	is($run->result, 2, 'step-down: the connection is lost');
	like(
		$err,
		qr/terminating connection due to administrator command\n.*nevertheless/,
		'... and it is told what that means');

	# The lost one was withdrawn; the server tells of those that it looked at.
	my $requests = () = $cluster->log_of($id, $from) =~
	  /node $id was asked .*application "steps_down"/g;
	is($requests, 0, '... but not tried again');
}

# Two of three are gone: no leader.
($leader) = $cluster->wait_for_leader;
my @gone = grep { $_ != $leader } $cluster->ids;
$cluster->stop('immediate', @gone);
($status, $out) = ctl('wait', '--for=no-leader', '--timeout=180', $all);
is("$status $out", "0 no node leads\n", 'wait: until there is no leader');
($status, $out, $err) = ctl('leader', $all);
is("$status $out", '1 ', 'leader: none');
like($err, qr/error: no node leads/, '... is told');
($status, $out) = ctl('status', $all);
is($status, 1, 'status: no leader');
like($out, qr/^No node leads\. Of 3 servers, 1 agrees, 2 are unreachable\.$/m,
	'... is told');
($status, $out) = ctl('leader', '--json', $all);
is_deeply(
	$json->decode($out),
	{ leader => undef, connection_string => undef },
	'leader --json: none');
($status, $out, $err) = ctl('transfer', $gone[0], string_of($leader));
is("$status$out", '1', 'transfer: nobody could hand over');
($status, $out, $err) = ctl('is-leader', $all);
is($status,           2, 'is-leader: those that are gone cannot deny it');
is(($err =~ tr/\n//), 2, '... a message for each');

#
# forget-state
#

($status, $out, $err) = ctl('forget-state', '--yes', string_of($leader));
is("$status$out", '1', 'forget-state: a node that has its state');
like($err, qr/has not lost its state/, '... has nothing to forget');
rmtree($cluster->state_directory($_)) foreach @gone;
$cluster->set($_, initial_state => 'existing') foreach @gone;
$cluster->start(@gone);
foreach my $id (@gone)
{
	$cluster->wait_for(
		sub { $cluster->status($id)->{standing} eq 'amnesiac' },
		"node $id to be amnesiac");
}
($status, $out) = ctl('status', string_of($gone[0]));
like($out, qr/\| amnesiac: /, 'status: a node has lost its state');
($status, $out) = ctl('forget-state', string_of($gone[0]));
is($status, 3, 'forget-state: only if it is meant');
is($cluster->status($gone[0])->{standing},
	'amnesiac', '... or nothing happens');
($status, $out) = ctl('forget-state', '--yes', string_of($gone[0]));
is($status, 0, 'forget-state');
like($out, qr/^\S+: the node takes part again in \d+ s at most$/,
	'... is told');
($status, $out) = ctl('forget-state', '--yes', '--json', string_of($gone[1]));
$answer = $json->decode($out);
ok($status == 0 && $answer->{done} && $answer->{takes_part_in} > 0,
	'forget-state --json');

$cluster->stop_all;
done_testing();
