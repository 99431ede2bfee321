#!/bin/bash
# as_test_user.sh COMMAND [ARGUMENT...]
#
# Runs a command of this source tree as an ordinary user, as PostgreSQL never
# runs as root.  An ordinary user who can write to the tree just runs it.
# Root, or one who cannot, runs it in a copy of the tree below TMPDIR (/tmp):
# root as the user "postgres" or, where there is none, "nobody", in a clean
# environment.  So the clone may lie in a folder that only root can enter.
#
# The copy goes away in any case; servers that the command left running in it
# are stopped first.  If the command fails, the logs of the tests come back as
# tmp_check (or below TMPDIR, if the tree cannot be written).
#
# The command, a bash script, adopts orphans and waits for them.  In a container
# whose first process does not, or takes its time, a postmaster that a test has
# killed stays a zombie, and its lock files seem to be in use.
set -euo pipefail
. "$(dirname "$0")/environment.sh"
umask 022

# prctl(PR_SET_CHILD_SUBREAPER, 1), which exec() keeps.
adopting=()
case $(uname -m) in
	x86_64) adopting=(perl -e 'syscall(157, 36, 1, 0, 0, 0); exec @ARGV or die' --) ;;
	aarch64 | riscv64) adopting=(perl -e 'syscall(167, 36, 1, 0, 0, 0); exec @ARGV or die' --) ;;
esac

uid=$(id -u)
if [ "$uid" -ne 0 ] && [ -w . ]; then
	exec "${adopting[@]}" "$@"
fi

# Variables that say what to build and test; all else stays behind.
passed_on=(PATH LANG TERM TMPDIR TZ MAKEFLAGS PG_CONFIG WERROR COPT with_llvm
	PROVE_TESTS PROVE_FLAGS REGRESS HOURS KEEP
	HOOK_CHANGES PG_TEST_TIMEOUT_DEFAULT PG_TEST_NOCLEAN)

copy_tree()
{
	tar --exclude=./.git --exclude=./build --exclude='./tmp_*' \
		--exclude='*.o' --exclude='*.so' --exclude=./src/bin/pg_leaderctl -cf - . | tar -C "$copy" --no-same-owner -xf -
}

keep_logs()
{
	[ -d "$copy/tmp_check" ] || return 0
	local logs="$top/tmp_check" file
	if [ -w "$top" ]; then
		rm -rf "$logs"
		mkdir "$logs"
	else
		logs=$(mktemp -d "${TMPDIR:-/tmp}/pg_leader-logs.XXXXXX")
		echo "logs are in $logs" >&2
	fi
	(
		cd "$copy/tmp_check"
		find . -type f \( -path './log/*' -o -path './regress/log/*' \
			-o -path './regress/results/*' -o -path './regress/regression.*' \) 2>/dev/null |
			while read -r file; do
				mkdir -p "$logs/${file%/*}"
				tail -c 2000000 "$file" >"$logs/$file"
			done
	)
	[ "$uid" -ne 0 ] || chown -R --reference="$top" "$logs"
}

# A process is one of ours if it works below the copy; one that has ended, but
# was not yet waited for, has no working directory.
works_in_copy()
{
	case $(readlink "/proc/$1/cwd") in
		"$copy"/*) return 0 ;;
		*) return 1 ;;
	esac
}

# Processes that a test has stopped go on, as only these can end.
stop_servers()
{
	local pidfile pid tenths process
	for process in /proc/[0-9]*; do
		! works_in_copy "${process#/proc/}" || kill -CONT "${process#/proc/}" || true
	done
	find "$copy" -name postmaster.pid |
		while read -r pidfile; do
			pid=$(head -1 "$pidfile" 2>/dev/null) || continue
			works_in_copy "$pid" || continue
			kill -QUIT "$pid" || continue
			for ((tenths = 0; tenths < 100; tenths++)); do
				works_in_copy "$pid" || continue 2
				sleep 0.1
			done
			kill -KILL "$pid" || true
		done
}

clean_up()
{
	local status=$?
	trap '' INT TERM HUP
	cd "$top"
	stop_servers || true
	[ "$status" -eq 0 ] || keep_logs || true
	rm -rf "$copy"
	exit "$status"
}

copy=$(mktemp -d "${TMPDIR:-/tmp}/pg_leader.XXXXXX")
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
chmod 755 "$copy"
copy_tree

drop=()
user=$(id -un)
if [ "$uid" -eq 0 ]; then
	user=postgres
	id "$user" >/dev/null 2>&1 || user=nobody
	group=$(id -gn "$user")
	chown -R "$user:$group" "$copy"
	drop=(setpriv "--reuid=$user" "--regid=$group" --init-groups)
	"${drop[@]}" test -x "$copy" -a -w "$copy" ||
		die "user \"$user\" cannot use ${TMPDIR:-/tmp}; set TMPDIR to a folder that it can enter"
	echo "Not as root: as user \"$user\", in $copy."
else
	echo "This tree cannot be written: working in $copy."
fi

environment=("HOME=$copy" "USER=$user" "LOGNAME=$user")
for name in "${passed_on[@]}"; do
	[ -z "${!name+set}" ] || environment+=("$name=${!name}")
done

cd "$copy"
"${drop[@]}" env -i "${environment[@]}" "${adopting[@]}" "$@"
