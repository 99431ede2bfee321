/*-------------------------------------------------------------------------
 *
 * receiver.c
 *		Takes datagrams from the network, and hands to the ticker what it
 *		believes.
 *
 * Runs in the receiver worker only.  Takes the shared state's lock, shared,
 * to copy the peers' addresses when they have changed; counters are atomics.
 * It never waits for anything but the network and its latch: what finds the
 * inbox full is dropped and counted.
 *
 * Every datagram passes the same gates, in this order: header, source
 * address, tag and ranges (wire.h), session and sequence number (session.h).
 * Nothing that comes in can make the receiver fail.
 *
 * It ends, and with it the pipeline, if the ticker has gone or the socket
 * does not work any more; the launcher starts all anew.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <netdb.h>
#include <sys/socket.h>

#include "auth.h"
#include "clock.h"
#include "config.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "queues.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "wire/session.h"
#include "wire/wire.h"
#include "worker.h"

#if PG_VERSION_NUM >= 140000
#include "utils/wait_event.h"
#endif

/* Signals are looked at after at most this many datagrams. */
#define BATCH_SIZE			64

/* So many calls in a row may fail before the socket is given up. */
#define MAX_SOCKET_ERRORS	100

/* Random numbers are drawn by the dozen: a system call is dear. */
#define DRAWS				64

/*
 * A contested peer is given its next challenge at most this often: less than
 * the second after which a node that hears nothing probes again, so that the
 * one node left needs no more than SESSION_CONTEST_ANSWERS such seconds; and
 * so long that a second one is heard a few times meanwhile.
 */
#define CONTEST_INTERVAL_NS		(800 * NS_PER_MS)

/* A datagram as it came in; one byte more tells of longer ones. */
typedef struct Datagram
{
	PeerAddress source;
	size_t		length;
	uint8_t		bytes[WIRE_DATAGRAM_SIZE + 1];
} Datagram;

static int	udp_socket;
static Queue *inbox;
static WireConfig wire_config;
static SessionTable sessions;
static PeerAddress addresses[RAFT_MAX_NODES];
static uint64 addresses_generation = 0;
static LogLimit drop_limits[WIRE_DROP_REASONS];
static LogLimit clone_limits[RAFT_MAX_NODES];
static uint64 contest_ns[RAFT_MAX_NODES];	/* when the last challenge in a
											 * contest was made */

/* A number that nobody else can foretell. */
static uint64
draw_number(void)
{
	static uint64 draws[DRAWS];
	static int	left = 0;

	if (left == 0)
	{
		if (!pg_strong_random(draws, sizeof(draws)))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not generate random numbers")));
		left = DRAWS;
	}
	return draws[--left];
}

/*
 * Whose datagram is it that was refused?  The node that it claims to come
 * from, if the address agrees, or the only one with that address.  A false
 * claim must not put the blame on a peer.
 */
static int32
find_suspect(const Datagram *datagram, const WireHeader *header)
{
	int32		suspect = RAFT_NO_NODE;

	if (header->from != RAFT_NO_NODE)
		return peers_same_host(&datagram->source, &addresses[header->from]) ?
			header->from : RAFT_NO_NODE;

	for (int i = 0; i < config_peers.count; i++)
	{
		if (i == config_node_id ||
			!peers_same_host(&datagram->source, &addresses[i]))
			continue;
		if (suspect != RAFT_NO_NODE)
			return RAFT_NO_NODE;
		suspect = i;
	}
	return suspect;
}

