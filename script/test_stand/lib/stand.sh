# stand.sh: what the test stand consists of, and whether it is there (to source).
#
# Of everything there is one for each node, and all have the node's name, which
# is PGLD_INTERFACE_PREFIX with the id: the network namespace, and the interface
# that joins it to the bridge.  Inside, the interface is called eth0.
#
# The bridge is made first and removed last, so it stands for the whole: what
# bears the names that its alias tells belongs to the stand.  It is known by its
# hardware address, which it has from the first instant on.
# shellcheck shell=bash
# shellcheck source=script/lib/server.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../lib/server.sh"

bridge_address=02:70:67:6c:64:00
bridge_alias='pg_leader test stand:'

node_name()
{
	echo "$PGLD_INTERFACE_PREFIX$1"
}

# in_node ID COMMAND...: in the namespace of a node.
in_node()
{
	local name
	name=$(node_name "$1")
	shift
	ip netns exec "$name" "$@"
}

# What only root can do, with what Debian has in which package.
check_means()
{
	local error
	[ "$(id -u)" -eq 0 ] || die "the test stand makes network namespaces and filters packets: run this as root"
	need unshare util-linux
	need ip iproute2
	need perl perl-base
	command -v ebtables >/dev/null ||
		die "ebtables is missing; Debian has it in the package iptables (for nf_tables) and, for kernels with the older tables, in ebtables"
	error=$(unshare --net true 2>&1) ||
		die "this kernel or container allows no network namespaces ($error)"
	error=$(ebtables -L FORWARD 2>&1 >/dev/null) || die "$(ebtables_advice "${error%%$'\n'*}")"
}

# ebtables_advice ERROR
ebtables_advice()
{
	case $(ebtables -V 2>/dev/null) in
		*nf_tables*)
			echo "ebtables, of the kind that uses nf_tables, does not work on this kernel ($1); the older kind may: Debian has it in the package ebtables"
			;;
		*)
			echo "ebtables, of the older kind, does not work on this kernel ($1); the kind that uses nf_tables may: Debian has it in the package iptables"
			;;
	esac
}

# The stand's nodes have the addresses that the stand gives them.
check_placement()
{
	local other
	other=$(other_than_stand)
	[ -z "$other" ] || die "$config_file: not the addresses of the test stand; ${other%%$'\n'*}"
}

# no: there is none; other: something else has the bridge's name; unfinished; yes
stand_is_up()
{
	local line
	line=$(ip -o link show dev "$PGLD_BRIDGE" 2>/dev/null) || line=
	case $line in
		'') echo no ;;
		*" $bridge_address "*)
			case $line in
				*[\<,]UP[,\>]*) echo yes ;;
				*) echo unfinished ;;
			esac
			;;
		*) echo other ;;
	esac
}

# Prefix and number of the nodes that the stand has, which need not be those of
# the configuration file; nothing if it never came to that.
built_names()
{
	ip -o link show dev "$PGLD_BRIDGE" | sed -n "s/.*alias $bridge_alias \([^ ]*\) \([0-9]*\).*/\1 \2/p"
}

# find_stand: what whoever works with the stand begins with.
find_stand()
{
	read_config
	check_means
	check_placement
	check_stand
	find_programs
}

check_stand()
{
	local up
	up=$(stand_is_up)
	[ "$up" = yes ] || die "there is no test stand: make it with script/test_stand/net_init.sh"
	[ "$(built_names)" = "$PGLD_INTERFACE_PREFIX $N_NODES" ] ||
		die "the test stand was made for other nodes ($(built_names)) than $config_file has: take it down with net_init.sh --down, and make it anew"
}
