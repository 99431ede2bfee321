/*-------------------------------------------------------------------------
 *
 * sender.c
 *		Puts the ticker's messages on the network, and speaks the node's last
 *		words.
 *
 * Runs in the sender worker only.  Takes the shared state's lock, shared, to
 * copy the peers' addresses when they have changed; counters are atomics.
 *
 * Last words.  However the server ends, its processes get their signal
 * together, so that the ticker cannot be relied on to resign: its message
 * would find no sender.  But this process holds a socket.  For each heartbeat
 * it therefore makes a second datagram and keeps it, signed and ready: "I have
 * resigned".  Its last act, in a signal handler if need be, is
 *
 *	1. to revoke the lease in shared memory, for good,
 *	2. to send each peer its datagram,
 *	3. to exit,
 *
 * in this order.  A resignation says that a node will never again lead in a
 * term, and lifts the promises that voters made to just that leadership.  That
 * is true as soon as the term is revoked, whatever the ticker, which may live
 * a little longer, or its lease think of it; so it does no harm either if the
 * term was over long ago.
 *
 * What must stay true:
 *	1. speak_last_words() and what it calls is async-signal-safe, waits for
 *	   nothing, and works on static data that is complete at any moment;
 *	2. after it nothing else is sent: a heartbeat would ask for a promise again;
 *	3. a sequence number is used for one datagram to a peer, or for none.
 *
 * No failure to send is fatal: to the rules of the election it is a message
 * that was lost.  Nothing here delays the end of the server.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <netdb.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "config.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "queues.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "wire/wire.h"
#include "worker.h"

#if PG_VERSION_NUM >= 140000
#include "utils/wait_event.h"
#endif

/* Signals and postmaster are looked at after at most this many messages. */
#define BATCH_SIZE		64

/* One resignation, ready to be sent. */
typedef struct LastWords
{
	uint64		term;			/* that it ends */
	PeerAddress address;
	uint8_t		bytes[WIRE_DATAGRAM_SIZE];
} LastWords;

/*
 * A peer's: a signal handler finds the newer of two copies complete while the
 * other one is being written.
 */
typedef struct LastWordsPair
{
	LastWords	copies[2];
	volatile sig_atomic_t current;	/* 0, 1, or NOT_PREPARED */
} LastWordsPair;

#define NOT_PREPARED	(-1)

static int	udp_socket = -1;
static Queue *outbox;
static WireConfig wire_config;
static PeerAddress addresses[RAFT_MAX_NODES];
static uint64 addresses_generation = 0;
static uint64 sequences[RAFT_MAX_NODES];	/* last one used or left free */
static LogLimit send_limit;
static LogLimit encode_limit;

static LastWordsPair last_words[RAFT_MAX_NODES];
static uint64 last_words_term = 0;	/* of the latest heartbeat */
static volatile sig_atomic_t has_spoken = false;

/*
 * The last words, once.  Async-signal-safe.
 */
static void
speak_last_words(void)
{
	LeaseCell  *lease = &shared_state->lease;
	uint64		term = lease_cell_term(lease);
	uint64		count = 0;

	if (has_spoken)
		return;
	has_spoken = true;

	for (int i = 0; i < RAFT_MAX_NODES; i++)
	{
		if (last_words[i].current != NOT_PREPARED)
			term = Max(term, last_words[i].copies[last_words[i].current].term);
	}
	lease_cell_revoke(lease, term);

	for (int i = 0; i < RAFT_MAX_NODES; i++)
	{
		LastWords  *words;

		if (last_words[i].current == NOT_PREPARED)
			continue;
		words = &last_words[i].copies[last_words[i].current];
		if (sendto(udp_socket, words->bytes, sizeof(words->bytes),
				   MSG_DONTWAIT | MSG_NOSIGNAL,
				   (struct sockaddr *) &words->address.address,
				   words->address.length) >= 0)
			count++;
	}
	pg_atomic_fetch_add_u64(&shared_state->sender.last_words, count);
}

