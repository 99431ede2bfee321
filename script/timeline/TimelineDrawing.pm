
=head1 NAME

TimelineDrawing - the timeline as a picture (SVG 1.1)

=head1 DESCRIPTION

From top to bottom: the leaders with their leases, and for how long there was
none; a bar for each node, below it a line for each other node that it does not
hear; the time axis; what the colours mean.

States differ in lightness too, so that they can be told apart in grey.

=cut

package TimelineDrawing;

use strict;
use warnings;

use List::Util qw(max min);
use TimelineScale;
use TimelineWords;

# Of each state: fill, colour of the text on it, and what it is called.
my %look = (
	unknown         => [ 'none',         '#000', 'not known' ],
	down            => [ 'none',         '#000', 'down' ],
	gone            => [ 'url(#gone)',   '#000', 'no sign of life' ],
	follower        => [ '#c3d7e8',      '#000', 'follower' ],
	waiting         => [ '#f0f0e8',      '#000', 'knows no leader' ],
	'pre-candidate' => [ 'url(#asking)', '#000', 'asks for pre-votes' ],
	candidate       => [ '#e69f00',      '#000', 'candidate' ],
	elected => [ 'url(#elected)', '#000', 'elected, without a lease' ],
	leader  => [ '#08456e',       '#fff', 'leader with its lease' ]);
my @legend =
  qw(leader elected candidate pre-candidate follower waiting gone down);

# Pixels.
my $left_margin  = 64;
my $right_margin = 16;
my $bar_height   = 24;
my $track_height = 8;
my $label_height = 13;
my $strip_height = 20;

# Tracks below a bar: nodes that it does not hear, at a time.
my $most_tracks = 6;

# Width of a character of the small text, about.
my $character = 5.8;

my $contact_colour = '#a6192e';

