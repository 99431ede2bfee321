
=head1 NAME

PgLeaderHook - hooks that write down what they were told, for tests

=head1 SYNOPSIS

  my $hook = PgLeaderHook->new($cluster);
  $hook->install($_) foreach $cluster->ids;
  $cluster->start_all;
  my $run = $hook->wait_for_told($id, $cluster->wait_for_leader);
  print $run->{role};

=head1 DESCRIPTION

The command of each node appends one line for each run to a file of that node:
its arguments (the placeholders), then the environment variables.

=cut

package PgLeaderHook;

use strict;
use warnings;

use PostgreSQL::Test::Utils;

# By place; the last one is what the server itself says during the run.
my @arguments = qw(node_id leader_id old_leader_id term role leader_host
  leader_port);
my @variables = qw(NODE_ID LEADER_ID OLD_LEADER_ID TERM ROLE LEADER_HOST
  LEADER_PORT IS_LEADER CLUSTER_NAME REASON START SEQUENCE ATTEMPT SKIPPED);

my $question = 'SELECT pg_leader_fencing_token()';

=over

=item PgLeaderHook->new($cluster)

=cut

sub new
{
	my ($class, $cluster) = @_;

	my $self = bless {
		cluster   => $cluster,
		directory => PostgreSQL::Test::Utils::tempdir()
	}, $class;

	$self->write_script('record', <<'SCRIPT');
file=$1
shift
line=$1
shift
for argument; do line="$line|$argument"; done
for name in @variables@; do
	eval "line=\"\$line|\$PG_LEADER_$name\""
done
token=
if [ -n "$ASK" ]; then
	token=$(psql -XAtq -d postgres -c '@question@')
fi
echo "$line|$token" >>"$file"
SCRIPT
	return $self;
}

=item $hook->write_script($name, $text)

Writes a shell script, in which C<@directory@> stands for a directory of the
test's own, and returns its path.

=cut

sub write_script
{
	my ($self, $name, $text) = @_;
	my $path = "$self->{directory}/$name.sh";

	$text =~ s/\@variables\@/@variables/g;
	$text =~ s/\@question\@/$question/g;
	$text =~ s/\@directory\@/$self->{directory}/g;
	open my $file, '>', $path or die "could not write \"$path\": $!";
	print $file "#!/bin/sh\n$text";
	close $file or die "could not write \"$path\": $!";
	chmod 0755, $path;
	return $path;
}

=item $hook->path($name)

A file in that directory.

=item $hook->command($id, ask => 1)

The command that writes down what node $id's hook was told; with C<ask>, also
the fencing token that the server gives out at that moment.

=item $hook->install($id, ...)

Sets it, in the node's configuration.

=cut

sub path
{
	my ($self, $name) = @_;
	return "$self->{directory}/$name";
}

sub command
{
	my ($self, $id, %params) = @_;

	return
		($params{ask} ? 'ASK=1 ' : '')
	  . "$self->{directory}/record.sh $self->{directory}/runs.$id"
	  . ' %n %l %o %t %r %h %p';
}

sub install
{
	my ($self, $id, %params) = @_;

	$self->{cluster}
	  ->set($id, on_leader_change => $self->command($id, %params));
	return;
}

=item $hook->runner($id)

Process id of node $id's hook runner; undef if there is none.

=item $hook->children($pid)

The children of a process, those that have ended and were not waited for
included: process ids and their states (such as "S" or "Z").

=item $hook->change($id, name => 'value', ...)

Changes settings of a node that runs, and returns when its hook runner has read
them.

=cut

sub runner
{
	my ($self, $id) = @_;
	my %processes = $self->{cluster}->processes($id);

	my ($runner) =
	  grep { $processes{$_} =~ /: pg_leader hook runner, node $id$/ }
	  keys %processes;
	return $runner;
}

