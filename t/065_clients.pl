# If this broke, who follows docs/clients.md would send clients to a server that
# does not lead, or let a former leader write.

use strict;
use warnings;

use Fcntl qw(O_NONBLOCK O_WRONLY);
use FindBin;
use lib $FindBin::RealBin;
use IPC::Run;
use PgLeaderCluster;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top      = "$FindBin::RealBin/..";
my $document = slurp_file("$top/docs/clients.md");
my $scratch  = PostgreSQL::Test::Utils::tempdir();

# What the document shows, in order, by language; without the indentation.
my %blocks;
while ($document =~ /^( *)```(\w*)\n(.*?)^\1```$/gms)
{
	my ($indentation, $language, $text) = ($1, $2, $3);
	$text =~ s/^$indentation//mg;
	push @{ $blocks{$language} }, $text;
}
is_deeply(
	{ map { ($_ || 'session') => scalar @{ $blocks{$_} } } keys %blocks },
	{ session => 1, haproxy => 1, sql => 2, crontab => 1, bash => 1 },
	'what the document shows is tested here');
my ($session)       = @{ $blocks{''} };
my ($configuration) = @{ $blocks{haproxy} };
my ($create_role, $create_fence) = @{ $blocks{sql} };
my ($crontab)     = @{ $blocks{crontab} };
my ($application) = @{ $blocks{bash} };

# Puts what is true here in place of the document's examples.
sub adapted
{
	my ($text, %here) = @_;
	foreach my $example (sort { length $b <=> length $a } keys %here)
	{
		$text =~ s/\Q$example\E/$here{$example}/g
		  or die "the document has no \"$example\" any more";
	}
	return $text;
}