my $definitions = <<'END';
<defs>
<pattern id="gone" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="7" height="7" fill="#fff"/><rect width="2" height="7" fill="#888"/></pattern>
<pattern id="asking" width="5" height="5" patternUnits="userSpaceOnUse"><rect width="5" height="5" fill="#fbe3ad"/><circle cx="2.5" cy="2.5" r="1" fill="#8a6100"/></pattern>
<pattern id="elected" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)"><rect width="6" height="6" fill="#fff"/><rect width="4" height="6" fill="#3b86b8"/></pattern>
<marker id="voter" viewBox="0 0 6 6" refX="3" refY="3" markerWidth="4" markerHeight="4"><circle cx="3" cy="3" r="2.5" fill="#222"/></marker>
<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto"><path d="M0,0.5 L8,4 L0,7.5 z" fill="#222"/></marker>
<marker id="word" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0,0.5 L8,4 L0,7.5 z" fill="#7a0177"/></marker>
</defs>
<style type="text/css">
text { font-family: sans-serif; font-size: 12px; fill: #111 }
.small { font-size: 10px }
.vote { stroke: #222; stroke-width: 1.1; fill: none; marker-start: url(#voter); marker-end: url(#head) }
.word { stroke: #7a0177; stroke-width: 1.6; stroke-dasharray: 4 2; fill: none; marker-end: url(#word) }
.lost { stroke: #a6192e; stroke-width: 2 }
.tick { stroke: #555; stroke-width: 1 }
.guide { stroke: #ccc; stroke-width: 1; stroke-dasharray: 2 3 }
</style>
END

sub _escape
{
	my ($text) = @_;
	$text =~ s/&/&amp;/g;
	$text =~ s/</&lt;/g;
	$text =~ s/>/&gt;/g;
	$text =~ s/"/&quot;/g;
	return $text;
}

sub _number
{
	my ($number) = @_;
	return sprintf('%.1f', $number) =~ s/\.0$//r;
}

sub _rectangle
{
	my ($left, $top, $width, $height, $attributes, $title) = @_;

	my $start = sprintf '<rect x="%s" y="%s" width="%s" height="%s" %s',
	  map({ _number($_) } $left, $top, max($width, 0.8), $height),
	  $attributes;
	return "$start/>\n" unless defined $title;
	return "$start><title>" . _escape($title) . "</title></rect>\n";
}

sub _text
{
	my ($x, $y, $text, $attributes) = @_;
	return sprintf qq(<text x="%s" y="%s"%s>%s</text>\n), _number($x),
	  _number($y), $attributes ? " $attributes" : '', _escape($text);
}

sub _line
{
	my ($x1, $y1, $x2, $y2, $attributes) = @_;
	return sprintf qq(<line x1="%s" y1="%s" x2="%s" y2="%s" %s/>\n),
	  map({ _number($_) } $x1, $y1, $x2, $y2), $attributes;
}

# Puts labels into a row as long as there is room; true if this one fits.
sub _fits
{
	my ($row, $left, $width) = @_;
	return 0 if defined $row->{right} && $left < $row->{right};
	$row->{right} = $left + $width + 4;
	return 1;
}

sub _width_of
{
	my ($text) = @_;
	return $character * length $text;
}

# The widest part of a piece that is not broken.
sub _room
{
	my ($left, $right, $scale) = @_;

	my @best  = ($left, $left);
	my $start = $left;
	foreach my $break ($scale->breaks, $right + 5)
	{
		next if $break < $start;
		my $end = min($break - 5, $right);
		@best = ($start, $end) if $end - $start > $best[1] - $best[0];
		last if $end == $right;
		$start = $break + 5;
	}
	return @best;
}

# What is said in a word above a node's bar.
sub _mark
{
	my ($event) = @_;
	my ($what, $of) = @{$event}{qw(event of)};

	return 'start'        if $what eq 'start';
	return 'stop'         if $what eq 'stop';
	return 'cannot write' if $what eq 'storage' && $of->{state} eq 'failed';
	return 'writes again' if $what eq 'storage';
	return 'two leaders'  if $what eq 'invariant';
	return "$of->{count} lost" if $what eq 'lost';
	return 'amnesiac' if $what eq 'standing' && $of->{standing} eq 'amnesiac';
	return unless $what eq 'control';
	return "transfer to $of->{argument}" if $of->{request} eq 'transfer';
	return $of->{request} =~ tr/_/-/r;
}

# Contacts that were lost, each with the number of its track.
sub _tracks
{
	my ($story, $from, $to) = @_;

	my (%contacts, %tracks);
	foreach my $contact (
		sort { $a->{from} <=> $b->{from} || $a->{peer} <=> $b->{peer} }
		@{ $story->{contacts} })
	{
		my ($node, $until) = ($contact->{node}, $contact->{to});

		# Whoever is down hears nobody, and that is said already.
		if (!defined $until)
		{
			my ($down) = grep {
					 $_->{from} >= $contact->{from}
				  && $_->{state} =~ /^(?:down|gone)$/
			} @{ $story->{spells}{$node} };
			$until = $down ? $down->{from} : $story->{end};
		}
		next if $until < $from || $contact->{from} > $to;
		my $busy  = $tracks{$node} //= [];
		my $track = 0;
		$track++
		  while defined $busy->[$track] && $busy->[$track] > $contact->{from};
		$track = min($track, $most_tracks - 1);
		$busy->[$track] = $until;
		push @{ $contacts{$node} },
		  { %$contact, to => $until, track => $track };
	}
	return (\%contacts,
		{ map { $_ => scalar @{ $tracks{$_} } } keys %tracks });
}

# Who cannot win asks again and again: that is one spell.
sub _without_retries
{
	my (@spells) = @_;

	my @merged;
	while (my $spell = shift @spells)
	{
		my $former = $merged[-1];
		my $retry =
			 $former
		  && $former->{state} eq 'pre-candidate'
		  && $spell->{state} eq 'waiting'
		  && @spells
		  && $spells[0]{state} eq 'pre-candidate';
		if ($retry)
		{
			$former->{to} = (shift @spells)->{to};
			next;
		}
		push @merged, {%$spell};
	}
	return @merged;
}

# The moments at which something is drawn.  What is lost and heard again is so
# on several nodes within a heartbeat or two: once in a second is enough.
sub _moments
{
	my ($contacts, @moments) = @_;

	my @others = sort { $a <=> $b } @moments;
	my @kept;
	my ($next, $before) = (0);
	foreach my $moment (sort { $a <=> $b } @$contacts)
	{
		while ($next < @others && $others[$next] <= $moment)
		{
			$before = $others[ $next++ ];
		}
		next if defined $before && $moment - $before < 1_000_000_000;
		next
		  if $next < @others && $others[$next] - $moment < 1_000_000_000;
		push @kept, $before = $moment;
	}
	return (@others, @kept);
}

# The part of a list of spells that is shown, cut to what is shown.
sub _shown
{
	my ($from, $to, @spells) = @_;
	return map {
		{ %$_, from => max($from, $_->{from}), to => min($to, $_->{to}) }
	  }
	  grep { $_->{to} >= $from && $_->{from} <= $to } @spells;
}

=head1 FUNCTIONS

=over

=item picture($events, $story, %options)

The whole document.  Options: from, to (nanoseconds of Unix time), width
(pixels), remarks (lines below the picture).

=cut

sub picture
{
	my ($events, $story, %options) = @_;
	my ($from,   $to,    $width)   = @options{qw(from to width)};
	my @nodes = @{ $story->{nodes} };

	# What is drawn.
	my %spells;
	foreach my $node (@nodes)
	{
		$spells{$node} = [
			_shown(
				$from, $to,
				_without_retries(
					map {
						{ %$_, to => $_->{to} // $story->{end} }
					} @{ $story->{spells}{$node} }))
		];
	}
	my @reigns = _shown($from, $to, @{ $story->{reigns} });
	my ($contacts, $track_counts) = _tracks($story, $from, $to);
	my $within = sub { $_[0]{from} >= $from && $_[0]{from} <= $to };
	my @votes  = grep { $within->($_) } @{ $story->{votes} };
	my @words  = grep { $within->($_) } @{ $story->{handovers} };
	my @marks =
	  grep { defined _mark($_) && $_->{at} >= $from && $_->{at} <= $to }
	  @$events;

	my $visible = sub {
		grep { $_ >= $from && $_ <= $to } @_;
	};
	my @ends =
	  map { @{$_}{qw(from to)} } (map { @$_ } values %spells), @reigns,
	  @votes, @words;
	my @moments = _moments(
		[
			$visible->(
				map { @{$_}{qw(from to)} } map { @$_ } values %$contacts)
		],
		$visible->($from, $to, @ends, map { $_->{at} } @marks));
	my $scale =
	  TimelineScale->new($left_margin, $width - $right_margin, @moments);

	# Where it is drawn.
	my $title_y = 20;
	my $strip_y = 64;
	my %bar_y;
	my $y = $strip_y + $strip_height + 10;
	foreach my $node (@nodes)
	{
		$bar_y{$node} = $y + $label_height;
		$y =
		  $bar_y{$node} +
		  $bar_height + 3 +
		  $track_height * ($track_counts->{$node} // 0) + 4;
	}
	my $axis_y   = $y + 4;
	my $legend_y = $axis_y + 58;

	my $body = '';
	$body .= _text(
		$left_margin,
		$title_y,
		sprintf(
			'Leaders of %d node%s, %s to %s UTC (%s)',
			scalar @nodes,
			@nodes == 1 ? '' : 's',
			map({ TimelineWords::date_and_time($_) } $from, $to),
			TimelineWords::duration($to - $from)),
		'font-weight="bold"');

	$body .= _axis($scale, $story->{begin}, $axis_y, $strip_y);
	$body .= _strip(\@reigns, $scale, $story, $strip_y);
	foreach my $node (@nodes)
	{
		$body .= _bar($node, $spells{$node}, $scale, $bar_y{$node});
	}
	foreach my $node (@nodes)
	{
		$body .= _contacts($contacts->{$node} // [],
			$scale, $bar_y{$node} + $bar_height + 3);
	}
	$body .= _breaks($scale, $strip_y, $axis_y);
	$body .= _marks(\@marks, $scale, \%bar_y);
	$body .= _arrows('vote', 'candidate', \@votes, $scale, \%bar_y);
	$body .= _arrows('word', 'successor', \@words, $scale, \%bar_y);
	my ($legend, $height) =
	  _legend($legend_y, $width, @{ $options{remarks} // [] });
	$body .= $legend;

	my $label = 'Roles of the nodes, leaders and votes over time';
	return
	  sprintf(
		<<'END', ($width, $height) x 2, $label, $definitions, $width, $height, $body);
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg xmlns="http://www.w3.org/2000/svg" version="1.1" width="%d" height="%d" viewBox="0 0 %d %d">
<title>%s</title>
%s<rect width="%d" height="%d" fill="#fff"/>
%s</svg>
END
}

# Ticks at the begin of each episode, which is what is between two breaks, and
# how long the wider stretches took.
sub _axis
{
	my ($scale, $begin, $y, $top) = @_;

	my @stretches = $scale->stretches;
	return '' unless @stretches;
	my $drawing = _line(
		$stretches[0]{left},
		$y, $stretches[-1]{right},
		$y, 'class="tick"');
	my ($durations, $times) = ({}, {});
	foreach my $i (0 .. $#stretches)
	{
		my $stretch = $stretches[$i];
		my ($left, $right) = @{$stretch}{qw(left right)};
		my $took = TimelineWords::duration($stretch->{to} - $stretch->{from});
		my $width = _width_of($took);
		if (($stretch->{broken} || $right - $left > $width)
			&& _fits($durations, ($left + $right - $width) / 2, $width))
		{
			$drawing .= _text(($left + $right) / 2,
				$y + 13, $took, 'class="small" text-anchor="middle"');
			$drawing .= _line($_, $y, $_, $y + 5, 'class="tick"')
			  foreach $stretch->{broken} ? () : ($left, $right);
		}
		next unless $i == 0 || $stretches[ $i - 1 ]{broken};

		my $since = sprintf '%+.3f s', ($stretch->{from} - $begin) / 1e9;
		$drawing .= _line($left, $top, $left, $y + 20, 'class="guide"');
		if (_fits($times, $left, max(_width_of($since), 12 * $character)))
		{
			$drawing .= _text($left, $y + 28, $since, 'class="small"');
			$drawing .=
			  _text($left, $y + 40,
				TimelineWords::clock_time($stretch->{from}),
				'class="small"');
		}
	}
	return $drawing;
}

# Who led, and for how long nobody did.
sub _strip
{
	my ($reigns, $scale, $story, $y) = @_;

	my $drawing = _text(
		$left_margin - 8,
		$y + $strip_height / 2 + 4,
		'leader', 'text-anchor="end" font-weight="bold"');
	my ($rows, $before) = ([ {}, {} ]);
	foreach my $reign (@$reigns)
	{
		my ($begin, $end) = map { $scale->place($_) } @{$reign}{qw(from to)};
		my ($left,  $right) = _room($begin, $end, $scale);
		$drawing .= _rectangle(
			$begin,
			$y,
			$end - $begin,
			$strip_height,
			'fill="#08456e"',
			sprintf 'node %d leads in term %s for %s',
			@{$reign}{qw(node term)},
			TimelineWords::duration($reign->{to} - $reign->{from}));
		foreach my $text (
			"node $reign->{node}, term $reign->{term}",
			"$reign->{node}, term $reign->{term}",
			$reign->{node})
		{
			next if 6.2 * length $text > $right - $left;
			$drawing .= _text(
				($left + $right) / 2,
				$y + $strip_height / 2 + 4,
				$text, 'text-anchor="middle" style="fill:#fff"');
			last;
		}

		# The time without a leader before this one.
		if (defined $before && $reign->{from} > $before)
		{
			my $start = $scale->place($before);
			my $took  = TimelineWords::duration($reign->{from} - $before);
			$drawing .= _rectangle(
				$start,
				$y,
				$begin - $start,
				$strip_height,
				qq(fill="#fff" stroke="$contact_colour" stroke-width="1.2"),
				"no leader for $took");
			my $width  = _width_of($took);
			my $middle = ($start + $begin) / 2;
			foreach my $row (0, 1)
			{
				next
				  unless _fits($rows->[$row], $middle - $width / 2, $width);
				$drawing .= _text($middle, $y - 4 - 12 * $row, $took,
					qq(class="small" text-anchor="middle" style="fill:$contact_colour")
				);
				last;
			}
		}
		$before = $reign->{to};
	}
	return $drawing;
}

sub _bar
{
	my ($node, $spells, $scale, $y) = @_;

	my $drawing = _text(
		$left_margin - 8,
		$y + $bar_height / 2 + 4,
		"node $node", 'text-anchor="end"');
	foreach my $spell (@$spells)
	{
		my ($left, $right) = map { $scale->place($_) } @{$spell}{qw(from to)};
		my ($fill, $ink, $name) = @{ $look{ $spell->{state} } };
		my $title = sprintf 'node %d: %s, term %s, for %s', $node, $name,
		  $spell->{term},
		  TimelineWords::duration($spell->{to} - $spell->{from});
		if ($fill eq 'none')
		{
			my $middle = $y + $bar_height / 2;
			$drawing .= _line($left, $middle, $right, $middle,
				'stroke="#888" stroke-dasharray="1 3"');
			next;
		}
		$drawing .= _rectangle($left, $y, $right - $left,
			$bar_height, qq(fill="$fill"), $title);
		($left, $right) = _room($left, $right, $scale);
		my $text = "T$spell->{term}";
		next
		  unless $spell->{state} eq 'leader'
		  && 7 * length $text <= $right - $left;
		$drawing .= _text(
			($left + $right) / 2,
			$y + $bar_height / 2 + 4,
			$text, qq(text-anchor="middle" style="fill:$ink"));
	}
	return $drawing;
}

sub _contacts
{
	my ($contacts, $scale, $y) = @_;

	my $drawing = '';
	my %rows;
	foreach my $contact (@$contacts)
	{
		my ($left, $right) =
		  map { $scale->place($_) } @{$contact}{qw(from to)};
		my $middle = $y + $track_height * ($contact->{track} + 0.5);
		my $text   = $contact->{peer};
		my $width  = 5 * length($text) + 2;
		if (_fits($rows{ $contact->{track} } //= {}, $left, $width))
		{
			$drawing .= _text($left, $middle + 2.7,
				$text, qq(style="font-size:8.5px;fill:$contact_colour"));
			$left += $width;
		}
		$drawing .= _line($left, $middle, max($right, $left + 1),
			$middle, 'class="lost"');
	}
	return $drawing;
}

# Where the axis is broken, so is all above it.
sub _breaks
{
	my ($scale, $top, $bottom) = @_;

	my $drawing = '';
	foreach my $x ($scale->breaks)
	{
		my $zigzag = '';
		my $side   = -1;
		for (my $y = $top - 2; $y < $bottom + 4; $y += 6)
		{
			$zigzag .= sprintf '%s%s,%s', $zigzag eq '' ? 'M' : ' L',
			  _number($x + 2 * $side), _number($y);
			$side = -$side;
		}
		$drawing .=
		  qq(<path d="$zigzag" fill="none" stroke="#777" stroke-width="5"/>\n)
		  . qq(<path d="$zigzag" fill="none" stroke="#fff" stroke-width="3.4"/>\n);
	}
	return $drawing;
}

sub _marks
{
	my ($marks, $scale, $bar_y) = @_;

	my $drawing = '';
	my %rows;
	foreach my $event (@$marks)
	{
		my ($x, $y) =
		  ($scale->place($event->{at}), $bar_y->{ $event->{node} });
		my $text = _mark($event);
		$drawing .= sprintf
		  qq(<path d="M%s,%s l-3,-5 h6 z" fill="#111"><title>%s</title></path>\n),
		  _number($x), _number($y),
		  _escape("node $event->{node} " . TimelineWords::words($event));
		next
		  unless _fits($rows{ $event->{node} } //= {}, $x,
			8 + _width_of($text));
		$drawing .= _text($x + 5, $y - 2, $text, 'class="small"');
	}
	return $drawing;
}

# From bar to bar.
sub _arrows
{
	my ($class, $target, $messages, $scale, $bar_y) = @_;

	my $drawing = '';
	foreach my $message (@$messages)
	{
		my ($source, $goal) =
		  map { $bar_y->{$_} } @{$message}{ 'node', $target };
		next unless defined $source && defined $goal;
		my $down = $goal > $source;
		$drawing .= _line(
			$scale->place($message->{from}),
			$down ? $source + $bar_height - 3 : $source + 3,
			$scale->place($message->{to}),
			$down ? $goal + 1 : $goal + $bar_height - 1,
			qq(class="$class"));
	}
	return $drawing;
}

# The legend, and how high the picture is with it.
sub _legend
{
	my ($y, $width, @remarks) = @_;

	my ($x, $drawing) = ($left_margin, '');
	my $entry = sub {
		my ($text, $sign) = @_;
		my $room = 34 + 6.6 * length $text;
		($x, $y) = ($left_margin, $y + 22) if $x + $room > $width;
		$drawing .= $sign->($x, $y) . _text($x + 28, $y + 11, $text);
		$x += $room + 8;
		return;
	};
	foreach my $state (@legend)
	{
		my ($fill, undef, $name) = @{ $look{$state} };
		$entry->(
			$name,
			sub {
				my ($left, $top) = @_;
				return $fill eq 'none'
				  ? _line($left, $top + 7, $left + 22, $top + 7,
					'stroke="#888" stroke-dasharray="1 3"')
				  : _rectangle($left, $top, 22, 14,
					qq(fill="$fill" stroke="#666" stroke-width="0.5"));
			});
	}
	$entry->(
		'no leader',
		sub {
			_rectangle($_[0], $_[1], 22, 14,
				qq(fill="#fff" stroke="$contact_colour" stroke-width="1.2"));
		});
	$entry->(
		'hears nothing of node 3',
		sub {
			my ($left, $top) = @_;
			return _text($left, $top + 10, '3',
				qq(style="font-size:8.5px;fill:$contact_colour"))
			  . _line($left + 6, $top + 7, $left + 22, $top + 7,
				'class="lost"');
		});
	$entry->(
		'vote',
		sub {
			_line($_[0], $_[1] + 12, $_[0] + 18, $_[1] + 2, 'class="vote"');
		});
	$entry->(
		'leader to its successor: follow me',
		sub {
			_line($_[0], $_[1] + 12, $_[0] + 20, $_[1] + 2, 'class="word"');
		});
	$entry->(
		'more than 5 s of quiet',
		sub {
			my ($left, $top) = @_;
			my $path = sprintf 'M%s,%s l4,5 l-4,5 l4,5', _number($left + 9),
			  _number($top);
			return
			  qq(<path d="$path" fill="none" stroke="#777" stroke-width="5"/>\n)
			  . qq(<path d="$path" fill="none" stroke="#fff" stroke-width="3.4"/>\n);
		});

	$y += 34;
	foreach my $remark ('The time axis is not to scale.', @remarks)
	{
		$drawing .= _text($left_margin, $y, $remark, 'class="small"');
		$y += 14;
	}
	return ($drawing, $y);
}

=back

=cut

1;
