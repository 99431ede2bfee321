
=head1 NAME

PgLeaderCluster - PostgreSQL servers that elect a leader, for tests

=head1 SYNOPSIS

  use FindBin;
  use lib $FindBin::RealBin;
  use PgLeaderCluster;

  my $cluster = PgLeaderCluster->new(nodes => 3);
  $cluster->start_all;
  my ($leader, $term) = $cluster->wait_for_leader;
  $cluster->kill9($leader);
  my ($next) = $cluster->wait_for_leader(above => $term);

=head1 DESCRIPTION

N nodes of PostgreSQL::Test::Cluster with pg_leader on the loopback address,
numbered as pg_leader numbers them.  A test says what it waits for, never for
how long: wait_for() asks again and again, and when it gives up it dies with
the status, the peers, the counters and the last lines of the log of each
node.

Elections may happen at any time on a machine that is busy enough: a test must
not take a leader that it has seen for one that stays.

=cut

package PgLeaderCluster;

use strict;
use warnings;

use IO::Socket::INET;
use PgLeaderSampler;
use PgLeaderSession;
use PgLeaderStateFile;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

# The secret of every cluster that has one.
our $secret = 'a secret for tests, known to everyone';

# Short enough for tests, long enough for two cores that are busy otherwise.
my %default_settings = (
	heartbeat_interval   => '50ms',
	election_timeout_min => '500ms',
	election_timeout_max => '750ms');

my $clusters = 0;

# Whatever ends a test, PostgreSQL::Test::Cluster's END block ends the servers;
# but not one whose processes stand still.  They go on before, as this block is
# the first to run.
my $test = $$;
my @nodes;

END
{
	my $status = $?;
	kill 'CONT', map { _processes_in($_) }
	  grep { -d $_ } map { $_->data_dir } @nodes
	  if $$ == $test;
	$? = $status;
}

