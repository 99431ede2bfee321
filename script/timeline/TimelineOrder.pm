
=head1 NAME

TimelineOrder - put the events of several nodes into one order

=head1 DESCRIPTION

A node's events are ordered by its machine's clock, which never goes back while
the machine runs.  Where that clock stands to the wall clock is taken from all
lines of one run of the machine, so that setting the wall clock moves nothing.

Wall clocks of machines differ.  By how much is reckoned from messages whose
sending and receipt are both logged, and that were sent once: the shortest way
there and back bounds the difference.

Between nodes, nothing stands before its cause, whatever the times say: a term
begins with its first candidacy, a vote follows the candidacy, a leader is known
after it was elected, a receipt follows the sending.

Events get "at": their time in nanoseconds of Unix time, corrected by all this.

=cut

package TimelineOrder;

use strict;
use warnings;

# A difference of clocks, or a correction, that is worth a word.
my $noticeable_ns = 1_000_000;

sub _median
{
	my @sorted = sort { $a <=> $b } @_;
	return $sorted[ $#sorted / 2 ];
}

# Two lines of one run of a machine tell the same origin of its clock, but for
# this, unless the wall clock was set between them.
my $same_origin_ns = 1_000_000_000;

# The run of the machine to which an event belongs, the line before it being of
# that run.
sub _run_of
{
	my ($event, $runs, $run) = @_;

	# What a machine's clock counts from moves by more than the machine has
	# run when it restarts, and by less when the wall clock is set.
	my $origin = $event->{time} - $event->{clock};
	if (!$run
		|| (   $event->{clock} < $run->{clock}
			&& $origin - $run->{origin} > $run->{clock} / 2))
	{
		($run) =
		  grep { abs($origin - $_->{origin}) < $same_origin_ns } @$runs;
		if (!$run)
		{
			$run = { events => [], clock => 0 };
			push @$runs, $run;
		}
	}
	$run->{origin} = $origin;
	$run->{clock}  = $event->{clock} if $run->{clock} < $event->{clock};
	return $run;
}

# Two files may overlap, as a copy and what it was made of do.  One file does
# not have an event twice.
sub _without_copies
{
	my (@events) = @_;

	my %files = map { $_->{file} => 1 } @events;
	return @events if keys %files == 1;

	my (%seen, @once);
	foreach my $event (@events)
	{
		my $identity = join ' ', @{$event}{qw(clock term role leader event)},
		  map { "$_=$event->{of}{$_}" } sort keys %{ $event->{of} };
		$seen{$identity} //= $event->{file};
		push @once, $event if $seen{$identity} == $event->{file};
	}
	return @once;
}

# The events of one node, in order.  Each gets "unit", which run of the machine
# it belongs to, and "at" by its own clock.
sub _own_order
{
	my ($events, $units) = @_;

	my (%begin, @runs, $run);
	$begin{ $_->{file} } //= $_->{time} foreach @$events;
	my $file = -1;
	foreach my $event (
		sort {
				 $begin{ $a->{file} } <=> $begin{ $b->{file} }
			  || $a->{file}           <=> $b->{file}
			  || $a->{line}           <=> $b->{line}
		} @$events)
	{
		if ($event->{file} != $file)
		{
			# A file begins wherever it likes.
			my $origin = $event->{time} - $event->{clock};
			my ($known) =
			  grep { abs($origin - $_->{origin}) < $same_origin_ns } @runs;
			$run  = $known // $run;
			$file = $event->{file};
		}
		$run = _run_of($event, \@runs, $run);
		push @{ $run->{events} }, $event;
	}

	my @ordered;
	foreach my $run (@runs)
	{
		my @own = sort {
				 $a->{clock} <=> $b->{clock}
			  || $a->{file}  <=> $b->{file}
			  || $a->{line}  <=> $b->{line}
		} _without_copies(@{ $run->{events} });
		my $origin = _median(map { $_->{time} - $_->{clock} } @own);
		my $unit   = {
			node   => $own[0]{node},
			number => scalar @$units,
			set_by => 0
		};
		push @$units, $unit;
		foreach my $event (@own)
		{
			$event->{unit} = $unit->{number};
			$event->{at}   = $event->{clock} + $origin;
			my $off = abs $event->{time} - $event->{at};
			$unit->{set_by} = $off if $unit->{set_by} < $off;
		}
		push @ordered, \@own;
	}
	return [ map { @$_ } sort { $a->[0]{time} <=> $b->[0]{time} } @ordered ];
}

# Pairs of a sending and its receipt, of messages that were sent once and
# received once, so that there is no doubt.
sub _messages
{
	my ($events) = @_;

	my %found;
	foreach my $event (@$events)
	{
		my $of = $event->{of};
		next unless $event->{event} =~ /^(?:send|receive)$/;
		my ($from, $to) =
		  $event->{event} eq 'send'
		  ? ($event->{node}, $of->{peer})
		  : ($of->{peer}, $event->{node});
		my $key = join ' ', $from, $to, $of->{type}, $of->{message_term};
		push @{ $found{$key}{ $event->{event} } }, $event;
	}
	return map { [ $_->{send}[0], $_->{receive}[0] ] }
	  grep     { @{ $_->{send} // [] } == 1 && @{ $_->{receive} // [] } == 1 }
	  values %found;
}

# How far each unit's clock is ahead of that of the first one that can be
# compared to it: "ahead", give or take "doubt", of unit "against".
sub _compare_clocks
{
	my ($units, @messages) = @_;

	my %shortest;
	foreach my $message (@messages)
	{
		my ($from, $to) = map { $_->{unit} } @$message;
		my $took = $message->[1]{at} - $message->[0]{at};
		my $way  = \$shortest{$from}{$to};
		$$way = $took if !defined $$way || $took < $$way;
	}

	$_->{doubt} = undef foreach @$units;
	foreach my $first (@$units)
	{
		next if defined $first->{doubt};
		@{$first}{qw(ahead doubt against)} = (0, 0, $first);

		# Dijkstra's way from the nearest to the next, by what is in doubt.
		my %open = ($first->{number} => $first);
		while (%open)
		{
			my ($here) =
			  sort {
				$a->{doubt} <=> $b->{doubt} || $a->{number} <=> $b->{number}
			  } values %open;
			delete $open{ $here->{number} };
			foreach my $number (keys %{ $shortest{ $here->{number} } // {} })
			{
				my $there   = $units->[$number];
				my $forth   = $shortest{ $here->{number} }{$number};
				my $back    = $shortest{$number}{ $here->{number} } // next;
				my $trip    = $forth + $back;
				my $doubt   = $here->{doubt} + $trip / 2;
				my $visited = defined $there->{doubt};

				# Less than nothing: clocks that do not run alike.
				next if $trip < 0 || ($visited && $there->{doubt} <= $doubt);
				@{$there}{qw(ahead doubt against)} =
				  ($here->{ahead} + ($forth - $back) / 2, $doubt, $first);
				$open{$number} = $there;
			}
		}
	}
	return;
}

# What must have happened before each event: "after", a list of events.
sub _causes
{
	my ($nodes, $messages) = @_;

	my (%candidacy, %leads, %term_begins);
	foreach my $events (values %$nodes)
	{
		foreach my $event (@$events)
		{
			my ($node, $term) = @{$event}{qw(node term)};
			$candidacy{$node}{$term} //= $event
			  if $event->{role} =~ /^(?:candidate|leader)$/;
			$leads{$node}{$term} //= $event if $event->{role} eq 'leader';
		}
	}
	foreach my $node (sort { $a <=> $b } keys %candidacy)
	{
		foreach my $term (keys %{ $candidacy{$node} })
		{
			my $event = $candidacy{$node}{$term};
			my $first = \$term_begins{$term};
			$$first = $event if !$$first || $event->{at} < $$first->{at};
		}
	}

	foreach my $node (keys %$nodes)
	{
		my $term = $nodes->{$node}[0]{term};
		foreach my $event (@{ $nodes->{$node} })
		{
			my @causes;
			if ($event->{event} eq 'vote')
			{
				push @causes,
				  $candidacy{ $event->{of}{candidate} }{ $event->{term} };
			}
			elsif ($event->{event} eq 'leader' && $event->{leader} >= 0)
			{
				push @causes, $leads{ $event->{leader} }{ $event->{term} };
			}
			if ($event->{term} > $term
				&& !$candidacy{$node}{ $event->{term} })
			{
				push @causes, $term_begins{ $event->{term} };
			}
			$term = $event->{term};
			$event->{after} =
			  [ grep { defined && $_->{node} != $node } @causes ];
		}
	}
	push @{ $_->[1]{after} }, $_->[0] foreach @$messages;
	return;
}

# One list of those of all nodes: the earliest whose causes are in it already.
sub _merge
{
	my ($nodes) = @_;

	my %next = map { $_ => 0 } keys %$nodes;
	my %now  = map { $_ => 0 } keys %$nodes;
	my (@merged,     %done);
	my ($late_count, $latest) = (0, 0);
	while (%next)
	{
		my ($chosen, $chosen_ready);
		foreach my $node (sort { $a <=> $b } keys %next)
		{
			my $event = $nodes->{$node}[ $next{$node} ];
			my $ready = !grep { !$done{ $_ + 0 } } @{ $event->{after} };

			# None is ready only if the logs contradict themselves.
			next if $chosen_ready && !$ready;
			$chosen = $event, $chosen_ready = $ready
			  if !$chosen
			  || ($ready && !$chosen_ready)
			  || $event->{at} < $chosen->{at};
		}
		my $node = $chosen->{node};
		delete $next{$node} if ++$next{$node} == @{ $nodes->{$node} };

		my $at = $chosen->{at};
		foreach my $not_before ($now{$node},
			map { $done{ $_ + 0 } // 0 } @{ $chosen->{after} })
		{
			$at = $not_before if $at < $not_before;
		}
		if ($at > $chosen->{at})
		{
			$late_count++;
			$latest = $at - $chosen->{at} if $latest < $at - $chosen->{at};
		}
		delete $chosen->{after};
		$chosen->{at} = $at;
		$now{$node} = $done{ $chosen + 0 } = $at;
		push @merged, $chosen;
	}
	return (\@merged, $late_count, $latest);
}

sub _milliseconds
{
	return sprintf '%.1f ms', $_[0] / 1e6;
}

=head1 FUNCTIONS

=over

=item merge($events)

Returns references to the list of events in their order, and to a list of
remarks about clocks.

=cut

sub merge
{
	my ($events) = @_;

	my %by_node;
	push @{ $by_node{ $_->{node} } }, $_ foreach @$events;
	my (%nodes, @units, @remarks);
	foreach my $node (sort { $a <=> $b } keys %by_node)
	{
		$nodes{$node} = _own_order($by_node{$node}, \@units);
	}

	my @messages = _messages([ map { @$_ } values %nodes ]);
	_compare_clocks(\@units, @messages);
	foreach my $unit (@units)
	{
		push @remarks,
		  sprintf
		  'the wall clock of node %d was set, by up to %s; its times are by the machine\'s clock',
		  $unit->{node}, _milliseconds($unit->{set_by})
		  if $unit->{set_by} > $noticeable_ns;

		my $ahead = abs $unit->{ahead};
		$unit->{shift} = 0;
		next if $ahead <= $noticeable_ns || $ahead <= $unit->{doubt};
		$unit->{shift} = int -$unit->{ahead};
		push @remarks,
		  sprintf
		  'the wall clock of node %d is %s %s that of node %d (within %s); corrected',
		  $unit->{node}, _milliseconds($ahead),
		  $unit->{ahead} > 0 ? 'ahead of' : 'behind',
		  $unit->{against}{node}, _milliseconds($unit->{doubt});
	}
	foreach my $event (map { @$_ } values %nodes)
	{
		$event->{at} += $units[ $event->{unit} ]{shift};
	}

	_causes(\%nodes, \@messages);
	my ($merged, $late_count, $latest) = _merge(\%nodes);
	push @remarks,
	  sprintf '%d event%s earlier than what caused them, by up to %s; moved',
	  $late_count, $late_count == 1 ? ' is' : 's are', _milliseconds($latest)
	  if $latest > $noticeable_ns;
	return ($merged, \@remarks);
}

=back

=cut

1;
