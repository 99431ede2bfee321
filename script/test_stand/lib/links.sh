# links.sh: ctl.sh's commands that cut nodes off and join them (to source).
# shellcheck shell=bash
# shellcheck source=script/test_stand/lib/words.sh
. "$(dirname "${BASH_SOURCE[0]}")/words.sh"
# shellcheck source=script/test_stand/lib/rules.sh
. "$(dirname "${BASH_SOURCE[0]}")/rules.sh"

# change FUNCTION ARGUMENT...: sets changed if there was anything to do.
changed=no
change()
{
	local status=0
	"$@" || status=$?
	case $status in
		0) changed=yes ;;
		1) ;;
		*) complain "could not change the rules: ${rule_error%%$'\n'*}" ;;
	esac
}

# change_all FUNCTION ONE ANOTHER: the other way, too, if both are meant.
change_all()
{
	change "$1" "$2" "$3" || return 1
	[ -z "$both" ] || change "$1" "$3" "$2"
}

command_disconnect()
{
	local one another
	take_two disconnect "$@" || return 1
	one=${nodes[0]} another=${nodes[1]} changed=no
	change_all cut "$one" "$another" || return 1
	echo "$([ "$changed" = yes ] || echo 'as before: ')no packets $([ -n "$both" ] && echo "between $one and" || echo "from $one to") $another"
}

# Ends a rejection, too.
command_reconnect()
{
	local one another
	take_two reconnect "$@" || return 1
	one=${nodes[0]} another=${nodes[1]} changed=no
	change_all mend "$one" "$another" || return 1
	change_all unreject "$one" "$another" || return 1
	echo "$([ "$changed" = yes ] || echo 'as before: ')packets go $([ -n "$both" ] && echo "between $one and" || echo "from $one to") $another"
}

command_reject()
{
	local one another
	command -v iptables >/dev/null || complain "iptables is missing; Debian has it in the package iptables" || return 1
	take_two reject "$@" || return 1
	one=${nodes[0]} another=${nodes[1]} changed=no
	change_all reject "$one" "$another" || return 1
	echo "$([ "$changed" = yes ] || echo 'as before: ')packets $([ -n "$both" ] && echo "between $one and" || echo "from $one to") $another are answered with an ICMP error"
}

command_loss()
{
	local percent=${3-} error
	if [ $# -ne 3 ] || [[ ! $percent =~ ^[0-9]{1,3}$ ]] || [ "$percent" -gt 100 ]; then
		complain "usage: loss ONE ANOTHER PERCENT (0 to 100)" || return 1
	fi
	take_two loss "$1" "$2" || return 1
	command -v nft >/dev/null || complain "nft is missing; Debian has it in the package nftables" || return 1
	error=$(set_loss "${nodes[0]}" "${nodes[1]}" "$((10#$percent))") ||
		complain "this kernel cannot lose packets by chance (${error%%$'\n'*}): nftables of the family bridge with random numbers are needed" || return 1
	echo "$((10#$percent)) % of the packets from ${nodes[0]} to ${nodes[1]} are lost"
}

command_brainsplit()
{
	take_groups brainsplit "$@" || return 1
	change between cut "${first_group[*]}" "${second_group[*]}" || return 1
	echo "split: ${first_group[*]} | ${second_group[*]}"
}

# Without groups, all cuts.
command_brainjoin()
{
	if [ $# -eq 0 ]; then
		filter -F "$PGLD_BRIDGE" || return 1
		echo "joined: no cut is left"
		return
	fi
	take_groups brainjoin "$@" || return 1
	change between mend "${first_group[*]}" "${second_group[*]}" || return 1
	echo "joined: ${first_group[*]} and ${second_group[*]}"
}

# command_plug up | down NODES...
command_plug()
{
	local id direction=$1
	shift
	[ $# -gt 0 ] || complain "usage: $([ "$direction" = up ] || printf un)plug NODES" || return 1
	take_nodes "$@" || return 1
	for id in "${nodes[@]}"; do
		if ! plug "$id" "$direction"; then
			echo "node $id: the link is $direction already"
		else
			echo "node $id: link $direction"
		fi
	done
}

command_flush()
{
	flush_rules
	echo "no restriction is left"
}

# One line for each rule, in the order of the nodes.
command_statistics()
{
	local one another packets bytes percent id lines
	lines=$(
		list_cuts | while read -r one another packets bytes; do
			printf '%s %s dropped %s %s\n' "$one" "$another" "$packets" "$bytes"
		done
		list_rejections | while read -r one another packets bytes; do
			printf '%s %s rejected %s %s\n' "$one" "$another" "$packets" "$bytes"
		done
		list_losses | while read -r one another packets bytes percent _; do
			printf '%s %s lost:%s%% %s %s\n' "$one" "$another" "$percent" "$packets" "$bytes"
		done
	)
	if [ -n "$lines" ]; then
		printf '%5s %5s   %-14s %10s %12s\n' from to 'packets are' packets bytes
		sort -n -k 1,1 -k 2,2 <<<"$lines" | while read -r one another percent packets bytes; do
			percent=${percent/:/, }
			printf '%5s %5s   %-14s %10s %12s\n' "$one" "$another" "${percent/\%/ %}" "$packets" "$bytes"
		done
	fi
	for ((id = 0; id < N_NODES; id++)); do
		if ! is_plugged "$id"; then
			echo "node $id is unplugged"
			lines=some
		fi
	done
	[ -n "$lines" ] || echo "no restrictions"
}
