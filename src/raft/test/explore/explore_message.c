/*-------------------------------------------------------------------------
 *
 * explore_message.c
 *		Messages: numbers for them, their canonical form, and which of them
 *		are dead.
 *
 *-------------------------------------------------------------------------
 */
#include "explore.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_WORDS		((sizeof(RaftMessage) + 7) / 8)

typedef struct Numbered
{
	RaftMessage message;
	uint32_t	later;			/* EXPLORE_NO_NUMBER: not computed yet;
								 * likewise next */
	uint32_t	outdated;
	ExploreHash hash[EXPLORE_MAX_RENAMINGS];
} Numbered;

static const ExploreBounds *bounds;
static const ExploreRenaming *renamings;
static int	renaming_count;
static Numbered *table;
static uint32_t count;
static uint32_t room;
static ExploreIndex numbers;

void
message_reset(const ExploreBounds *of_search, const ExploreRenaming *of_cluster,
			  int of_them)
{
	bounds = of_search;
	renamings = of_cluster;
	renaming_count = of_them;
	free(table);
	table_free_index(&numbers);
	table = NULL;
	count = room = 0;
}

/*
 * What no rule looks at is set to a constant: what is for display or for the
 * length of timers, and generations (see state_normalise()).  Why somebody
 * refused only tells when to ask again, and here anybody may be asked again.
 */
static void
normalise(RaftMessage *message)
{
	uint64_t	round = message->round;
	RaftMessageType type = message->type;

	message->stranger = false;
	message->challenge = 0;
	message->round = 0;
	message->promise_ns = 0;
	message->rank = RAFT_NO_RANK;
	message->rank_epoch = 0;
	message->rank_delay_ns = 0;
	message->known_leader = RAFT_NO_NODE;
	message->known_leader_term = 0;
	message->generation = 1;
	message->generation_seen = 0;
	message->former_generation_seen = 0;
	message->role = RAFT_FOLLOWER;
	message->flags &= RAFT_FLAG_GRANTED | RAFT_FLAG_HAS_TOKEN;
	message->refusal = RAFT_REFUSAL_NONE;
	message->storage_ns = 0;
	message->priority = 100;

	if (type == RAFT_MESSAGE_HEARTBEAT || type == RAFT_MESSAGE_HEARTBEAT_ACK)
	{
		RaftConfig	config = state_config(bounds, 0, 0);

		message->round = round;
		message->promise_ns = raft_promise_ns(&config.timings);
	}
	if (type == RAFT_MESSAGE_HEARTBEAT)
		message->successor = RAFT_NO_NODE;	/* for last words */
	if (type == RAFT_MESSAGE_PRE_VOTE || type == RAFT_MESSAGE_VOTE)
		message->nonce = state_nonce(type == RAFT_MESSAGE_PRE_VOTE,
									 message->from_session, message->subject_term);
	if (type == RAFT_MESSAGE_PROBE || type == RAFT_MESSAGE_PROBE_REPLY)
	{
		message->nonce = 0;

		/* A PROBE is taken whatever it echoes. */
		if (type == RAFT_MESSAGE_PROBE)
			message->to_session = 0;
	}

	/*
	 * A refusal is about nothing but the higher term that it tells; but all
	 * are about some term.
	 */
	if ((type == RAFT_MESSAGE_PRE_VOTE_REPLY || type == RAFT_MESSAGE_VOTE_REPLY) &&
		(message->flags & RAFT_FLAG_GRANTED) == 0)
	{
		message->type = RAFT_MESSAGE_VOTE_REPLY;
		message->subject_term = 1;
		message->nonce = 0;
	}
	if (type == RAFT_MESSAGE_HEARTBEAT_REJECT)
		message->subject_term = 1;
}

static void
rename_message(RaftMessage *message, const ExploreRenaming *renaming)
{
	message->from = renaming->to[message->from];
	message->to = renaming->to[message->to];
	message->from_session = state_rename_label(message->from_session, renaming);
	message->to_session = state_rename_label(message->to_session, renaming);
	message->nonce = state_rename_label(message->nonce, renaming);
	if (message->token_leader >= 0)
		message->token_leader = renaming->to[message->token_leader];
	if (message->successor >= 0)
		message->successor = renaming->to[message->successor];
}