# Exit status, output and messages of a command of the shell's.
sub shell
{
	my ($command, @redirections) = @_;
	my ($out,     $err)          = ('', '');
	IPC::Run::run([ 'bash', '-c', $command ],
		'<', \undef, '>', \$out, '2>', \$err, @redirections,
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	note "$command\nexit status ", $? >> 8, "\n", $out, $err;
	die "ended by a signal: $command" if $? & 127;
	return ($? >> 8, $out, $err);
}

my $cluster =
  PgLeaderCluster->new(nodes => 3, conf => "listen_addresses = '127.0.0.1'");
$cluster->start_all;
$cluster->wait_for_leader;
$ENV{PGCONNECT_TIMEOUT} = 60;

my @directories = map { $cluster->node($_)->host } $cluster->ids;
my @ports       = map { $cluster->node($_)->port } $cluster->ids;

# Makes a node lead.  Another election may come in between, at any time.
sub make_lead
{
	my ($id) = @_;
	my $term;

	$cluster->wait_for(
		sub {
			(my $leader, $term) = $cluster->wait_for_leader;
			return 1 if $leader == $id;
			$cluster->session($leader)
			  ->query("SELECT pg_leader_transfer($id)");
			return 0;
		},
		"node $id to lead");
	return $term;
}

# Does something while a node leads; again, if another has led meanwhile.
sub while_leading
{
	my ($id, $deed) = @_;

	$cluster->wait_for(
		sub {
			my $term = make_lead($id);
			$deed->();
			my ($later_id, $later_term) = $cluster->wait_for_leader;
			return $later_term == $term;
		},
		"node $id to lead for a while");
	return;
}

#
# target_session_attrs
#

my $hosts    = join(',', @directories) . ' port=' . join(',', @ports);
my @commands = $session =~ /^\$ (.*)$/mg;
my @expected = $session =~ /^([^\$].*)$/mg;
is(scalar(@commands), 2, 'two commands');
foreach my $i (0, 1)
{
	my $out;
	while_leading(
		2,
		sub {
			(undef, $out) =
			  shell(adapted($commands[$i], 'db0,db1,db2' => $hosts));
		});
	is($out, "$expected[$i]\n", "as documented: $commands[$i]");
}

#
# HAProxy
#

foreach my $id ($cluster->ids)
{
	$cluster->ask($id, $create_role);
}
my $check = "$top/script/health/haproxy_external_check.sh";

# As HAProxy calls it: with its own environment, and PATH.
sub check
{
	my ($id) = @_;
	return shell("env -i PATH='$ENV{PATH}' HAPROXY_SERVER_NAME=node$id"
		  . " PG_LEADER_CHECK_SECONDS=60"
		  . " $check 127.0.0.1 5000 127.0.0.1 $ports[$id]");
}
foreach my $id ($cluster->ids)
{
	my ($status, $out, $err);
	while_leading(1, sub { ($status, $out, $err) = check($id); });
	is("$status$out$err", $id == 1 ? '0' : '1', "check of node $id");
}
my ($status, $out, $err) = shell("$check 127.0.0.1 5000");
is($status, 3, 'check: wrong usage');
like($err, qr/^usage: /, '... is told');

# A server that hangs, one that is not there, and one that cannot tell
$cluster->freeze(0);
($status) = shell("PG_LEADER_CHECK_SECONDS=1 $check - - 127.0.0.1 $ports[0]");
is($status, 2, 'check: a frozen server');
$cluster->thaw(0);
($status) = shell("$check - - 127.0.0.1 1");
is($status, 2, 'check: no server');

my ($haproxy) =
  grep { -x } map { "$_/haproxy" } split(/:/, $ENV{PATH}), '/usr/sbin',
  '/usr/local/sbin';
SKIP:
{
	skip 'haproxy is not installed', 5 unless defined $haproxy;

	my $listen = PostgreSQL::Test::Cluster::get_free_port();

	# Checks must not fail because the machine is busy.
	my %here = (
		'bind *:5000'                         => "bind 127.0.0.1:$listen",
		'/usr/lib/postgresql/15/bin:/usr/bin' => $ENV{PATH},
		'/usr/local/share/pg_leader/haproxy_external_check.sh' =>
		  "$scratch/check.sh",
		'inter 2s' => 'inter 200ms',
		map { ("db$_:5432" => "127.0.0.1:$ports[$_]") } $cluster->ids);
	my $script = slurp_file($check);
	$script =~ s/PG_LEADER_CHECK_SECONDS-1/PG_LEADER_CHECK_SECONDS-60/
	  or die 'the script has no limit';
	append_to_file("$scratch/check.sh", $script);
	chmod 0755, "$scratch/check.sh";

	my $adapted = adapted($configuration, %here) =~
	  s/^defaults$/defaults\n    timeout check 60s/mr;
	append_to_file("$scratch/haproxy.cfg", $adapted);
	($status, $out, $err) = shell("$haproxy -c -f $scratch/haproxy.cfg");
	is($status, 0, 'haproxy: the configuration is valid') or diag $out, $err;

	my $log = "$scratch/haproxy.log";
	my $proxy =
	  IPC::Run::start([ $haproxy, '-db', '-f', "$scratch/haproxy.cfg" ],
		'<', \undef, '>', $log, '2>&1');
	my $asked = sub {
		my ($port) = @_;
		my (undef, $answer) =
		  shell("psql -XAtq -d 'host=127.0.0.1 port=$port dbname=postgres"
			  . " connect_timeout=5' -c"
			  . " 'SELECT pg_leader_node_id()'");
		chomp $answer;
		return $answer;
	};
	foreach my $id (2, 0)
	{
		my $answer;
		while_leading(
			$id,
			sub {
				$cluster->wait_for(
					sub {
						$answer = $asked->($listen);
						return $answer eq $id
						  || ($cluster->wait_for_leader)[0] != $id;
					},
					"haproxy to lead to node $id");
			});
		is($answer, $id, "haproxy: leads to node $id, the leader");
	}

	# A connection to a leader that is deposed is closed.
	my $kept = IPC::Run::start(
		[
			'psql', '-XAtq',
			'-d',   "host=127.0.0.1 port=$listen dbname=postgres",
			'-c',   'SELECT pg_sleep(3600)'
		],
		'<',
		\undef,
		'>',
		\my $kept_out,
		'2>',
		\my $kept_err);
	$cluster->wait_for(
		sub {
			grep {
				$cluster->value(
					$_,
					q{SELECT count(*) FROM pg_stat_activity
					  WHERE query = 'SELECT pg_sleep(3600)'})
			} $cluster->ids;
		},
		'a connection by the proxy');
	$cluster->wait_for(
		sub {
			my ($leader) = $cluster->wait_for_leader;
			$cluster->session($leader)->query('SELECT pg_leader_step_down()')
			  if $kept->pumpable;
			$kept->pump_nb;
			return !$kept->pumpable;
		},
		'the connection to be closed');
	$kept->finish;
	like(
		$kept_err,
		qr/server closed the connection unexpectedly/,
		'haproxy: closes connections to a former leader');
	$proxy->signal('TERM');
	$proxy->finish;

	# What it is not to be mistaken for
	my $living = PostgreSQL::Test::Cluster::get_free_port();
	append_to_file("$scratch/living.cfg",
		$adapted =~ s/bind \S+/bind 127.0.0.1:$living/r =~
		  s/^ *option external-check\n.*\n.*$/    option pgsql-check user leader_check/mr
	);
	$proxy = IPC::Run::start([ $haproxy, '-db', '-f', "$scratch/living.cfg" ],
		'<', \undef, '>>', $log, '2>&1');
	my %reached;
	$cluster->wait_for(
		sub {
			$reached{ $asked->($living) }++;
			return 3 == grep { /^\d$/ } keys %reached;
		},
		'every node to be reached');
	is(join(' ', sort grep { $_ ne '' } keys %reached),
		'0 1 2', 'haproxy: pgsql-check leads to all that live');
	$proxy->signal('TERM');
	$proxy->finish;
}

#
# A job on the leader only
#

# As cron calls it: with what the crontab says of the environment, and no more.
my ($environment, $job) = $crontab =~ /\A(.*)^0 \* \* \* \* (.*)$/ms
  or die 'no line of a crontab';
my ($programs) = grep { -x "$_/pg_leaderctl" } split /:/, $ENV{PATH};
foreach my $id ($cluster->ids)
{
	while_leading(
		1,
		sub {
			($status, $out, $err) = shell(
				"PATH=/usr/bin:/bin; export PGPORT=$ports[$id]; "
				  . adapted(
					"$environment$job",
					'/usr/lib/postgresql/15/bin'   => $programs,
					'/var/run/postgresql'          => $directories[$id],
					'/usr/local/bin/send-invoices' => 'echo sent'));
		});
	is("$out$err", $id == 1 ? "sent\n" : '', "a job on node $id");
}

#
# The fencing token
#

# The place where all leaders meet: a database that is none of theirs by right.
my $invoices = 'invoices';
$cluster->node(0)->safe_psql('postgres', "CREATE DATABASE $invoices");
$cluster->node(0)->safe_psql($invoices,  $create_fence);
my $there = "host=$directories[0] port=$ports[0] dbname=$invoices";

# The application of a node; what comes between question and write may be given.
sub application_of
{
	my ($id, $between) = @_;
	my $pause  = qr/^# \.\.\. what takes a while, .*$/m;
	my $script = adapted(
		$application,
		'/var/run/postgresql' => "$directories[$id] -p $ports[$id]",
		'host=invoices.example.net dbname=invoices' => $there);

	$script =~ s/$pause/$between/
	  or die 'the application does nothing'
	  if defined $between;
	return $script;
}

sub invoices
{
	return $cluster->node(0)
	  ->safe_psql($invoices, 'SELECT count(*) FROM invoices');
}

my $before = 0;
while_leading(
	1,
	sub {
		$before = invoices();
		($status, $out, $err) = shell(application_of(1));
	});
is($status,    0,           'the leader writes') or diag $err;
is(invoices(), $before + 1, '... an invoice');
while_leading(
	1,
	sub {
		$before = invoices();
		($status, $out, $err) = shell(application_of(2));
	});
is("$status$out$err", '0',     'a follower does nothing');
is(invoices(),        $before, '... and writes nothing');

# A leader that takes a while, in which another one is elected and writes: it
# waits for somebody who opens a pipe.
my ($successor_status, $late_status);
POSIX::mkfifo("$scratch/pipe", 0600) or die "could not make a pipe: $!";
$cluster->wait_for(
	sub {
		make_lead(1);
		my $late = IPC::Run::start(
			[
				'bash', '-c',
				application_of(1, "read -r < $scratch/pipe || :")
			],
			'<',
			\undef,
			'>',
			\$out,
			'2>',
			\$err);
		my $pipe;
		$cluster->wait_for(
			sub {
				$late->pump_nb;
				return !$late->pumpable
				  || sysopen $pipe, "$scratch/pipe", O_WRONLY | O_NONBLOCK;
			},
			'the application to begin');
		make_lead(2);
		$before = invoices();
		($successor_status) = shell(application_of(2));
		my $after = invoices();
		close $pipe if defined $pipe;
		$late->finish;
		$late_status = $late->result;
		note $out, $err;

		# Each must have led when it asked.
		return defined $pipe && $after == $before + 1;
	},
	'a leader that was deposed meanwhile');
is($successor_status, 0, 'its successor writes');
is($late_status,      3, 'a former leader is refused');
like(
	$err,
	qr/fencing token \d+ of "invoices" is too old/,
	'... by the resource');
is(invoices(), $before + 1, '... and has written nothing');

# Two questions instead of one: the second answer is of another leadership.
my ($is_leader, $term, $new_term, $token);
$cluster->wait_for(
	sub {
		my $old_term = make_lead(1);
		$is_leader = $cluster->value(1, 'SELECT pg_leader_is_leader()');
		$new_term  = make_lead(2);
		$cluster->wait_for(
			sub { $cluster->value(1, 'SELECT pg_leader_term()') > $old_term },
			'node 1 to know the next term');
		($term, $token) = @{
			$cluster->ask(1,
				'SELECT pg_leader_term(), pg_leader_fencing_token()')->[0]
		};
		return $is_leader eq 't' && $term == $new_term;
	},
	'two answers of two leaderships');
is($term, $new_term,
	'is_leader, then term: a former leader has its successor\'s term');
is($token, undef, '... but not its token');

# Without a token nobody passes; and two of one leader at once do.
my $resource = $cluster->node(0);
isnt($resource->psql($invoices, q{SELECT pass_fence('invoices', NULL)}),
	0, 'no token is refused');
my ($one, $two) = map {
	PgLeaderSession->new(
		host     => $directories[0],
		port     => $ports[0],
		database => $invoices)
} 1, 2;
my $greatest =
  $resource->safe_psql($invoices, 'SELECT max(token) FROM fence') + 1000;
foreach my $transaction ($one, $two)
{
	$transaction->query('BEGIN') or die $transaction->error;
	$transaction->query("SELECT pass_fence('invoices', $greatest)")
	  or die $transaction->error
	  if $transaction == $one;
}
$one->query('COMMIT') or die $one->error;
$one->query('BEGIN')  or die $one->error;
foreach my $transaction ($one, $two)
{
	$transaction->query("SET statement_timeout = '60s'")
	  or die $transaction->error;
	ok($transaction->query("SELECT pass_fence('invoices', $greatest)"),
		'two transactions of one leader pass')
	  or diag $transaction->error;
}

# A new leader waits for what has passed before it.
my $new     = $greatest + 1;
my $waiting = IPC::Run::start(
	[
		'psql', '-XAtq', '-d', $there, '-c',
		"SELECT pass_fence('invoices', $new)"
	],
	'<',
	\undef,
	'>',
	\my $new_out,
	'2>',
	\my $new_err);
$cluster->wait_for(
	sub {
		$cluster->value(
			0,
			q{SELECT count(*) FROM pg_stat_activity
			  WHERE wait_event_type = 'Lock' AND query LIKE '%pass_fence%'});
	},
	'a new leader to wait');
ok($_->query('COMMIT'), 'what has passed is committed') foreach $one, $two;
ok($waiting->finish, '... and then the new leader passes')
  or diag $new_err;
ok(!$one->query("SELECT pass_fence('invoices', $greatest)"),
	'... and the old one does not any more');
is($one->sqlstate, '55000', '... as it can tell by the SQLSTATE');
$_->close foreach $one, $two;

$cluster->stop_all;
done_testing();
