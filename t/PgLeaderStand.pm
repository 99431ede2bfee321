
=head1 NAME

PgLeaderStand - a test stand of network namespaces, for tests

=head1 SYNOPSIS

  use PgLeaderStand;

  plan skip_all => PgLeaderStand::reason_to_skip()
    if PgLeaderStand::reason_to_skip();
  my $stand = PgLeaderStand->new(nodes => 3);
  my ($status, $output, $errors) = $stand->ctl('start; wait leader');

=head1 DESCRIPTION

Runs the scripts below script/test_stand as a user does, in a folder and with a
configuration file of its own.  It needs root, and network and mount namespaces
that are not those of the machine: script/dev/check_stand.sh makes these, and
says so in the environment.

=cut

package PgLeaderStand;

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Temp     qw(tempdir);
use IPC::Run;
use PgLeaderSampler;
use Test::More;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

our $scripts = dirname(__FILE__) . '/../script';

# By its path, as tests put others in its place.
chomp(our $ebtables = `sh -c 'command -v ebtables'`);

# Seconds for what takes a moment on an idle machine.
our $patience = $ENV{PG_TEST_TIMEOUT_DEFAULT} || 180;

=over

=item PgLeaderStand::reason_to_skip()

Why there cannot be a test stand here; undef if there can.

=cut

sub reason_to_skip
{
	return $ENV{PG_LEADER_STAND_NAMESPACE}
	  ? undef
	  : 'needs root and namespaces of its own: make check-stand';
}

=item PgLeaderStand->new(%params)

Writes the configuration file: C<nodes>, 3 unless given, and C<settings>, a hash
of others.

=cut

sub new
{
	my ($class, %params) = @_;

	my $folder = tempdir('standXXXXXX', TMPDIR => 1, CLEANUP => 1);
	chmod 0755, $folder;
	my $self = bless {
		folder => $folder,
		config => "$folder/config",
		prefix => "$folder/a place/node",
		count  => $params{nodes} // 3,
		port   => 5440,
	}, $class;
	$self->configure(%{ $params{settings} // {} });
	return $self;
}

=item $stand->configure(%settings)

Writes it anew, with these settings besides those that a stand needs.

=cut

sub configure
{
	my ($self, %settings) = @_;

	%settings = (
		N_NODES                 => $self->{count},
		PGLD_DB_PATHNAME_PREFIX => $self->{prefix},
		PGLD_PORT_START         => $self->{port},
		%settings);
	open my $file, '>', $self->{config}
	  or die "could not write \"$self->{config}\": $!";
	print $file "$_='$settings{$_}'\n" foreach sort keys %settings;
	close $file or die "could not write \"$self->{config}\": $!";
	return;
}

=item $stand->ids

=cut

sub ids
{
	my ($self) = @_;
	my @ids = (0 .. $self->{count} - 1);
	return @ids;
}

=item $stand->run($script, @arguments)

Exit status, output and errors of a script.

=cut

sub run
{
	my ($self, $script, @arguments) = @_;
	my ($output, $errors) = ('', '');

	local $ENV{PGLD_CONFIG} = $self->{config};
	IPC::Run::run([ "$scripts/$script", @arguments ],
		'<', \undef, '>', \$output, '2>', \$errors);
	my $status = $? & 127 ? 128 + ($? & 127) : $? >> 8;
	note join ' ', $script, @arguments;
	note $output . $errors;
	return ($status, $output, $errors);
}

=item $stand->net_init(@arguments), $stand->ctl($commands)

=cut

sub net_init
{
	my ($self, @arguments) = @_;
	return $self->run('test_stand/net_init.sh', @arguments);
}

sub ctl
{
	my ($self, $commands) = @_;
	return $self->run('test_stand/ctl.sh', '-c', $commands);
}

=item $stand->does($commands, $name, @patterns)

A test: the commands succeed, and what they say matches these patterns.

=item $stand->refuses($commands, $name, $pattern)

A test: they fail with one line, which matches, on standard error.

=cut

sub does
{
	my ($self, $commands, $name, @patterns) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($status, $output, $errors) = $self->ctl($commands);
	is($status, 0, $name) or diag $output . $errors;
	like($output, $_, "$name: what it says") foreach @patterns;
	return $output;
}

sub refuses
{
	my ($self, $commands, $name, $pattern) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($status, undef, $errors) = $self->ctl($commands);
	is($status, 1, "$name: refused");
	like($errors, qr/\A[^\n]*$pattern[^\n]*\n\z/, "$name: one line says why");
	return;
}

=item $stand->leftovers

What there is in this namespace that a stand may have left: interfaces,
namespaces, rules, processes; an empty string if nothing is.

=cut

sub leftovers
{
	my ($self) = @_;
	my @found;

	# Without what a link does by itself: its carrier comes and goes.
	push @found, map { s/<[^>]*> |state \w+ //gr }
	  grep { !/^\d+: lo:/ } `ip -o link show`;
	push @found, map  { "namespace $_" } `ip netns list`;
	push @found, grep { /^-/ } `$ebtables -L`;
	push @found,
	  grep { /^Bridge chain: (?!INPUT|FORWARD|OUTPUT)/ } `$ebtables -L`;
	push @found, grep { /^table bridge (?!filter)/ } `nft list tables`;
	my $own = readlink '/proc/self/ns/net';
	foreach my $process (glob '/proc/[0-9]*')
	{
		my $namespace = readlink "$process/ns/net" // next;
		push @found, "process $process: " . `cat $process/cmdline` . "\n"
		  if $namespace ne $own;
	}
	return join '', @found;
}

=item $stand->start_sampler, $stand->stop_sampler

Watches all nodes from outside, as PgLeaderSampler does; the second returns the
samples.  C<< $stand->{rates} >> then has what the sampler says of its rates.

=cut

sub start_sampler
{
	my ($self) = @_;

	local $PgLeaderSampler::pause   = 0.005;
	local $PgLeaderSampler::timeout = 2;
	$self->{sampler} = PgLeaderSampler->start(
		$self->{folder},
		map {
			{
				node => $_,
				host => "$self->{prefix}$_.socket",
				port => $self->{port} + $_,
				user => 'postgres'
			}
		} $self->ids);
	return;
}

sub stop_sampler
{
	my ($self) = @_;

	my $sampler = delete $self->{sampler};
	my @samples = $sampler->stop;
	$self->{rates} = $sampler->rates;
	return @samples;
}

=item $stand->show_logs

Writes the ends of the servers' logs to the test's output.

=item $stand->down

Takes the stand down.  A stand that goes out of scope does so by itself.

=back

=cut

sub show_logs
{
	my ($self) = @_;

	foreach my $id ($self->ids)
	{
		diag "--- log of node $id\n", `tail -n 40 '$self->{prefix}$id.log'`;
	}
	return;
}

sub down
{
	my ($self) = @_;
	return $self->net_init('--down');
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $@);

	delete($self->{sampler})->stop if $self->{sampler};
	local $ENV{PGLD_CONFIG} = $self->{config};
	system "$scripts/test_stand/net_init.sh --down >/dev/null 2>&1";
	return;
}

1;
