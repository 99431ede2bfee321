#!/bin/bash
# replay.sh LOG...: feeds the core once more with what these algorithm logs
# (pg_leader.enable_log = replay) say that it was given, and compares each of
# its answers.  For files that this user can read; see docs/algorithm_log.md.
set -euo pipefail
start=$PWD
. "$(dirname "$0")/environment.sh"

[ $# -gt 0 ] || die "say LOG=file, or LOG='file file ...'"
make -s -f script/dev/replay.mk build/replay/replay
cd "$start"
exec "$top/build/replay/replay" "$@"