static void
speak_at_exit(int code, Datum argument)
{
	speak_last_words();
}

/* An orderly end: speak here, as the loop may be busy for a while. */
static void
handle_sigterm(SIGNAL_ARGS)
{
	int			saved_errno = errno;

	speak_last_words();
	errno = saved_errno;
	SignalHandlerForShutdownRequest(postgres_signal_arg);
}

/* Immediate shutdown or crash restart: as every process of the server does. */
static void
handle_sigquit(SIGNAL_ARGS)
{
	speak_last_words();
	_exit(2);
}

/*
 * Keep the resignation that would follow this heartbeat.  It takes a sequence
 * number of its own, so that it will be new to the peer even then.
 */
static void
prepare_last_words(const RaftMessage *heartbeat)
{
	int32		to = heartbeat->to;
	LastWordsPair *pair = &last_words[to];
	int			next = (pair->current == 0) ? 1 : 0;
	LastWords  *words = &pair->copies[next];
	RaftMessage resign = {0};

	/* Resignations from an earlier term have nothing to say any more. */
	if (heartbeat->subject_term != last_words_term)
	{
		for (int i = 0; i < RAFT_MAX_NODES; i++)
			last_words[i].current = NOT_PREPARED;
		last_words_term = heartbeat->subject_term;
	}

	resign.type = RAFT_MESSAGE_RESIGN;
	resign.from = heartbeat->from;
	resign.to = to;
	resign.from_session = heartbeat->from_session;
	resign.to_session = heartbeat->to_session;
	resign.term = heartbeat->term;
	resign.subject_term = heartbeat->subject_term;
	resign.successor = heartbeat->successor;
	resign.generation = heartbeat->generation;
	resign.standing = heartbeat->standing;
	resign.storage_ns = heartbeat->storage_ns;
	resign.priority = heartbeat->priority;
	resign.position = heartbeat->position;
	resign.advertised_port = heartbeat->advertised_port;
	resign.role = RAFT_FOLLOWER;
	resign.rank = RAFT_NO_RANK;
	resign.token_leader = RAFT_NO_NODE;
	resign.known_leader = RAFT_NO_NODE;

	words->term = heartbeat->subject_term;
	words->address = addresses[to];
	if (!wire_encode(&wire_config, &resign, ++sequences[to], words->bytes))
		return;

	pg_compiler_barrier();
	pair->current = next;
}

/* The reason is in errno. */
static void
report_failure(int32 to)
{
	int			send_errno = errno;
	uint64		suppressed;
	char		text[NI_MAXHOST];

	pg_atomic_fetch_add_u64(&shared_state->sender.errors, 1);
	if (!worker_may_log(&send_limit, clock_now_ns(), &suppressed))
		return;
	peers_format_address(&addresses[to], text, sizeof(text));
	errno = send_errno;
	ereport(LOG,
			(errcode_for_socket_access(),
			 errmsg("could not send a datagram to node %d at \"%s\": %m",
					to, text),
			 suppressed == 0 ? 0 :
			 errdetail("Since the last such message, %llu more could not be sent.",
					   (unsigned long long) suppressed)));
}

/* A fault of this node's own, or memory is short: it costs this message. */
static void
report_unencodable(const RaftMessage *message)
{
	uint64		suppressed;

	pg_atomic_fetch_add_u64(&shared_state->sender.errors, 1);
	if (worker_may_log(&encode_limit, clock_now_ns(), &suppressed))
		elog(LOG, "pg_leader could not encode a \"%s\" for node %d",
			 raft_message_type_name(message->type), message->to);
}

static void
count_sent(const RaftMessage *message)
{
	SenderCounters *counters = &shared_state->sender;

	pg_atomic_fetch_add_u64(&counters->datagrams, 1);
	pg_atomic_fetch_add_u64(&counters->by_type[message->type], 1);
	pg_atomic_fetch_add_u64(&counters->by_peer[message->to], 1);
}

