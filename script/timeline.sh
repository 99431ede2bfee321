#!/bin/bash
# timeline.sh [OPTION...] FILE...
#
# Merges the algorithm logs of several nodes into one timeline, as text or as a
# picture; "timeline.sh --help" says more.  Needs perl, and of it no module that
# does not come with it.
set -euo pipefail

folder=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)

if ! command -v perl >/dev/null; then
	echo "timeline.sh: needs perl" >&2
	exit 1
fi
exec perl -I "$folder/timeline" "$folder/timeline/timeline.pl" "$@"
