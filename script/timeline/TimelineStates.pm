
=head1 NAME

TimelineStates - what each node was when, from the events of all

=head1 DESCRIPTION

States of a node:

  unknown        its log has not begun
  down           stopped or crashed: it started again later
  gone           no sign of life: the others heard nothing of it, and it wrote
                 nothing
  follower
  waiting        follower that knows no leader
  pre-candidate, candidate
  elected        leader that has no lease, so it may not act
  leader         leader with its lease

A node that crashes, or is frozen, does not say so.  The others do: when they
lost it, and for how long it had been silent then; or it told them itself, with
its last words.

=cut

package TimelineStates;

use strict;
use warnings;

# The state that a line tells; lease: whether the node has one.
sub _state
{
	my ($role, $leader, $lease) = @_;
	return 'leader'  if $role eq 'leader' && $lease;
	return 'elected' if $role eq 'leader';
	return 'waiting' if $role eq 'follower' && $leader < 0;
	return $role;
}

# When the others heard of each node for the last time, each time that they
# lost it: node => list of [ found at, last heard, by whom, not known exactly ],
# in order.  A follower that misses its leader does not say since when, but that
# it has been silent for the election timeout.
sub _losses
{
	my ($events) = @_;

	my (%losses, %timeout);
	foreach my $event (@$events)
	{
		my ($of, $at, $node) = @{$event}{qw(of at node)};
		if ($event->{event} eq 'settings')
		{
			$timeout{$node} = $of->{election_timeout_min};
		}
		elsif ($event->{event} eq 'peer' && $of->{state} eq 'lost')
		{
			push @{ $losses{ $of->{peer} } },
			  [ $at, $at - $of->{silent}, $node, 0 ];
		}
		elsif ($event->{event} eq 'leader'
			&& $of->{reason} eq 'election timeout'
			&& $of->{old_leader} >= 0
			&& $timeout{$node})
		{
			push @{ $losses{ $of->{old_leader} } },
			  [ $at, $at - $timeout{$node}, $node, 1 ];
		}
		elsif ($event->{event} eq 'receive' && $of->{type} eq 'resign')
		{
			push @{ $losses{ $of->{peer} } }, [ $at, $at, $node, 0 ];
		}
	}
	return \%losses;
}

# When a node became silent for good, between two of its own events; the second
# may be none; and whether it had resigned.  Empty if none of the losses that
# were found between them says so.
sub _end_between
{
	my ($last, $next, $losses, $is_up, $nodes) = @_;

	my $restarts = $next && $next->{event} eq 'start';
	my ($end, $latest, $last_words, $found_last, %by);
	foreach my $loss (@$losses)
	{
		my ($found, $heard, $by, $is_vague) = @$loss;

		# A leader that is only cut off is missed as soon.
		next if $is_vague && !$restarts;
		if ($found == $heard)
		{
			$last_words //= $heard;
			next;
		}

		# Soon afterwards it wrote something: it was cut off, but lives.
		next
		  if $next
		  && !$restarts
		  && $next->{at} - $found < ($found - $heard) / 2;
		$by{$by} = 1;
		if ($is_vague)
		{
			$latest = $heard if !defined $latest || $latest > $heard;
		}
		else
		{
			$end = $heard if !defined $end || $end < $heard;
		}
		$found_last = $found if !defined $found_last || $found_last < $found;
	}

	$end //= $latest;

	# One that lives on may have resigned too.
	$last_words = undef       if $next     && !$restarts;
	$end        = $last_words if $restarts && defined $last_words;
	return unless defined $end;

	# Without a restart it may be that only some do not hear it.
	if (!$restarts)
	{
		my @others =
		  grep { $_ != $last->{node} && $is_up->($_, $found_last) } @$nodes;
		return unless 2 * keys(%by) > @others;
		$end = $last_words if defined $last_words;
	}
	return ($end < $last->{at} ? $last->{at} : $end, defined $last_words);
}

=head1 FUNCTIONS


=over

=item add_ends($events)

Returns the list of events, with one more, "end", wherever a node ended, or
became silent, without saying so.

=cut

