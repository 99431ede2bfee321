/*-------------------------------------------------------------------------
 *
 * sql_views.c
 *		The functions behind the views of this node, its peers and its history.
 *
 * Run in any backend, on a standby too, on copies of the published state and
 * of the peers' addresses, each made under the shared state's lock, shared.
 * The history, process ids and the lease cell are read without a lock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "catalog/pg_type.h"
#include "clock.h"
#include "config.h"
#include "diagnosis.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "postmaster/postmaster.h"
#include "replication/walreceiver.h"
#include "sql_functions.h"
#include "sql_row.h"
#include "statistics.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

/* A refused datagram of a peer is news for this long. */
#define DROP_RECENT_NS			(3 * NS_PER_S)

PG_FUNCTION_INFO_V1(pg_leader_get_status);
PG_FUNCTION_INFO_V1(pg_leader_get_peers);
PG_FUNCTION_INFO_V1(pg_leader_get_history);

static const char *
role_word(RaftRole role)
{
	return history_role_word(history_role(role));
}

/*
 * Text that another process has written: perhaps in the encoding of another
 * database, or of a path, and cut off within a character.
 */
static void
add_foreign_text(SqlRow *row, char *text)
{
	if (!pg_verifymbstr(text, strlen(text), true))
	{
		for (char *character = text; *character != '\0'; character++)
		{
			if (IS_HIGHBIT_SET(*character))
				*character = '?';
		}
	}
	sql_row_add_text(row, text);
}

/*-------------------------------------------------------------------------
 * pg_leader_status
 *-------------------------------------------------------------------------
 */

/* How far this server has come with the data, and on which timeline. */
static void
add_position(SqlRow *row)
{
	bool		in_recovery = RecoveryInProgress();
	XLogRecPtr	lsn;
	TimeLineID	timeline;

	if (!in_recovery)
		lsn = GetFlushRecPtr(&timeline);
	else
	{
		XLogRecPtr	received;
		TimeLineID	received_timeline;

		/* Received is more than replayed, unless it comes from an archive. */
		lsn = GetXLogReplayRecPtr(&timeline);
		received = GetWalRcvFlushRecPtr(NULL, &received_timeline);
		if (received > lsn)
		{
			lsn = received;
			timeline = received_timeline;
		}
	}

	sql_row_add_datum(row, BoolGetDatum(in_recovery));
	sql_row_add_number(row, timeline);
	if (XLogRecPtrIsInvalid(lsn))
		sql_row_add_null(row);
	else
		sql_row_add_datum(row, LSNGetDatum(lsn));
}

/* Whose report this node, being born or amnesiac, waits for; NULL: nobody's. */
static void
add_awaited(SqlRow *row, const PublishedState *state)
{
	Datum		ids[RAFT_MAX_NODES];
	int			count = 0;

	for (int id = 0; id < config_peers.count; id++)
	{
		if (state->peers[id].awaited)
			ids[count++] = Int32GetDatum(id);
	}
	if (count == 0)
		sql_row_add_null(row);
	else
		sql_row_add_datum(row, PointerGetDatum(construct_array(ids, count, INT4OID,
															   sizeof(int32), true,
															   TYPALIGN_INT)));
}

/* What a node shows that waits for something, or for its turn. */
static void
add_prospects(SqlRow *row, const PublishedState *state, uint64 now_ns)
{
	const RaftView *view = &state->raft;

	sql_row_add_id(row, view->rank);
	add_awaited(row, state);
	if (view->recover_at_ns != 0)
		sql_row_add_interval_ns(row, diagnosis_elapsed_ns(now_ns, view->recover_at_ns));
	else
		sql_row_add_null(row);
}

static void
append_note(StringInfo note, const char *text)
{
	diagnosis_separate(note, 0);
	appendStringInfoString(note, text);
}

/* The same for a sentence, which loses its full stop; or for nothing. */
static void
append_sentence(StringInfo note, const char *sentence)
{
	if (sentence[0] == '\0')
		return;
	append_note(note, sentence);
	note->data[note->len - strlen(sentence)] = pg_tolower((unsigned char) sentence[0]);
	if (note->data[note->len - 1] == '.')
		note->data[--note->len] = '\0';
}

