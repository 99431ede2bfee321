# If this broke, the test stand would collide with what the machine has, touch
# rules of somebody else, or leave namespaces and interfaces behind.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PgLeaderStand;
use Test::More;

plan skip_all => PgLeaderStand::reason_to_skip()
  if PgLeaderStand::reason_to_skip();

my $stand = PgLeaderStand->new(nodes => 3);
my ($status, $output, $errors);

# One line says why, and nothing was made.
sub is_refused
{
	my ($name, $pattern, @arguments) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $before = $stand->leftovers;

	($status, $output, $errors) = $stand->net_init(@arguments);
	is($status, 1, "$name: refused");
	like($errors, qr/\A[^\n]*$pattern[^\n]*\n\z/, "$name: one line says why");
	is($stand->leftovers, $before, "$name: nothing has changed");
	return;
}

# A program of this name comes first, and does this.
sub with_program
{
	my ($name, $does, $code) = @_;
	my $folder = "$stand->{folder}/bin";

	mkdir $folder;
	open my $file, '>', "$folder/$name" or die $!;
	print $file "#!/bin/bash\n$does\n";
	close $file;
	chmod 0755, "$folder/$name";
	local $ENV{PATH} = "$folder:$ENV{PATH}";
	$code->();
	unlink "$folder/$name";
	return;
}

#
# Mistakes
#

is($stand->leftovers, '', 'nothing is here before');
$stand->refuses('status', 'no stand yet', 'make it with .*net_init.sh');
($status, $output) = $stand->net_init('--down');
is($status, 0, 'there is nothing to take down');
like($output, qr/There is no test stand/, 'and that is said');
is(($stand->net_init('up'))[0], 2, 'no such argument');

$stand->configure(IPv4_CLUSTER =>
	  '192.168.10.10:7400, 192.168.11.11:7400, 192.168.10.12:7400');
is_refused(
	'an address that is not the stand\'s',
	'node 1: IPv4_CLUSTER has 192.168.11.11, NETWORK makes it 192.168.10.11');
$stand->configure(NETWORK => '10.1.2');
is(($stand->net_init)[0], 0, 'another network');
like(
	`ip -n pgld2 -o address show dev eth0`,
	qr/ 10\.1\.2\.12\/24 /,
	'the nodes have its addresses');
$stand->down;
$stand->configure;

system 'ip link add name pgld1 type bridge';
is_refused('a name that an interface has', 'interface "pgld1" already');
system 'ip link delete dev pgld1';
system 'ip link add name pgldbr type bridge';
is_refused('a name that a bridge has', 'interface "pgldbr" already');
is_refused('it is not taken down', 'not the bridge of a test stand',
	'--down');
system 'ip link delete dev pgldbr';
system 'ip netns add pgld0';
is_refused('a name that a namespace has', 'namespace "pgld0" already');
system 'ip netns delete pgld0';
system 'ebtables -N pgldbr';
is_refused('a name that a chain has', 'chain "pgldbr" already');
system 'ebtables -X pgldbr';

