# If this broke, pg_leaderctl would ask other servers than those that the
# scripts have started, or would run what a configuration file holds.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use JSON::PP;
use PgLeaderCtl;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $json    = JSON::PP->new->utf8;
my $scratch = PostgreSQL::Test::Utils::tempdir();
my $config  = "$scratch/pg_leader.config";
$ENV{PGCONNECT_TIMEOUT} = 60;

sub write_config
{
	my ($text) = @_;
	unlink $config;
	append_to_file($config, $text);
	return;
}

# Which servers a file names, though nobody listens there.
sub servers_of
{
	my ($text) = @_;
	write_config($text);
	my ($status, $out) = ctl('status', '--json', "--config=$config");
	return "exit status $status" if $status != 2;
	return join ' ',
	  map { "$_->{host}:$_->{port}" } @{ $json->decode($out)->{nodes} };
}

# Addresses to which nothing is routed but loopback, and paths where nothing is.
my $three = '127.0.0.11:1101, 127.0.0.12:1102, 127.0.0.13:1103';
my $rest =
  "N_NODES=3\nPGLD_PORT_START=1025\nPGLD_DB_PATHNAME_PREFIX=$scratch/node\n";
my $first = qq(IPv4_CLUSTER="$three"\n);
my $all   = '127.0.0.11:1025 127.0.0.12:1026 127.0.0.13:1027';

#
# What is understood
#

foreach my $case (
	[ 'as in the manual',      "$rest$first" ],
	[ 'single quotes',         "${rest}IPv4_CLUSTER='$three'\n" ],
	[ 'no newline at the end', "${rest}IPv4_CLUSTER='$three'" ],
	[ 'carriage returns',      "$rest$first" =~ s/\n/\r\n/gr ],
	[
		'blanks around',
		"$rest$first" =~ s/, / ,\t/gr =~ s/^/\t /gmr =~ s/$/ /gmr
	],
	[
		'comments',
		"# first\n\n  # second\n\t$rest$first # '\"\$`\\" =~ s/$/# third/gmr
	],
	[ 'the last one counts', "N_NODES=2\n$rest$first" ],
	[
		'other settings',
		"PGLD_ON_LEADER_CHANGE='echo \$(\"%l\") # `x`'\nPGLD_USER=\n$rest$first"
	])
{
	my ($name, $text) = @$case;
	is(servers_of($text), $all, "understood: $name");
}

# Nothing but sockets leads to nodes of the test stand.
my $sockets = join ' ', map { "$scratch/node$_.socket:544$_" } 0 .. 4;
is(servers_of("PGLD_DB_PATHNAME_PREFIX=$scratch/node"),
	$sockets, 'all defaults: the test stand');
is( servers_of(
		"PGLD_DB_PATHNAME_PREFIX=$scratch/node\nNETWORK=10.1.2\nIPv4_CLUSTER='"
		  . join(',', map { "10.1.2.1$_:740$_" } 0 .. 4) . "'"),
	$sockets,
	'the test stand in another network');
is( servers_of(
		slurp_file("$FindBin::RealBin/../config/pg_leader.config") =~
		  s/^(PGLD_DB_PATHNAME_PREFIX)=.*/$1='$scratch\/node'/mr),
	$sockets,
	'the file of the scripts is understood');
mkdir "$scratch/node3.socket";
is( servers_of(
		"$rest$first" =~ s/N_NODES=3/N_NODES=4/r =~ s/"$/, 127.0.0.14:1104"/mr
	),
	"$all $scratch/node3.socket:1028",
	'one node is on this host, the others are not');
rmdir "$scratch/node3.socket";

#
# What is not
#

