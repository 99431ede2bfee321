
=head1 NAME

TimelineWords - what an event means, in words, and how a duration is written

=cut

package TimelineWords;

use strict;
use warnings;

use POSIX qw(floor strftime);

# A record that took longer than this to be written is worth a line.
my $slow_write_ns = 100_000_000;

=head1 FUNCTIONS

=over

=item duration($ns)

As a person would say it: "1.3 ms", "12.3 s", "2 min 5 s", "3 h 20 min".

=cut

sub duration
{
	my ($ns) = @_;

	my $seconds = $ns / 1e9;
	return sprintf '%.0f us', $ns / 1e3 if $ns < 999_500;
	return sprintf '%.1f ms', $ns / 1e6 if $ns < 99_950_000;
	return sprintf '%.0f ms', $ns / 1e6 if $ns < 999_500_000;
	return sprintf '%.2f s',  $seconds  if $seconds < 9.995;
	return sprintf '%.1f s',  $seconds  if $seconds < 59.95;

	$seconds = floor($seconds + 0.5);
	my ($minutes, $hours, $days) =
	  map { floor($seconds / $_) } 60, 3600, 86400;
	return sprintf '%d min %d s', $minutes, $seconds % 60 if $seconds < 3600;
	return sprintf '%d h %d min', $hours,   $minutes % 60 if $seconds < 86400;
	return sprintf '%d d %d h',   $days,    $hours % 24;
}

=item clock_time($ns), date_and_time($ns)

The time of day, and the date with it, UTC, with milliseconds.

=cut

sub clock_time
{
	my ($ns) = @_;
	my $ms = floor($ns / 1e6);
	return strftime('%H:%M:%S', gmtime floor($ms / 1000)) . sprintf '.%03d',
	  $ms % 1000;
}

sub date_and_time
{
	my ($ns) = @_;
	return strftime('%Y-%m-%d ', gmtime floor($ns / 1e9)) . clock_time($ns);
}

sub _count
{
	my ($count, $one) = @_;
	return "$count $one" . ($count == 1 ? '' : 's');
}

sub _vote
{
	my ($vote) = @_;
	return
		$vote >= 0  ? "voted for node $vote"
	  : $vote == -1 ? 'has not voted'
	  :               'may not vote in this term';
}

# What is sent or received, from the sight of who asks and who answers.
my %sending = (
	pre_vote         => 'asks node %d whether it would vote',
	vote             => 'asks node %d for its vote',
	timeout_now      => 'tells node %d to become the leader',
	heartbeat_reject => 'tells node %d that it leads no more',
	term_query       => 'asks node %d for its term',
	term_report      => 'tells node %d its term');
my %receipt = (
	pre_vote         => 'is asked by node %d whether it would vote',
	vote             => 'is asked by node %d for its vote',
	timeout_now      => 'is told by node %d to become the leader',
	heartbeat_reject => 'is told by node %d that it leads no more',
	term_query       => 'is asked by node %d for its term',
	term_report      => 'is told the term of node %d');

sub _message
{
	my ($event) = @_;

	my $of    = $event->{of};
	my $sends = $event->{event} eq 'send';
	my $type  = $of->{type} =~ tr/-/_/r;
	my $peer  = $of->{peer};
	my $which = "in term $of->{message_term}";

	if ($type =~ /^(pre_)?vote_reply$/)
	{
		my $vote = $1 ? 'would vote' : 'votes';
		my $why  = ": $of->{refusal}";
		return "answers node $peer: "
		  . ($of->{granted} ? "$vote for it $which" : "refuses $which$why")
		  if $sends;
		return $of->{granted}
		  ? "hears that node $peer $vote for it $which"
		  : "is refused by node $peer $which$why";
	}
	if ($type eq 'resign')
	{
		my $next = $of->{successor};
		return "tells node $peer that it resigns"
		  . ($next >= 0 ? ", node $next is to follow" : '')
		  if $sends;
		return "hears that node $peer resigns"
		  . (
			  $next == $event->{node} ? ' and it is to follow'
			: $next >= 0              ? " and node $next is to follow"
			:                           '');
	}
	my $format = ($sends ? \%sending : \%receipt)->{$type}
	  // ($sends ? "sends $type to node %d" : "receives $type from node %d");
	return sprintf("$format ", $peer) . $which;
}

