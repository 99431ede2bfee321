# nemesis.pl FOLDER SEED SECONDS TIMEOUT SOCKET...: what nemesis.sh runs.  The
# greatest election timeout in milliseconds, and for each node its socket's
# directory and port, with a colon between.

use strict;
use warnings;

use File::Basename qw(dirname);
use IO::Handle;
use IPC::Open2;
use List::Util qw(max min shuffle sum);
use PgLeaderSampler;

my ($folder, $seed, $seconds, $timeout_ms, @sockets) = @ARGV;
my $count    = @sockets;
my $majority = int($count / 2) + 1;

# The bound for a leader to come, in seconds: machines may be slow.
my $bound = max(60, 40 * $timeout_ms / 1000);

STDOUT->autoflush(1);
srand $seed;

# What is broken.  Nodes are called by their roles at the last healing, "L" for
# the leader, so that the plan does not depend on who that is.
my @names = ('L', map { "F$_" } 1 .. $count - 1);
my (%down, %paused, %unplugged, %cut);

# --- ctl.sh -------------------------------------------------------------------

my $ctl = open2(my $answers, my $commands, dirname(__FILE__) . '/ctl.sh');
$commands->autoflush(1);

# Carries out commands and returns when that is done.
sub carry_out
{
	my (@lines) = @_;
	my @said;

	print $commands map { "$_\n" } @lines, 'echo done';
	while (my $line = <$answers>)
	{
		chomp $line;
		return @said if $line eq 'done';
		push @said, $line unless $line =~ /^> /;
	}
	fail("ctl.sh has failed, after \"@lines\"");
}

# --- the report's material ----------------------------------------------------

my $sampler;
my $began = PgLeaderSampler::now();
my (%done, @whole, @healed, @failures);

sub fail
{
	my ($why) = @_;

	push @failures, $why;
	report();
	exit 1;
}

sub at
{
	return sprintf '%8.3f', PgLeaderSampler::now() - $began;
}

# The greatest number of nodes that run and hear each other, every pair of them.
sub greatest_clique
{
	my @up = grep { !$down{$_} && !$paused{$_} && !$unplugged{$_} } @names;
	my $greatest = 0;

	foreach my $set (0 .. 2**@up - 1)
	{
		my @members = map { $up[$_] } grep { $set & 2**$_ } 0 .. $#up;
		next if @members <= $greatest;
		next
		  if grep {
			my $one = $_;
			grep { $cut{"$one $_"} } @members
		  } @members;
		$greatest = @members;
	}
	return $greatest;
}

# --- faults -------------------------------------------------------------------

sub any
{
	my (@of) = @_;
	return $of[ int rand @of ];
}