my $line = 5;
my $form = qr/not of the form NAME=value/;
foreach my $case (
	[ 'PGLD_PORT_START=$(date)',  $line, qr/stand for themselves only/ ],
	[ 'PGLD_PORT_START=`echo 1`', $line, $form ],
	[ 'PGLD_PORT_START=`date`',   $line, qr/stand for themselves only/ ],
	[ 'PGLD_USER="$(echo 1)"',    $line, qr/stand for themselves only/ ],
	[ 'PGLD_USER=a\\b',           $line, qr/stand for themselves only/ ],
	[ "PGLD_USER=1; touch $scratch/ran", $line, $form ],
	[ "PGLD_USER=1 touch $scratch/ran",  $line, $form ],
	[ "touch $scratch/ran",              $line, $form ],
	[ 'export PGLD_USER=1',              $line, $form ],
	[ 'PGLD_USER =1',                    $line, $form ],
	[ '1PGLD_USER=1',                    $line, $form ],
	[ 'PGLD_USER+=1',                    $line, $form ],
	[ 'PGLD_USER="a',                    $line, $form ],
	[ 'PGLD_USER="a"b',                  $line, $form ],
	[ 'PGLD_USER=a"b"',                  $line, $form ],
	[ "\n\nN NODES=2",                   7,     $form ],
	[ 'N_NODE=2',    $line, qr/there is no setting "N_NODE"/ ],
	[ 'N_NODES=',    $line, qr/N_NODES is "", .* 1 to 128/ ],
	[ 'N_NODES=0',   $line, qr/N_NODES is "0"/ ],
	[ 'N_NODES=129', $line, qr/N_NODES is "129"/ ],
	[ 'N_NODES=3x',  $line, qr/N_NODES is "3x"/ ],
	[ 'N_NODES=99999999999999999999', $line, qr/N_NODES is "9+"/ ],
	[ 'N_NODES=4', 4, qr/has 3 addresses, but N_NODES is 4/ ],
	[ 'N_NODES=2', 4, qr/has 3 addresses, but N_NODES is 2/ ],
	[
		'PGLD_PORT_START=1023', $line,
		qr/PGLD_PORT_START is .* 1024 to 49149/
	],
	[
		'PGLD_PORT_START=49150', $line,
		qr/PGLD_PORT_START is .* 1024 to 49149/
	],
	[ 'PGLD_DB_PATHNAME_PREFIX=n', $line, qr/has to be an absolute path/ ],
	[ 'IPv4_CLUSTER="127.0.0.1:7400,"', $line, qr/has "" for node 1/ ],
	[
		'IPv4_CLUSTER="db0:7400, b:7401"',
		$line,
		qr/has "db0:7400" for node 0/
	],
	[ 'IPv4_CLUSTER=127.0.0.1',       $line, qr/has "127.0.0.1" for node 0/ ],
	[ 'IPv4_CLUSTER=127.0.0.1:49152', $line, qr/has ".*49152" for node 0/ ],
	[ 'IPv4_CLUSTER=127.0.1:7400', $line, qr/has "127.0.1:7400" for node 0/ ])
{
	my ($text, $where, $why) = @$case;
	write_config("$rest$first$text\n");
	my ($status, $out, $err) = ctl('is-leader', '--config', $config);
	ok( $status == 3
		  && $out eq ''
		  && $err =~ /configuration file "\Q$config\E", line $where: /
		  && $err =~ $why,
		'not understood: ' . $text =~ s/\n/\\n/gr);
}
ok(!-e "$scratch/ran", 'nothing was run');

write_config("NETWORK=192.168\n");
my ($status, $out, $err) = ctl('is-leader', '--config', $config);
ok($status == 3 && $err =~ /NETWORK is "192.168", but/,
	'not understood: a network that is none');
($status, $out, $err) = ctl('is-leader', '--config', "$scratch/none");
ok( $status == 3
	  && $err =~ /could not open configuration file ".*none": No such file/,
	'a file that is not there');
($status, $out, $err) = ctl('is-leader', '--config', $scratch);
ok($status == 3 && $err =~ /could not read configuration file/,
	'a directory');
write_config("A=\0\n$rest$first");
($status, $out, $err) = ctl('is-leader', '--config', $config);
ok($status == 3 && $err =~ /this is no text/, 'not a text');

write_config("$rest$first");
foreach my $also ([ '-h', 'db0' ], [ '-p', '5432' ], ['hostaddr=127.0.0.1'])
{
	($status, $out, $err) = ctl('is-leader', "--config=$config", @$also);
	ok($status == 3 && $err =~ /hosts and ports cannot be given/,
		"refused beside a file: @$also");
}

#
# A cluster that a script has started
#

write_config(<<"END");
N_NODES=1
IPv4_CLUSTER=127.0.0.1:${\PostgreSQL::Test::Cluster::get_free_port()}
PGLD_PORT_START=${\PostgreSQL::Test::Cluster::get_free_port()}
PGLD_DB_PATHNAME_PREFIX=$scratch/node
END
local $ENV{PGLD_CONFIG} = $config;
system_or_bail("$FindBin::RealBin/../script/nodelaunch.sh", '0');
local $ENV{PGHOST} = '/nowhere';
local $ENV{PGPORT} = '1';
delete local @ENV{qw(PGDATABASE PGUSER)};
($status, $out) = ctl('wait', '--timeout=180', "--config=$config");
is($status, 0, 'a cluster that a script has started');
($status, $out) = ctl('status', "--config=$config");
like(
	$out,
	qr/Node 0 leads in term \d+\. Of 1 server, 1 agrees\./,
	'... is seen, whatever the environment names');
($status, $out) = ctl('leader', "--config=$config");
like(
	$out,
	qr{^host=\Q$scratch\E/node0\.socket port=\d+ user=postgres dbname=postgres$},
	'... as the scripts\' user in their database');
($status, $out, $err) =
  ctl('is-leader', "--config=$config", '-d', 'template1', '-U', 'postgres');
like($err, qr/not installed in database "template1"/,
	'... or in another one');
{
	local $ENV{PGDATABASE} = 'template1';
	local $ENV{PGUSER}     = 'somebody';
	($status, $out, $err) = ctl('is-leader', "--config=$config");
	like(
		$err,
		qr/role "somebody" does not exist|not installed in database "template1"/,
		'... or as the environment says');
}

done_testing();

END
{
	my $exit = $?;
	system('pg_ctl', '-s', '-m', 'immediate', '-D', "$scratch/node0", 'stop')
	  if -e "$scratch/node0/postmaster.pid";
	$? = $exit;
}