/* Field by field, as the bytes between them are anything. */
static RaftMessage
copy_without_padding(const RaftMessage *message)
{
	RaftMessage copy;

	memset(&copy, 0, sizeof(copy));
	copy.type = message->type;
	copy.from = message->from;
	copy.to = message->to;
	copy.from_session = message->from_session;
	copy.to_session = message->to_session;
	copy.stranger = message->stranger;
	copy.challenge = message->challenge;
	copy.term = message->term;
	copy.subject_term = message->subject_term;
	copy.nonce = message->nonce;
	copy.round = message->round;
	copy.promise_ns = message->promise_ns;
	copy.rank = message->rank;
	copy.rank_epoch = message->rank_epoch;
	copy.rank_delay_ns = message->rank_delay_ns;
	copy.token_leader = message->token_leader;
	copy.token_term = message->token_term;
	copy.successor = message->successor;
	copy.known_leader = message->known_leader;
	copy.known_leader_term = message->known_leader_term;
	copy.generation = message->generation;
	copy.generation_seen = message->generation_seen;
	copy.former_generation_seen = message->former_generation_seen;
	copy.standing = message->standing;
	copy.role = message->role;
	copy.flags = message->flags;
	copy.refusal = message->refusal;
	copy.storage_ns = message->storage_ns;
	copy.priority = message->priority;
	copy.position = message->position;
	copy.advertised_port = message->advertised_port;
	return copy;
}

static ExploreHash
hash_renamed(const RaftMessage *message, const ExploreRenaming *renaming)
{
	RaftMessage renamed = *message;
	uint64_t	words[MESSAGE_WORDS] = {0};

	rename_message(&renamed, renaming);
	renamed = copy_without_padding(&renamed);
	memcpy(words, &renamed, sizeof(RaftMessage));
	return state_hash(words, MESSAGE_WORDS);
}

/* The first renaming leaves all as it is. */
static void
make_room(void)
{
	uint32_t	i;

	if (count < room)
		return;
	room = room * 2 + 256;
	table = table_resize(table, room * sizeof(Numbered));
	table_empty_index(&numbers, room);
	for (i = 0; i < count; i++)
		table_put(&numbers, table[i].hash[0], i);
}

uint32_t
message_intern(const RaftMessage *message)
{
	RaftMessage canonical = copy_without_padding(message);
	Numbered   *numbered;
	ExploreHash hash;
	uint32_t   *place;
	int			r;

	normalise(&canonical);
	make_room();
	hash = hash_renamed(&canonical, &renamings[0]);
	for (place = table_first_place(&numbers, hash); *place != EXPLORE_NO_NUMBER;
		 place = table_next_place(&numbers, place))
	{
		if (memcmp(&table[*place].message, &canonical, sizeof(canonical)) == 0)
			return *place;
	}
	numbered = &table[count];
	numbered->message = canonical;
	numbered->later = numbered->outdated = EXPLORE_NO_NUMBER;
	for (r = 0; r < renaming_count; r++)
		numbered->hash[r] = hash_renamed(&canonical, &renamings[r]);
	*place = count;
	return count++;
}

const RaftMessage *
message_of(uint32_t id)
{
	return &table[id].message;
}

uint32_t
message_count(void)
{
	return count;
}

ExploreHash
message_hash(uint32_t id, int renaming)
{
	return table[id].hash[renaming];
}

/* ----------
 * Rounds: their number tells their age
 * ----------
 */

static bool
has_round(const RaftMessage *message)
{
	return message->type == RAFT_MESSAGE_HEARTBEAT ||
		message->type == RAFT_MESSAGE_HEARTBEAT_ACK;
}

/* Its sending lies so far back that a promise since then is over. */
static uint64_t
oldest_round(void)
{
	return (uint64_t) (EXPLORE_NEWEST_ROUND - bounds->promise_steps);
}

uint32_t
message_later(uint32_t id)
{
	if (table[id].later == EXPLORE_NO_NUMBER)
	{
		RaftMessage message = table[id].message;
		uint32_t	later = id;

		if (has_round(&message) && message.round > oldest_round())
		{
			message.round--;
			later = message_intern(&message);
		}
		table[id].later = later;
	}
	return table[id].later;
}

uint32_t
message_outdated(uint32_t id)
{
	if (table[id].outdated == EXPLORE_NO_NUMBER)
	{
		RaftMessage message = table[id].message;
		uint32_t	outdated = id;

		if (has_round(&message) && message.round > oldest_round())
		{
			message.round = oldest_round();
			outdated = message_intern(&message);
		}
		table[id].outdated = outdated;
	}
	return table[id].outdated;
}

/* ----------
 * Dead messages
 * ----------
 */

/*
 * Would this request at best make the addressee tell its term to a sender who
 * cannot learn anything from that any more?
 */
static bool
answer_is_useless(const RaftMessage *message, const ExploreSummary *sender)
{
	return sender->incarnation != state_session_incarnation(message->from_session) ||
		sender->term >= bounds->max_term;
}

/*
 * A session that is accepted displaces the one before.  (That takes a
 * challenge; here the first word is enough.)  That first word is a PROBE, and
 * only as such are PROBEs taken: what else one tells, other messages tell too.
 */
bool
message_is_refused(uint32_t id, const ExploreSummary *addressee)
{
	const RaftMessage *message = &table[id].message;
	int32_t		known = addressee->peer_incarnation[message->from];
	int32_t		from = state_session_incarnation(message->from_session);

	return from < known || (message->type == RAFT_MESSAGE_PROBE && from == known);
}

