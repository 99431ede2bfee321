#!/bin/bash
# lint.sh: what a reviewer should not have to look for.  A line for each check,
# findings below it; the last line is "lint ok" if there are none.
#
# A check is a function that prints what it finds: no output, no finding.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0

run()
{
	local title=$1 findings
	shift
	findings=$("$@" 2>&1) || findings=${findings:-"exit status $?"}
	if [ -z "$findings" ]; then
		echo "ok      $title"
	else
		echo "FAILED  $title"
		printf '%s\n' "$findings" | sed 's/^/        /'
		failures=$((failures + 1))
	fi
}

mapfile -t files < <(tree_files)
mapfile -t c_files < <(printf '%s\n' "${files[@]}" | grep -E '^src/.*\.[ch]$')
mapfile -t product_files < <(printf '%s\n' "${c_files[@]}" | grep -v /test/)
mapfile -t shell_files < <(printf '%s\n' "${files[@]}" | grep -E '\.sh$|^\.ci/run$')

# What a file includes as "...".
includes_of()
{
	sed -nE 's/^[[:blank:]]*#[[:blank:]]*include[[:blank:]]+"([^"]+)".*/\1/p' "$1"
}

# --- layout -----------------------------------------------------------------

check_format()
{
	script/dev/format.sh --check
}

check_typedefs()
{
	script/dev/list_typedefs.sh | diff -u typedefs.list - || echo "make format renews typedefs.list"
}

check_text()
{
	local file
	for file in "${files[@]}"; do
		case $file in
			expected/* | *.patch) continue ;;
		esac
		grep -HnE '[[:blank:]]+$' "$file" | sed 's/$/  <- blanks at the end/'
		[ -z "$(tail -c 1 "$file")" ] || echo "$file: no newline at the end"
	done
}

# --- layers -----------------------------------------------------------------

# The extension's files, a layer a line.  A file includes headers of its own
# layer and of those above it; the processes never include each other, as they
# meet in queues.h and shared_state.h.
layers=(
	"clock peers auth lease_cell history state_record diagnosis process_tree event_fields event_format event_ring"
	"config contact child_process resolver queues shared_state statistics state_file event_log hook_command publication"
	"worker log_lines sql_functions sql_row disk recall hook_process hook_output log_writer"
	"launcher receiver ticker sender hook_runner logger sql_views sql_statistics"
	"pg_leader"
)
process_layer=3
core_headers='stdbool\.h|stddef\.h|stdint\.h|string\.h|limits\.h|inttypes\.h'

layer_of()
{
	local i
	for i in "${!layers[@]}"; do
		case " ${layers[i]} " in
			*" $1 "*) echo "$i"; return ;;
		esac
	done
}

check_extension_includes()
{
	local file name layer header header_layer
	for file in src/*.[ch]; do
		name=$(basename "${file%.*}")
		layer=$(layer_of "$name")
		[ -n "$layer" ] || echo "$file: belongs to no layer; lint.sh lists them"
		for header in $(includes_of "$file"); do
			case $header in
				raft/raft.h | wire/wire.h | wire/session.h) continue ;;
				raft/* | wire/*)
					echo "$file includes $header, which is private to core or wire"
					continue
					;;
			esac
			if [ ! -f "src/$header" ] || [ "$header" = "$name.h" ]; then
				continue
			fi
			header_layer=$(layer_of "${header%.h}")
			[ "${header_layer:-99}" -le "${layer:-99}" ] || echo "$file includes $header, a later layer"
			[ "$header_layer" != "$process_layer" ] || echo "$file includes $header, a process"
		done
	done

	# Within a layer, headers have an order.
	for file in src/*.h; do
		for header in $(includes_of "$file"); do
			[ ! -f "src/$header" ] || echo "src/$header $file"
		done
	done | { tsort >/dev/null; } 2>&1
}

check_core_includes()
{
	local file header
	for file in src/raft/*.[ch] src/wire/*.[ch]; do
		sed -nE "/<($core_headers)>/d; s!^[[:blank:]]*#[[:blank:]]*include[[:blank:]]+<(.*)>!$file includes <\1>!p" "$file"
		for header in $(includes_of "$file"); do
			case $file:$header in
				src/raft/quorum.*:raft_node.h) ;;
				src/raft/*:*/*) ;;
				src/raft/*:*) [ ! -f "src/raft/$header" ] || continue ;;
				src/wire/*:raft/raft.h | src/wire/*:wire/*.h) continue ;;
			esac
			echo "$file includes $header"
		done
	done
}

# A program of libpq's, to be built on a machine without the extension.
check_program_includes()
{
	local file header
	for file in src/bin/*.[ch]; do
		for header in $(includes_of "$file"); do
			[ -f "src/bin/$header" ] || [ ! -f "src/$header" ] || echo "$file includes $header, of the extension"
			[[ $header != ../* ]] || echo "$file includes $header"
		done
	done
}

# Compiled without the server's headers, core and wire need nothing from
# outside but four functions on memory.
check_core_symbols()
{
	local file object
	for file in src/raft/*.c src/wire/*.c; do
		object=$scratch/$(basename "$file" .c).o
		gcc -std=gnu99 -O2 -Wall -Wextra -Werror -Wdeclaration-after-statement \
			-fno-stack-protector -U_FORTIFY_SOURCE -Isrc -c -o "$object" "$file"
		nm -u "$object" | awk '{ print $NF }' >>"$scratch/wanted"
		nm --defined-only -g "$object" | awk '{ print $NF }' >>"$scratch/defined"
	done
	sort -u "$scratch/wanted" |
		{ grep -vxE -f "$scratch/defined" -e 'mem(cpy|move|set|cmp)' || true; } |
		sed 's/^/core or wire need the symbol /'
}

# What the library exports is what the sources mean to: the functions that the
# SQL script names, the workers' entry points, and what every library has.
check_exports()
{
	make -s -j"$(nproc)" all || return
	{
		printf '%s\n' _PG_init Pg_magic_func
		cat "${c_files[@]}" | sed -nE 's/^PG_FUNCTION_INFO_V1\((\w+)\).*/\1\npg_finfo_\1/p'
		cat "${c_files[@]}" | grep -oE 'PGDLLEXPORT[^;()]*\(' | sed -E 's/.*\W(\w+)\($/\1/'
	} | sort -u >"$scratch/meant"
	nm -D --defined-only pg_leader.so | awk '{ print $NF }' | sort >"$scratch/exported"
	comm -13 "$scratch/meant" "$scratch/exported" | sed 's/$/ is exported, but no entry point/'
	comm -23 "$scratch/meant" "$scratch/exported" | sed 's/$/ is an entry point, but not exported/'

	sed -nE "s/.*'MODULE_PATHNAME', *'(\w+)'.*/pg_finfo_\1/p" sql/pg_leader--*.sql | sort -u >"$scratch/in_sql"
	grep '^pg_finfo_' "$scratch/meant" | comm -3 - "$scratch/in_sql" |
		sed -E 's/^\t(.*)/\1 is in the SQL script only/; t; s/$/ is in no SQL script/'
}