static void
send_message(const RaftMessage *message)
{
	int32		to = message->to;
	uint8_t		datagram[WIRE_DATAGRAM_SIZE];

	if (to < 0 || to >= config_peers.count ||
		!wire_encode(&wire_config, message, ++sequences[to], datagram))
	{
		report_unencodable(message);
		return;
	}

	/* Its name is not resolved yet; the launcher tells if it cannot be. */
	if (addresses[to].length == 0)
	{
		pg_atomic_fetch_add_u64(&shared_state->sender.errors, 1);
		return;
	}

	if (has_spoken)
		return;
	if (sendto(udp_socket, datagram, sizeof(datagram),
			   MSG_DONTWAIT | MSG_NOSIGNAL,
			   (struct sockaddr *) &addresses[to].address,
			   addresses[to].length) < 0)
		report_failure(to);
	else
		count_sent(message);

	if (message->type == RAFT_MESSAGE_HEARTBEAT)
		prepare_last_words(message);
}

/* Send what is in the outbox; true: there may be more. */
static bool
drain_outbox(void)
{
	shared_state_copy_addresses(&addresses_generation, addresses);
	for (int i = 0; i < BATCH_SIZE && !has_spoken; i++)
	{
		RaftMessage message;

		switch (queue_receive(outbox, &message))
		{
			case QUEUE_OK:
				send_message(&message);
				break;
			case QUEUE_DETACHED:
				proc_exit(0);
			default:
				return false;
		}
	}
	return true;
}

/* Can this host send from the address? */
static bool
is_local(const PeerAddress *address)
{
	PeerAddress any_port = *address;
	int			probe;
	bool		is_bound;

	if (any_port.address.ss_family == AF_INET6)
		((struct sockaddr_in6 *) &any_port.address)->sin6_port = 0;
	else
		((struct sockaddr_in *) &any_port.address)->sin_port = 0;

	probe = socket(any_port.address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (probe < 0)
		return false;
	is_bound = bind(probe, (struct sockaddr *) &any_port.address,
					any_port.length) == 0;
	close(probe);
	return is_bound;
}

static void
set_up(dsm_segment *segment)
{
	PeerAddress source;

	worker_set_up_wire(&wire_config);
	outbox = queue_attach_reader(segment, QUEUE_OUTBOX);

	/*
	 * Peers know this node by its address in pg_leader.cluster.  Where that
	 * is not this host's own, because it is translated on the way, they see
	 * it all the same when datagrams come from where it leads to.
	 */
	(void) shared_state_copy_addresses(&addresses_generation, addresses);
	source = addresses[config_node_id];
	if (config_listen_addresses[0] != '\0' && !is_local(&source))
		shared_state_copy_listen_address(&source);
	udp_socket = peers_open_socket(&source, 0);
}

void
pg_leader_sender_main(Datum main_arg)
{
	for (int i = 0; i < RAFT_MAX_NODES; i++)
		last_words[i].current = NOT_PREPARED;

	worker_begin(WORKER_SENDER);
	before_shmem_exit(speak_at_exit, (Datum) 0);
	pqsignal(SIGTERM, handle_sigterm);
	pqsignal(SIGQUIT, handle_sigquit);
	set_up(queues_attach(DatumGetUInt32(main_arg)));

	while (!ShutdownRequestPending)
	{
		bool		is_more = drain_outbox();
		int			events = WL_LATCH_SET | WL_POSTMASTER_DEATH;

		if (is_more)
			events |= WL_TIMEOUT;
		events = WaitLatch(MyLatch, events, is_more ? 0 : -1,
						   PG_WAIT_EXTENSION);
		if (events & WL_POSTMASTER_DEATH)
			proc_exit(1);
		ResetLatch(MyLatch);

		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
	}
	proc_exit(0);
}