my %words = (
	start => sub {
		my ($event, $of) = @_;
		return
			"starts as $of->{standing}, "
		  . _vote($of->{vote})
		  . ($of->{cluster} eq '' ? '' : qq(, cluster "$of->{cluster}"))
		  . ", $of->{nodes} nodes";
	},
	stop => sub { "stops: $_[1]{reason}" },
	end  => sub {
		$_[1]{state} eq 'down'
		  ? 'gives its last sign of life before it starts again'
		  : 'gives its last sign of life';
	},
	settings => sub {
		my ($event, $of) = @_;
		return sprintf
		  'works with heartbeats each %s, election timeouts of %s to %s, priority %d',
		  (map { duration($of->{$_}) }
			  qw(heartbeat_interval election_timeout_min election_timeout_max)
		  ),
		  $of->{priority};
	},
	role => sub {
		my ($event, $of) = @_;
		my ($old, $new, $why) =
		  ($of->{old_role}, $event->{role}, $of->{reason});
		return $why =~ m{^elected} ? "is $why" : "is elected: $why"
		  if $new eq 'leader';
		return "becomes candidate: $why" if $new eq 'candidate';
		return "asks whether an election could succeed: $why"
		  if $new eq 'pre-candidate';
		return "is leader no more: $why"         if $old eq 'leader';
		return "does not become candidate: $why" if $old eq 'pre-candidate';
		return "gives up its candidacy: $why";
	},
	leader => sub {
		my ($event, $of) = @_;
		my ($old, $new, $why) =
		  ($of->{old_leader}, $event->{leader}, $of->{reason});
		return "knows no leader any more: $why"   if $new < 0;
		return "knows itself as the leader: $why" if $new == $event->{node};
		return
			"follows node $new"
		  . ($old >= 0 ? ", not node $old any more" : '')
		  . ": $why";
	},
	lease => sub {
		my ($event, $of) = @_;
		return 'has no lease any more: may not act as leader'
		  if $of->{state} eq 'ended';
		return 'has its lease: leads';
	},
	standing => sub {
		my ($event, $of) = @_;
		return "is $of->{standing} now"
		  . ($of->{reason} eq 'none' ? '' : ": $of->{reason}");
	},
	silence => sub {
		my ($event, $of) = @_;
		return 'votes from now on' if $of->{state} eq 'ended';
		return 'restarted, and does not vote'
		  . (
			$of->{until} > $event->{clock}
			? ' for ' . duration($of->{until} - $event->{clock})
			: '');
	},
	vote      => sub { "votes for node $_[1]{candidate}" },
	invariant =>
	  sub { "hears that node $_[1]{other} leads in the same term!" },
	storage => sub {
		$_[1]{state} eq 'failed'
		  ? 'cannot write its state'
		  : 'can write its state again';
	},
	persist => sub {
		'has written its state ('
		  . _vote($_[1]{vote}) . ') in '
		  . duration($_[1]{took});
	},
	send    => \&_message,
	receive => \&_message,
	peer    => sub {
		my ($event, $of) = @_;
		return "has heard nothing of node $of->{peer} for "
		  . duration($of->{silent})
		  if $of->{state} eq 'lost';
		return "hears node $of->{peer} again, after "
		  . duration($of->{silent});
	},
	control => sub {
		my ($event, $of) = @_;
		my $what =
			$of->{request} eq 'transfer' ? "hand over to node $of->{argument}"
		  : $of->{request} eq 'step_down' ? 'step down'
		  :                                 $of->{request} =~ tr/_/ /r;
		return "is told to $what ($of->{result})"
		  . ($of->{requested_by} eq '' ? '' : " by $of->{requested_by}");
	},
	lost => sub { 'could not log ' . _count($_[1]{count}, 'event') . ' here' }
);

=item words($event)

What the node does or meets, beginning with a verb.

=cut

sub words
{
	my ($event) = @_;
	return $words{ $event->{event} }->($event, $event->{of});
}

=item TimelineWords->new, $it->matters($event)

Whether an event matters to who wants to know why leadership moved.  Asked for
each event in order: the same answer to the same candidate is told once, until
a leader is known.

=cut

sub new
{
	my ($class) = @_;
	return bless { said => {}, told => {}, settings => {} }, $class;
}

sub matters
{
	my ($self, $event) = @_;
	my ($what, $of, $node) = @{$event}{qw(event of node)};

	if ($what eq 'settings')
	{
		my $settings = words($event);
		my $before   = $self->{settings}{$node};
		$self->{settings}{$node} = $settings;
		return defined $before && $before ne $settings;
	}
	return $of->{took} >= $slow_write_ns if $what eq 'persist';
	if ($what eq 'leader')
	{
		delete $self->{said}{$node} if $event->{leader} >= 0;
		return $event->{leader} != $node;
	}
	if ($what eq 'role')
	{
		# Again and again, as long as an election cannot succeed.
		return 1 unless $event->{role} =~ /^(?:follower|pre-candidate)$/;
		return 1 if $of->{old_role}    !~ /^(?:follower|pre-candidate)$/;
		return !$self->{said}{$node}{ words($event) }++;
	}
	return 1 unless $what =~ /^(?:send|receive)$/;
	return 0 if $what eq 'send';

	# Told again and again until there is a new leader.
	return !$self->{told}{"$node $of->{peer} $of->{message_term}"}++
	  if $of->{type} =~ /^(?:resign|timeout_now)$/;
	return 0 if $of->{type} !~ /vote_reply$/ || $of->{granted};
	return !$self->{said}{$node}{"$of->{peer} $of->{refusal}"}++;
}

=back

=cut

1;
