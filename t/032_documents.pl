# If this broke, the documents would send a user after a setting, a function or
# a column that does not exist, or would tell a default that is not so.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PgLeaderCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = "$FindBin::RealBin/..";

my $cluster = PgLeaderCluster->new(nodes => 1);
$cluster->start_all;
$cluster->wait_for_leader;

# Rows of the tables below a heading, or of the whole document: the texts of
# the cells, of those rows that begin with a name in backticks.
sub table_rows
{
	my ($document, $heading) = @_;

	my $text = slurp_file("$top/$document");
	if (defined $heading)
	{
		$text =~ s/\A.*^## \Q$heading\E\n//ms
		  or die "$document has no heading \"$heading\"";
		$text =~ s/^## .*//ms;
	}

	my @rows;
	foreach my $line ($text =~ /^(\|\s*`.*\|)$/mg)
	{
		$line =~ s/^\|\s*|\s*\|$//g;
		push @rows, [ map { s/^`([^`]*)`$/$1/r } split /\s*\|\s*/, $line ];
	}
	return @rows;
}

# Two lists of lines, of which the order counts.
sub same_lines
{
	my ($documented, $real, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	cmp_ok(scalar(@$real), '>', 0, "$name: there are some");
	return is(join("\n", @$documented), join("\n", @$real), $name);
}

# The rows of a query, a line each.
sub lines_of
{
	my ($sql) = @_;
	return map { join ' | ', @$_ } @{ $cluster->ask(0, $sql) };
}

#
# Settings
#

my @documented;
foreach my $row (table_rows('docs/settings.md'))
{
	my ($name, $default, $when) = @$row;
	$default = '' if $default eq 'empty';
	push @documented, "pg_leader.$name | $default | $when";
}
my @real = lines_of(
	q{SELECT name, boot_val || coalesce(' ' || unit, ''),
		CASE context WHEN 'postmaster' THEN 'restart'
					 WHEN 'sighup' THEN 'reload'
					 ELSE context END
	  FROM pg_settings WHERE name LIKE 'pg\_leader.%'});
same_lines(
	[ sort @documented ],
	[ sort @real ],
	'settings, their defaults, and when they take effect');

#
# Functions and views
#

@documented =
  map { "$_->[0] | $_->[1]" } table_rows('docs/sql.md', 'Functions');
@real = lines_of(
	q{SELECT format('%s(%s)', p.proname,
			 regexp_replace(pg_get_function_identity_arguments(p.oid),
							'(, )?OUT .*', '')),
		pg_get_function_result(p.oid)
	  FROM pg_proc p, pg_depend d, pg_extension e
	  WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
		AND d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
		AND d.deptype = 'e' AND e.extname = 'pg_leader'});
same_lines([ sort @documented ], [ sort @real ], 'functions and their types');

my @views = lines_of(
	q{SELECT c.relname
	  FROM pg_class c, pg_depend d, pg_extension e
	  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
		AND d.refclassid = 'pg_extension'::regclass
		AND d.refobjid = e.oid AND d.deptype = 'e'
		AND e.extname = 'pg_leader'
	  ORDER BY 1});
is( "@views",
	'pg_leader_history pg_leader_peers pg_leader_status'
	  . ' pg_stat_leader pg_stat_leader_drops pg_stat_leader_messages'
	  . ' pg_stat_leader_refusals',
	'the views');

my %columns;
foreach my $view (@views)
{
	@real = lines_of(
		qq{SELECT attname, format_type(atttypid, atttypmod)
		   FROM pg_attribute
		   WHERE attrelid = '$view'::regclass AND attnum > 0
		   ORDER BY attnum});
	@documented =
	  map { "$_->[0] | $_->[1]" } table_rows('docs/sql.md', "View $view");
	same_lines(\@documented, \@real, "columns of $view and their types");
	$columns{$view} = { map { s/ .*//r => 1 } @real };
}

foreach my $view ([ 'drops', 'the datagram' ], [ 'refusals', 'this node' ])
{
	my ($name, $heading) = @$view;
	my $reasons = slurp_file("$top/docs/sql.md");
	$reasons =~ s/\A.*^\| reason \| \Q$heading\E \|\n\|---\|---\|\n//ms;
	$reasons =~ s/^(?!\|).*//ms;
	same_lines(
		[ $reasons =~ /^\| ([a-z ]+) \|/mg ],
		[ lines_of("SELECT reason FROM pg_stat_leader_$name") ],
		"reasons for $name");
}

#
# Whatever else names them
#

my %exists =
  map { $_ => 1 } lines_of(
	q{SELECT proname FROM pg_proc WHERE proname LIKE 'pg\_leader\_%'
	  UNION ALL
	  SELECT name FROM pg_settings WHERE name LIKE 'pg\_leader.%'}),
  @views;

my @texts =
  map { s{^\Q$top\E/}{}r } "$top/README.md", "$top/CHANGELOG.md",
  sort glob "$top/docs/*.md";
foreach my $document (@texts)
{
	my @unknown;
	my $text = slurp_file("$top/$document");

	# A setting has the prefix and a dot; what follows a slash is a path.
	foreach my $name ($text =~
		/(?<![\w\/.])(pg_(?:stat_)?leader_\w+(?:\.\w+)?|pg_(?:stat_)?leader\.\w+)/g
	  )
	{
		my ($relation, $column) =
		  $name =~ /^(pg_leader_\w+|pg_stat_leader\w*)\.(\w+)$/;
		push @unknown, $name
		  unless defined $column
		  ? $columns{$relation}{$column}
		  : $exists{$name};
	}
	is("@unknown", '', "$document names only what exists");
}

$cluster->stop_all;
done_testing();
