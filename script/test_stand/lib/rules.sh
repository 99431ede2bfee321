# rules.sh: what keeps packets from crossing the stand (to source).
#
#	cut		ebtables drops the packets, in a chain of the stand's own to which
#			FORWARD sends what comes from the nodes' interfaces
#	reject	iptables, in the namespace of the sender, answers with an ICMP error
#	loss	nft drops some of the packets, by chance, in a table of its own
#	unplug	the node's interface is down
#
# A cut drops IPv4 and lets ARP pass: answers to the other node's ARP requests
# are not packets from one to the other, as one understands it.
# shellcheck shell=bash
# shellcheck source=script/test_stand/lib/stand.sh
. "$(dirname "${BASH_SOURCE[0]}")/stand.sh"

# --- the chain ----------------------------------------------------------------

# The legacy ebtables locks only if told to, and both kinds know how.
filter()
{
	ebtables --concurrent "$@"
}

has_chain()
{
	filter -L "$PGLD_BRIDGE" >/dev/null 2>&1
}

make_chain()
{
	filter -N "$PGLD_BRIDGE" -P RETURN &&
		filter -I FORWARD 1 -i "$PGLD_INTERFACE_PREFIX+" -j "$PGLD_BRIDGE"
}

# remove_chain PREFIX
remove_chain()
{
	has_chain || return 0
	[ -z "$1" ] || filter -D FORWARD -i "$1+" -j "$PGLD_BRIDGE" 2>/dev/null || true
	filter -F "$PGLD_BRIDGE"
	filter -X "$PGLD_BRIDGE"
}

# --- rules --------------------------------------------------------------------

# What was said against the last one.
# shellcheck disable=SC2034 # for those who source this file
rule_error=

# has_line LINE...: whether one of standard input begins so.  Reads it all, as
# who writes it must not fail.
has_line()
{
	grep "^$* " >/dev/null
}

# set_rule LIST CHANGE -A | -D ONE ANOTHER: adds it, or deletes it, by the function
# CHANGE.  Status 1 if LIST shows that there is nothing to do, 2 if it cannot be
# done.
set_rule()
{
	local there=-D
	"$1" | has_line "$4" "$5" || there=-A
	[ "$there" = "$3" ] || return 1
	"$2" "$3" "$4" "$5"
}

# --- cuts ---------------------------------------------------------------------

# All cuts: "ONE ANOTHER PACKETS BYTES".
list_cuts()
{
	filter -L "$PGLD_BRIDGE" --Lc |
		sed -nE "s/^-p IPv4 -i $PGLD_INTERFACE_PREFIX([0-9]+) -o $PGLD_INTERFACE_PREFIX([0-9]+) -j DROP ?,? ?pcnt = ([0-9]+) -- bcnt = ([0-9]+).*/\1 \2 \3 \4/p"
}

# cut_rule -A | -D ONE ANOTHER
# shellcheck disable=SC2034 # for those who source this file
cut_rule()
{
	rule_error=$(filter "$1" "$PGLD_BRIDGE" -p IPv4 -i "$(node_name "$2")" -o "$(node_name "$3")" -j DROP 2>&1) || return 2
}

cut()	{ set_rule list_cuts cut_rule -A "$@"; }
mend()	{ set_rule list_cuts cut_rule -D "$@"; }

# between cut | mend ONES OTHERS: both ways, between each of ONES and each of
# OTHERS (ids with blanks between).
between()
{
	local one another way cuts there rule=-A unless=yes
	cuts=$(list_cuts) || return 2
	if [ "$1" = mend ]; then
		rule=-D unless=no
	fi
	for one in $2; do
		for another in $3; do
			for way in "$one $another" "$another $one"; do
				there=no
				! has_line "$way" <<<"$cuts" || there=yes
				if [ "$there" != "$unless" ]; then
					cut_rule "$rule" "${way% *}" "${way#* }" || return 2
				fi
			done
		done
	done
}

# --- rejections ---------------------------------------------------------------

