#!/bin/bash
# format.sh [--check] [FILE...]
#
# Lays out C as PostgreSQL's pgindent does (pg_bsd_indent and typedefs.list),
# and Perl with perltidy (.perltidyrc).  Without files: all of the tree's.
# --check changes nothing, shows the differences, and fails if there are any.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

indent_options=(-bad -bap -bbb -bc -bl -cli1 -cp33 -cdb -nce -d0 -di12 -nfc1 -i4
	-l79 -lp -lpl -nip -npro -sac -tpg -ts4)

check=
if [ "${1-}" = --check ]; then
	check=yes
	shift
fi
if [ $# -eq 0 ]; then
	mapfile -t files < <(tree_files | grep -E '\.([ch]|p[lm])$')
	set -- "${files[@]}"
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
{
	cat typedefs.list
	echo bool
} >"$scratch/typedefs"

# pg_bsd_indent, with what pgindent does before and after: comments that begin
# with a line of dashes keep their layout, two comments on a line are parted by
# a tab, and a pointer type on the line before a function's name gets one blank.
indent_c()
{
	sed -E 's!/\* +---!/*---X_X!g' "$1" >"$2"
	(cd "$scratch" && pg_bsd_indent "${indent_options[@]}" -U"$scratch/typedefs" "$2") >"$scratch/said" 2>&1 || true
	if [ -s "$scratch/said" ]; then
		sed "s!^!$1: !" "$scratch/said" >&2
		return 1
	fi
	sed -i -E 's!/\*---X_X!/* ---!g
		s!\*/(/\*.*\*/)$!*/\t\1!
		s!^([A-Za-z_][^[:space:]]*)[[:blank:]]+\*$!\1 *!' "$2"
}

tidy_perl()
{
	perltidy --profile=.perltidyrc --standard-error-output "$1" -o "$2"
}

status=0
for file; do
	formatted=$scratch/${file##*/}
	case $file in
		*.[ch]) indent_c "$file" "$formatted" || { status=1; continue; } ;;
		*.p[lm]) tidy_perl "$file" "$formatted" || { status=1; continue; } ;;
		*) continue ;;
	esac
	cmp -s "$file" "$formatted" && continue
	if [ -n "$check" ]; then
		diff -u --label "$file" --label "$file, formatted" "$file" "$formatted" || true
		status=1
	else
		cat "$formatted" >"$file"
		echo "formatted $file"
	fi
done
exit "$status"