/* What is wrong with it, a palloc'd sentence, and what to do; NULL: nothing. */
static char *
explain_drop(WireDrop drop, const Datagram *datagram,
			 const WireHeader *header, const char **hint)
{
	char		text[NI_MAXHOST];

	*hint = NULL;
	switch (drop)
	{
		case WIRE_DROP_LENGTH:
			if (datagram->length > WIRE_DATAGRAM_SIZE)
				return psprintf("It is longer than %d bytes.",
								WIRE_DATAGRAM_SIZE);
			return psprintf("It has %zu bytes instead of %d.",
							datagram->length, WIRE_DATAGRAM_SIZE);
		case WIRE_DROP_MAGIC:
			return pstrdup("It was not sent by pg_leader.");
		case WIRE_DROP_VERSION:
			*hint = "Install the same version of pg_leader on all nodes.";
			return psprintf("It has version %d of the format, this node speaks version %d.",
							header->version, WIRE_VERSION);
		case WIRE_DROP_FINGERPRINT:
			*hint = "Check that pg_leader.cluster and pg_leader.cluster_name are the same on all nodes.";
			return pstrdup("Its sender has another number of nodes or another cluster name.");
		case WIRE_DROP_ADDRESSEE:
			*hint = "Check that pg_leader.cluster is the same on all nodes, and pg_leader.node_id each node's place in it.";
			return psprintf("It is meant for node %d, this is node %d.",
							header->to, config_node_id);
		case WIRE_DROP_SENDER:
			*hint = "Check that pg_leader.node_id is different on all nodes.";
			return pstrdup("It claims to come from this node, or from one that is not in the cluster.");
		case WIRE_DROP_ADDRESS:
			*hint = "Check that pg_leader.cluster is the same on all nodes, and that nodes send from the address that it gives them.";
			if (addresses[header->from].length == 0)
				return psprintf("It claims to come from node %d, whose address is not known yet.",
								header->from);
			return psprintf("It claims to come from node %d, whose address is \"%s\".",
							header->from,
							peers_format_address(&addresses[header->from],
												 text, sizeof(text)));
		case WIRE_DROP_TAG:
			*hint = "Check that pg_leader.secret_file holds the same secret on all nodes.";
			if (!auth_enabled())
				return pstrdup("It is signed, but this node has no secret.");
			return pstrdup("It is not signed with this node's secret.");
		case WIRE_DROP_MALFORMED:
			return pstrdup("A field is out of range.");
		case WIRE_DROP_SESSION:
			return pstrdup("It belongs to a session that is over, or has not been accepted yet.");
		case WIRE_DROP_REPLAY:
			return pstrdup("It has come before, or too late to tell.");
		case WIRE_DROP_CLONE:
			*hint = "Stop one of them, or give it a pg_leader.node_id of its own.  A few seconds later the other one is believed again.";
			return psprintf("Two servers run as node %d of this cluster, and nothing of either is believed.",
							header->from);
		case WIRE_DROP_QUEUE_FULL:
			return pstrdup("The ticker does not keep up.");
		case WIRE_OK:
			break;
	}
	return NULL;
}

static void
report_drop(WireDrop drop, const Datagram *datagram, const WireHeader *header,
			uint64 now_ns)
{
	uint64		suppressed;
	char		text[NI_MAXHOST];
	char	   *detail;
	const char *hint;
	LogLimit   *limit = &drop_limits[drop];
	int			level = LOG;

	if (drop == WIRE_DROP_CLONE)
	{
		limit = &clone_limits[header->from];
		level = WARNING;
	}
	else if (drop == WIRE_DROP_SESSION)
	{
		/* When a peer restarts, some of its old session are on their way. */
		level = DEBUG1;
	}
	if (!worker_may_log(limit, now_ns, &suppressed))
		return;
	detail = explain_drop(drop, datagram, header, &hint);
	peers_format_address(&datagram->source, text, sizeof(text));

	ereport(level,
			(errcode(ERRCODE_PROTOCOL_VIOLATION),
			 header->from == RAFT_NO_NODE ?
			 errmsg("pg_leader dropped a datagram from \"%s\": %s",
					text, wire_drop_name(drop)) :
			 errmsg("pg_leader dropped a datagram of node %d from \"%s\": %s",
					header->from, text, wire_drop_name(drop)),
			 suppressed == 0 ? errdetail("%s", detail) :
			 errdetail("%s  Since the last such message, %llu more were dropped for this reason.",
					   detail, (unsigned long long) suppressed),
			 hint != NULL ? errhint("%s", hint) : 0));
	pfree(detail);
}

