# If this broke, a node whose state file is lost, damaged, or brought along
# from elsewhere would vote twice in one term, and there could be two leaders.

use strict;
use warnings;

use File::Path qw(rmtree);
use FindBin;
use lib $FindBin::RealBin;
use PgLeaderMembers;
use PostgreSQL::Test::Utils;
use Test::More;

sub state_path
{
	my ($cluster, $id) = @_;
	return $cluster->state_directory($id) . '/state';
}

sub read_bytes
{
	my ($path) = @_;

	open my $file, '<:raw', $path or die "could not read \"$path\": $!";
	local $/;
	my $bytes = <$file>;
	close $file;
	return $bytes;
}

# In place, so that it stays the same file.
sub write_bytes
{
	my ($path, $offset, $bytes) = @_;

	open my $file, '+<:raw', $path or die "could not open \"$path\": $!";
	seek $file, $offset, 0;
	print $file $bytes;
	close $file or die "could not write \"$path\": $!";
	return;
}

sub flip_bit
{
	my ($path, $offset) = @_;

	my $byte = substr read_bytes($path), $offset, 1;
	write_bytes($path, $offset, $byte ^ "\x10");
	return;
}

# Node 2 is back and has lost its memory: it must not take part, and the
# others must go on without it.
sub check_amnesiac
{
	my ($cluster, $name, $note) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	$cluster->wait_for(sub { $cluster->status(2)->{standing} eq 'amnesiac' },
		"$name: node 2 to be amnesiac");
	my ($leader, $term) = $cluster->wait_for_leader(among => [ 0, 1 ]);
	$cluster->wait_for(
		sub {
			$cluster->peers($leader)->[2]{standing} eq 'amnesiac'
			  && defined $cluster->status(2)->{leader_id};
		},
		"$name: node 2 and the leader to know of each other");

	my $status = $cluster->status(2);
	like($status->{note} // '', $note, "$name: it says what is wrong");
	is($cluster->state_of(2)->{standing}, 'amnesiac', "$name: durably");
	$cluster->wait_for_heartbeats(2, 30);
	$status = $cluster->status(2);
	is($status->{standing},  'amnesiac', "$name: still");
	is($status->{role},      'follower', "$name: it does not campaign");
	is($status->{is_leader}, 'f',        "$name: it does not lead");
	is($status->{voted_for}, undef,      "$name: it does not vote");

	($leader, $term) = $cluster->wait_for_leader(among => [ 0, 1 ]);
	is($cluster->peers($leader)->[2]{acknowledges},
		'f', "$name: it does not acknowledge");
	return;
}

#
# One slot is damaged: the other one has the same
#

my $cluster = PgLeaderMembers::start();
my @slots   = $cluster->state_slots(2);
is(scalar(@slots), 2, 'there are two slots');
foreach my $slot (0, 1)
{
	# First byte, last byte, and a few in between.
	my $size = $slots[$slot]{size};
	foreach my $byte (0, int($size / 3), int($size / 2), $size - 1)
	{
		my $name = "bit flipped in byte $byte of slot $slot";

		# The second copy is written a little later than the first.
		$cluster->wait_for(
			sub {
				my ($one, $two) =
				  map { $_->{record}{generation} } $cluster->state_slots(2);
				return defined $one && defined $two && $one == $two;
			},
			'both slots to hold the same record');
		$cluster->stop('fast', 2);
		my $before = $cluster->state_of(2);
		flip_bit(state_path($cluster, 2), $slots[$slot]{offset} + $byte);
		is_deeply($cluster->state_of(2),
			$before, "$name: the other slot has the same state");
		$cluster->start(2);
		$cluster->wait_for_leader;
		is($cluster->status(2)->{standing}, 'member', "$name: a member");
		cmp_ok($cluster->state_of(2)->{term},
			'>=', $before->{term}, "$name: the term is still known");
	}
}

#
# Both slots
#

$cluster->stop('fast', 2);
flip_bit(state_path($cluster, 2), $_->{offset} + 20) foreach @slots;
$cluster->start(2);
check_amnesiac($cluster, 'both slots damaged', qr/no readable record/);

# Being amnesiac is durable.
$cluster->stop('fast', 2);
$cluster->start(2);
check_amnesiac($cluster, 'amnesiac node restarted', qr/./);
$cluster->stop_all;

#
# Empty, short, and no file at all
#

$cluster = PgLeaderMembers::start();
$cluster->stop('fast', 2);
truncate state_path($cluster, 2), 0 or die "could not truncate: $!";
$cluster->start(2);
check_amnesiac($cluster, 'empty file', qr/has 0 bytes/);
$cluster->stop_all;

$cluster = PgLeaderMembers::start();
$cluster->stop('fast', 2);
rmtree($cluster->state_directory(2));
$cluster->start(2);
check_amnesiac($cluster, 'state deleted', qr/does not exist/);
$cluster->stop_all;

#
# Copies
#

$cluster = PgLeaderMembers::start();
$cluster->stop('fast', 0, 2);
rmtree($cluster->state_directory(2));
system_or_bail(
	'cp', '-a',
	$cluster->state_directory(0),
	$cluster->state_directory(2));
$cluster->start(0, 2);
check_amnesiac($cluster, 'state of another node', qr/belongs to node 0/);
$cluster->stop_all;

$cluster = PgLeaderMembers::start();
$cluster->stop('fast', 2);
my $directory = $cluster->state_directory(2);
system_or_bail('cp', '-a', $directory, "$directory.copy");
rename $directory,        "$directory.true" or die "could not rename: $!";
rename "$directory.copy", $directory        or die "could not rename: $!";
$cluster->start(2);
check_amnesiac($cluster, 'copy of its own state', qr/is a copy/);

$cluster->stop_all;

#
# Rolled back: the very file, but as it was before the last elections
#

$cluster = PgLeaderMembers::start();
$cluster->stop('fast', 2);
my $memory = read_bytes(state_path($cluster, 2));
$cluster->start(2);
my ($leader, $term) = $cluster->wait_for_leader;
my $target = $term;
foreach (1 .. 3)
{
	$cluster->wait_for(
		sub {
			($leader, $term) = $cluster->wait_for_leader;
			$cluster->session($leader)->query('SELECT pg_leader_step_down()');
		},
		'a leader to step down');
	($leader, $term) = $cluster->wait_for_leader(above => $term);
}
$cluster->stop('fast', 2);
write_bytes(state_path($cluster, 2), 0, $memory);
$cluster->start(2);
check_amnesiac($cluster, 'state rolled back', qr/rolled back/);
$cluster->stop_all;

#
# Deleted under a running leader
#

$cluster = PgLeaderMembers::start();
$cluster->start_sampler;
($leader, $term) = $cluster->wait_for_leader;
my $old     = $leader;
my @others  = grep { $_ != $old } $cluster->ids;
my $session = $cluster->value($old, 'SELECT pg_backend_pid()');
rmtree($cluster->state_directory($old));
($leader) = $cluster->wait_for_leader(
	among => \@others,
	above => $term,
	not   => $old);
pass('state deleted under a running leader: another one leads');
$cluster->wait_for(
	sub { ($cluster->status($old)->{standing} // '') eq 'amnesiac' },
	"node $old to be amnesiac");
is($cluster->state_of($old)->{standing},
	'amnesiac', 'state deleted under a running leader: it knows');
cmp_ok($cluster->state_of($old)->{term},
	'>=', $term,
	'state deleted under a running leader: its term does not go back');
is($cluster->value($old, 'SELECT pg_backend_pid()'),
	$session, 'state deleted under a running leader: its server serves on');
$cluster->check_samples('state deleted under a running leader');

#
# Two servers with one directory: the second one waits
#

my ($second) = grep { $_ != $old && $_ != $leader } $cluster->ids;
$cluster->set($second, state_directory => $cluster->state_directory($leader));
$cluster->stop('fast', $second);
my $from = $cluster->log_size($second);
$cluster->start($second);
$cluster->wait_for_log($second, qr/state directory .* is in use/, $from);
is($cluster->status($second)->{role},
	'down', 'directory in use: the second node takes no part');
$cluster->set($second, state_directory => 'pg_leader');
$cluster->stop('fast', $second);
$cluster->start($second);
$cluster->wait_for_leader(among => [ $leader, $second ]);
is($cluster->status($second)->{standing},
	'member', 'directory of its own: a member');

#
# A directory with so long a name that what is said of it is cut off: it is
# cut within a character, and the views tell it all the same
#

my $node = $cluster->node($second);
$node->safe_psql('postgres',
		"CREATE DATABASE utf8 TEMPLATE template0 ENCODING 'UTF8'"
	  . " LC_COLLATE 'C' LC_CTYPE 'C'");
$node->safe_psql('utf8', 'CREATE EXTENSION pg_leader');
$cluster->set(
	$second,
	initial_state   => 'existing',
	state_directory => "\303\251" x 125);
$cluster->stop('fast', $second);
$cluster->start($second);
$cluster->wait_for(
	sub { $cluster->status($second)->{standing} eq 'amnesiac' },
	'the node to look for its state elsewhere');
like(
	$node->safe_psql(
		'utf8',
		"SELECT convert_from(convert_to(note, 'UTF8'), 'UTF8')"
		  . ' FROM pg_leader_status'),
	qr/state file "\?{10}/,
	'a note that was cut within a character is valid text');
$cluster->stop_all;

done_testing();
