
=head1 NAME

PgLeaderCtl - runs pg_leaderctl, and reads its tables

=cut

package PgLeaderCtl;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(ctl rows_of);

=over

=item ctl(@arguments)

Runs the tool; returns exit status, output and error messages.  Dies if it
hangs.

=cut

sub ctl
{
	my @arguments = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'pg_leaderctl', @arguments ],
		'<', \undef, '>', \$out, '2>', \$err,
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	note "pg_leaderctl @arguments: exit status ", $? >> 8, "\n", $out, $err;
	die "pg_leaderctl was ended by a signal" if $? & 127;
	return ($? >> 8, $out, $err);
}

=item rows_of($table)

The rows of a table, as hashes by the names of its columns.

=back

=cut

sub rows_of
{
	my ($table) = @_;
	my ($header, undef, @lines) = split /\n/, $table;
	my @names = map { s/^\s+|\s+$//gr } split /\|/, $header;
	my @rows;

	foreach my $line (grep { /\|/ } @lines)
	{
		my %row;
		@row{@names} = map { s/^\s+|\s+$//gr } split /\|/, $line, -1;
		push @rows, \%row;
	}
	return @rows;
}

1;
