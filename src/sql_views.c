/*-------------------------------------------------------------------------
 *
 * sql_views.c
 *		The functions behind the views, and the counters.
 *
 * Run in any backend, on a standby too, on copies of the published state and
 * of the peers' addresses, each made under the shared state's lock, shared.
 * Counters, process ids and the lease cell are read without a lock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
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
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

/* A refused datagram of a peer is news for this long. */
#define DROP_RECENT_NS			(3 * NS_PER_S)

/* More than any of the views has. */
#define ROW_COLUMNS_MAX			40

/* A result row under construction. */
typedef struct Row
{
	TupleDesc	descriptor;
	int			next;			/* column to be filled in */
	Datum		values[ROW_COLUMNS_MAX];
	bool		nulls[ROW_COLUMNS_MAX];
} Row;

PG_FUNCTION_INFO_V1(pg_leader_get_status);
PG_FUNCTION_INFO_V1(pg_leader_get_peers);
PG_FUNCTION_INFO_V1(pg_leader_get_history);
PG_FUNCTION_INFO_V1(pg_leader_get_counters);

/*-------------------------------------------------------------------------
 * Rows
 *-------------------------------------------------------------------------
 */

static const char *
role_word(RaftRole role)
{
	return history_role_word(history_role(role));
}

static void
begin_row(FunctionCallInfo fcinfo, Row *row)
{
	if (get_call_result_type(fcinfo, NULL, &row->descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (row->descriptor->natts > ROW_COLUMNS_MAX)
		elog(ERROR, "row has too many columns");
	row->descriptor = BlessTupleDesc(row->descriptor);
	row->next = 0;
}

static void
add_datum(Row *row, Datum value)
{
	row->values[row->next] = value;
	row->nulls[row->next++] = false;
}

static void
add_null(Row *row)
{
	row->values[row->next] = (Datum) 0;
	row->nulls[row->next++] = true;
}

static void
add_int(Row *row, int32 value)
{
	add_datum(row, Int32GetDatum(value));
}

/* A node id, or NULL for "none" and all other values that are none. */
static void
add_id(Row *row, int32 id)
{
	if (id >= 0)
		add_int(row, id);
	else
		add_null(row);
}

/* A port or a process id, where 0 stands for none. */
static void
add_number(Row *row, uint32 number)
{
	if (number != 0)
		add_int(row, (int32) number);
	else
		add_null(row);
}

/* NULL or an empty string: NULL. */
static void
add_text(Row *row, const char *text)
{
	if (text != NULL && text[0] != '\0')
		add_datum(row, CStringGetTextDatum(text));
	else
		add_null(row);
}

static void
add_interval_ns(Row *row, uint64 duration_ns)
{
	add_datum(row, IntervalPGetDatum(sql_functions_make_interval(duration_ns)));
}

static HeapTuple
finish_row(Row *row)
{
	if (row->next != row->descriptor->natts)
		elog(ERROR, "row has %d columns instead of %d", row->next,
			 row->descriptor->natts);
	return heap_form_tuple(row->descriptor, row->values, row->nulls);
}

/*-------------------------------------------------------------------------
 * pg_leader_status
 *-------------------------------------------------------------------------
 */

/* How far this server has come with the data, and on which timeline. */
static void
add_position(Row *row)
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

	add_datum(row, BoolGetDatum(in_recovery));
	add_number(row, timeline);
	if (XLogRecPtrIsInvalid(lsn))
		add_null(row);
	else
		add_datum(row, LSNGetDatum(lsn));
}

/* Whose report this node, being born or amnesiac, waits for; NULL: nobody's. */
static void
add_awaited(Row *row, const PublishedState *state)
{
	Datum		ids[RAFT_MAX_NODES];
	int			count = 0;

	for (int id = 0; id < config_peers.count; id++)
	{
		if (state->peers[id].awaited)
			ids[count++] = Int32GetDatum(id);
	}
	if (count == 0)
		add_null(row);
	else
		add_datum(row, PointerGetDatum(construct_array(ids, count, INT4OID,
													   sizeof(int32), true,
													   TYPALIGN_INT)));
}

/* What a node shows that waits for something, or for its turn. */
static void
add_prospects(Row *row, const PublishedState *state, uint64 now_ns)
{
	const RaftView *view = &state->raft;

	add_id(row, view->rank);
	add_awaited(row, state);
	if (view->recover_at_ns != 0)
		add_interval_ns(row, diagnosis_elapsed_ns(now_ns, view->recover_at_ns));
	else
		add_null(row);
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
static const char *
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
	Row			row;

	sql_functions_check_running();
	begin_row(fcinfo, &row);
	known = shared_state_read(state);
	live = sql_functions_is_live(state);
	if (live)
		leader_id = view->leader_id;
	has_lease = lease_cell_valid_term(&shared_state->lease, &lease_ns) != 0;
	now_ns = clock_now_ns();

	add_int(&row, config_node_id);
	add_text(&row, live ? role_word(view->role) : "down");
	if (known)
		add_datum(&row, Int64GetDatum((int64) view->term));
	else
		add_null(&row);

	add_id(&row, leader_id);
	if (leader_id == RAFT_NO_NODE)
	{
		add_null(&row);
		add_null(&row);
	}
	else
	{
		add_text(&row, config_peers.peers[leader_id].host);
		add_number(&row, leader_id == config_node_id ? (uint32) PostPortNumber :
				   state->peers[leader_id].advertised_port);
	}

	add_datum(&row, BoolGetDatum(has_lease));
	if (has_lease)
		add_interval_ns(&row, lease_ns);
	else
		add_null(&row);
	add_id(&row, known ? view->vote : RAFT_NO_NODE);

	add_int(&row, config_peers.count / 2 + 1);
	add_int(&row, config_peers.count);
	add_text(&row, config_cluster_name);
	if (live)
	{
		add_datum(&row, TimestampTzGetDatum(state->since));
		add_text(&row, raft_reason_name(view->role_reason));
	}
	else
	{
		add_null(&row);
		add_null(&row);
	}
	add_text(&row, known ? raft_standing_name(view->standing) : NULL);
	add_text(&row, describe_node(state, live, now_ns));
	add_id(&row, live && leader_id == RAFT_NO_NODE ?
		   view->rumoured_leader_id : RAFT_NO_NODE);
	if (live)
		add_prospects(&row, state, now_ns);
	else
	{
		for (int i = 0; i < 3; i++)
			add_null(&row);
	}

	add_position(&row);

	if (known)
	{
		add_interval_ns(&row, view->timings.heartbeat_interval_ns);
		add_interval_ns(&row, view->timings.election_timeout_min_ns);
		add_interval_ns(&row, view->timings.election_timeout_max_ns);
		add_int(&row, (int32) view->timings.max_clock_drift_ppm);
		add_int(&row, view->timings.priority);
		add_datum(&row, BoolGetDatum(state->settings_in_force));
	}
	else
	{
		for (int i = 0; i < 6; i++)
			add_null(&row);
	}
	for (int kind = 0; kind <= WORKER_HOOK_RUNNER; kind++)
		add_number(&row, sql_functions_worker_pid(kind));

	PG_RETURN_DATUM(HeapTupleGetDatum(finish_row(&row)));
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
add_self(Row *row, const PublishedState *state, uint64 now_ns)
{
	const RaftView *view = &state->raft;

	add_datum(row, BoolGetDatum(true));
	add_null(row);				/* last_heard */
	add_null(row);				/* round_trip */
	add_datum(row, Int64GetDatum((int64) view->term));
	add_text(row, role_word(view->role));
	add_text(row, raft_standing_name(view->standing));
	add_id(row, view->leader_id);
	add_int(row, view->timings.priority);
	if (view->role == RAFT_LEADER)
		add_datum(row, BoolGetDatum(state->peers[config_node_id].expiry_ns > now_ns));
	else
		add_null(row);
	add_id(row, view->rank);
	add_text(row, describe_node(state, true, now_ns));
}

/*
 * The same for a peer.  What it was when it was last heard of is shown only
 * as far as it cannot change without us: a dead leader is no leader.
 */
static void
add_peer(Row *row, const PublishedState *state, int peer_id, uint64 now_ns)
{
	const RaftPeerView *peer = &state->peers[peer_id];
	bool		heard = peer->last_heard_ns != 0;
	bool		reachable = diagnosis_reachable(&state->raft, peer, now_ns);
	StringInfoData note;

	add_datum(row, BoolGetDatum(reachable));
	if (heard)
		add_interval_ns(row, diagnosis_elapsed_ns(peer->last_heard_ns, now_ns));
	else
		add_null(row);
	if (peer->round_trip_ns != 0)
		add_interval_ns(row, peer->round_trip_ns);
	else
		add_null(row);
	if (heard)
		add_datum(row, Int64GetDatum((int64) peer->term));
	else
		add_null(row);
	add_text(row, reachable ? role_word(peer->role) : NULL);
	add_text(row, heard ? raft_standing_name(peer->standing) : NULL);
	add_id(row, reachable ? peer->known_leader : RAFT_NO_NODE);
	add_id(row, peer->priority);
	if (state->raft.role == RAFT_LEADER)
		add_datum(row, BoolGetDatum(peer->expiry_ns > now_ns));
	else
		add_null(row);
	add_id(row, state->raft.role == RAFT_LEADER ? peer->rank : RAFT_NO_RANK);

	initStringInfo(&note);
	(void) diagnosis_peer(&note, &state->raft, peer, now_ns);
	append_refused_datagrams(&note, peer_id, now_ns);
	add_text(row, note.data);
}

Datum
pg_leader_get_peers(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	PublishedState *state = palloc(sizeof(PublishedState));
	PeerAddress *addresses = palloc0(sizeof(PeerAddress) * RAFT_MAX_NODES);
	uint64		generation = 0;
	uint64		now_ns;
	bool		live;
	Row			row;

	sql_functions_check_running();
	InitMaterializedSRF(fcinfo, 0);
	begin_row(fcinfo, &row);

	(void) shared_state_read(state);
	live = sql_functions_is_live(state);
	(void) shared_state_copy_addresses(&generation, addresses);
	now_ns = clock_now_ns();

	for (int id = 0; id < config_peers.count; id++)
	{
		char		address[PEER_HOST_MAX + 16];

		row.next = 0;
		add_int(&row, id);
		add_text(&row, config_peers.peers[id].host);
		add_int(&row, config_peers.peers[id].port);
		add_text(&row, addresses[id].length == 0 ? NULL :
				 peers_format_address(&addresses[id], address, sizeof(address)));
		add_datum(&row, BoolGetDatum(id == config_node_id));
		if (!live)
		{
			while (row.next < row.descriptor->natts)
				add_null(&row);
		}
		else if (id == config_node_id)
			add_self(&row, state, now_ns);
		else
			add_peer(&row, state, id, now_ns);
		tuplestore_puttuple(result->setResult, finish_row(&row));
	}
	return (Datum) 0;
}

/*-------------------------------------------------------------------------
 * pg_leader_history
 *-------------------------------------------------------------------------
 */

/*
 * Who asked, as another session has written it: perhaps in the encoding of
 * another database.
 */
static void
add_requester(Row *row, char *requester)
{
	if (!pg_verifymbstr(requester, strlen(requester), true))
	{
		for (char *character = requester; *character != '\0'; character++)
		{
			if (IS_HIGHBIT_SET(*character))
				*character = '?';
		}
	}
	add_text(row, requester);
}

Datum
pg_leader_get_history(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	HistoryEntry *entries = palloc(sizeof(HistoryEntry) * HISTORY_SIZE);
	int			count;
	Row			row;

	sql_functions_check_running();
	InitMaterializedSRF(fcinfo, 0);
	begin_row(fcinfo, &row);

	count = history_read(&shared_state->history, entries);
	for (int i = 0; i < count; i++)
	{
		HistoryEntry *entry = &entries[i];

		row.next = 0;
		add_datum(&row, Int64GetDatum((int64) entry->number));
		add_datum(&row, TimestampTzGetDatum(entry->changed_at));
		add_datum(&row, Int64GetDatum((int64) entry->term));
		add_text(&row, history_role_word(entry->old_role));
		add_text(&row, history_role_word(entry->new_role));
		add_id(&row, entry->old_leader_id);
		add_id(&row, entry->leader_id);
		add_text(&row, entry->reason);
		add_requester(&row, entry->requested_by);
		tuplestore_puttuple(result->setResult, finish_row(&row));
	}
	return (Datum) 0;
}

/*-------------------------------------------------------------------------
 * pg_leader_get_counters()
 *-------------------------------------------------------------------------
 */

static void
put_counter(ReturnSetInfo *result, const char *name, uint64 value)
{
	Datum		values[2];
	bool		nulls[2] = {false, false};

	values[0] = CStringGetTextDatum(name);
	values[1] = Int64GetDatum((int64) value);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* "queue full" becomes "dropped_queue_full". */
static char *
make_drop_name(WireDrop drop)
{
	char	   *name = psprintf("dropped_%s", wire_drop_name(drop));

	for (char *character = name; *character != '\0'; character++)
	{
		if (*character == ' ')
			*character = '_';
	}
	return name;
}

/* Of all workers since the server's start. */
static void
put_worker_counters(ReturnSetInfo *result)
{
	ReceiverCounters *receiver = &shared_state->receiver;
	TickerCounters *ticker = &shared_state->ticker;
	SenderCounters *sender = &shared_state->sender;
	HookState  *hook = &shared_state->hook;

	put_counter(result, "pipeline_starts",
				pg_atomic_read_u64(&shared_state->workers[WORKER_TICKER].starts));
	put_counter(result, "datagrams_received",
				pg_atomic_read_u64(&receiver->datagrams));
	for (int drop = WIRE_OK + 1; drop < WIRE_DROP_REASONS; drop++)
		put_counter(result, make_drop_name(drop),
					pg_atomic_read_u64(&receiver->dropped[drop]));
	put_counter(result, "datagrams_sent",
				pg_atomic_read_u64(&sender->datagrams));
	put_counter(result, "send_errors", pg_atomic_read_u64(&sender->errors));
	put_counter(result, "last_words", pg_atomic_read_u64(&sender->last_words));
	put_counter(result, "outbox_full",
				pg_atomic_read_u64(&ticker->outbox_full));
	put_counter(result, "state_writes",
				pg_atomic_read_u64(&ticker->state_writes));
	put_counter(result, "state_write_us_total",
				pg_atomic_read_u64(&ticker->state_write_ns) / NS_PER_US);
	put_counter(result, "state_write_us_max",
				pg_atomic_read_u64(&ticker->state_write_max_ns) / NS_PER_US);
	put_counter(result, "late_us_max",
				pg_atomic_read_u64(&ticker->late_max_ns) / NS_PER_US);
	put_counter(result, "hook_runs", pg_atomic_read_u64(&hook->runs));
	put_counter(result, "hook_failures", pg_atomic_read_u64(&hook->failures));
	put_counter(result, "hook_timeouts", pg_atomic_read_u64(&hook->timeouts));
	put_counter(result, "hook_retries", pg_atomic_read_u64(&hook->retries));
	put_counter(result, "hook_skipped", pg_atomic_read_u64(&hook->skipped));
	put_counter(result, "hook_us_total",
				pg_atomic_read_u64(&hook->run_ns) / NS_PER_US);
	put_counter(result, "hook_us_max",
				pg_atomic_read_u64(&hook->run_max_ns) / NS_PER_US);
	put_counter(result, "hook_last_us",
				pg_atomic_read_u64(&hook->last_run_ns) / NS_PER_US);
	put_counter(result, "hook_last_status",
				pg_atomic_read_u32(&hook->last_status));
	put_counter(result, "hook_last_sequence",
				pg_atomic_read_u64(&hook->last_sequence));
}

/* Of the core, since the pipeline's start. */
static void
put_core_counters(ReturnSetInfo *result, const RaftCounters *counters)
{
	put_counter(result, "raft_pre_votes_begun", counters->pre_votes_begun);
	put_counter(result, "raft_elections_begun", counters->elections_begun);
	put_counter(result, "raft_elections_won", counters->elections_won);
	put_counter(result, "raft_rounds_failed", counters->rounds_failed);
	put_counter(result, "raft_votes_granted", counters->votes_granted);
	put_counter(result, "raft_votes_refused", counters->votes_refused);
	put_counter(result, "raft_pre_votes_granted", counters->pre_votes_granted);
	put_counter(result, "raft_pre_votes_refused", counters->pre_votes_refused);
	put_counter(result, "raft_heartbeats_sent", counters->heartbeats_sent);
	put_counter(result, "raft_heartbeats_acknowledged",
				counters->heartbeats_acknowledged);
	put_counter(result, "raft_lease_lapses", counters->lease_lapses);
	put_counter(result, "raft_leader_changes", counters->leader_changes);
	put_counter(result, "raft_messages_dropped", counters->dropped);
	put_counter(result, "raft_outbox_full", counters->outbox_full);
	put_counter(result, "raft_events_lost", counters->events_lost);
	put_counter(result, "raft_clock_went_back", counters->clock_went_back);
	put_counter(result, "raft_invariants_broken", counters->invariants_broken);
	put_counter(result, "raft_persist_failures", counters->persist_failures);
}

Datum
pg_leader_get_counters(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	PublishedState *state = palloc(sizeof(PublishedState));

	sql_functions_check_running();
	InitMaterializedSRF(fcinfo, 0);
	(void) shared_state_read(state);
	put_worker_counters(result);
	put_core_counters(result, &state->counters);
	return (Datum) 0;
}