/* What whoever looks at the status must know beside the columns. */
static char *
describe_node(const PublishedState *state, bool live, uint64 now_ns)
{
	StringInfoData note;

	initStringInfo(&note);
	if (!live)
	{
		uint32		ticker_pid = sql_functions_worker_pid(WORKER_TICKER);

		if (ticker_pid == 0)
			append_note(&note, "the ticker process does not run");
		else if (!state->valid || (uint32) state->ticker_pid != ticker_pid)
			append_note(&note, "the ticker process has not read the state file yet; the server log says whether another process holds the state directory");
		else
			appendStringInfo(&note, "the ticker process hangs: it has told nothing for %s",
							 diagnosis_duration(state->published_ns, now_ns));
		return note.data;
	}

	(void) diagnosis_self(&note, &state->raft, state->peers,
						  config_peers.count, now_ns);
	if (state->raft.standing != RAFT_MEMBER)
		append_sentence(&note, state->state_note);
	else if (state->raft.leader_id == RAFT_NO_NODE)
		diagnosis_votes(&note, &state->raft, state->peers, config_node_id,
						config_peers.count, now_ns);
	if (!state->settings_in_force)
	{
		append_note(&note, "settings contradict each other, older ones are in force");
		append_sentence(&note, state->settings_detail);
	}
	return note.data;
}

Datum
pg_leader_get_status(PG_FUNCTION_ARGS)
{
	PublishedState *state = palloc(sizeof(PublishedState));
	const RaftView *view = &state->raft;
	bool		known;			/* was anything ever published? */
	bool		live;
	int			leader_id = RAFT_NO_NODE;
	uint64		now_ns;
	uint64		lease_ns;
	bool		has_lease;
	SqlRow		row;

	sql_functions_check_running();
	sql_row_begin(fcinfo, &row);
	known = shared_state_read(state);
	live = sql_functions_is_live(state);
	if (live)
		leader_id = view->leader_id;
	has_lease = lease_cell_valid_term(&shared_state->lease, &lease_ns) != 0;
	now_ns = clock_now_ns();

	sql_row_add_int(&row, config_node_id);
	sql_row_add_text(&row, live ? role_word(view->role) : "down");
	if (known)
		sql_row_add_datum(&row, Int64GetDatum((int64) view->term));
	else
		sql_row_add_null(&row);

	sql_row_add_id(&row, leader_id);
	if (leader_id == RAFT_NO_NODE)
	{
		sql_row_add_null(&row);
		sql_row_add_null(&row);
	}
	else
	{
		sql_row_add_text(&row, config_peers.peers[leader_id].host);
		sql_row_add_number(&row, leader_id == config_node_id ? (uint32) PostPortNumber :
						   state->peers[leader_id].advertised_port);
	}

	sql_row_add_datum(&row, BoolGetDatum(has_lease));
	if (has_lease)
		sql_row_add_interval_ns(&row, lease_ns);
	else
		sql_row_add_null(&row);
	sql_row_add_id(&row, known ? view->vote : RAFT_NO_NODE);

	sql_row_add_int(&row, config_peers.count / 2 + 1);
	sql_row_add_int(&row, config_peers.count);
	sql_row_add_text(&row, config_cluster_name);
	if (live)
	{
		sql_row_add_datum(&row, TimestampTzGetDatum(state->since));
		sql_row_add_text(&row, raft_reason_name(view->role_reason));
	}
	else
	{
		sql_row_add_null(&row);
		sql_row_add_null(&row);
	}
	sql_row_add_text(&row, known ? raft_standing_name(view->standing) : NULL);
	add_foreign_text(&row, describe_node(state, live, now_ns));
	sql_row_add_id(&row, live && leader_id == RAFT_NO_NODE ?
				   view->rumoured_leader_id : RAFT_NO_NODE);
	if (live)
		add_prospects(&row, state, now_ns);
	else
	{
		for (int i = 0; i < 3; i++)
			sql_row_add_null(&row);
	}

	add_position(&row);

	if (known)
	{
		sql_row_add_interval_ns(&row, view->timings.heartbeat_interval_ns);
		sql_row_add_interval_ns(&row, view->timings.election_timeout_min_ns);
		sql_row_add_interval_ns(&row, view->timings.election_timeout_max_ns);
		sql_row_add_int(&row, (int32) view->timings.max_clock_drift_ppm);
		sql_row_add_int(&row, view->timings.priority);
		sql_row_add_datum(&row, BoolGetDatum(state->settings_in_force));
	}
	else
	{
		for (int i = 0; i < 6; i++)
			sql_row_add_null(&row);
	}
	for (int kind = 0; kind < WORKER_KINDS; kind++)
		sql_row_add_number(&row, sql_functions_worker_pid(kind));

	PG_RETURN_DATUM(HeapTupleGetDatum(sql_row_finish(&row)));
}

