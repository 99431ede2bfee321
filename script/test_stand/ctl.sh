#!/bin/bash
# ctl.sh [-c 'COMMAND; COMMAND ...'] [-s FILE]
#
# Controls the test stand that net_init.sh has made: its nodes, and who of them
# hears whom.  On a terminal it asks for commands; "help" lists them.
#
# With -c or -s, or if standard input is no terminal, it carries out commands
# until one fails: the exit status is 0 if none did, else 1; 2 for usage.
set -euo pipefail
. "$(dirname "$0")/lib/words.sh"
. "$(dirname "$0")/lib/nodes.sh"
. "$(dirname "$0")/lib/links.sh"
. "$(dirname "$0")/lib/status.sh"

print_help()
{
	cat <<-'END_OF_TEXT'
		Nodes
		  st, start [ALL | NODES]        start nodes (at first: make them)
		  sp, stop [ALL | NODES]         stop nodes, by pg_ctl
		  kill NODES                     end all their processes at once, as a power cut does
		  pause NODES, resume NODES      stop all their processes for a while
		Who hears whom
		  d, disconnect ONE ANOTHER [both]
		                                 no packets from ONE to ANOTHER; both: neither way
		  r, reconnect ONE ANOTHER [both]
		                                 packets go again
		  b, brainsplit GROUP ; GROUP    no packets between the groups: b 0 1 ; 2 3 4
		                                 or  b 0,1 2,3,4  or  b "0 1" "2 3 4"
		  bj, brainjoin [GROUP ; GROUP]  packets go between the groups; without groups,
		                                 between all
		  reject ONE ANOTHER [both]      packets are answered with an ICMP error
		  loss ONE ANOTHER PERCENT       so many of the packets are lost, by chance
		  unplug NODES, plug NODES       the nodes' links are down, or up
		  stat, statistics               the restrictions, with what they have stopped
		  f, flush                       no restrictions
		What they do
		  status                         a table of all nodes
		  watch [SECONDS]                the table, over and over
		  log                            the nodes' algorithm logs as one timeline
		  wait CONDITION [within SECONDS]
		                                 until it is so, or 60 seconds have passed
		  expect CONDITION               is it so?
		  hold SECONDS CONDITION         is it so for that long?
		                                 conditions: leader [NODES]  (NODES follow it, too),
		                                 no-leader [NODES], leads NODES  (one of them does),
		                                 undisturbed [NODES]  (leader and term are those of
		                                 "mark"), new-term  (the term has grown since)
		  mark [NODES]                   L stands for the leader whom NODES follow, or all that
		                                 run, F1, F2, ... for the others
		  sleep SECONDS, echo TEXT
		  h, help, ?                     this
		  exit, q, quit
		NODES are ids with blanks or commas between them.
	END_OF_TEXT
}

# Nothing may come after these.
alone()
{
	[ $# -eq 1 ] || complain "\"$1\" is the whole command"
}

command_log()
{
	local id file logs=()
	[ $# -eq 0 ] || complain "usage: log" || return 1
	for ((id = 0; id < N_NODES; id++)); do
		file=$(algorithm_log "$id")
		[ ! -s "$file" ] || logs+=("$file")
	done
	[ ${#logs[@]} -gt 0 ] ||
		complain "there is no algorithm log: set ENABLE_LOG in $config_file to on, and start the nodes again" || return 1
	"$source_top/script/timeline.sh" "${logs[@]}"
}

command_sleep()
{
	[[ $# -eq 1 && $1 =~ ^[0-9]+(\.[0-9]+)?$ ]] || complain "usage: sleep SECONDS" || return 1
	sleep "$1"
}

# run_command WORD...
run_command()
{
	case $1 in
		h | help | '?') alone "$@" && print_help ;;
		st | start) command_start "${@:2}" ;;
		sp | stop) command_stop "${@:2}" ;;
		kill) command_kill "${@:2}" ;;
		pause) command_pause "${@:2}" ;;
		resume) command_resume "${@:2}" ;;
		d | disconnect) command_disconnect "${@:2}" ;;
		r | reconnect) command_reconnect "${@:2}" ;;
		b | brainsplit) command_brainsplit "${@:2}" ;;
		bj | brainjoin) command_brainjoin "${@:2}" ;;
		reject) command_reject "${@:2}" ;;
		loss) command_loss "${@:2}" ;;
		unplug) command_plug down "${@:2}" ;;
		plug) command_plug up "${@:2}" ;;
		stat | statistics) alone "$@" && command_statistics ;;
		f | flush) alone "$@" && command_flush ;;
		status) alone "$@" && command_status ;;
		watch) command_watch "${@:2}" ;;
		log) command_log "${@:2}" ;;
		wait) command_wait "${@:2}" ;;
		expect) command_expect "${@:2}" ;;
		hold) command_hold "${@:2}" ;;
		mark) command_mark "${@:2}" ;;
		sleep) command_sleep "${@:2}" ;;
		echo) echo "${*:2}" ;;
		exit | q | quit) alone "$@" && exit 0 ;;
		*) complain "there is no command \"$1\"; \"help\" lists them" ;;
	esac
}

