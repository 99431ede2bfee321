#!/bin/bash
# check_stand.sh [TEST...]
#
# Runs the tests of the test stand (t/071 and following), in a copy of the tree and in
# namespaces of their own: of the network, so that they can neither touch nor be
# touched by that of the machine; of mounts; and of processes, so that nothing
# outlives the run, however it ends.
#
# Needs root, as the stand does.  With STAND=optional, where something is
# missing, it says what and why nothing is tested, and that is no failure.
# SCENARIOS=all runs every file of script/test_stand/scenarios, otherwise a few
# of them are.
set -euo pipefail
. "$(dirname "$0")/environment.sh"
umask 022

leave_out()
{
	if [ "${STAND-}" = optional ]; then
		echo "The tests of the test stand are left out: $*"
		exit 0
	fi
	die "$*"
}

# In namespaces as below, what the stand needs does work.
namespaces=(unshare --net --mount --pid --fork --kill-child --mount-proc)
prepare='mount -t tmpfs none /run && mkdir -p /run/netns && ip link set lo up'

[ "$(id -u)" -eq 0 ] || leave_out "they make network namespaces, so they need root"
for command in ip ebtables unshare setpriv; do
	command -v "$command" >/dev/null || leave_out "$command is missing; script/dev/install_packages.sh stand installs it"
done
error=$("${namespaces[@]}" bash -c "$prepare && ip netns add pgld_probe && ebtables -L FORWARD >/dev/null" 2>&1) ||
	leave_out "this kernel or container does not allow what they do (${error%%$'\n'*})"

tests=
clean_up()
{
	local status=$?
	trap '' INT TERM HUP
	if [ -n "$tests" ]; then
		kill -KILL "$tests" 2>/dev/null || true
		wait "$tests" || true
	fi
	cd "$top"
	rm -rf "$copy"
	exit "$status"
}

copy=$(mktemp -d "${TMPDIR:-/tmp}/pg_leader-stand.XXXXXX")
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
chmod 755 "$copy"
tar --exclude=./.git --exclude=./build --exclude='./tmp_*' \
	--exclude='*.o' --exclude='*.so' -cf - . | tar -C "$copy" --no-same-owner -xf -

heading "tests of the test stand"
(
	cd "$copy"
	script/dev/stage.sh "$copy/build/stage"
) || exit 1
# shellcheck source=/dev/null
. "$copy/build/stage/env"

cd "$copy"
[ $# -gt 0 ] || set -- t/07[1-9]*.pl
# The namespaces end with unshare, and that with this script, killed or not.
# shellcheck disable=SC2016,SC2086 # for the inner shell; options are words
env PG_LEADER_STAND_NAMESPACE=yes TMPDIR="$copy" TERM=dumb \
	setpriv --pdeathsig KILL "${namespaces[@]}" bash -c "$prepare"' && prove -I "$0" -I t "$@"' \
	"$PG_TEST_PERL" ${PROVE_FLAGS-} "$@" &
tests=$!
wait "$tests"
tests=