sub add_ends
{
	my ($events) = @_;

	my %own;
	push @{ $own{ $_->{node} } }, $_ foreach @$events;
	my $losses = _losses($events);

	# First those that have started again: of these it is certain.
	my (@ends, %down);
	my $is_up = sub {
		my ($node, $at) = @_;
		return !grep { $_->[0] <= $at && $at < $_->[1] }
		  @{ $down{$node} // [] };
	};
	foreach my $state (qw(down gone))
	{
		foreach my $node (sort { $a <=> $b } keys %own)
		{
			my @of_node = @{ $own{$node} };
			my @losses  = @{ $losses->{$node} // [] };
			foreach my $i (0 .. $#of_node)
			{
				my ($last, $next) = @of_node[ $i, $i + 1 ];
				my $restarts = ($next && $next->{event} eq 'start') ? 1 : 0;
				my ($at, $resigned) = ($last->{at}, 1);
				my @between;
				shift @losses while @losses && $losses[0][0] <= $at;
				push @between, shift @losses
				  while @losses && !($next && $losses[0][0] >= $next->{at});
				if ($last->{event} ne 'stop')
				{
					next if $restarts != ($state eq 'down' ? 1 : 0);
					($at, $resigned) =
					  _end_between($last, $next, \@between, $is_up,
						[ keys %own ]);
					next unless defined $at;
					push @ends,
					  {
						%$last,
						at    => $at,
						event => 'end',
						of    => { state => $state, resigned => $resigned }
					  };
				}
				next unless $state eq 'down';
				push @{ $down{$node} },
				  [ $at, $next ? $next->{at} : $events->[-1]{at} + 1 ];
			}
		}
	}

	# Behind what happened at the same time.
	my @all;
	@ends = sort { $a->{at} <=> $b->{at} } @ends;
	foreach my $event (@$events)
	{
		push @all, shift @ends while @ends && $ends[0]{at} < $event->{at};
		push @all, $event;
	}
	return [ @all, @ends ];
}

=item follow($events)

Follows the nodes through the list of add_ends().  Returns a reference to a
hash:

  nodes     the nodes' ids, in order
  begin, end
            of the whole, nanoseconds
  spells    node => list of { state, term, from, to }, without gaps
  changes   for each event: the list of [ node, state ] that it changes,
            before the first one the states at the beginning
  reigns    list of { node, term, from, to }: a leader with its lease
  contacts  list of { node, peer, from, to }: the node did not hear the peer
  votes     list of { node, candidate, term, from, to }: cast, and received
  handovers list of { node, successor, term, from, to }: a leader's word to
            its successor

=cut

sub follow
{
	my ($events) = @_;

	my %first;
	$first{ $_->{node} } //= $_ foreach @$events;
	my @nodes = sort { $a <=> $b } keys %first;
	my $begin = $events->[0]{at};
	my $end   = $events->[-1]{at};

	my (%state, %spells, %lease,    @changes, @reigns,
		%reign, %lost,   @contacts, %candidacy);

	# Before a node's first line, that line tells.
	foreach my $node (@nodes)
	{
		my $event = $first{$node};
		my $role =
		  $event->{event} eq 'role' ? $event->{of}{old_role} : $event->{role};
		my $leader =
			$event->{event} eq 'leader'
		  ? $event->{of}{old_leader}
		  : $event->{leader};
		$lease{$node} =
		  !($event->{event} eq 'lease' && $event->{of}{state} eq 'begun');
		$state{$node} =
		  $event->{event} eq 'start'
		  ? 'down'
		  : _state($role, $leader, $lease{$node});
		$spells{$node} = [
			{
				state => $state{$node},
				term  => $event->{term},
				from  => $begin
			}
		];
		if ($state{$node} eq 'leader')
		{
			$reign{$node} =
			  { node => $node, term => $event->{term}, from => $begin };
			push @reigns, $reign{$node};
		}
	}
	push @changes, [ map { [ $_, $state{$_} ] } @nodes ];

	my $enter = sub {
		my ($node, $state, $term, $at) = @_;
		my $spell = $spells{$node}[-1];
		return if $spell->{state} eq $state && $spell->{term} == $term;
		$spell->{to} = $at;
		push @{ $spells{$node} },
		  { state => $state, term => $term, from => $at };
		return if $state{$node} eq $state;
		$state{$node} = $state;
		push @{ $changes[-1] }, [ $node, $state ];
		return;
	};
	my $end_reign = sub {
		my ($node, $at) = @_;
		my $reign = delete $reign{$node} or return;
		$reign->{to} = $at;
		return;
	};

	foreach my $event (@$events)
	{
		my ($node, $term, $at, $of, $what) =
		  @{$event}{qw(node term at of event)};
		push @changes, [];
		$candidacy{$node}{$term} //= $at if $event->{role} eq 'candidate';

		if ($what eq 'end' || $what eq 'stop')
		{
			$lease{$node} = 0;

			# What is frozen had its lease for as long as the others promised.
			my $left = 0;
			$left = $reign{$node}{lasts} // 0
			  if $reign{$node}
			  && $what eq 'end'
			  && !$of->{resigned}
			  && $of->{state} eq 'gone';
			$end_reign->($node, $at + $left);
			$enter->($node, $of->{state} // 'down', $term, $at);
			delete $lost{$node};
			next;
		}

		if ($what eq 'start')
		{
			$end_reign->($node, $at);
			$lease{$node} = 0;
			delete $lost{$node};
		}
		$lease{$node} = 0 if $event->{role} ne 'leader' || $what eq 'role';
		if ($what eq 'lease')
		{
			$lease{$node} = $of->{state} eq 'begun';
			if ($lease{$node} && !$reign{$node})
			{
				# Whoever led before has no lease any more, and perhaps does
				# not know yet.  Its voters were free when the candidacy
				# began.
				foreach my $other (sort { $a <=> $b } keys %reign)
				{
					next if $reign{$other}{term} >= $term;
					my $lapsed = $candidacy{$node}{$term} // $at;
					$lapsed = $reign{$other}{from}
					  if $lapsed < $reign{$other}{from};
					$end_reign->($other, $lapsed);
					$lease{$other} = 0;
					$enter->(
						$other, 'elected', $spells{$other}[-1]{term}, $at
					) if $state{$other} eq 'leader';
				}
				$reign{$node} = {
					node  => $node,
					term  => $term,
					from  => $at,
					lasts => $of->{until} - $event->{clock}
				};
				push @reigns, $reign{$node};
			}
		}
		$end_reign->($node, $at) unless $lease{$node};

		# Of one that resigns, a line may tell the role of before, but no
		# leader any more.
		my $role = $event->{role};
		$role = 'follower'
		  if $what eq 'leader' && $event->{leader} < 0 && $role eq 'leader';
		$enter->(
			$node, _state($role, $event->{leader}, $lease{$node}),
			$term, $at);

		if ($what eq 'peer')
		{
			my $contact = $lost{$node}{ $of->{peer} };
			if ($of->{state} eq 'lost')
			{
				$contact = {
					node => $node,
					peer => $of->{peer},
					from => $at - $of->{silent}
				};
				$lost{$node}{ $of->{peer} } = $contact;
				push @contacts, $contact;
			}
			elsif ($contact)
			{
				$contact->{to} = $at;
				delete $lost{$node}{ $of->{peer} };
			}
		}
	}

	# A lease that was reckoned to last longer ended when the next one began.
	foreach my $i (0 .. $#reigns)
	{
		my $reign = $reigns[$i];
		$reign->{to} = $end if !defined $reign->{to} || $reign->{to} > $end;
		$reign->{to} = $reigns[ $i + 1 ]{from}
		  if $i < $#reigns && $reign->{to} > $reigns[ $i + 1 ]{from};
	}
	return {
		nodes     => \@nodes,
		begin     => $begin,
		end       => $end,
		spells    => \%spells,
		changes   => \@changes,
		reigns    => \@reigns,
		contacts  => \@contacts,
		votes     => _messages($events, 'vote'),
		handovers => _messages($events, 'handover')
	};
}

# Votes, or words of leaders to their successors: from where to where.
sub _messages
{
	my ($events, $which) = @_;

	my (@messages, %waiting);
	foreach my $event (@$events)
	{
		my ($node, $at, $of) = @{$event}{qw(node at of)};
		if ($which eq 'vote' && $event->{event} eq 'vote')
		{
			my $message = {
				node      => $node,
				candidate => $of->{candidate},
				term      => $event->{term},
				from      => $at,
				to        => $at
			};
			push @messages, $message;
			$waiting{"$node $of->{candidate} $event->{term}"} = $message;
		}
		elsif ($event->{event} eq 'receive')
		{
			if (   $which eq 'vote'
				&& $of->{type} eq 'vote_reply'
				&& $of->{granted})
			{
				my $message =
				  delete $waiting{"$of->{peer} $node $of->{message_term}"};
				$message->{to} = $at if $message;
			}
			elsif ($which eq 'handover'
				&& $of->{type} =~ /^(?:resign|timeout_now)$/
				&& $of->{successor} == $node)
			{
				my $key = "$of->{peer} $node $of->{message_term}";
				next if $waiting{$key}++;
				push @messages,
				  {
					node      => $of->{peer},
					successor => $node,
					term      => $of->{message_term},
					from      => $at,
					to        => $at
				  };
			}
		}
	}
	return \@messages;
}

=back

=cut

1;