static void
count_drop(WireDrop drop, const Datagram *datagram, const WireHeader *header)
{
	ReceiverCounters *counters = &shared_state->receiver;
	uint64		now_ns = clock_now_ns();
	int32		suspect;

	pg_atomic_fetch_add_u64(&counters->dropped[drop], 1);
	if (drop == WIRE_DROP_ADDRESS)
		suspect = header->from;
	else
		suspect = find_suspect(datagram, header);
	if (suspect != RAFT_NO_NODE)
	{
		pg_atomic_write_u64(&counters->peer_drop_ns[suspect], now_ns);
		pg_atomic_write_u32(&counters->peer_drop[suspect], drop);
	}
	report_drop(drop, datagram, header, now_ns);
}

/* Which challenge goes with a PROBE of this peer's. */
static void
set_challenge(RaftMessage *probe)
{
	uint64		now_ns = clock_now_ns();
	int32		id = probe->from;

	if (now_ns - contest_ns[id] >= CONTEST_INTERVAL_NS &&
		session_renew_challenge(&sessions, id, draw_number()))
		contest_ns[id] = now_ns;
	probe->stranger = true;
	probe->challenge = session_challenge(&sessions, id);
}

/*
 * Of two nodes with one id, one may be so content with what it hears of this
 * node that it never probes.  What it sends is made a PROBE of a stranger, so
 * that it can prove to be the only one.
 */
static void
challenge_clone(const RaftMessage *dropped)
{
	RaftMessage probe = *dropped;

	probe.type = RAFT_MESSAGE_PROBE;
	probe.nonce = 0;
	set_challenge(&probe);
	if (session_awaits_proof(&sessions, probe.from) &&
		session_admit_stranger(&sessions, &probe, clock_now_ns()) &&
		queue_send(inbox, &probe) == QUEUE_DETACHED)
		proc_exit(0);
}

static void
log_end_of_contest(int32 node_id)
{
	ereport(LOG,
			(errmsg("node %d is believed again: only one server runs as this node",
					node_id)));
	memset(&clone_limits[node_id], 0, sizeof(LogLimit));
}

/* Let a datagram pass all gates; WIRE_OK fills in the message. */
static WireDrop
check_datagram(const Datagram *datagram, WireHeader *header,
			   RaftMessage *message)
{
	bool		was_contested;
	WireDrop	drop;

	drop = wire_decode_header(&wire_config, datagram->bytes, datagram->length,
							  header);
	if (drop != WIRE_OK)
		return drop;
	if (!peers_same_host(&datagram->source, &addresses[header->from]))
		return WIRE_DROP_ADDRESS;
	drop = wire_decode_body(&wire_config, datagram->bytes, header, message);
	if (drop != WIRE_OK)
		return drop;

	message->stranger = false;
	message->challenge = 0;
	was_contested = session_is_contested(&sessions, message->from);
	switch (session_check(&sessions, message, header->sequence,
						  draw_number()))
	{
		case SESSION_ACCEPTED:
			if (was_contested)
				log_end_of_contest(message->from);
			return WIRE_OK;
		case SESSION_STRANGER:
			if (!session_admit_stranger(&sessions, message, clock_now_ns()))
				return was_contested ? WIRE_DROP_CLONE : WIRE_DROP_SESSION;
			set_challenge(message);
			return WIRE_OK;
		case SESSION_DROP_SESSION:
			return WIRE_DROP_SESSION;
		case SESSION_DROP_REPLAY:
			return WIRE_DROP_REPLAY;
		case SESSION_DROP_CLONE:
			challenge_clone(message);
			return WIRE_DROP_CLONE;
	}
	return WIRE_DROP_SESSION;
}