# Commands may fail without an end of all, and be interrupted.  At the prompt an
# interrupt is a key that empties the line: the trap would leave it as it is.
converse()
{
	local line
	echo "Test stand of $N_NODES nodes; \"help\" lists the commands."
	terminal=$(stty -g)
	bind '"\C-c": kill-whole-line' 2>/dev/null
	while :; do
		stty intr undef
		IFS= read -e -r -p 'pg_leader> ' line || {
			echo
			return 0
		}
		stty "$terminal"
		[[ $line =~ ^[[:blank:]]*$ ]] || history -s "$line"
		run_line "$line" || true
	done
}

# run_line LINE: its commands until one fails.
run_line()
{
	local all=() command=() i
	interrupted=no
	split_words "$1" || return 1
	all=("${words[@]}")
	for i in "${!all[@]}"; do
		if [ "${all[i]}" != ';' ] || is_node_word "${all[i + 1]-}"; then
			command+=("${all[i]}")
			continue
		fi
		[ ${#command[@]} -eq 0 ] || run_command "${command[@]}" || return 1
		command=()
	done
	[ ${#command[@]} -eq 0 ] || run_command "${command[@]}"
}

# run_script NAME: the lines of file descriptor 3.
run_script()
{
	local line number=0
	while IFS= read -r line <&3 || [ -n "$line" ]; do
		number=$((number + 1))
		line=${line%$'\r'}
		[[ $line =~ ^[[:blank:]]*(#.*)?$ ]] || echo "> $line"
		run_line "$line" || {
			echo "ctl.sh: $1, line $number: the rest is left out" >&2
			return 1
		}
	done
}

usage()
{
	echo "usage: ctl.sh [-c 'COMMAND; COMMAND ...'] [-s FILE]"
}

actions=()
while [ $# -gt 0 ]; do
	case $1 in
		-h | --help)
			usage
			print_help
			exit 0
			;;
		-c | -s)
			if [ $# -lt 2 ]; then
				usage >&2
				exit 2
			fi
			actions+=("$1" "$2")
			shift 2
			;;
		*)
			usage >&2
			exit 2
			;;
	esac
done

find_stand
find_psql
find_server_user

# What the terminal was like, once there is a prompt.
terminal=

clean_up()
{
	rm -rf "$scratch"
	[ -z "$terminal" ] || stty "$terminal"
}

scratch=$(mktemp -d)
trap clean_up EXIT
trap 'interrupted=yes' INT
trap 'exit 143' TERM HUP

if [ ${#actions[@]} -gt 0 ]; then
	trap 'exit 130' INT
	set -- "${actions[@]}"
	while [ $# -gt 0 ]; do
		if [ "$1" = -c ]; then
			while IFS= read -r line; do
				run_line "$line" || exit 1
			done <<<"$2"
		else
			[ -r "$2" ] || die "script \"$2\" cannot be read"
			[ ! -d "$2" ] || die "script \"$2\" is a directory"
			exec 3<"$2"
			run_script "$2" || exit 1
		fi
		shift 2
	done
elif [ -t 0 ]; then
	converse
else
	trap 'exit 130' INT
	exec 3<&0 </dev/null
	run_script "standard input" || exit 1
fi
