# config.sh: reads and checks config/pg_leader.config (to source).
#
# read_config leaves the settings in variables of their own names, and in the
# arrays node_address, election_port and server_port what they mean for each
# node.  Each finding is one line on standard error and the end of the script.
#
# The file is data: it is never run, as root reads it too.
# shellcheck shell=bash

source_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# need PROGRAM PACKAGE
need()
{
	command -v "$1" >/dev/null || die "$1 is missing; Debian has it in the package $2"
}

# reason OUTPUT: what the last line says that a program ended with, without its
# name and what it was to do.
reason()
{
	local line=${1##*$'\n'}
	echo "${line##*: }"
}

# What read_config finds out: the file that it reads, and by node id.
config_file=
node_address=() election_port=() server_port=()

IPv4_CLUSTER=
lowest_user_port=1024
highest_user_port=49151
most_nodes=128

# shellcheck disable=SC2034 # for those who source this file
set_defaults()
{
	N_NODES=5
	IPv4_CLUSTER=
	NETWORK=192.168.10
	PGLD_PORT_START=5440
	PGLD_DB_PATHNAME_PREFIX=/var/tmp/pg_leader/node
	PGLD_SECRET_FILE=
	PGLD_USER=
	ENABLE_LOG=off
	PGLD_HEARTBEAT_INTERVAL=100
	PGLD_ELECTION_TIMEOUT_MIN=1000
	PGLD_ELECTION_TIMEOUT_MAX=1500
	PGLD_ON_LEADER_CHANGE=
	PGLD_BRIDGE=pgldbr
	PGLD_INTERFACE_PREFIX=pgld
}

setting_names='N_NODES IPv4_CLUSTER NETWORK PGLD_PORT_START PGLD_DB_PATHNAME_PREFIX
	PGLD_SECRET_FILE PGLD_USER ENABLE_LOG PGLD_HEARTBEAT_INTERVAL
	PGLD_ELECTION_TIMEOUT_MIN PGLD_ELECTION_TIMEOUT_MAX PGLD_ON_LEADER_CHANGE
	PGLD_BRIDGE PGLD_INTERFACE_PREFIX'

read_config()
{
	config_file=${PGLD_CONFIG:-$source_top/config/pg_leader.config}
	[ -f "$config_file" ] || die "configuration file \"$config_file\" does not exist"
	[ -r "$config_file" ] || die "configuration file \"$config_file\" cannot be read"
	set_defaults
	parse_config
	check_config
}

parse_config()
{
	local line number=0 name value raw
	local assignment="^[[:blank:]]*([A-Za-z_][A-Za-z0-9_]*)=(\"([^\"]*)\"|'([^']*)'|[^[:blank:]#\"']*)[[:blank:]]*(#.*)?$"

	while IFS= read -r line || [ -n "$line" ]; do
		number=$((number + 1))
		line=${line%$'\r'}
		if [[ $line =~ ^[[:blank:]]*(#.*)?$ ]]; then
			continue
		fi
		[[ $line =~ $assignment ]] ||
			die "$config_file, line $number: not of the form NAME=value, NAME=\"value\" or NAME='value'"
		name=${BASH_REMATCH[1]}
		raw=${BASH_REMATCH[2]}
		value=$raw
		case $raw in
			\"*) value=${BASH_REMATCH[3]} ;;
			\'*) value=${BASH_REMATCH[4]} ;;
		esac
		[[ $setting_names =~ (^|[[:space:]])"$name"([[:space:]]|$) ]] ||
			die "$config_file, line $number: there is no setting \"$name\""
		case $raw in
			\'*) ;;
			*[\$\`\\]*)
				die "$config_file, line $number: \"\$\", \"\`\" and \"\\\" stand for themselves only between single quotes"
				;;
		esac
		printf -v "$name" '%s' "$value"
	done <"$config_file"
}

# check_number NAME LOWEST HIGHEST: the value, without leading zeros.
check_number()
{
	local value=${!1}
	if [[ ! $value =~ ^[0-9]{1,9}$ ]] || ((10#$value < $2 || 10#$value > $3)); then
		die "$config_file: $1 is \"$value\", but has to be a number from $2 to $3"
	fi
	printf -v "$1" '%d' "$((10#$value))"
}

check_path()
{
	local value=${!1}
	case $value in
		/*) ;;
		*) die "$config_file: $1 is \"$value\", but has to be an absolute path" ;;
	esac
	case $value in
		*[\'[:cntrl:]]*) die "$config_file: $1 is \"$value\", but may not hold quotes or control characters" ;;
	esac
}

is_ipv4_number()
{
	[[ $1 =~ ^(0|[1-9][0-9]{0,2})$ ]] && (($1 <= 255))
}

# is_ipv4 TEXT COUNT: COUNT numbers with dots between them.
is_ipv4()
{
	local numbers number
	IFS=. read -ra numbers <<<"$1."
	[ ${#numbers[@]} -eq "$2" ] || return 1
	for number in "${numbers[@]}"; do
		is_ipv4_number "$number" || return 1
	done
	# a dot at the end, or two in a row, has been lost
	[ "$(IFS=. && echo "${numbers[*]}")" = "$1" ]
}

# is_unicast TEXT: whether a host may have an address that begins so; not so
# this network (0), multicast and what lies above (224 to 255).
is_unicast()
{
	((${1%%.*} >= 1 && ${1%%.*} <= 223))
}

check_cluster()
{
	local entries entry id address port seen=' '

	is_ipv4 "$NETWORK" 3 ||
		die "$config_file: NETWORK is \"$NETWORK\", but has to be the first three numbers of an IPv4 network"
	if ! is_unicast "$NETWORK" || [ "${NETWORK%%.*}" -eq 127 ]; then
		die "$config_file: NETWORK is \"$NETWORK\", but no network of hosts begins so"
	fi

	if [ -z "$IPv4_CLUSTER" ]; then
		for ((id = 0; id < N_NODES; id++)); do
			IPv4_CLUSTER+="${IPv4_CLUSTER:+, }$NETWORK.$((10 + id)):$((7400 + id))"
		done
	fi

	# one more comma, as the last one is not seen
	IFS=, read -ra entries <<<"$IPv4_CLUSTER,"
	[ ${#entries[@]} -eq "$N_NODES" ] ||
		die "$config_file: IPv4_CLUSTER has ${#entries[@]} addresses, but N_NODES is $N_NODES"

	for ((id = 0; id < N_NODES; id++)); do
		entry=${entries[id]}
		entry=${entry#"${entry%%[![:blank:]]*}"}
		entry=${entry%"${entry##*[![:blank:]]}"}
		address=${entry%:*}
		port=${entry##*:}
		if [[ $entry != *:* ]] || ! is_ipv4 "$address" 4; then
			die "$config_file: IPv4_CLUSTER has \"$entry\" for node $id, but has to have an IPv4 address and a port, such as $NETWORK.$((10 + id)):7400"
		fi
		is_unicast "$address" ||
			die "$config_file: IPv4_CLUSTER has \"$address\" for node $id, but that is not the address of one host"
		if [[ ! $port =~ ^[1-9][0-9]{0,4}$ ]] || ((port < lowest_user_port || port > highest_user_port)); then
			die "$config_file: IPv4_CLUSTER has port \"$port\" for node $id, but ports go from $lowest_user_port to $highest_user_port"
		fi
		case $seen in
			*" $address:$port "*) die "$config_file: IPv4_CLUSTER has $address:$port twice" ;;
		esac
		seen+="$address:$port "
		node_address[id]=$address
		election_port[id]=$port
		server_port[id]=$((PGLD_PORT_START + id))
	done

	# one form, the same on every host
	IPv4_CLUSTER=
	for ((id = 0; id < N_NODES; id++)); do
		IPv4_CLUSTER+="${IPv4_CLUSTER:+, }${node_address[id]}:${election_port[id]}"
	done
}

check_names()
{
	[[ $PGLD_BRIDGE =~ ^[A-Za-z][A-Za-z0-9_]{0,14}$ ]] ||
		die "$config_file: PGLD_BRIDGE is \"$PGLD_BRIDGE\", but has to be a letter and up to 14 letters, digits or \"_\""
	[[ $PGLD_INTERFACE_PREFIX =~ ^[A-Za-z]([A-Za-z0-9_]{0,10}[A-Za-z_])?$ ]] ||
		die "$config_file: PGLD_INTERFACE_PREFIX is \"$PGLD_INTERFACE_PREFIX\", but has to be a letter and up to 11 letters, digits or \"_\", without a digit at its end"
	[[ $PGLD_BRIDGE =~ ^"$PGLD_INTERFACE_PREFIX"[0-9]+$ ]] &&
		die "$config_file: PGLD_BRIDGE is \"$PGLD_BRIDGE\", but that is a name for the interface of a node"
	return 0
}

check_config()
{
	local socket

	check_number N_NODES 1 "$most_nodes"
	check_number PGLD_PORT_START "$lowest_user_port" $((highest_user_port - N_NODES + 1))
	check_cluster

	check_path PGLD_DB_PATHNAME_PREFIX
	: "${PGLD_SECRET_FILE:=$PGLD_DB_PATHNAME_PREFIX.secret}"
	check_path PGLD_SECRET_FILE
	socket=$(socket_directory $((N_NODES - 1)))/.s.PGSQL.${server_port[N_NODES - 1]}
	[ ${#socket} -le 107 ] ||
		die "$config_file: PGLD_DB_PATHNAME_PREFIX is too long: the path of a Unix socket, \"$socket\", may have 107 characters"

	case $ENABLE_LOG in
		off | on | replay) ;;
		*) die "$config_file: ENABLE_LOG is \"$ENABLE_LOG\", but has to be off, on or replay" ;;
	esac
	check_number PGLD_HEARTBEAT_INTERVAL 10 10000
	check_number PGLD_ELECTION_TIMEOUT_MIN $((5 * PGLD_HEARTBEAT_INTERVAL)) 599999
	check_number PGLD_ELECTION_TIMEOUT_MAX $((PGLD_ELECTION_TIMEOUT_MIN + 1)) 600000
	check_names
}

is_node_id()
{
	[[ $1 =~ ^(0|[1-9][0-9]{0,2})$ ]] && (($1 < N_NODES))
}

# check_node_id ID
check_node_id()
{
	if ! is_node_id "$1"; then
		die "\"$1\" is no node: ids go from 0 to $((N_NODES - 1))"
	fi
}

# A line for each node that has another address than it gets on the test stand.
# None: this is the placement of the stand.
other_than_stand()
{
	local id
	for ((id = 0; id < N_NODES; id++)); do
		[ "${node_address[id]}" = "$NETWORK.$((10 + id))" ] ||
			echo "node $id: IPv4_CLUSTER has ${node_address[id]}, NETWORK makes it $NETWORK.$((10 + id))"
	done
}

# Where a node keeps what.
data_directory()	{ echo "$PGLD_DB_PATHNAME_PREFIX$1"; }
state_directory()	{ echo "$PGLD_DB_PATHNAME_PREFIX$1.state"; }
socket_directory()	{ echo "$PGLD_DB_PATHNAME_PREFIX$1.socket"; }
server_log()		{ echo "$PGLD_DB_PATHNAME_PREFIX$1.log"; }
algorithm_log()		{ echo "$PGLD_DB_PATHNAME_PREFIX$1.events"; }