# Each fault returns the commands for ctl.sh, or nothing if it does not fit.
my %faults = (
	split => sub {
		my @nodes = shuffle @names;
		my $size  = 1 + int rand(@nodes - 1);
		my @one   = @nodes[ 0 .. $size - 1 ];
		my @other = @nodes[ $size .. $#nodes ];

		foreach my $one (@one)
		{
			$cut{"$one $_"} = $cut{"$_ $one"} = 1 foreach @other;
		}
		return "brainsplit @one ; @other";
	},
	'one-way cut' => sub {
		my ($one, $other) = (shuffle @names)[ 0, 1 ];
		$cut{"$one $other"} = 1;
		return "disconnect $one $other";
	},
	'deaf node' => sub {
		my $deaf   = any(@names);
		my @others = grep { $_ ne $deaf } @names;
		$cut{"$_ $deaf"} = 1 foreach @others;
		return map { "disconnect $_ $deaf" } @others;
	},
	'mute node' => sub {
		my $mute   = any(@names);
		my @others = grep { $_ ne $mute } @names;
		$cut{"$mute $_"} = 1 foreach @others;
		return map { "disconnect $mute $_" } @others;
	},
	rejection => sub {
		my ($one, $other) = (shuffle @names)[ 0, 1 ];
		$cut{"$one $other"} = $cut{"$other $one"} = 1;
		return "reject $one $other both";
	},
	unplug => sub {
		my $node = any(@names);
		return if $unplugged{$node};
		$unplugged{$node} = 1;
		return "unplug $node";
	},
	loss => sub {
		my ($one, $other) = (shuffle @names)[ 0, 1 ];
		return "loss $one $other " . any(10, 30, 60);
	},
	kill => sub {
		my @up = grep { !$down{$_} } @names;
		return unless @up;
		my $node = any(@up);
		$down{$node} = 1;
		delete $paused{$node};
		return "kill $node";
	},
	'kill of several' => sub {
		my @up = grep { !$down{$_} } @names;
		return unless @up > 1;
		my @nodes = (shuffle @up)[ 0 .. int rand @up ];
		$down{$_} = 1 foreach @nodes;
		delete @paused{@nodes};
		return "kill @nodes";
	},
	pause => sub {
		my @up = grep { !$down{$_} && !$paused{$_} } @names;
		return unless @up;
		my $node = any(@up);
		$paused{$node} = 1;
		return "pause $node";
	},
	restart => sub {
		my @up = grep { !$down{$_} && !$paused{$_} } @names;
		return unless @up;
		my $node = any(@up);
		return ("stop $node", "start $node");
	},
	start => sub {
		my @down = grep { $down{$_} } @names;
		return unless @down;
		my $node = any(@down);
		delete $down{$node};
		return "start $node";
	});

# Draws one that fits, and makes it.
sub strike
{
	my ($kind, @lines);
	until (@lines)
	{
		$kind  = any(sort keys %faults);
		@lines = $faults{$kind}->();
	}
	$done{$kind}++;
	print at(), "  $kind: ", join('; ', @lines), "\n";
	carry_out(@lines);
	return;
}

# While a majority hears each other, somebody should lead: notes from when on
# that was so.
my $whole_since;

sub note_whole
{
	my $now = PgLeaderSampler::now();
	push @whole, [ $whole_since, $now ] if defined $whole_since;
	$whole_since = greatest_clique() >= $majority ? $now : undef;
	return;
}

sub heal
{
	my @lines = 'flush';
	my @again = grep { $paused{$_} } @names;
	push @lines, "resume @again" if @again;
	@again = grep { $down{$_} } @names;
	push @lines, "start @again" if @again;

	carry_out(@lines);
	%down = %paused = %unplugged = %cut = ();
	note_whole();
	push @healed, PgLeaderSampler::now();
	my ($leader) = carry_out("wait leader ALL within $bound", 'mark');
	print at(), "  healed: $leader\n";
	return;
}

# --- the report ---------------------------------------------------------------

# When somebody was seen to lead: the instant before the question, and that
# after the answer, in order.
sub seen_leading
{
	my (@samples) = @_;
	return sort { $a->{after} <=> $b->{after} }
	  grep { defined $_->{token} } @samples;
}

# The longest time in such a stretch in which nobody was seen to lead.
sub longest_gap
{
	my ($stretches, @leading) = @_;
	my $longest = 0;

	foreach my $stretch (@$stretches)
	{
		my ($from, $to) = @$stretch;
		my $last = $from;
		foreach my $sample (@leading)
		{
			next if $sample->{after} < $from;
			last if $sample->{before} > $to;
			$longest = max($longest, $sample->{before} - $last);
			$last    = max($last,    $sample->{after});
		}
		$longest = max($longest, $to - $last);
	}
	return $longest;
}

sub report
{
	my @samples = $sampler ? $sampler->stop  : ();
	my $rates   = $sampler ? $sampler->rates : {};
	my @leading = seen_leading(@samples);
	my %terms   = map { $_->{token} => 1 } @leading;
	my @times;

	push @failures, PgLeaderSampler::violations(@samples);
	foreach my $healed (@healed)
	{
		my ($first) = grep { $_->{after} >= $healed } @leading;
		push @times, max(0, $first->{before} - $healed) if $first;
	}
	@times = sort { $a <=> $b } @times;

	print "\n";
	printf "seed %d, %d nodes, %.0f s\n", $seed, $count,
	  PgLeaderSampler::now() - $began;
	print 'faults: ',
	  join(', ', map { "$done{$_} $_" } sort keys %done) || 'none', "\n";
	printf "healed %d times; then, until somebody led: median %.3f s,"
	  . " at most %.3f s\n", scalar @times, $times[ @times / 2 ], $times[-1]
	  if @times;
	printf "leaders: %d, in terms %s to %s\n", scalar keys %terms,
	  min(keys %terms), max(keys %terms)
	  if %terms;
	printf
	  "while a majority heard each other, nobody led for %.3f s at most\n",
	  longest_gap(\@whole, @leading);
	printf "samples: %d, from %.0f to %.0f a second of a node\n",
	  sum(map { $_->{count} } values %$rates),
	  min(map { $_->{per_second} } values %$rates),
	  max(map { $_->{per_second} } values %$rates)
	  if %$rates;
	print "FAILED: $_\n" foreach @failures;
	print @failures
	  ? "nemesis failed: --seed $seed makes the same faults again\n"
	  : "nemesis ok: never two leaders, no term went back\n";
	return;
}

# --- what happens -------------------------------------------------------------

$SIG{$_} = sub { exit 1 }
  foreach 'INT', 'TERM', 'HUP';
$SIG{PIPE} = 'IGNORE';

print "seed $seed\n";
carry_out('flush');
carry_out('start', "wait leader ALL within $bound", 'mark');
$PgLeaderSampler::pause   = 0.005;
$PgLeaderSampler::timeout = 2;
$sampler                  = PgLeaderSampler->start(
	$folder,
	map {
		my ($host, $port) = $sockets[$_] =~ /^(.*):(\d+)$/;
		{ node => $_, host => $host, port => $port, user => 'postgres' }
	} 0 .. $#sockets);
$began = PgLeaderSampler::now();
note_whole();

while (PgLeaderSampler::now() - $began < $seconds)
{
	# One fault, or a few with hardly a pause between them: a storm.
	foreach (1 .. any(1, 1, 2, 3, 6))
	{
		note_whole();
		strike();
		note_whole();
		select undef, undef, undef, rand 0.3;
	}
	select undef, undef, undef, any(0.2, 1, 2, 4, 8);
	note_whole();
	heal();
}
note_whole();
report();
close $commands;
waitpid $ctl, 0;
exit(@failures ? 1 : 0);
