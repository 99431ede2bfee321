# If this broke, a hook that users copy from the manual would promote a node
# that does not lead, leave an address on two nodes, or lead clients astray.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PgLeaderHook;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $examples = "$FindBin::RealBin/../script/hooks";

# Runs an example as the hook runner would, told these things; returns its exit
# status and what it says.
sub run_example
{
	my ($command, %told) = @_;
	my $environment = join ' ', map { "PG_LEADER_$_='$told{$_}'" } keys %told;
	my $said        = `$environment $examples/$command 2>&1`;
	return ($? >> 8, $said);
}

#
# Promote the standby of the node that becomes leader
#

# The primary never leads, until it is let.
my $states  = PostgreSQL::Test::Utils::tempdir();
my $cluster = PgLeaderCluster->new(
	nodes         => 3,
	streaming     => 1,
	node_settings => {
		map {
			$_ => {
				priority         => $_ == 0 ? 0 : 100,
				state_directory  => "$states/$_",
				on_leader_change => "$examples/promote_standby.sh postgres"
			}
		} 0 .. 2
	});
$cluster->start(0);
foreach my $id (1, 2)
{
	my $standby = PostgreSQL::Test::Cluster->new("standby$id");
	$cluster->node(0)->backup("for_$id");
	$standby->init_from_backup($cluster->node(0), "for_$id",
		has_streaming => 1);
	$cluster->adopt($id, $standby);
	$cluster->configure($id);
}
$cluster->start(1, 2);
$cluster->wait_for(
	sub {
		grep { $cluster->value($_, 'SELECT pg_is_in_recovery()') eq 'f' } 1,
		  2;
	},
	'a standby that became leader to be promoted');
my ($promoted, @both) =
  grep { $cluster->value($_, 'SELECT pg_is_in_recovery()') eq 'f' } 1, 2;
$cluster->wait_for_log($promoted,
	qr/pg_leader hook \d+: promoted, as leader in term \d+\n/);
is($cluster->value($promoted, 'SELECT pg_is_in_recovery()'),
	'f', 'promote: the standby that became leader is a primary');
my $standby = 3 - $promoted;

# The other one was told of the same leader, and is a standby still, unless it
# has been the leader itself meanwhile.
unlike(
	$cluster->log_of(0),
	qr/hook \d+: promoted/,
	'promote: nobody who has not led is promoted');

# What the hook was told is history.
my $before = $cluster->node($standby);
local $ENV{PGHOST} = $before->host;
local $ENV{PGPORT} = $before->port;
SKIP:
{
	skip 'the other standby has led, too', 3 if @both;
	my ($status, $said) = run_example(
		'promote_standby.sh postgres',
		IS_LEADER => 'true',
		TERM      => 1_000_000);
	is($status, 1, 'promote: a term that is over is refused');
	is( $said,
		"not promoted: this node is not the leader in term 1000000 any more\n",
		'promote: with the reason');
	is($cluster->value($standby, 'SELECT pg_is_in_recovery()'),
		't', 'promote: and the standby stays one');
}
my ($status, $said) =
  run_example('promote_standby.sh', IS_LEADER => 'false', TERM => 1);
is("$status $said", '0 ', 'promote: a node that does not lead does nothing');

# A primary becomes the leader.
$cluster->set(0, priority => 100);
$cluster->node(0)->reload;
my $from = $cluster->log_size(0);
$cluster->wait_for(
	sub {
		my ($leader) = $cluster->wait_for_leader;
		return 1 if $leader == 0;
		$cluster->session($leader)->query('SELECT pg_leader_transfer(0)');
		return 0;
	},
	'the primary to lead');
$cluster->wait_for_log(
	0,
	qr/pg_leader hook \d+: not promoted: this server is not a standby, but a primary already\n/,
	$from);
$cluster->wait_for_log(0, qr/pg_leader hook \d+ \(leader 0, .*\) failed/,
	$from);
pass('promote: a primary is not promoted, and the log says why');
$cluster->stop('fast', $standby, $promoted, 0);

#
# The address is where the leader is.  The programs are stand-ins that keep the
# addresses of each node in a file.
#

my $addresses = PgLeaderCluster->new(nodes => 3);
my $hook      = PgLeaderHook->new($addresses);
my $programs  = $hook->path('bin');
mkdir $programs or die "could not make \"$programs\": $!";
$hook->write_script('bin/ip', <<'SCRIPT');
touch $STATE
case "$1 $2 $3" in
	'-o address show') grep -F " $7/" $STATE || true ;;
	'address add '*) grep -qF " $3 " $STATE && exit 2; echo "$5 $3 " >>$STATE ;;
	'address delete '*) grep -qF " $3 " $STATE || exit 2; grep -vF " $3 " $STATE >$STATE.new; mv $STATE.new $STATE ;;
	*) echo "ip: $*"; exit 2 ;;
esac
SCRIPT
$hook->write_script('bin/arping', "echo \"\$*\" >>\$STATE.arping\n");
rename "$programs/$_.sh", "$programs/$_"
  or die "could not rename \"$_\": $!"
  foreach qw(ip arping);

sub state_of_addresses
{
	my ($id) = @_;
	my $path = $hook->path("addresses.$id");
	return -e $path ? slurp_file($path) : '';
}

sub wait_for_address
{
	return @{
		$addresses->wait_for(
			sub {
				my ($leader, $term) = $addresses->wait_for_leader;
				foreach my $id ($addresses->ids)
				{
					my $wanted =
					  $id == $leader ? "eth0 192.0.2.10/24 \n" : '';
					return 0 if state_of_addresses($id) ne $wanted;
				}
				return [ $leader, $term ];
			},
			'the address to be on the leader, and nowhere else')
	};
}