# --- static analysis; of C, only what runs in the server --------------------

check_shell()
{
	shellcheck -x -P SCRIPTDIR "${shell_files[@]}"
}

check_cppcheck()
{
	# Declarations stand at the start of a function or block.  In quorum.c, it
	# does not see that a value is kept before it is compared.
	cppcheck --quiet -j "$(nproc)" --std=c99 --inline-suppr \
		--library=posix --library=script/dev/cppcheck.cfg \
		--enable=warning,performance,portability,style \
		--suppress=variableScope --suppress=uninitvar:src/raft/quorum.c \
		--template='{file}:{line}: {id}: {message}' -Isrc "${product_files[@]}"
}

# Overflow, locale, hidden state, or a shell: each has a better relative.
check_banned()
{
	grep -nHE '\b(strcpy|strcat|strncpy|strncat|sprintf|vsprintf|gets|scanf|sscanf|atoi|atol|atof|strtok|rand|srand|random|srandom|drand48|system|popen|alloca|gethostbyname|tmpnam|mktemp|sleep|usleep|asctime|ctime|localtime|gmtime)[[:blank:]]*\(' \
		"${product_files[@]}" || true
}

# --- the repository ---------------------------------------------------------

check_versions()
{
	local control script changelog
	control=$(sed -n "s/^default_version = '\(.*\)'/\1/p" pg_leader.control)
	script=$(find sql -name 'pg_leader--*.sql' | sed 's/.*--//; s/\.sql$//' | sort -V | tail -1)
	changelog=$(sed -nE 's/^## \[?v?([0-9][0-9.]*).*/\1/p' CHANGELOG.md | head -1)
	if [ "$control" != "$script" ] || [ "$control" != "$changelog" ]; then
		echo "control file: $control, newest script: $script, CHANGELOG.md: $changelog"
	fi
	[ -f "sql/pg_leader--$control.sql" ] || echo "sql/pg_leader--$control.sql is missing"
}

check_paths()
{
	grep -nHE '(^|[^[:alnum:]_.$}-])/(home|root|work|farm|Users)(/|\b)' "${files[@]}" || true
}

check_marks()
{
	grep -nHwE 'TO[D]O|FIX[M]E|X[X]X|HA[C]K' "${files[@]}" || true
}

# Everything is either found by a pattern of build or tests, or named by
# another file.
check_dead()
{
	local file name
	for file in "${files[@]}"; do
		name=${file##*/}
		case $file in
			Makefile | LICENSE | *.md | .[a-z]* | pg_leader.control | t/*.pl | bench/*.pl | src/*.c) continue ;;
			sql/pg_leader--*.sql | src/raft/test/*/*.patch | script/test_stand/scenarios/*.txt) continue ;;
			sql/*.sql)
				[ -f "expected/${name%.sql}.out" ] || echo "$file has no expected output"
				continue
				;;
			expected/*.out)
				name=$(sed -E 's/(_[0-9])?\.out$//' <<<"$name")
				[ -f "sql/$name.sql" ] || echo "$file has no input"
				continue
				;;
			t/*.pm | bench/*.pm | script/*/*.pm) name=${name%.pm} ;;
		esac
		printf '%s\n' "${files[@]}" | grep -vxF "$file" | tr '\n' '\0' |
			xargs -0 grep -qwF -- "$name" || echo "$file is mentioned nowhere"
	done
}

run "layout of C and Perl" check_format
run "typedefs.list" check_typedefs
run "ends of lines and files" check_text
run "layers: includes of the extension" check_extension_includes
run "layers: includes of core and wire" check_core_includes
run "layers: includes of pg_leaderctl" check_program_includes
run "layers: symbols of core and wire" check_core_symbols
run "exports of the library" check_exports
run "shellcheck" check_shell
run "cppcheck" check_cppcheck
run "banned functions" check_banned
run "one version" check_versions
run "no path of one machine" check_paths
run "no marks of unfinished work" check_marks
run "no dead files" check_dead

if [ "$failures" -gt 0 ]; then
	echo "lint: $failures failed"
	exit 1
fi
echo "lint ok"