/*-------------------------------------------------------------------------
 * pg_leader_peers
 *-------------------------------------------------------------------------
 */

/* Append why the receiver refuses what comes in a peer's name. */
static void
append_refused_datagrams(StringInfo note, int peer_id, uint64 now_ns)
{
	ReceiverCounters *receiver = &shared_state->receiver;
	uint64		dropped_ns = pg_atomic_read_u64(&receiver->peer_drop_ns[peer_id]);
	WireDrop	drop = pg_atomic_read_u32(&receiver->peer_drop[peer_id]);
	const char *reason = NULL;

	if (dropped_ns == 0 ||
		diagnosis_elapsed_ns(dropped_ns, now_ns) > DROP_RECENT_NS)
		return;

	switch (drop)
	{
		case WIRE_DROP_VERSION:
			reason = "another version of pg_leader";
			break;
		case WIRE_DROP_FINGERPRINT:
			reason = "another cluster name or number of nodes";
			break;
		case WIRE_DROP_ADDRESSEE:
			reason = "meant for another node";
			break;
		case WIRE_DROP_ADDRESS:
			reason = "not from its address";
			break;
		case WIRE_DROP_TAG:
			reason = "not signed with this node's secret";
			break;
		case WIRE_DROP_MALFORMED:
			reason = "malformed";
			break;
		case WIRE_DROP_CLONE:
			reason = "two nodes with its id are alive";
			break;
		default:

			/*
			 * Old sessions, repeated datagrams and full queues are everyday
			 * life; the rest cannot be ascribed to a peer.
			 */
			break;
	}
	if (reason != NULL)
	{
		diagnosis_separate(note, 0);
		appendStringInfo(note, "datagrams in its name are refused: %s", reason);
	}
}

/* The columns from "reachable" on, for this node itself. */
static void
add_self(SqlRow *row, const PublishedState *state, uint64 now_ns)
{
	const RaftView *view = &state->raft;

	sql_row_add_datum(row, BoolGetDatum(true));
	sql_row_add_null(row);		/* last_heard */
	sql_row_add_null(row);		/* round_trip */
	sql_row_add_null(row);		/* last_round_trip */
	sql_row_add_null(row);		/* last_measured */
	sql_row_add_null(row);		/* session_start */
	sql_row_add_null(row);		/* messages_sent */
	sql_row_add_null(row);		/* messages_received */
	sql_row_add_datum(row, Int64GetDatum((int64) view->term));
	sql_row_add_text(row, role_word(view->role));
	sql_row_add_text(row, raft_standing_name(view->standing));
	sql_row_add_id(row, view->leader_id);
	sql_row_add_int(row, view->timings.priority);
	if (view->role == RAFT_LEADER)
		sql_row_add_datum(row, BoolGetDatum(state->peers[config_node_id].expiry_ns > now_ns));
	else
		sql_row_add_null(row);
	sql_row_add_id(row, view->rank);
	add_foreign_text(row, describe_node(state, true, now_ns));
}

/*
 * The same for a peer.  What it was when it was last heard of is shown only
 * as far as it cannot change without us: a dead leader is no leader.
 */