$addresses->set($_,
		on_leader_change => "PATH=$programs:\$PATH STATE="
	  . $hook->path("addresses.$_")
	  . " $examples/virtual_ip.sh 192.0.2.10/24 eth0")
  foreach $addresses->ids;
$addresses->start_all;
my ($leader, $term) = wait_for_address();
my $announced = $hook->path("addresses.$leader.arping");
$addresses->wait_for(
	sub {
		-e $announced
		  && slurp_file($announced) =~ /^-q -c 2 -U -I eth0 192\.0\.2\.10$/m;
	},
	'the neighbours to be told of the address');
$addresses->session($leader)->query('SELECT pg_leader_step_down()');
$addresses->wait_for_leader(above => $term);
($leader, $term) = wait_for_address();
pass('address: it moves to the next leader');
$addresses->wait_for_log($leader,
	qr/pg_leader hook \d+: took 192\.0\.2\.10\/24 on eth0, as leader in term \d+\n/
);
unlike(
	$addresses->log_of($_),
	qr/pg_leader hook .* failed/,
	"address: no hook of node $_ fails") foreach $addresses->ids;

# The majority is lost: nobody leads, nobody has it.
my @others = grep { $_ != $leader } $addresses->ids;
$addresses->stop('immediate', @others);
$addresses->wait_for(sub { state_of_addresses($leader) eq '' },
	'the address to be given up');
$addresses->wait_for_log($leader,
	qr/pg_leader hook \d+: gave up 192\.0\.2\.10\/24 on eth0: /);
pass('address: a leader that has lost its majority gives it up');

#
# The same with the real program, where the test may make a network of its own
#

SKIP:
{
	my $alone = 'unshare --user --map-root-user --net';
	skip 'no network of its own, or no iproute2', 5
	  if system("$alone ip link set lo up >/dev/null 2>&1") != 0;

	my $script = $hook->write_script('real', <<SCRIPT);
set -e
ip link set lo up
look() { ip -o address show dev lo to 192.0.2.10 | grep -c . || true; }
export PG_LEADER_TERM=7 PG_LEADER_REASON=tried
for is_leader in true true false false; do
	PG_LEADER_IS_LEADER=\$is_leader $examples/virtual_ip.sh 192.0.2.10/32 lo >&2
	look
done
PG_LEADER_IS_LEADER=false $examples/virtual_ip.sh 192.0.2.10/32 none || echo "status \$?"
SCRIPT
	my @seen = split /\n/, `$alone $script 2>/dev/null`;
	is($seen[0], 1, 'real address: the leader takes it');
	is($seen[1], 1, 'real address: a repetition does no harm');
	is($seen[2], 0, 'real address: others give it up');
	is($seen[3], 0, 'real address: likewise');
	is($seen[-1], 'status 1',
		'real address: that there is no such device is a failure');
}

#
# A proxy is led to the leader
#

$addresses->start(@others);
my $proxy = $addresses->ids - 1;
my ($bouncer, $haproxy) = map { $hook->path($_) } 'databases.ini',
  'leader.cfg';
my $reloaded =
  $hook->write_script('reload', "echo now >>\@directory\@/reloaded\n");
$hook->change($proxy,
	on_leader_change =>
	  "$examples/proxy_target.sh pgbouncer $bouncer $reloaded &&"
	  . " $examples/proxy_target.sh haproxy $haproxy $reloaded");
($leader, $term) = $addresses->wait_for_leader;
$addresses->wait_for(
	sub {
		my ($leader) = $addresses->wait_for_leader;
		return 1 if -e $haproxy;
		$addresses->session($leader)->query('SELECT pg_leader_step_down()');
		return 0;
	},
	'the proxy to be told');

my $port;
$addresses->wait_for(
	sub {
		($leader, $term) = $addresses->wait_for_leader;
		$port = $addresses->node($leader)->port;
		return slurp_file($bouncer) =~ /term $term,/
		  && slurp_file($haproxy)   =~ /term $term,/;
	},
	'the proxies to be led to the leader');
is( slurp_file($bouncer),
	"; leader of term $term, written by proxy_target.sh\n"
	  . "[databases]\n* = host=127.0.0.1 port=$port\n",
	'proxy: PgBouncer');
is( slurp_file($haproxy),
	"# leader of term $term, written by proxy_target.sh\n"
	  . "backend postgresql_leader\n\tserver node$leader 127.0.0.1:$port\n",
	'proxy: HAProxy');
cmp_ok(slurp_file($hook->path('reloaded')) =~ tr/\n//,
	'>=', 2, 'proxy: it is told to read the file');

# Without a leader, and with a port that is not known; a proxy that refuses.
my $written = slurp_file($bouncer);
my %none = (TERM => 9, LEADER_ID => -1, LEADER_HOST => '', LEADER_PORT => 0);
($status, $said) =
  run_example("proxy_target.sh pgbouncer $bouncer false", %none);
is("$status $said",      '0 ',     'proxy: without a leader nothing happens');
is(slurp_file($bouncer), $written, 'proxy: the file stays');
($status, $said) = run_example(
	"proxy_target.sh pgbouncer $bouncer false",
	%none,
	LEADER_ID   => 1,
	LEADER_HOST => 'here');
is($status, 1, 'proxy: a port that is not known is a failure');
($status, $said) = run_example(
	"proxy_target.sh haproxy $haproxy false",
	%none,
	LEADER_ID   => 1,
	LEADER_HOST => '2001:db8::1',
	LEADER_PORT => 5432);
is($status, 1, 'proxy: so is one that does not read the file');
like(
	slurp_file($haproxy),
	qr/server node1 \[2001:db8::1\]:5432$/m,
	'proxy: an IPv6 address has brackets');

$addresses->stop_all;
done_testing();