bool
message_is_dead(uint32_t id, const ExploreSummary *sender,
				const ExploreSummary *addressee)
{
	const RaftMessage *message = &table[id].message;
	uint64_t	subject = message->subject_term;
	int32_t		known = addressee->peer_incarnation[message->from];
	int32_t		from = state_session_incarnation(message->from_session);
	bool		granted = (message->flags & RAFT_FLAG_GRANTED) != 0;

	if (message_is_refused(id, addressee))
		return true;
	if (message->type != RAFT_MESSAGE_PROBE &&
		state_session_incarnation(message->to_session) != addressee->incarnation)
		return true;

	/*
	 * The first word of a new session, a standing that tells of a loss, or
	 * the word of an amnesiac, which takes back what it reported.
	 */
	if (from > known ||
		(addressee->standing < RAFT_MEMBER && message->standing <= RAFT_MEMBER &&
		 (int) message->standing >= (int) addressee->standing + 2) ||
		(addressee->standing != RAFT_MEMBER && message->standing == RAFT_AMNESIAC))
		return false;

	switch (message->type)
	{
		case RAFT_MESSAGE_PRE_VOTE:
			return subject <= addressee->term && answer_is_useless(message, sender);
		case RAFT_MESSAGE_VOTE:
			if (subject < addressee->term ||
				(subject == addressee->term && addressee->vote != message->from &&
				 addressee->vote != RAFT_VOTE_NONE))
				return answer_is_useless(message, sender);
			return false;
		case RAFT_MESSAGE_PRE_VOTE_REPLY:
			return subject <= addressee->term;
		case RAFT_MESSAGE_VOTE_REPLY:
			if (!granted)
				return message->term <= addressee->term;
			return subject < addressee->term ||
				(subject == addressee->term && addressee->role != RAFT_CANDIDATE);
		case RAFT_MESSAGE_HEARTBEAT:
			if (subject < addressee->term ||
				(subject == addressee->term &&
				 message->from == addressee->released_leader &&
				 subject == addressee->released_term))
				return answer_is_useless(message, sender);
			return false;
		case RAFT_MESSAGE_HEARTBEAT_ACK:
			return addressee->role != RAFT_LEADER || addressee->lease_ended ||
				addressee->term != subject ||
				(bounds->promise_steps > 0 && message->round <= oldest_round());
		case RAFT_MESSAGE_HEARTBEAT_REJECT:
			return message->term <= addressee->term;
		case RAFT_MESSAGE_TIMEOUT_NOW:
		case RAFT_MESSAGE_RESIGN:
			if (addressee->promise_leader == message->from &&
				addressee->promise_term == subject)
				return false;
			return subject < addressee->term ||
				(subject == addressee->term &&
				 addressee->released_leader == message->from &&
				 addressee->released_term == subject);
		case RAFT_MESSAGE_PROBE_REPLY:
			return true;		/* the session is known already */
		case RAFT_MESSAGE_TERM_QUERY:
			return sender->incarnation != from || sender->standing == RAFT_MEMBER;
		case RAFT_MESSAGE_TERM_REPORT:
			return addressee->standing == RAFT_MEMBER;
		default:
			return false;
	}
}

/* ----------
 * For the reader
 * ----------
 */

void
message_describe(const RaftMessage *message, char *text, size_t size)
{
	int			length;

	length = snprintf(text, size, "%s of %d to %d, its term %llu",
					  raft_message_type_name(message->type), message->from,
					  message->to, (unsigned long long) message->term);
	if (message->subject_term != 0)
		length += snprintf(text + length, size - (size_t) length, ", about term %llu",
						   (unsigned long long) message->subject_term);
	if (message->type == RAFT_MESSAGE_PRE_VOTE_REPLY ||
		message->type == RAFT_MESSAGE_VOTE_REPLY)
		length += snprintf(text + length, size - (size_t) length, ", %s",
						   (message->flags & RAFT_FLAG_GRANTED) != 0 ?
						   "granted" : "refused");
	if ((message->flags & RAFT_FLAG_HAS_TOKEN) != 0)
		length += snprintf(text + length, size - (size_t) length,
						   ", token: %d released term %llu", message->token_leader,
						   (unsigned long long) message->token_term);
	if (has_round(message) && bounds->promise_steps > 0)
		length += snprintf(text + length, size - (size_t) length,
						   ", round sent %d steps ago%s",
						   EXPLORE_NEWEST_ROUND - (int) message->round,
						   message->round <= oldest_round() ? " or more" : "");
	if (message->standing != RAFT_MEMBER)
		length += snprintf(text + length, size - (size_t) length, ", standing %s",
						   raft_standing_name(message->standing));
	if (state_session_incarnation(message->from_session) > 0)
		snprintf(text + length, size - (size_t) length, ", incarnation %d",
				 state_session_incarnation(message->from_session));
}