static void
add_peer(SqlRow *row, const PublishedState *state, const Totals *totals,
		 int peer_id, uint64 now_ns)
{
	const RaftPeerView *peer = &state->peers[peer_id];
	bool		heard = peer->last_heard_ns != 0;
	bool		reachable = diagnosis_reachable(&state->raft, peer, now_ns);
	StringInfoData note;

	sql_row_add_datum(row, BoolGetDatum(reachable));
	if (heard)
		sql_row_add_interval_ns(row, diagnosis_elapsed_ns(peer->last_heard_ns, now_ns));
	else
		sql_row_add_null(row);
	if (peer->round_trip_ns != 0)
		sql_row_add_interval_ns(row, peer->round_trip_ns);
	else
		sql_row_add_null(row);
	if (peer->measured_ns != 0)
	{
		sql_row_add_interval_ns(row, peer->last_round_trip_ns);
		sql_row_add_interval_ns(row, diagnosis_elapsed_ns(peer->measured_ns,
														  now_ns));
	}
	else
	{
		sql_row_add_null(row);
		sql_row_add_null(row);
	}
	if (peer->session != 0)
		sql_row_add_timestamp(row, state->session_starts[peer_id]);
	else
		sql_row_add_null(row);
	sql_row_add_count(row, totals->sent_by_peer[peer_id]);
	sql_row_add_count(row, totals->received_by_peer[peer_id]);
	if (heard)
		sql_row_add_datum(row, Int64GetDatum((int64) peer->term));
	else
		sql_row_add_null(row);
	sql_row_add_text(row, reachable ? role_word(peer->role) : NULL);
	sql_row_add_text(row, heard ? raft_standing_name(peer->standing) : NULL);
	sql_row_add_id(row, reachable ? peer->known_leader : RAFT_NO_NODE);
	sql_row_add_id(row, peer->priority);
	if (state->raft.role == RAFT_LEADER)
		sql_row_add_datum(row, BoolGetDatum(peer->expiry_ns > now_ns));
	else
		sql_row_add_null(row);
	sql_row_add_id(row, state->raft.role == RAFT_LEADER ? peer->rank : RAFT_NO_RANK);

	initStringInfo(&note);
	(void) diagnosis_peer(&note, &state->raft, peer, now_ns);
	append_refused_datagrams(&note, peer_id, now_ns);
	sql_row_add_text(row, note.data);
}

Datum
pg_leader_get_peers(PG_FUNCTION_ARGS)
{
	PublishedState *state = palloc(sizeof(PublishedState));
	PeerAddress *addresses = palloc0(sizeof(PeerAddress) * RAFT_MAX_NODES);
	Statistics *statistics = palloc(sizeof(Statistics));
	uint64		generation = 0;
	uint64		now_ns;
	bool		live;
	SqlRow		row;

	sql_functions_check_running();
	sql_row_begin_set(fcinfo, &row);

	(void) shared_state_read(state);
	live = sql_functions_is_live(state);
	(void) shared_state_copy_addresses(&generation, addresses);
	statistics_read(statistics);
	now_ns = clock_now_ns();

	for (int id = 0; id < config_peers.count; id++)
	{
		char		address[PEER_HOST_MAX + 16];

		sql_row_add_int(&row, id);
		sql_row_add_text(&row, config_peers.peers[id].host);
		sql_row_add_int(&row, config_peers.peers[id].port);
		sql_row_add_text(&row, addresses[id].length == 0 ? NULL :
						 peers_format_address(&addresses[id], address, sizeof(address)));
		sql_row_add_datum(&row, BoolGetDatum(id == config_node_id));
		if (!live)
		{
			sql_row_add_nulls(&row);
		}
		else if (id == config_node_id)
			add_self(&row, state, now_ns);
		else
			add_peer(&row, state, &statistics->totals, id, now_ns);
		sql_row_put(&row);
	}
	return (Datum) 0;
}

/*-------------------------------------------------------------------------
 * pg_leader_history
 *-------------------------------------------------------------------------
 */

Datum
pg_leader_get_history(PG_FUNCTION_ARGS)
{
	HistoryEntry *entries = palloc(sizeof(HistoryEntry) * HISTORY_SIZE);
	int			count;
	SqlRow		row;

	sql_functions_check_running();
	sql_row_begin_set(fcinfo, &row);

	count = history_read(&shared_state->history, entries);
	for (int i = 0; i < count; i++)
	{
		HistoryEntry *entry = &entries[i];

		sql_row_add_datum(&row, Int64GetDatum((int64) entry->number));
		sql_row_add_datum(&row, TimestampTzGetDatum(entry->changed_at));
		sql_row_add_datum(&row, Int64GetDatum((int64) entry->term));
		sql_row_add_text(&row, history_role_word(entry->old_role));
		sql_row_add_text(&row, history_role_word(entry->new_role));
		sql_row_add_id(&row, entry->old_leader_id);
		sql_row_add_id(&row, entry->leader_id);
		sql_row_add_text(&row, entry->reason);
		add_foreign_text(&row, entry->requested_by);
		sql_row_put(&row);
	}
	return (Datum) 0;
}
