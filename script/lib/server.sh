# server.sh: the server's programs, the user that runs them, and the watcher's
# way in (to source).
# shellcheck shell=bash
# shellcheck source=script/lib/config.sh
. "$(dirname "${BASH_SOURCE[0]}")/config.sh"

# The one who may look at a node from another host, and nothing else.
# shellcheck disable=SC2034 # for those who source this file
watch_role=leader_watch

unset PGAPPNAME PGDATA PGDATABASE PGHOST PGHOSTADDR PGOPTIONS PGPASSFILE PGPORT PGSERVICE PGUSER

# Puts the server's programs first in PATH if they are not found there.
find_programs()
{
	local bindir program
	command -v postgres >/dev/null && command -v initdb >/dev/null && command -v pg_ctl >/dev/null && return 0
	bindir=$("${PG_CONFIG:-pg_config}" --bindir 2>/dev/null) ||
		die "neither PATH nor \"${PG_CONFIG:-pg_config}\" leads to PostgreSQL's programs: install the server, or put them into PATH"
	for program in postgres initdb pg_ctl; do
		[ -x "$bindir/$program" ] ||
			die "$program is neither in PATH nor in $bindir, which \"${PG_CONFIG:-pg_config}\" names: install the server, or put its programs into PATH"
	done
	PATH=$bindir:$PATH
}

# find_psql: the client's program alone.
find_psql()
{
	local bindir
	command -v psql >/dev/null && return 0
	bindir=$("${PG_CONFIG:-pg_config}" --bindir 2>/dev/null) || bindir=nowhere
	[ -x "$bindir/psql" ] ||
		die "psql is neither in PATH nor where \"${PG_CONFIG:-pg_config}\" says: install PostgreSQL's client, or put it into PATH"
	PATH=$bindir:$PATH
}

# Sets server_user, and as_server_user, which goes before a command.
find_server_user()
{
	as_server_user=()
	server_user=$(id -un)
	[ "$(id -u)" -eq 0 ] || return 0

	server_user=$PGLD_USER
	if [ -z "$server_user" ]; then
		server_user=postgres
		id "$server_user" >/dev/null 2>&1 || server_user=nobody
	fi
	id "$server_user" >/dev/null 2>&1 || die "$config_file: PGLD_USER is \"$server_user\", but there is no such user"
	[ "$(id -u "$server_user")" -ne 0 ] || die "$config_file: PGLD_USER is \"$server_user\", but PostgreSQL never runs as root"
	need setpriv util-linux
	as_server_user=(setpriv "--reuid=$server_user" "--regid=$(id -g "$server_user")" --init-groups)
}

# The folder of the nodes' directories.  Root works in it, so it is one that
# nobody else can change.
make_parent_directory()
{
	local parent owner mode error
	parent=$(dirname "$PGLD_DB_PATHNAME_PREFIX"x)

	if [ ! -e "$parent" ]; then
		error=$( (umask 022 && mkdir -p "$parent") 2>&1) ||
			die "could not make directory \"$parent\": $(reason "$error")"
		chown "$server_user:" "$parent"
	fi
	[ -d "$parent" ] || die "\"$parent\" is not a directory; $config_file has it in PGLD_DB_PATHNAME_PREFIX"
	read -r owner mode < <(stat -L -c '%u %a' "$parent")
	if [ "$owner" -ne 0 ] && [ "$owner" -ne "$(id -u "$server_user")" ]; then
		die "directory \"$parent\" belongs neither to root nor to \"$server_user\": choose another PGLD_DB_PATHNAME_PREFIX in $config_file"
	fi
	((8#$mode & 8#22)) &&
		die "directory \"$parent\" can be changed by others than its owner: choose another PGLD_DB_PATHNAME_PREFIX in $config_file"
	"${as_server_user[@]}" test -x "$parent" ||
		die "user \"$server_user\" cannot enter directory \"$parent\": choose another PGLD_DB_PATHNAME_PREFIX in $config_file"
}

# make_private_directory DIRECTORY: for the server's user alone.
make_private_directory()
{
	local error
	[ -d "$1" ] && return 0
	error=$(mkdir -m 0700 "$1" 2>&1) || die "could not make directory \"$1\": $(reason "$error")"
	chown "$server_user:" "$1"
}

# make_private_file FILE: an empty one, unless it is there.
make_private_file()
{
	local error
	[ -e "$1" ] && return 0
	error=$( (umask 077 && : >"$1") 2>&1) || die "could not make file \"$1\": $(reason "$error")"
	chown "$server_user:" "$1"
}

# Linking does not replace what another node has made in the meantime.
make_secret()
{
	local new
	[ -e "$PGLD_SECRET_FILE" ] && return 0
	new=$(mktemp "$PGLD_SECRET_FILE.XXXXXX" 2>&1) ||
		die "could not make secret file \"$PGLD_SECRET_FILE\": $(reason "$new")"
	head -c 32 /dev/urandom | base64 >"$new"
	chown "$server_user:" "$new"
	ln "$new" "$PGLD_SECRET_FILE" 2>/dev/null || [ -e "$PGLD_SECRET_FILE" ] ||
		die "could not make secret file \"$PGLD_SECRET_FILE\""
	rm -f "$new"
}

# What all nodes have in common.  A secret that has no place is found out before
# anything is made.
make_common_files()
{
	local folder
	folder=$(dirname "$PGLD_SECRET_FILE")
	[ -d "$folder" ] || [ "$folder" = "$(dirname "$PGLD_DB_PATHNAME_PREFIX"x)" ] ||
		die "could not make secret file \"$PGLD_SECRET_FILE\": there is no directory \"$folder\""
	make_parent_directory
	make_secret
}

# The watcher's password follows from the secret: who may read that may watch.
watch_password()
{
	{ printf '%s\n' "$watch_role" && cat "$PGLD_SECRET_FILE"; } | sha256sum | cut -d ' ' -f 1
}

# socket_psql ID [ARGUMENT...]: as superuser, through the node's Unix socket.
socket_psql()
{
	local id=$1
	shift
	"${as_server_user[@]}" psql -XAtq -v ON_ERROR_STOP=1 -U postgres -d postgres \
		-h "$(socket_directory "$id")" -p "${server_port[id]}" "$@"
}

# The postmaster's process id, or nothing if the node does not run.
postmaster_pid()
{
	local pid status
	pid=$(head -n 1 "$(data_directory "$1")/postmaster.pid" 2>/dev/null) || return 0
	[[ $pid =~ ^[0-9]+$ ]] || return 0
	# one that has ended but was not waited for yet has no current directory
	status=$(readlink "/proc/$pid/cwd") || return 0
	[ "$status" != "$(readlink -f "$(data_directory "$1")")" ] || echo "$pid"
}
