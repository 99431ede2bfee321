# If this broke, nobody would try the cluster in splits that nobody has thought
# of, or a failure found so could not be had again.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PgLeaderStand;
use Test::More;

plan skip_all => PgLeaderStand::reason_to_skip()
  if PgLeaderStand::reason_to_skip();

my $stand  = PgLeaderStand->new(nodes => 5);
my $script = 'test_stand/nemesis.sh';
my ($status, $output, $errors) = $stand->run($script);
is($status, 1, 'no nemesis without a stand');
like($errors, qr/\A[^\n]*make it with .*net_init.sh\n\z/, 'and that is said');
is(($stand->net_init)[0], 0, 'a stand of five nodes');

foreach my $arguments ([ '--seed', 'x' ], ['--seconds'], ['--nonsense'])
{
	($status, undef, $errors) = $stand->run($script, @$arguments);
	is($status, 2, "not with \"@$arguments\"");
	like($errors, qr/\Ausage: /, 'the usage is shown');
}

# The faults that a run has made, without the times.
sub faults
{
	return [ map { /^ *\d+\.\d+  (?!healed)(.*)/ ? $1 : () }
		  split /\n/, $_[0] ];
}

my $all  = ($ENV{SCENARIOS} // '') eq 'all';
my $seed = int rand 1_000_000;

# As from a clone in such a place.
my $tree = "$stand->{folder}/a clone";
symlink "$FindBin::RealBin/..", $tree or die "could not link $tree: $!";
{
	local $PgLeaderStand::scripts = "$tree/script";
	($status, $output) =
	  $stand->run($script, '--seed', $seed, '--seconds', $all ? 60 : 10);
}
is($status, 0, "a run with seed $seed");
like($output, qr/^seed $seed$/m, 'the seed is printed');
like(
	$output,
	qr/^nemesis ok: never two leaders, no term went back$/m,
	'no violation was seen');
like($output, qr/^faults: \d+ /m, 'what was done is told');
like(
	$output,
	qr/^healed \d+ times; until all .*: median \d+\.\d+ s, at most \d+\.\d+ s$/m,
	'and how long it took to follow a leader again');
like(
	$output,
	qr/^of these, (?:0 while .*: -|[1-9]\d* while .*: median \d.* s)$/m,
	'and to have one, where there was none');
like(
	$output,
	qr/^elections: \d+, terms \d+ to \d+$/m,
	'and how many elections there were');
like(
	$output,
	qr/^while a majority heard each other, nobody led for \d+\.\d+ s/m,
	'and how long nobody led');
$stand->show_logs if $status != 0;

if ($all)
{
	my $faults = faults($output);
	($status, $output) =
	  $stand->run($script, '--seed', $seed, '--seconds', 60);
	is($status, 0, 'another run with the same seed');
	my $again  = faults($output);
	my $common = @$faults < @$again ? @$faults : @$again;
	cmp_ok($common, '>', 1, 'both made faults');
	is_deeply(
		[ @$again[ 0 .. $common - 1 ] ],
		[ @$faults[ 0 .. $common - 1 ] ],
		'and the same ones');
}

is(($stand->down)[0], 0,  'the stand is taken down');
is($stand->leftovers, '', 'nothing is left');
done_testing();