static void
handle_datagram(const Datagram *datagram)
{
	ReceiverCounters *counters = &shared_state->receiver;
	WireHeader	header;
	RaftMessage message;
	WireDrop	drop;

	pg_atomic_fetch_add_u64(&counters->datagrams, 1);
	drop = check_datagram(datagram, &header, &message);
	if (drop == WIRE_OK)
	{
		switch (queue_send(inbox, &message))
		{
			case QUEUE_FULL:
				drop = WIRE_DROP_QUEUE_FULL;
				break;
			case QUEUE_DETACHED:
				proc_exit(0);
			default:
				break;
		}
	}

	if (drop != WIRE_OK)
	{
		count_drop(drop, datagram, &header);
		return;
	}
	pg_atomic_fetch_add_u64(&counters->by_type[message.type], 1);
	pg_atomic_fetch_add_u64(&counters->by_peer[message.from], 1);
	shared_state_raise(&counters->inbox_max, queue_depth(inbox));
	if (!message.stranger &&
		pg_atomic_read_u32(&counters->peer_drop[header.from]) != WIRE_OK)
		pg_atomic_write_u32(&counters->peer_drop[header.from], WIRE_OK);
}

/* Take one datagram; false: there is none. */
static bool
receive_datagram(Datagram *datagram)
{
	static int	errors = 0;
	ssize_t		length;

	datagram->source.length = sizeof(datagram->source.address);
	length = recvfrom(udp_socket, datagram->bytes, sizeof(datagram->bytes),
					  MSG_DONTWAIT,
					  (struct sockaddr *) &datagram->source.address,
					  &datagram->source.length);
	if (length >= 0)
	{
		errors = 0;
		datagram->length = length;
		return true;
	}
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
		return false;

	/*
	 * The network reports what became of datagrams that were sent, if at all,
	 * and a shortage of memory passes.
	 */
	if (++errors > MAX_SOCKET_ERRORS)
		ereport(ERROR,
				(errcode_for_socket_access(),
				 errmsg("could not receive datagrams: %m")));
	return false;
}

static void
receive_batch(void)
{
	Datagram	datagram;

	shared_state_copy_addresses(&addresses_generation, addresses);
	for (int i = 0; i < BATCH_SIZE && receive_datagram(&datagram); i++)
		handle_datagram(&datagram);
}

static WaitEventSet *
create_wait_set(void)
{
	WaitEventSet *set;

#if PG_VERSION_NUM >= 170000
	set = CreateWaitEventSet(NULL, 3);
#else
	set = CreateWaitEventSet(TopMemoryContext, 3);
#endif
	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	AddWaitEventToSet(set, WL_SOCKET_READABLE, udp_socket, NULL, NULL);
	return set;
}

static void
set_up(dsm_segment *segment)
{
	PeerAddress listen_address;

	worker_set_up_wire(&wire_config);
	if (!session_table_init(&sessions, queues_session(segment),
							config_peers.count, draw_number()))
		elog(ERROR, "could not set up table of sessions");

	inbox = queue_attach_writer(segment, QUEUE_INBOX);
	shared_state_copy_listen_address(&listen_address);
	udp_socket = peers_open_socket(&listen_address,
								   config_peers.peers[config_node_id].port);
}

void
pg_leader_receiver_main(Datum main_arg)
{
	WaitEventSet *set;

	worker_begin(WORKER_RECEIVER);
	set_up(queues_attach(DatumGetUInt32(main_arg)));
	set = create_wait_set();

	while (!ShutdownRequestPending)
	{
		WaitEvent	event;

		(void) WaitEventSetWait(set, -1, &event, 1, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);

		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		if (queue_flush(inbox) == QUEUE_DETACHED)
			proc_exit(0);
		receive_batch();
	}
	proc_exit(0);
}
