
=head1 NAME

PgLeaderEventLog - the algorithm log of PgLeaderCluster's nodes, for tests

=head1 SYNOPSIS

  my $log = PgLeaderEventLog->new($cluster);
  $log->enable($_, 'on') foreach $cluster->ids;
  $cluster->start_all;
  $log->wait_for(0, event => 'role', role => 'leader');

=cut

package PgLeaderEventLog;

use strict;
use warnings;

use PostgreSQL::Test::Utils;

=over

=item PgLeaderEventLog->new($cluster)

=item $log->file($id)

Where the node logs: below its base directory, so that data directories stay
what they are.

=item $log->enable($id, $mode)

Sets pg_leader.enable_log and log_file; takes effect when the node starts or
reloads.

=cut

sub new
{
	my ($class, $cluster) = @_;
	return bless { cluster => $cluster }, $class;
}

sub file
{
	my ($self, $id) = @_;
	return $self->{cluster}->node($id)->basedir . '/events.log';
}

sub enable
{
	my ($self, $id, $mode) = @_;

	$self->{cluster}
	  ->set($id, enable_log => $mode, log_file => $self->file($id));
	return;
}

=item PgLeaderEventLog::parse($line)

A line as a hash; undef if it has not the form that docs/algorithm_log.md
tells.  The texts of quoted values are as they were before they were quoted.

=cut

sub parse
{
	my ($line) = @_;
	my %event = (line => $line);
	my @keys;

	while ($line =~ /\G(\w+)=(?:"((?:[^"\\]|\\["\\])*)"|([^ "]*))(?: |$)/gc)
	{
		my ($key, $quoted, $plain) = ($1, $2, $3);
		push @keys, $key;
		$event{$key} =
		  defined $quoted ? $quoted =~ s/\\(["\\])/$1/gr : $plain;
	}
	return undef if (pos($line) // 0) != length $line;
	return undef
	  unless "@keys" =~ /^time clock node term role leader event\b/;
	return undef
	  unless $event{time} =~ /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
	return \%event;
}

=item $log->lines($id), $log->events($id, key => 'value', ...)

The lines of a node's file; those events of it of which the keys have these
values.  A value can be a pattern, too.  Dies of a line that is none.

=cut

sub lines
{
	my ($self, $id) = @_;
	my $file = $self->file($id);

	return -e $file ? split /\n/, slurp_file($file) : ();
}

sub events
{
	my ($self, $id, %wanted) = @_;
	my $file = $self->file($id);

	# The last line may be on its way.
	my $text = -e $file ? slurp_file($file) : '';
	$text =~ s/[^\n]*\z//;
	my @events = map { parse($_) // die "no event: $_" } split /\n/, $text;
	return grep { _matches($_, \%wanted) } @events;
}

sub _matches
{
	my ($event, $wanted) = @_;

	foreach my $key (keys %$wanted)
	{
		my $value = $event->{$key} // return 0;
		return 0
		  if ref $wanted->{$key}
		  ? $value !~ $wanted->{$key}
		  : $value ne $wanted->{$key};
	}
	return 1;
}

=item $log->wait_for($id, key => 'value', ...)

Waits until the node has logged such an event; returns the last one.

=back

=cut

sub wait_for
{
	my ($self, $id, %wanted) = @_;

	my $what = join ' ', map { "$_=$wanted{$_}" } sort keys %wanted;
	return $self->{cluster}
	  ->wait_for(sub { return ($self->events($id, %wanted))[-1] },
		"node $id to log $what");
}

1;