sub children
{
	my ($self, $parent) = @_;
	my %children;

	foreach my $path (glob '/proc/[0-9]*/stat')
	{
		open my $file, '<', $path or next;
		$children{$1} = $2
		  if (readline($file) // '') =~ /^(\d+) \(.*\) (\S) $parent /s;
	}
	return %children;
}

sub change
{
	my ($self, $id, %settings) = @_;

	$self->{cluster}->set($id, %settings);
	$self->{cluster}->node($id)->reload;

	# The postmaster's signal may be under way still, so send one more: once
	# none is pending and the runner sleeps, it has read the file.
	my $runner = $self->{cluster}
	  ->wait_for(sub { $self->runner($id) }, "a hook runner on node $id");
	kill 'HUP', $runner;
	$self->{cluster}->wait_for(
		sub {
			my $status = slurp_file("/proc/$runner/status");
			return
				 $status =~ /^SigPnd:\s*0+$/m
			  && $status =~ /^ShdPnd:\s*0+$/m
			  && $status =~ /^State:\s*S/m;
		},
		"the hook runner of node $id to read its settings");
	return;
}

=item $hook->runs($id)

What the runs so far were told, in order: hashes with C<leader_id>, C<term> and
so on, and C<token>, which is empty if it was not asked for or is NULL.

=cut

sub runs
{
	my ($self, $id) = @_;
	my $path = "$self->{directory}/runs.$id";

	return unless -e $path;
	my @runs;
	foreach my $line (split /\n/, slurp_file($path))
	{
		my @values    = split /\|/, $line, -1;
		my %arguments = map { $_    => shift @values } @arguments;
		my %run       = map { lc $_ => shift @values } @variables;
		$run{token}     = shift @values;
		$run{arguments} = \%arguments;
		push @runs, \%run;
	}
	return @runs;
}

=item $hook->wait_for_told($id, $leader, $term)

Waits until the last run on node $id was told of that leader (-1: none) and, if
it is given, of that term; returns that run.

=cut

sub wait_for_told
{
	my ($self, $id, $leader, $term) = @_;

	return $self->{cluster}->wait_for(
		sub {
			my ($last) = reverse $self->runs($id);
			return
				 defined $last
			  && $last->{leader_id} == $leader
			  && (!defined $term || $last->{term} == $term)
			  ? $last
			  : undef;
		},
		"the hook of node $id to be told of leader $leader"
		  . (defined $term ? " in term $term" : ''));
}

=item $hook->living($name)

Those processes that still live whose ids scripts have appended to the file of
that name; they all have to be called "sleep".

=item $hook->wait_for_living($name, $count)

Waits until so many do, and returns their ids.

=cut

sub living
{
	my ($self, $name) = @_;
	my $path = $self->path($name);

	return unless -e $path;
	my @living;
	foreach my $pid (split /\n/, slurp_file($path))
	{
		open my $file, '<', "/proc/$pid/stat" or next;
		push @living, $pid
		  if (readline($file) // '') =~ /^\d+ \(sleep\) [^Z]/;
	}
	return @living;
}

sub wait_for_living
{
	my ($self, $name, $count) = @_;

	return @{
		$self->{cluster}->wait_for(
			sub {
				my @living = $self->living($name);
				return @living == $count ? \@living : undef;
			},
			"$count processes of $name to live")
	};
}

=item $hook->sane($name, $id)

Tests what must be true of the runs on a node, whatever happens: the order is
that of the sequence numbers, no term goes back, arguments and variables agree.

=back

=cut

sub sane
{
	my ($self, $name, $id) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($start, $sequence, $term) = (0, 0, 0);
	my @faults;

	foreach my $run ($self->runs($id))
	{
		my $text = "$run->{sequence}: leader $run->{leader_id}"
		  . " in term $run->{term} after $run->{old_leader_id}";
		push @faults, "$text: out of order"
		  if $run->{start} < $start
		  || ($run->{start} == $start && $run->{sequence} < $sequence)
		  || ( $run->{start} == $start
			&& $run->{sequence} == $sequence
			&& $run->{attempt} == 1);
		push @faults, "$text: term goes back" if $run->{term} < $term;
		foreach my $argument (@arguments)
		{
			my $value = $run->{arguments}{$argument};
			$value = '' if $argument eq 'leader_host' && $value eq '-';
			push @faults, "$text: $argument is $value"
			  if $value ne $run->{$argument};
		}
		push @faults, "$text: role is $run->{role}"
		  if ($run->{role} eq 'leader') ne ($run->{leader_id} == $id)
		  || $run->{is_leader} ne
		  ($run->{leader_id} == $id ? 'true' : 'false');
		($start, $sequence, $term) = @$run{qw(start sequence term)};
	}
	return Test::More::is(join("\n", @faults), '', $name);
}

1;
