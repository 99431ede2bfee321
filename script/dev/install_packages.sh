#!/bin/bash
# install_packages.sh SET...
#
# Installs the Debian packages that a set of developer commands lacks:
#
#	build	make
#	core	make check-core
#	demo	make demo
#	check	make check, make soak
#	stand	make check-stand, and the test stand
#	lint	make lint, make format
#
# What is needed is probed as a program, header or module, not as a package, so
# that a PostgreSQL of one's own, named by PG_CONFIG, counts.  With nothing
# missing there is no output, and neither privilege nor network is needed.
# Where there is no apt-get, it names what is missing and fails.
set -euo pipefail
. "$(dirname "$0")/environment.sh"

# Major version: of the pg_config in use, of an installed server, Debian's own.
pg_major()
{
	local major
	major=$("$PG_CONFIG" --version 2>/dev/null | sed -n 's/^PostgreSQL \([0-9]*\).*/\1/p') || true
	[ -n "$major" ] ||
		major=$(cd /usr/lib/postgresql 2>/dev/null && printf '%s\n' [0-9]* | sort -n | tail -1) || true
	[ -n "$major" ] ||
		major=$(apt-cache show postgresql 2>/dev/null | sed -n 's/^Version: \([0-9]*\)+.*/\1/p' | head -1) || true
	echo "${major:-15}"
}

has_command()	{ command -v "$1"; }
has_header()	{ echo "#include <$1>" | gcc -E -; }
has_perl()		{ perl -M"$1" -e 1; }
has_server()	{ [ -x "$("$PG_CONFIG" --bindir)/postgres" ]; }

# PGXS comes with Debian's client package already, the headers do not.
has_server_dev()
{
	[ -f "$("$PG_CONFIG" --pgxs)" ] && [ -f "$("$PG_CONFIG" --includedir-server)/postgres.h" ]
}

has_libpq()		{ [ -f "$("$PG_CONFIG" --includedir)/libpq-fe.h" ]; }

# need PACKAGE WHY PROBE...
need()
{
	local package=$1 why=$2
	shift 2
	"$@" >/dev/null 2>&1 && return 0
	case " ${missing[*]-} " in
		*" $package "*) return 0 ;;
	esac
	missing+=("$package")
	reasons+=("$why")
}

need_set()
{
	case $1 in
		core)
			need make "runs the build" has_command make
			need gcc "compiles" has_command gcc
			need libc6-dev "the C library's headers" has_header stdio.h
			need perl "runs the tests (prove)" has_command prove
			need libcmocka-dev "unit tests in C" has_header cmocka.h
			;;
		build)
			need make "runs the build" has_command make
			need gcc "compiles" has_command gcc
			need libc6-dev "the C library's headers" has_header stdio.h
			need "postgresql-server-dev-$major" "PostgreSQL's headers and PGXS" has_server_dev
			need libpq-dev "libpq's headers, for pg_leaderctl" has_libpq
			;;
		demo)
			need_set build
			need "postgresql-$major" "the server that pg_leader runs in" has_server
			need procps "looks at processes" has_command ps
			need util-linux "drops root privileges" has_command setpriv
			;;
		check)
			need_set core
			need_set demo
			need libipc-run-perl "PostgreSQL's TAP test modules" has_perl IPC::Run
			;;
		stand)
			need_set check
			need iproute2 "makes network namespaces" has_command ip
			need util-linux "runs tests in a namespace of their own" has_command unshare
			need iptables "drops packets (ebtables), rejects them" has_command ebtables
			need iptables "drops packets (ebtables), rejects them" has_command iptables
			need nftables "loses packets by chance" has_command nft
			;;
		lint)
			need_set core
			need_set build
			need pg-bsd-indent "lays out C" has_command pg_bsd_indent
			need perltidy "lays out Perl" has_command perltidy
			need shellcheck "checks shell scripts" has_command shellcheck
			need cppcheck "checks C" has_command cppcheck
			;;
		*) die "\"$1\" is no set of packages" ;;
	esac
}

find_missing()
{
	missing=()
	reasons=()
	local set
	for set; do
		need_set "$set"
	done
}

say_missing()
{
	local i
	for i in "${!missing[@]}"; do
		printf '    %-28s %s\n' "${missing[i]}" "${reasons[i]}"
	done
}

# Quiet, unless it fails.
apt_get()
{
	local output
	output=$("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
		-o DPkg::Lock::Timeout=300 "$@" 2>&1) && return 0
	printf '%s\n' "$output" >&2
	return 1
}

# Debian's server package creates a cluster "main" and starts it.  Nobody has
# asked for a running server, so that is switched off while we install, and the
# setting put back as it was: what the machine does later is its owner's affair.
createcluster_conf=/etc/postgresql-common/createcluster.conf

restore_createcluster()
{
	"${as_root[@]}" mv -f "$createcluster_conf.before_pg_leader" "$createcluster_conf"
}

install_missing()
{
	case " ${missing[*]} " in
		*" postgresql-$major "*)
			apt_get install --no-install-recommends postgresql-common
			"${as_root[@]}" cp -p "$createcluster_conf" "$createcluster_conf.before_pg_leader"
			trap restore_createcluster EXIT
			echo 'create_main_cluster = false' | "${as_root[@]}" tee -a "$createcluster_conf" >/dev/null
			;;
	esac
	apt_get install --no-install-recommends "${missing[@]}"
	echo "Installed."
}

[ $# -gt 0 ] || die "say which set of packages: build, core, demo, check, stand, lint"
[ "$PG_CONFIG" = pg_config ] || "$PG_CONFIG" --version >/dev/null ||
	die "PG_CONFIG=$PG_CONFIG cannot be run"

major=$(pg_major)
find_missing "$@"
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "Missing on this machine; the names are those of Debian's packages:" >&2
	say_missing >&2
	die "only Debian's packages can be installed from here; please install these yourself"
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
	as_root=(sudo)
	if ! command -v sudo >/dev/null || ! sudo true; then
		echo "Missing on this machine:" >&2
		say_missing >&2
		die "neither root nor allowed to sudo; as root: apt-get install --no-install-recommends ${missing[*]}"
	fi
fi

echo "Installing Debian packages${as_root[0]:+ through sudo}, for: $*"
apt_get update || echo "apt-get update failed; going on with the package lists that are there" >&2
major=$(pg_major)
find_missing "$@"
say_missing
install_missing

find_missing "$@"
if [ ${#missing[@]} -gt 0 ]; then
	say_missing >&2
	die "still missing after the installation"
fi
