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

# Who they are, for the report alone: ids by names.
my %node;

# --- ctl.sh -------------------------------------------------------------------

my $ctl =
  open2(my $answers, my $commands, 'bash', dirname(__FILE__) . '/ctl.sh');
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
my (%done, @whole, @healings, @failures);

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

# Every majority, as small as one can be, whose nodes run and all hear each other:
# their ids with blanks between.
sub whole_majorities
{
	my ($chosen, @left) = @_;
	my @found;

	return join ' ', sort { $a <=> $b } map { $node{$_} } @$chosen
	  if @$chosen == $majority;
	while (@left + @$chosen >= $majority)
	{
		my $one = shift @left;
		push @found,
		  whole_majorities([ @$chosen, $one ],
			grep { !$cut{"$one $_"} && !$cut{"$_ $one"} } @left);
	}
	return @found;
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
		my @nodes = (shuffle @up)[ 0 .. 1 + int rand $#up ];
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

# While a majority hears each other, somebody should lead: notes from when to
# when that was so, for each of them.
my %whole_since;

sub note_whole
{
	my $now   = PgLeaderSampler::now();
	my @up    = grep { !$down{$_} && !$paused{$_} && !$unplugged{$_} } @names;
	my %whole = map  { $_ => 1 } whole_majorities([], @up);

	foreach my $majority (grep { !$whole{$_} } keys %whole_since)
	{
		push @whole, [ delete $whole_since{$majority}, $now ];
	}
	$whole_since{$_} //= $now foreach keys %whole;
	return;
}

# Waits for a leader whom all follow, and gives the nodes their names.
sub call_names
{
	my ($leader, $names) = carry_out("wait leader ALL within $bound", 'mark');

	my ($first, $others) =
	  $names =~ /^L is node (\d+), .*; F1, F2, \.\.\. are ([\d ]+)$/
	  or fail("ctl.sh has said \"$names\"");
	@node{@names} = ($first, split ' ', $others);
	return $leader;
}

sub heal
{
	my $healing = { began => PgLeaderSampler::now() };
	my @lines   = 'flush';
	my @again   = grep { $paused{$_} } @names;
	push @lines, "resume @again" if @again;
	carry_out(@lines);
	%paused = %unplugged = %cut = ();
	note_whole();

	@again = grep { $down{$_} } @names;
	carry_out("start @again") if @again;
	%down = ();
	note_whole();
	print at(), '  healed: ', call_names(), "\n";
	$healing->{followed} = PgLeaderSampler::now();
	push @healings, $healing;
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

# From when to when nobody was seen to lead, from one instant to another.
sub gaps
{
	my ($from, $to, @leading) = @_;
	my @gaps;

	foreach my $sample (@leading)
	{
		push @gaps, [ $from, $sample->{before} ] if $sample->{before} > $from;
		$from = $sample->{after} if $sample->{after} > $from;
	}
	push @gaps, [ $from, $to ];
	return @gaps;
}

# The longest time of such a gap within one of the stretches.
sub longest_gap
{
	my ($stretches, @gaps) = @_;
	my $longest = 0;

	@gaps = sort { $b->[1] - $b->[0] <=> $a->[1] - $a->[0] } @gaps;
	foreach my $stretch (@$stretches)
	{
		foreach my $gap (@gaps)
		{
			last if $gap->[1] - $gap->[0] <= $longest;
			$longest = max($longest,
				min($gap->[1], $stretch->[1]) -
				  max($gap->[0], $stretch->[0]));
		}
	}
	return $longest;
}

# Notes for each healing when a majority was there to elect a leader, that is
# when so many nodes answered; and when the first after that was seen to lead,
# if nobody did at that time.
sub judge_healings
{
	my ($leading, @samples) = @_;
	my %answers;
	my @coming = @healings;
	my @queue  = sort { $a->{after} <=> $b->{after} } @samples;

	foreach my $healing (@healings)
	{
		while (@queue && $queue[0]{after} <= $healing->{began})
		{
			my $sample = shift @queue;
			$answers{ $sample->{node} } = !$sample->{down};
		}
		$healing->{majority} = $healing->{began};
		while (@queue && $majority > grep { $_ } values %answers)
		{
			my $sample = shift @queue;
			$answers{ $sample->{node} } = !$sample->{down};
			$healing->{majority} = $sample->{after};
		}
	}

	my $last;
	foreach my $sample (@$leading)
	{
		while (@coming && $sample->{after} > $coming[0]{majority})
		{
			my $healing = shift @coming;
			$healing->{led} = $sample->{before}
			  unless defined $last && $last->{token} == $sample->{token};
		}
		$last = $sample;
	}
	return;
}

sub describe_times
{
	my @times = sort { $a <=> $b } map { max(0, $_) } @_;
	return sprintf 'median %.3f s, at most %.3f s', $times[ @times / 2 ],
	  $times[-1];
}

sub report
{
	my @samples = $sampler ? $sampler->stop  : ();
	my $rates   = $sampler ? $sampler->rates : {};
	my $end     = PgLeaderSampler::now();
	my @leading = seen_leading(@samples);
	my %terms   = map { $_->{token} => 1 } @leading;

	push @failures, PgLeaderSampler::violations(@samples);
	push @whole,    map { [ $_, $end ] } values %whole_since;
	judge_healings(\@leading, @samples);

	print "\n";
	printf "seed %d, %d nodes, %.0f s\n", $seed, $count, $end - $began;
	print 'faults: ',
	  join(', ', map { "$done{$_} $_" } sort keys %done) || 'none', "\n";
	printf "elections: %d, terms %s to %s\n", keys(%terms) - 1,
	  min(keys %terms), max(keys %terms)
	  if %terms;
	if (@healings)
	{
		my @without = grep { defined $_->{led} } @healings;
		printf "healed %d times; until all ran and followed one leader: %s\n",
		  scalar @healings,
		  describe_times(map { $_->{followed} - $_->{majority} } @healings);
		printf
		  "of these, %d while nobody led; until somebody did: %s\n",
		  scalar @without,
		  @without
		  ? describe_times(map { $_->{led} - $_->{majority} } @without)
		  : '-';
	}
	printf
	  "while a majority heard each other, nobody led for %.3f s at most\n",
	  longest_gap(\@whole, gaps($began, $end, @leading));
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

$SIG{$_} = sub {
	print STDERR 'nemesis.sh: interrupted; the stand stays as it is, until',
	  " ctl.sh -c 'flush; resume ALL; start'\n";
	exit 1;
  }
  foreach 'INT', 'TERM', 'HUP';
$SIG{PIPE} = 'IGNORE';

print "seed $seed\n";
carry_out('flush');
carry_out('start');
call_names();
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
report();
close $commands;
waitpid $ctl, 0;
exit(@failures ? 1 : 0);
