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
chomp(my $nft = `sh -c 'command -v nft'`);
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
is(($stand->net_init(@$_))[0], 2, "not with \"@$_\"")
  foreach ['up'], [ '--down', 'now' ];

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

foreach my $kind (
	[
		'older',
		'v2.0.11 (legacy)',
		"The kernel doesn't support the ebtables 'filter' table.", 'iptables'
	],
	[
		'newer',                                  '1.8.9 (nf_tables)',
		'Could not fetch rule set generation id', 'ebtables'
	])
{
	my ($name, $version, $error, $package) = @$kind;
	with_program(
		'ebtables',
		qq{[ "\$1" = -V ] && echo "ebtables $version" && exit
			echo "$error" >&2; exit 4},
		sub {
			is_refused("ebtables of the $name kind",
				"\Q$error\E.*Debian has it in the package $package");
		});
}
with_program(
	'unshare',
	'echo "Operation not permitted" >&2; exit 1',
	sub { is_refused('no namespaces', 'no network namespaces') });
with_program('perl', 'exit 1',
	sub { is_refused('nothing passes', 'do not get from node to node') });
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

# What the kernel refuses changes nothing.
$stand->does('loss 0 1 5', 'a loss', qr/5 % of the packets/);
with_program(
	'nft',
	qq{[ "\$*" != '-f -' ] || { echo 'Error: no numgen' >&2; exit 1; }
		exec $nft "\$@"},
	sub {
		$stand->refuses(
			'loss 0 1 9',
			'no random numbers',
			'cannot lose packets by chance \(Error: no numgen\)');
	});
with_program(
	'iptables',
	q{echo 'iptables: No target by that name.' >&2; exit 1},
	sub {
		$stand->refuses('reject 0 1', 'no rejection',
			'could not change the rules: iptables: No target');
	});
with_program(
	'ebtables',
	qq{[[ "\$*" != *' -A '* ]] || { echo 'no rule' >&2; exit 1; }
		exec $PgLeaderStand::ebtables "\$@"},
	sub {
		$stand->refuses(
			"$_",
			"no cut by \"$_\"",
			'could not change the rules: no rule') foreach 'd 0 1', 'b 0 ; 1';
	});
$stand->does(
	'stat; f',
	'the former loss is there',
	qr/\A[^\n]*\n +0 +1 +lost, 5 % [^\n]*\nno restriction is left\n\z/);

# Another stand beside it
my $other     = PgLeaderStand->new(nodes => 2);
my %elsewhere = (
	NETWORK               => '10.1.2',
	PGLD_BRIDGE           => 'pgldbr2',
	PGLD_INTERFACE_PREFIX => 'pgld2x');
$other->configure(%elsewhere, PGLD_BRIDGE => 'pgldbr');
($status, undef, $errors) = $other->net_init;
is($status, 1, 'one with the same bridge: refused');
like(
	$errors,
	qr/\A[^\n]*made for other nodes \(pgld 3\)[^\n]*\n\z/,
	'one with the same bridge: one line says why');
$other->configure(%elsewhere, PGLD_INTERFACE_PREFIX => 'pgld');
($status, undef, $errors) = $other->net_init;
is($status, 1, 'one with the same interfaces: refused');
like(
	$errors,
	qr/\A[^\n]*interface "pgld0" already[^\n]*\n\z/,
	'one with the same interfaces: one line says why');
is($stand->leftovers, $made, 'and nothing has changed');
$other->configure(%elsewhere);
is(($other->net_init)[0], 0, 'another stand beside it');
$stand->does('b 0 ; 1; loss 0 1 5; reject 0 1', 'cuts');
$other->does('stat; d 1 0; f', 'the other has none', qr/^no restrictions$/m);
$stand->does(
	'stat',
	'these stay when the other is flushed',
	map { qr/^ +0 +1 +$_/m } 'dropped',
	'lost', 'rejected');
is(($other->down)[0], 0, 'the other is taken down');
$stand->does('stat; f', 'these stay then, too', qr/^ +0 +1 +dropped/m);
is($stand->leftovers, $made, 'nothing is left of it');

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
echo >>'$counter'
[ \$(wc -l <'$counter') -ne $stop ] || kill -KILL 0
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
