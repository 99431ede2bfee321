#!/bin/bash
# virtual_ip.sh ADDRESS/PREFIX DEVICE
#
# A hook for pg_leader.on_leader_change: the leader has the address, everybody
# else does not.  For iproute2; needs the right to change addresses, so with
# RUN_AS_ROOT='sudo -n' in its environment it puts that before the commands that
# do so.
#
# It looks at what is, not at what was, and can be run as often as one likes.
set -euo pipefail

if [ $# -ne 2 ]; then
	echo "usage: virtual_ip.sh ADDRESS/PREFIX DEVICE"
	exit 2
fi
address=$1
device=$2
read -ra as_root <<<"${RUN_AS_ROOT-}"

# Neighbours remember for minutes where the address was.  Of an IPv6 address
# the kernel tells them itself, if the device's ndisc_notify is set.
announce()
{
	case $address in
		*:*) return ;;
	esac
	if command -v arping >/dev/null; then
		"${as_root[@]}" arping -q -c 2 -U -I "$device" "${address%/*}" ||
			echo "could not announce ${address%/*} on $device"
	else
		echo "no arping: neighbours may look for ${address%/*} elsewhere for a while"
	fi
}

# Empty: it is not there.
present=$(ip -o address show dev "$device" to "${address%/*}") || {
	echo "could not look for ${address%/*} on $device"
	exit 1
}

if [ "$PG_LEADER_IS_LEADER" = true ]; then
	if [ -z "$present" ]; then
		"${as_root[@]}" ip address add "$address" dev "$device"
		echo "took $address on $device, as leader in term $PG_LEADER_TERM"
	fi
	announce
elif [ -n "$present" ]; then
	"${as_root[@]}" ip address delete "$address" dev "$device"
	echo "gave up $address on $device: $PG_LEADER_REASON"
fi
