#!/bin/bash
# list_typedefs.sh: the contents of typedefs.list, which tells pg_bsd_indent
# which words are types: every typedef in the debugging information of the
# sources (the way of PostgreSQL's build farm) that they mention themselves.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

find src -name '*.c' -printf '%P\n' |
	while read -r source; do
		mkdir -p "$scratch/${source%/*}"
		printf '%s\0' "$source"
	done |
	xargs -0 -P "$(nproc)" -I{} gcc -g -O0 -w -fno-eliminate-unused-debug-types \
		-D_GNU_SOURCE -Isrc -isystem "$("$PG_CONFIG" --includedir-server)" \
		-isystem "$("$PG_CONFIG" --includedir)" \
		-isystem "$("$PG_CONFIG" --pkgincludedir)/internal" -DPG_LEADER_VERSION='""' -c -o "$scratch/{}.o" src/{}

find "$scratch" -name '*.o' -exec readelf --debug-dump=info {} + |
	awk '/DW_TAG_/ { in_typedef = /DW_TAG_typedef/ }
		in_typedef && /DW_AT_name/ { print $NF; in_typedef = 0 }' |
	LC_ALL=C sort -u >"$scratch/typedefs"

# Without comments and strings: a type's name may be an English word.
find src -name '*.[ch]' -exec gcc -w -fpreprocessed -E -P -x c {} \; |
	sed -E 's/"([^"\\]|\\.)*"//g' |
	grep -oE '[A-Za-z_][A-Za-z0-9_]*' |
	LC_ALL=C sort -u >"$scratch/words"

# Less the typedefs of system and server whose names are variables of ours.
LC_ALL=C comm -12 "$scratch/typedefs" "$scratch/words" |
	grep -vxE 'date|interval|iterator|pointer|reference|string|text|timestamp|type'
