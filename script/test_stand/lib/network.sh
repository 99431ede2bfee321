# network.sh: makes the stand's network and takes it down (to source).
# shellcheck shell=bash
# shellcheck source=script/test_stand/lib/rules.sh
. "$(dirname "${BASH_SOURCE[0]}")/rules.sh"
# shellcheck source=script/test_stand/lib/processes.sh
. "$(dirname "${BASH_SOURCE[0]}")/processes.sh"

# Nothing of ours is there yet, so whatever has one of the names is somebody
# else's.
check_names_are_free()
{
	local id name
	! ip link show dev "$PGLD_BRIDGE" >/dev/null 2>&1 ||
		die "there is an interface \"$PGLD_BRIDGE\" already: choose another PGLD_BRIDGE in $config_file"
	for ((id = 0; id < N_NODES; id++)); do
		name=$(node_name "$id")
		! ip link show dev "$name" >/dev/null 2>&1 ||
			die "there is an interface \"$name\" already: choose another PGLD_INTERFACE_PREFIX in $config_file"
		[ ! -e "/run/netns/$name" ] ||
			die "there is a network namespace \"$name\" already: choose another PGLD_INTERFACE_PREFIX in $config_file"
	done
	! has_chain || die "ebtables has a chain \"$PGLD_BRIDGE\" already: choose another PGLD_BRIDGE in $config_file"
}

# Nobody speaks but the nodes, and they speak IPv4: no address for the bridge,
# and IPv6 nowhere.
make_bridge()
{
	ip link add name "$PGLD_BRIDGE" address "$bridge_address" type bridge mcast_snooping 0 &&
		ip link set dev "$PGLD_BRIDGE" alias "$bridge_alias $PGLD_INTERFACE_PREFIX $N_NODES" addrgenmode none
}

make_node_network()
{
	local name
	name=$(node_name "$1")
	ip netns add "$name" &&
		in_node "$1" bash -c '! [ -d /proc/sys/net/ipv6 ] || echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6' &&
		ip link add name "$name" type veth peer name eth0 netns "$name" &&
		ip link set dev "$name" master "$PGLD_BRIDGE" addrgenmode none up &&
		ip -n "$name" link set dev lo up &&
		ip -n "$name" address add "$NETWORK.$((10 + $1))/24" dev eth0 &&
		ip -n "$name" link set dev eth0 up
}

# Whether datagrams get from node 0 to node 1 while there are no rules.
passes()
{
	local sender status=0
	# not in_node, which would be a shell of its own to be ended
	# shellcheck disable=SC2016 # Perl's variables
	ip netns exec "$(node_name 0)" timeout 10 perl -MIO::Socket::INET -e '
		my $socket = IO::Socket::INET->new(Proto => "udp", PeerAddr => $ARGV[0],
			PeerPort => $ARGV[1]) or die $!;
		for (;;) { $socket->send("probe"); select undef, undef, undef, 0.02 }' \
		"${node_address[1]}" "${election_port[1]}" >/dev/null 2>&1 &
	sender=$!
	# shellcheck disable=SC2016 # Perl's variables
	in_node 1 timeout 5 perl -MIO::Socket::INET -e '
		my $socket = IO::Socket::INET->new(Proto => "udp", LocalAddr => $ARGV[0],
			LocalPort => $ARGV[1]) or die $!;
		$socket->recv(my $datagram, 16) // die $!;' \
		"${node_address[1]}" "${election_port[1]}" >/dev/null 2>&1 || status=1
	# it may have failed, and be gone
	kill "$sender" 2>/dev/null || true
	wait "$sender" || true
	return "$status"
}

# What keeps packets from crossing a new bridge, as far as one can tell.
reason_of_silence()
{
	local file=/proc/sys/net/bridge/bridge-nf-call-iptables
	if [ "$(cat "$file" 2>/dev/null)" = 1 ]; then
		echo "packets do not get from node to node; net.bridge.bridge-nf-call-iptables is 1, so look at the chain FORWARD of iptables: rules that accept what comes from interfaces ${PGLD_INTERFACE_PREFIX}+ are needed, or set it to 0"
	else
		echo "packets do not get from node to node: look at the rules of ebtables and nft, family bridge"
	fi
}

# build_network: all of it, or nothing and a line that says why.
build_network()
{
	local id error
	check_names_are_free
	error=$(
		{
			make_bridge && make_chain &&
				for ((id = 0; id < N_NODES; id++)); do
					make_node_network "$id" || exit 1
				done
		} 2>&1
	) || {
		remove_network
		die "could not make the test stand: ${error%%$'\n'*}"
	}
	# what is made last
	ip link set dev "$PGLD_BRIDGE" up
	if [ "$N_NODES" -gt 1 ] && ! passes; then
		error=$(reason_of_silence)
		remove_network
		die "$error"
	fi
}

# remove_network: whatever of the stand is there, finished or not.
remove_network()
{
	local prefix='' count=0 id name
	read -r prefix count < <(built_names) || true
	if [ -n "$prefix" ]; then
		end_processes "$prefix" "$count"
		for ((id = 0; id < count; id++)); do
			name=$prefix$id
			! ip link show dev "$name" >/dev/null 2>&1 || ip link delete dev "$name"
			remove_namespace "$name"
		done
	fi
	remove_chain "$prefix"
	remove_loss_table
	ip link delete dev "$PGLD_BRIDGE"
}

# One that was being made when its maker was killed is a file and no more.
remove_namespace()
{
	[ -e "/run/netns/$1" ] || return 0
	ip netns delete "$1" 2>/dev/null || rm -f "/run/netns/$1"
}