foreach my $signal (qw(HUP INT TERM))
{
	next if ($SIG{$signal} // '') eq 'IGNORE';
	$SIG{$signal} = sub {
		if ($$ != $test)
		{
			$SIG{$signal} = 'DEFAULT';
			kill $signal, $$;
			return;
		}
		print STDERR "ended by SIG$signal\n";
		exit 1;
	};
}

=head1 SETTING UP

=over

=item PgLeaderCluster->new(%params)

Makes the nodes, but does not start them.

=over

=item nodes => 3

how many

=item settings => { heartbeat_interval => '100ms', ... }

settings of every node, without their prefix; these are added to the default
ones of this module

=item node_settings => { 2 => { priority => 0 } }

settings of single nodes

=item conf => "work_mem = '64MB'"

lines for every node's postgresql.conf

=item secret => 1

whether datagrams are signed

=item streaming => 0

whether nodes can be the primary of a standby

=back

=cut

sub new
{
	my ($class, %params) = @_;

	my $self = bless {
		count         => 3,
		settings      => {},
		node_settings => {},
		conf          => '',
		secret        => 1,
		streaming     => 0,
		number        => $clusters++,
		nodes         => [],
		udp_ports     => [],
		sessions      => [],
		running       => {},
	}, $class;
	$self->{count} = delete $params{nodes} if defined $params{nodes};
	foreach my $name (keys %params)
	{
		die "no such parameter: $name" unless exists $self->{$name};
		$self->{$name} = $params{$name};
	}

	$self->{udp_ports} = [ map { _free_udp_port() } $self->ids ];
	$self->_make_node($_) foreach $self->ids;
	return $self;
}

sub _make_node
{
	my ($self, $id) = @_;

	my $node =
	  PostgreSQL::Test::Cluster->new("cluster$self->{number}_node$id");
	if ($id == 0)
	{
		$node->init(allows_streaming => $self->{streaming});
	}
	else
	{
		# A copy of the first: initdb takes longer than this.
		mkdir $node->backup_dir;
		mkdir $node->archive_dir;
		system_or_bail('cp', '-a', $self->{template}, $node->data_dir);
		$node->append_conf('postgresql.conf', 'port = ' . $node->port);
	}
	if ($id == 0 && $self->{count} > 1)
	{
		$self->{template} = $node->basedir . '/template';
		system_or_bail('cp', '-a', $node->data_dir, $self->{template});
	}

	push @nodes, $node;
	$self->{nodes}[$id] = $node;
	$self->configure($id);
	return;
}

=item $cluster->configure($id)

Appends the configuration of node $id to its postgresql.conf.  For data
directories that a test has made itself, and put into place by adopt().

=cut

sub configure
{
	my ($self, $id) = @_;
	my $node = $self->{nodes}[$id];

	my %settings = (
		%default_settings,
		cluster       => $self->membership,
		initial_state => 'new',
		%{ $self->{settings} },
		%{ $self->{node_settings}{$id} // {} },
		node_id => $id);

	if ($self->{secret})
	{
		$settings{secret_file} //= $node->basedir . '/secret';
		$self->write_secret($settings{secret_file}, $secret);
	}

	my @lines = (
		"shared_preload_libraries = 'pg_leader'",
		'restart_after_crash = on',
		'max_worker_processes = 16',
		'log_statement = none',
		map { "pg_leader.$_ = '$settings{$_}'" } sort keys %settings);
	$node->append_conf('postgresql.conf', join "\n", @lines, $self->{conf});
	return;
}

=item $cluster->set($id, name => 'value', ...)

Changes pg_leader's settings of a node in its postgresql.conf.  They take
effect when it starts or reloads.

=cut

sub set
{
	my ($self, $id, %settings) = @_;

	$self->{nodes}[$id]->append_conf('postgresql.conf', join "\n",
		map { "pg_leader.$_ = '$settings{$_}'" } sort keys %settings);
	return;
}

=item $cluster->adopt($id, $node)

Lets another PostgreSQL::Test::Cluster object be node $id, which must not run.

=cut

sub adopt
{
	my ($self, $id, $node) = @_;

	die "node $id runs" if $self->{running}{$id};
	push @nodes, $node;
	$self->{nodes}[$id]    = $node;
	$self->{sessions}[$id] = undef;
	return;
}

=item $cluster->write_secret($path, $secret)

Writes a file that only its owner can read.

=cut

sub write_secret
{
	my ($self, $path, $text) = @_;

	open my $file, '>', $path or die "could not write \"$path\": $!";
	chmod 0600, $file or die "could not protect \"$path\": $!";
	print $file "$text\n";
	close $file or die "could not write \"$path\": $!";
	return;
}

# A port that is free for TCP (PostgreSQL reserves that for this test) and UDP.
sub _free_udp_port
{
	while (1)
	{
		my $port = PostgreSQL::Test::Cluster::get_free_port();
		return $port
		  if defined IO::Socket::INET->new(
			Proto     => 'udp',
			LocalAddr => '127.0.0.1',
			LocalPort => $port);
	}
}

=back

=head1 WHAT THERE IS

=over

=item $cluster->ids, $cluster->running

Ids of all nodes; of those that were started and not stopped.  In scalar
context, how many.

=item $cluster->node($id)

The PostgreSQL::Test::Cluster object.  To start, stop and kill use the methods
here instead.

=item $cluster->udp_port($id), $cluster->membership

The node's UDP port; the value of pg_leader.cluster.

=item $cluster->state_directory($id)

Where the node keeps its durable state, unless a test has moved it.

=cut

sub ids
{
	my ($self) = @_;
	my @ids = (0 .. $self->{count} - 1);
	return @ids;
}

sub running
{
	my ($self) = @_;
	my @ids = sort { $a <=> $b } keys %{ $self->{running} };
	return @ids;
}

sub node
{
	my ($self, $id) = @_;
	return $self->{nodes}[$id];
}

sub udp_port
{
	my ($self, $id) = @_;
	return $self->{udp_ports}[$id];
}

sub membership
{
	my ($self) = @_;
	return join ', ', map { "127.0.0.1:$_" } @{ $self->{udp_ports} };
}

sub state_directory
{
	my ($self, $id) = @_;
	return $self->{nodes}[$id]->data_dir . '/pg_leader';
}

=back

=head1 STARTING AND STOPPING

=over

=item $cluster->start(@ids), $cluster->start_all

Starts nodes, and creates the extension in those that can write.

=cut

sub start
{
	my ($self, @ids) = @_;

	foreach my $id (@ids)
	{
		$self->{nodes}[$id]->start;
		$self->{running}{$id} = 1;
		$self->ask($id, 'CREATE EXTENSION IF NOT EXISTS pg_leader')
		  if $self->value($id, 'SELECT pg_is_in_recovery()') eq 'f';
	}
	return;
}

sub start_all
{
	my ($self) = @_;
	$self->start(grep { !$self->{running}{$_} } $self->ids);
	return;
}

=item $cluster->stop($mode, @ids), $cluster->stop_all($mode)

Stops nodes, by C<fast>, C<smart> or C<immediate> shutdown.

=cut

sub stop
{
	my ($self, $mode, @ids) = @_;

	foreach my $id (@ids)
	{
		$self->_forget_session($id);
		$self->{nodes}[$id]->stop($mode);
		delete $self->{running}{$id};
	}
	return;
}

sub stop_all
{
	my ($self, $mode) = @_;
	$self->stop($mode // 'fast', $self->running);
	return;
}

=item $cluster->kill9($id)

Kills the postmaster by SIGKILL and returns when all its children have gone
too, so that the node can be started again.

=cut

sub kill9
{
	my ($self, $id) = @_;

	$self->{nodes}[$id]->kill9;
	$self->_await_end($id);
	return;
}

=item $cluster->kill_postmaster($id)

The same, but returns at once: its children may be there still.

=cut

sub kill_postmaster
{
	my ($self, $id) = @_;

	$self->{nodes}[$id]->kill9;
	$self->_forget($id);
	return;
}

=item $cluster->power_off($id)

Ends all processes of a node by SIGKILL at once, as if its machine had lost
power: none of them finds out about the end of another and says so.

=cut

sub power_off
{
	my ($self, $id) = @_;
	my $node = $self->{nodes}[$id];

	# Stopped first, the postmaster starts no more, and nobody gets to notice.
	kill 'STOP', $node->{_pid};
	my @processes = _processes_in($node->data_dir);
	kill 'STOP', @processes;
	kill 'KILL', grep { $_ != $node->{_pid} } @processes;
	$node->kill9;
	$self->_await_end($id);
	return;
}

=item $cluster->freeze($id), $cluster->thaw($id)

Stops all processes of a node by SIGSTOP, as if its machine hung: it keeps its
connections, and says nothing.  It counts as running; do not ask it.

=cut

sub freeze
{
	my ($self, $id) = @_;
	my $node = $self->{nodes}[$id];

	$self->_forget_session($id);
	kill 'STOP', $node->{_pid};
	kill 'STOP', _processes_in($node->data_dir);
	return;
}

sub thaw
{
	my ($self, $id) = @_;

	kill 'CONT', _processes_in($self->{nodes}[$id]->data_dir);
	return;
}

sub _await_end
{
	my ($self, $id) = @_;

	delete $self->{running}{$id};
	$self->wait_for(sub { !_processes_in($self->{nodes}[$id]->data_dir) },
		"the end of every process of node $id");
	$self->_forget($id);
	return;
}

# Its postmaster was killed: it does not run, and may be started again.
sub _forget
{
	my ($self, $id) = @_;
	my $node = $self->{nodes}[$id];

	delete $self->{running}{$id};
	$self->_forget_session($id);

	# Until init collects the postmaster, and once its process id is another's,
	# a new one would take it for alive.
	unlink $node->data_dir . '/postmaster.pid',
	  $node->host . '/.s.PGSQL.' . $node->port . '.lock';
	return;
}

# Every process of a server has its data directory as current directory.
sub _processes_in
{
	my ($directory) = @_;

	my ($device, $inode) = stat $directory
	  or die "could not stat \"$directory\": $!";
	return grep {
		my @there = stat "/proc/$_/cwd";
		@there && $there[0] == $device && $there[1] == $inode
	} map { m{^/proc/(\d+)$} ? $1 : () } glob '/proc/[0-9]*';
}

sub _forget_session
{
	my ($self, $id) = @_;

	$self->{sessions}[$id]->close if defined $self->{sessions}[$id];
	return;
}

=back

=head1 ASKING

=over

=item $cluster->session($id)

The PgLeaderSession to node $id.

=item $cluster->ask($id, $sql)

Rows of the answer, as lists.  Dies if there is none.

=item $cluster->records($id, $sql)

The same as hashes.

=item $cluster->value($id, $sql)

First column of the first row.

=item $cluster->error($id, $sql)

What the node says against it, and its SQLSTATE; dies if it has no objection.

=cut

sub session
{
	my ($self, $id) = @_;

	return $self->{sessions}[$id] //= PgLeaderSession->new(
		host => $self->{nodes}[$id]->host,
		port => $self->{nodes}[$id]->port);
}

sub ask
{
	my ($self, $id, $sql) = @_;

	my $rows = $self->session($id)->query($sql);
	die "node $id, $sql: " . $self->session($id)->error
	  unless defined $rows;
	return $rows;
}

sub value
{
	my ($self, $id, $sql) = @_;
	return $self->ask($id, $sql)->[0][0];
}

sub error
{
	my ($self, $id, $sql) = @_;

	my $session = $self->session($id);
	die "node $id has nothing against: $sql" if defined $session->query($sql);
	return ($session->error, $session->sqlstate);
}

=item $cluster->status($id)

The row of pg_leader_status as a hash.

=item $cluster->peers($id)

The rows of pg_leader_peers as hashes, in a list by node id.

=item $cluster->disk_pid($id)

Process id of the ticker's child that keeps the state file.

=cut

sub disk_pid
{
	my ($self, $id) = @_;
	my $ticker = $self->status($id)->{ticker_pid};

	foreach my $path (glob '/proc/[0-9]*/stat')
	{
		open my $file, '<', $path or next;
		my $stat = readline($file) // '';
		close $file;
		return $1 if $stat =~ /^(\d+) \(.*\) \S $ticker /s;
	}
	return undef;
}

=item $cluster->counters($id)

What pg_stat_leader says, as a hash, and for each reason for which datagrams
are dropped, C<dropped_tag> for example.  NULL is 0.

=back

These three die if the node does not answer.  In a wait_for() that goes over a
restart use try_status(), which returns undef then.

=cut

sub records
{
	my ($self, $id, $sql) = @_;

	my $records = $self->session($id)->records($sql);
	die "node $id, $sql: " . $self->session($id)->error
	  unless defined $records;
	return $records;
}

sub status
{
	my ($self, $id) = @_;
	return $self->records($id, 'SELECT * FROM pg_leader_status')->[0];
}

sub try_status
{
	my ($self, $id) = @_;

	my $records =
	  $self->session($id)->records('SELECT * FROM pg_leader_status');
	return defined $records ? $records->[0] : undef;
}

sub peers
{
	my ($self, $id) = @_;

	my @peers;
	$peers[ $_->{node_id} ] = $_
	  foreach @{ $self->records($id, 'SELECT * FROM pg_leader_peers') };
	return \@peers;
}

sub counters
{
	my ($self, $id) = @_;

	my $counters = $self->records($id, 'SELECT * FROM pg_stat_leader')->[0];
	foreach my $row (
		@{
			$self->ask($id,
				'SELECT reason, dropped FROM pg_stat_leader_drops')
		})
	{
		my ($reason, $dropped) = @$row;
		$counters->{ 'dropped_' . ($reason =~ tr/ /_/r) } = $dropped;
	}
	return { map { $_ => $counters->{$_} // 0 } keys %$counters };
}

=head1 WAITING

=over

=item $cluster->wait_for($condition, $what)

Calls the condition until it returns something true, and returns that.  Gives
up after PostgreSQL::Test's usual time.

=cut

sub wait_for
{
	my ($self, $condition, $what) = @_;

	my $start  = clock_gettime(CLOCK_MONOTONIC);
	my $waited = 0;
	while ($waited < $PostgreSQL::Test::Utils::timeout_default)
	{
		my $result = $condition->();
		return $result if $result;

		# Look seldom at what takes long.
		my $pause = $waited / 20;
		$pause = 0.01 if $pause < 0.01;
		$pause = 0.2  if $pause > 0.2;
		select undef, undef, undef, $pause;
		$waited = clock_gettime(CLOCK_MONOTONIC) - $start;
	}
	$self->dump_all("waited in vain for $what");
	die "waited in vain for $what\n";
}

=item $cluster->wait_for_leader(%params)

Waits until all nodes agree on a leader which says so itself; returns its id
and term.

=over

=item among => [ 0, 2 ]

the nodes that have to agree; unless given, all that run

=item above => 7

the term has to be a higher one

=item not => 1

another one has to lead

=back

=cut

sub wait_for_leader
{
	my ($self, %params) = @_;
	my @among = @{ $params{among} // [ $self->running ] };
	my $above = $params{above} // 0;

	my $what = "nodes @among to agree on a leader";
	$what .= " above term $above"       if $above;
	$what .= " other than $params{not}" if defined $params{not};

	my $found = $self->wait_for(
		sub {
			my $agreed = $self->_agreed_leader(@among);
			return
				 $agreed
			  && $agreed->[1] > $above
			  && !(defined $params{not} && $agreed->[0] == $params{not})
			  ? $agreed
			  : undef;
		},
		$what);
	return @$found;
}

# Leader and term, or undef.
sub _agreed_leader
{
	my ($self, @among) = @_;
	my ($leader, $term, $claimed);

	foreach my $id (@among)
	{
		my $rows =
		  $self->session($id)
		  ->query('SELECT pg_leader_leader_id(), pg_leader_term(),'
			  . ' pg_leader_fencing_token()');
		return undef unless defined $rows && defined $rows->[0][0];

		my ($its_leader, $its_term, $token) = @{ $rows->[0] };
		$leader //= $its_leader;
		$term   //= $its_term;
		return undef      if $its_leader != $leader || $its_term != $term;
		$claimed = $token if $its_leader == $id;
	}
	return defined $claimed && $claimed == $term ? [ $leader, $term ] : undef;
}

=item $cluster->wait_for_no_leader(@ids)

Waits until none of these nodes knows of a leader, or leads.

=cut

sub wait_for_no_leader
{
	my ($self, @ids) = @_;

	$self->wait_for(
		sub {
			foreach my $id (@ids)
			{
				my $row =
				  $self->ask($id,
					'SELECT pg_leader_leader_id(), pg_leader_is_leader()')
				  ->[0];
				return 0 if defined $row->[0] || $row->[1] eq 't';
			}
			return 1;
		},
		"nodes @ids to have no leader");
	return;
}

=item $cluster->wait_for_heartbeats($id, $count)

Waits until node $id has received so many datagrams more: for what must not
happen while time goes by.

=back

=cut

sub wait_for_heartbeats
{
	my ($self, $id, $count) = @_;

	my $start = $self->datagrams($id);
	$self->wait_for(
		sub { $self->datagrams($id) >= $start + $count },
		"node $id to receive $count datagrams");
	return;
}

sub datagrams
{
	my ($self, $id) = @_;
	return $self->value($id, 'SELECT datagrams_received FROM pg_stat_leader');
}

=head1 LOOKING CLOSER

=over

=item $cluster->log_of($id, $from)

The server log of a node, from an offset on if one is given; empty if there
is none.

=item $cluster->log_size($id)

Such an offset: the log's size as of now.

=cut

sub log_of
{
	my ($self, $id, $from) = @_;
	my $file = $self->{nodes}[$id]->logfile;

	return -e $file ? slurp_file($file, $from // 0) : '';
}

sub log_size
{
	my ($self, $id) = @_;
	return -s $self->{nodes}[$id]->logfile // 0;
}

=item $cluster->wait_for_log($id, $pattern, $from)

Waits until the log of a node, from an offset on, matches.

=cut

sub wait_for_log
{
	my ($self, $id, $pattern, $from) = @_;

	return $self->wait_for(
		sub { $self->log_of($id, $from) =~ $pattern },
		"the log of node $id to match $pattern");
}

=item $cluster->processes($id)

Titles of all processes of a node's server, by process id.

=cut

sub processes
{
	my ($self, $id) = @_;
	my %titles;

	foreach my $pid (_processes_in($self->{nodes}[$id]->data_dir))
	{
		open my $file, '<', "/proc/$pid/cmdline" or next;
		local $/ = "\0";
		my $title = <$file> // '';
		$title =~ s/[\0 ]+\z//;
		$titles{$pid} = $title;
	}
	return %titles;
}

=item $cluster->start_sampler(@ids)

Begins to watch nodes, all unless some are named, for two leaders at a time.
While it runs, it keeps a smart shutdown from completing.

=item $cluster->stop_sampler

Ends that, and returns the samples.  Both are for PgLeaderSampler.

=cut

sub start_sampler
{
	my ($self, @ids) = @_;
	@ids = $self->ids unless @ids;

	$self->{sampler} = PgLeaderSampler->start(
		$PostgreSQL::Test::Utils::log_path,
		map {
			{
				node => $_,
				host => $self->{nodes}[$_]->host,
				port => $self->{nodes}[$_]->port
			}
		} @ids);
	return $self->{sampler};
}

sub stop_sampler
{
	my ($self) = @_;
	return (delete $self->{sampler})->stop;
}

=item $cluster->check_samples($name)

Ends the sampler too, and makes two tests of what it saw: that there was a
leader at all, and never two.

=cut

sub check_samples
{
	my ($self, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my @samples    = $self->stop_sampler;
	my @violations = PgLeaderSampler::violations(@samples);
	my @leaders    = PgLeaderSampler::leaders(@samples);
	note "$name:\n", map { "  $_\n" } @leaders;
	ok(@leaders > 0, "$name: a leader was seen");
	is(join("\n", @violations), '', "$name: never two at a time");
	return @samples;
}

=item $cluster->state_of($id), $cluster->state_slots($id)

A node's durable state as it is on disk, whether the node runs or not: the
record that counts, or all slots; see PgLeaderStateFile.

=cut

sub state_of
{
	my ($self, $id) = @_;
	return PgLeaderStateFile::newest($self->state_directory($id) . '/state');
}

sub state_slots
{
	my ($self, $id) = @_;
	return PgLeaderStateFile::slots($self->state_directory($id) . '/state');
}

=item $cluster->dump_all($title)

Writes all there is to know about each node to the test's output.

=back

=cut

sub dump_all
{
	my ($self, $title) = @_;

	diag $title;
	foreach my $id ($self->ids)
	{
		diag "--- node $id" . ($self->{running}{$id} ? '' : ', not started');
		if ($self->{running}{$id})
		{
			$self->_dump_view($id, 'SELECT * FROM pg_leader_status');
			$self->_dump_view($id,
				'SELECT * FROM pg_leader_peers ORDER BY node_id');
			$self->_dump_view($id, 'SELECT * FROM pg_stat_leader');
			$self->_dump_view($id,
				'SELECT * FROM pg_stat_leader_drops WHERE dropped > 0');
			$self->_dump_view($id, 'SELECT * FROM pg_leader_history');
		}
		my @log = split /\n/, $self->log_of($id);
		splice @log, 0, -40 if @log > 40;
		diag join "\n", 'log:', @log;
	}
	return;
}

sub _dump_view
{
	my ($self, $id, $sql) = @_;
	my $session = $self->session($id);

	my $records = $session->records($sql);
	if (!defined $records)
	{
		diag 'no answer: ' . $session->error;
		return;
	}
	foreach my $record (@$records)
	{
		diag join ' ',
		  map { "$_=" . ($record->{$_} // 'null') } @{ $session->{columns} };
	}
	return;
}

1;