list_rejections()
{
	local id
	command -v iptables >/dev/null || return 0
	for ((id = 0; id < N_NODES; id++)); do
		in_node "$id" iptables -w -nvxL OUTPUT 2>/dev/null |
			awk -v one="$id" -v network="$NETWORK." '
				$3 == "REJECT" {
					destination = $9
					sub(/\/32$/, "", destination)
					if (index(destination, network) == 1)
						print one, substr(destination, length(network) + 1) - 10, $1, $2
				}'
	done
}

# reject_rule -A | -D ONE ANOTHER
# shellcheck disable=SC2034 # for those who source this file
reject_rule()
{
	rule_error=$(in_node "$2" iptables -w "$1" OUTPUT -d "${node_address[$3]}" -j REJECT --reject-with icmp-host-prohibited 2>&1) || return 2
}

reject()	{ set_rule list_rejections reject_rule -A "$@"; }
unreject()	{ set_rule list_rejections reject_rule -D "$@"; }

# --- loss ---------------------------------------------------------------------

has_loss_table()
{
	command -v nft >/dev/null && nft list table bridge "$PGLD_BRIDGE" >/dev/null 2>&1
}

remove_loss_table()
{
	! has_loss_table || nft delete table bridge "$PGLD_BRIDGE"
}

# All losses: "ONE ANOTHER PACKETS BYTES PERCENT HANDLE".
list_losses()
{
	has_loss_table || return 0
	nft -a list chain bridge "$PGLD_BRIDGE" loss |
		sed -nE 's/.* counter packets ([0-9]+) bytes ([0-9]+) drop comment "loss ([0-9]+) ([0-9]+) ([0-9]+)" # handle ([0-9]+)$/\3 \4 \1 \2 \5 \6/p'
}

# set_loss ONE ANOTHER PERCENT: 0 ends it.  All of it is done, or nothing.  Prints
# what keeps the kernel from it.
set_loss()
{
	local one=$1 another=$2 percent=$3 from to handle
	{
		list_losses | while read -r from to _ _ _ handle; do
			[ "$from $to" != "$one $another" ] ||
				echo "delete rule bridge $PGLD_BRIDGE loss handle $handle"
		done
		[ "$percent" -eq 0 ] || cat <<-END_OF_TEXT
			add table bridge $PGLD_BRIDGE
			add chain bridge $PGLD_BRIDGE loss { type filter hook forward priority -300; }
			add rule bridge $PGLD_BRIDGE loss iifname "$(node_name "$one")" oifname "$(node_name "$another")" ether type ip numgen random mod 100 < $percent counter drop comment "loss $one $another $percent"
		END_OF_TEXT
	} | nft -f - 2>&1
}

# --- plugs --------------------------------------------------------------------

is_plugged()
{
	[[ $(ip -n "$(node_name "$1")" -o link show dev eth0) =~ [\<,]UP[,\>] ]]
}

# plug ID up | down: status 1 if it is so already.
plug()
{
	if is_plugged "$1"; then
		[ "$2" = down ] || return 1
	else
		[ "$2" = up ] || return 1
	fi
	ip -n "$(node_name "$1")" link set dev eth0 "$2"
}

# --- all of them --------------------------------------------------------------

flush_rules()
{
	local id
	filter -F "$PGLD_BRIDGE"
	remove_loss_table
	for ((id = 0; id < N_NODES; id++)); do
		plug "$id" up || true
		! command -v iptables >/dev/null || in_node "$id" iptables -w -F OUTPUT
	done
}

# Fills blocked with "ONE ANOTHER" for every way that packets cannot go.
# shellcheck disable=SC2034 # for those who source this file
declare -A blocked=()
# shellcheck disable=SC2034 # for those who source this file
find_blocked()
{
	local one another unplugged=()
	blocked=()
	while read -r one another _; do
		blocked[$one $another]=1
	done < <(list_cuts && list_rejections)
	for ((one = 0; one < N_NODES; one++)); do
		is_plugged "$one" || unplugged+=("$one")
	done
	for one in "${unplugged[@]}"; do
		for ((another = 0; another < N_NODES; another++)); do
			blocked[$one $another]=1
			blocked[$another $one]=1
		done
	done
}