with_program(
	'ebtables',
	q{[ "$1" != -V ] || { echo 'ebtables v2.0.11 (legacy)'; exit; };
		echo "The kernel doesn't support the ebtables 'filter' table." >&2; exit 255},
	sub {
		is_refused('ebtables of the older kind',
			q{The kernel doesn't.*Debian has it in the package iptables});
	});
with_program(
	'ebtables',
	q{[ "$1" != -V ] || { echo 'ebtables 1.8.9 (nf_tables)'; exit; };
		echo 'Could not fetch rule set generation id' >&2; exit 4},
	sub {
		is_refused('ebtables of the newer kind',
			q{Could not fetch.*Debian has it in the package ebtables});
	});
with_program(
	'unshare',
	'echo "Operation not permitted" >&2; exit 1',
	sub { is_refused('no namespaces', 'no network namespaces') });
with_program('id', 'echo 1000',
	sub { is_refused('not root', 'run this as root') });

# A firewall for hosts that sees the bridge's packets, too.
SKIP:
{
	my $file = '/proc/sys/net/bridge/bridge-nf-call-iptables';
	skip 'no firewall sees what crosses a bridge here', 3
	  unless -e $file && `cat $file` == 1;
	system 'iptables -P FORWARD DROP';
	is_refused(
		'packets do not cross the bridge',
		'bridge-nf-call-iptables is 1.*pgld\+');
	system 'iptables -P FORWARD ACCEPT';
}

#
# A stand
#

($status, $output) = $stand->net_init;
is($status, 0, 'a stand is made');
like(
	$output,
	qr/192\.168\.10\.10 to 192\.168\.10\.12/,
	'what there is is said');
my $made = $stand->leftovers;
($status, $output) = $stand->net_init;
is($status, 0, 'made again, it is as it was');
like($output, qr/there already/, 'and that is said');
is($stand->leftovers, $made, 'nothing has changed');
is( system(
			"ip netns exec pgld0 $^X -MIO::Socket::INET -e '"
		  . 'exit !IO::Socket::INET->new(Proto => "tcp", LocalAddr => "192.168.10.10", Listen => 1)'
		  . "'"),
	0,
	'a node has its address');

# Rules of somebody else
system 'ebtables -A FORWARD -p IPv4 -i eth7 -j DROP';
system 'ebtables -N other; ebtables -A other -i eth8 -j DROP';
$stand->does('b 0 1 ; 2; f', 'a split and its end');
like(`ebtables -L FORWARD`, qr/-i eth7 -j DROP/, 'others\' rules stay');

$stand->{count} = 4;
$stand->configure;
is_refused('a stand with another number of nodes', 'pgld 3.*--down');
is(($stand->down)[0], 0, 'but it is taken down whole');
$stand->{count} = 3;
$stand->configure;
like(`ebtables -L FORWARD`, qr/-i eth7 -j DROP/, 'others\' rules stay');
like(`ebtables -L other`,   qr/-i eth8 -j DROP/, 'others\' chains, too');
system 'ebtables -F; ebtables -X other';
is($stand->leftovers, '', 'nothing else is left');

#
# Killed half-way: at every command, or every fifth of them
#

my $stride = ($ENV{SCENARIOS} // '') eq 'all' ? 1 : 5;
my ($number, $finished) = (1, 0);

my @changing = ('ip', 'ebtables');
while (!$finished)
{
	my $stop    = $number;
	my $counter = "$stand->{folder}/count";
	my $kill    = '';
	foreach my $program (@changing)
	{
		chomp(my $real = `sh -c 'command -v $program'`);
		mkdir "$stand->{folder}/killer";
		open my $file, '>', "$stand->{folder}/killer/$program" or die $!;
		print $file <<"EOF";
#!/bin/bash
echo >>$counter
[ \$(wc -l <$counter) -ne $stop ] || kill -KILL 0
exec $real "\$@"
EOF
		close $file;
		chmod 0755, "$stand->{folder}/killer/$program";
	}
	unlink $counter;
	my $path = $ENV{PATH};
	local $ENV{PATH}        = "$stand->{folder}/killer:$path";
	local $ENV{PGLD_CONFIG} = $stand->{config};

	# in a process group of its own, for the kill
	my $result = system 'setsid', '-w',
	  "$PgLeaderStand::scripts/test_stand/net_init.sh";
	$ENV{PATH} = $path;
	if ($result == 0)
	{
		$finished = 1;
	}
	elsif ($stop % 2 == 0)
	{
		is(($stand->net_init)[0],
			0, "made anew after a kill at command $stop");
	}
	is(($stand->down)[0], 0,  "taken down after a kill at command $stop");
	is($stand->leftovers, '', 'nothing is left');
	$number += $stride;
}
cmp_ok($number, '>', 20, 'that was more than a few commands');

done_testing();
