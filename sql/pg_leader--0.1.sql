/* sql/pg_leader--0.1.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION pg_leader" to load this file. \quit

--
-- Questions
--

CREATE FUNCTION pg_leader_node_id()
RETURNS integer
AS 'MODULE_PATHNAME', 'pg_leader_node_id'
LANGUAGE C STRICT VOLATILE PARALLEL SAFE;
COMMENT ON FUNCTION pg_leader_node_id() IS
'this node''s id; NULL if pg_leader is switched off';

CREATE FUNCTION pg_leader_term()
RETURNS bigint
AS 'MODULE_PATHNAME', 'pg_leader_term'
LANGUAGE C STRICT VOLATILE PARALLEL SAFE;
COMMENT ON FUNCTION pg_leader_term() IS
'this node''s durable term';

CREATE FUNCTION pg_leader_leader_id()
RETURNS integer
AS 'MODULE_PATHNAME', 'pg_leader_leader_id'
LANGUAGE C STRICT VOLATILE PARALLEL SAFE;
COMMENT ON FUNCTION pg_leader_leader_id() IS
'id of the leader that this node follows, or its own if it leads; NULL: none known';

CREATE FUNCTION pg_leader_is_leader()
RETURNS boolean
AS 'MODULE_PATHNAME', 'pg_leader_is_leader'
LANGUAGE C STRICT VOLATILE PARALLEL SAFE;
COMMENT ON FUNCTION pg_leader_is_leader() IS
'does this node hold the leader''s lease at this moment?';

CREATE FUNCTION pg_leader_fencing_token()
RETURNS bigint
AS 'MODULE_PATHNAME', 'pg_leader_fencing_token'
LANGUAGE C STRICT VOLATILE PARALLEL SAFE;
COMMENT ON FUNCTION pg_leader_fencing_token() IS
'the term if this node holds the leader''s lease at this moment, else NULL';

CREATE FUNCTION pg_leader_wait(timeout interval DEFAULT NULL)
RETURNS integer
AS 'MODULE_PATHNAME', 'pg_leader_wait'
LANGUAGE C VOLATILE PARALLEL SAFE;
COMMENT ON FUNCTION pg_leader_wait(interval) IS
'wait until this node knows a leader and return its id; NULL after the timeout';

--
-- Acts
--

CREATE FUNCTION pg_leader_step_down()
RETURNS integer
AS 'MODULE_PATHNAME', 'pg_leader_step_down'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION pg_leader_step_down() IS
'give up leadership; returns the id of the successor that was named, or NULL';

CREATE FUNCTION pg_leader_transfer(node_id integer)
RETURNS integer
AS 'MODULE_PATHNAME', 'pg_leader_transfer'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION pg_leader_transfer(integer) IS
'hand leadership over to another node; returns the id of the next leader, once there is one';

CREATE FUNCTION pg_leader_forget_state()
RETURNS interval
AS 'MODULE_PATHNAME', 'pg_leader_forget_state'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION pg_leader_forget_state() IS
'let a node that lost its state take part again; returns after how long it will';

--
-- Views
--

CREATE FUNCTION pg_leader_get_status(
	OUT node_id integer,
	OUT role text,
	OUT term bigint,
	OUT leader_id integer,
	OUT leader_host text,
	OUT leader_port integer,
	OUT is_leader boolean,
	OUT lease_remaining interval,
	OUT voted_for integer,
	OUT quorum integer,
	OUT node_count integer,
	OUT cluster_name text,
	OUT since timestamptz,
	OUT reason text,
	OUT standing text,
	OUT note text,
	OUT known_leader_id integer,
	OUT rank integer,
	OUT awaited integer[],
	OUT recovers_in interval,
	OUT in_recovery boolean,
	OUT timeline integer,
	OUT lsn pg_lsn,
	OUT heartbeat_interval interval,
	OUT election_timeout_min interval,
	OUT election_timeout_max interval,
	OUT max_clock_drift integer,
	OUT priority integer,
	OUT settings_in_force boolean,
	OUT launcher_pid integer,
	OUT receiver_pid integer,
	OUT ticker_pid integer,
	OUT sender_pid integer,
	OUT hook_runner_pid integer,
	OUT logger_pid integer)
RETURNS record
AS 'MODULE_PATHNAME', 'pg_leader_get_status'
LANGUAGE C STRICT VOLATILE PARALLEL SAFE;

CREATE VIEW pg_leader_status AS
	SELECT * FROM pg_leader_get_status();
COMMENT ON VIEW pg_leader_status IS
'this node''s view of the cluster, one row; leader does not mean primary';

CREATE FUNCTION pg_leader_get_peers(
	OUT node_id integer,
	OUT host text,
	OUT port integer,
	OUT address text,
	OUT is_self boolean,
	OUT reachable boolean,
	OUT last_heard interval,
	OUT round_trip interval,
	OUT last_round_trip interval,
	OUT last_measured interval,
	OUT session_start timestamptz,
	OUT messages_sent bigint,
	OUT messages_received bigint,
	OUT term bigint,
	OUT role text,
	OUT standing text,
	OUT known_leader_id integer,
	OUT priority integer,
	OUT acknowledges boolean,
	OUT rank integer,
	OUT note text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pg_leader_get_peers'
LANGUAGE C STRICT VOLATILE PARALLEL SAFE ROWS 8;

CREATE VIEW pg_leader_peers AS
	SELECT * FROM pg_leader_get_peers();
COMMENT ON VIEW pg_leader_peers IS
'what this node knows of every node of the cluster, a row each';

CREATE FUNCTION pg_leader_get_history(
	OUT number bigint,
	OUT changed_at timestamptz,
	OUT term bigint,
	OUT old_role text,
	OUT new_role text,
	OUT old_leader_id integer,
	OUT leader_id integer,
	OUT reason text,
	OUT requested_by text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pg_leader_get_history'
LANGUAGE C STRICT VOLATILE PARALLEL SAFE ROWS 256;

CREATE VIEW pg_leader_history AS
	SELECT * FROM pg_leader_get_history() ORDER BY number;
COMMENT ON VIEW pg_leader_history IS
'the last 256 changes of this node''s role and leader since the server''s start, oldest first';

--
-- Statistics, since the server's start or the last reset
--

CREATE FUNCTION pg_leader_get_statistics(
	OUT pipeline_starts bigint,
	OUT pre_votes_begun bigint,
	OUT elections_begun bigint,
	OUT elections_won bigint,
	OUT elections_lost bigint,
	OUT rounds_failed bigint,
	OUT leader_changes bigint,
	OUT lease_lapses bigint,
	OUT pre_votes_granted bigint,
	OUT pre_votes_refused bigint,
	OUT votes_granted bigint,
	OUT votes_refused bigint,
	OUT heartbeats_sent bigint,
	OUT heartbeats_acknowledged bigint,
	OUT datagrams_sent bigint,
	OUT send_errors bigint,
	OUT last_words bigint,
	OUT datagrams_received bigint,
	OUT datagrams_dropped bigint,
	OUT messages_rejected bigint,
	OUT inbox_high_water bigint,
	OUT outbox_high_water bigint,
	OUT outbox_full bigint,
	OUT state_writes bigint,
	OUT state_write_failures bigint,
	OUT state_write_time double precision,
	OUT state_write_max_time double precision,
	OUT ticker_late_max_time double precision,
	OUT hook_runs bigint,
	OUT hook_failures bigint,
	OUT hook_timeouts bigint,
	OUT hook_retries bigint,
	OUT hook_skipped bigint,
	OUT hook_time double precision,
	OUT hook_max_time double precision,
	OUT hook_last_time double precision,
	OUT hook_last_status integer,
	OUT hook_last_sequence bigint,
	OUT log_events_lost bigint,
	OUT invariants_broken bigint,
	OUT clock_went_back bigint,
	OUT messages_lost bigint,
	OUT events_lost bigint,
	OUT stats_reset timestamptz)
RETURNS record
AS 'MODULE_PATHNAME', 'pg_leader_get_statistics'
LANGUAGE C STRICT VOLATILE PARALLEL SAFE;

CREATE VIEW pg_stat_leader AS
	SELECT * FROM pg_leader_get_statistics();
COMMENT ON VIEW pg_stat_leader IS
'what this node''s workers have counted since stats_reset, one row';

CREATE FUNCTION pg_leader_get_messages(
	OUT type text,
	OUT sent bigint,
	OUT received bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pg_leader_get_messages'
LANGUAGE C STRICT VOLATILE PARALLEL SAFE ROWS 13;

CREATE VIEW pg_stat_leader_messages AS
	SELECT * FROM pg_leader_get_messages();
COMMENT ON VIEW pg_stat_leader_messages IS
'messages sent and received by type, since pg_stat_leader.stats_reset';

CREATE FUNCTION pg_leader_get_drops(
	OUT reason text,
	OUT dropped bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pg_leader_get_drops'
LANGUAGE C STRICT VOLATILE PARALLEL SAFE ROWS 13;

CREATE VIEW pg_stat_leader_drops AS
	SELECT * FROM pg_leader_get_drops();
COMMENT ON VIEW pg_stat_leader_drops IS
'datagrams that were dropped by reason, since pg_stat_leader.stats_reset';

CREATE FUNCTION pg_leader_get_refusals(
	OUT reason text,
	OUT pre_votes bigint,
	OUT votes bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pg_leader_get_refusals'
LANGUAGE C STRICT VOLATILE PARALLEL SAFE ROWS 8;

CREATE VIEW pg_stat_leader_refusals AS
	SELECT * FROM pg_leader_get_refusals();
COMMENT ON VIEW pg_stat_leader_refusals IS
'votes and pre-votes that this node has refused by reason, since pg_stat_leader.stats_reset';

CREATE FUNCTION pg_leader_stat_reset()
RETURNS void
AS 'MODULE_PATHNAME', 'pg_leader_stat_reset'
LANGUAGE C STRICT VOLATILE PARALLEL SAFE;
COMMENT ON FUNCTION pg_leader_stat_reset() IS
'begin all statistics of this node anew';

--
-- Privileges: pg_monitor may look, superusers and those they grant it may act
--

REVOKE ALL ON FUNCTION pg_leader_get_status() FROM PUBLIC;
REVOKE ALL ON FUNCTION pg_leader_get_peers() FROM PUBLIC;
REVOKE ALL ON FUNCTION pg_leader_get_history() FROM PUBLIC;
REVOKE ALL ON FUNCTION pg_leader_get_statistics() FROM PUBLIC;
REVOKE ALL ON FUNCTION pg_leader_get_messages() FROM PUBLIC;
REVOKE ALL ON FUNCTION pg_leader_get_drops() FROM PUBLIC;
REVOKE ALL ON FUNCTION pg_leader_get_refusals() FROM PUBLIC;
REVOKE ALL ON FUNCTION pg_leader_stat_reset() FROM PUBLIC;
REVOKE ALL ON FUNCTION pg_leader_step_down() FROM PUBLIC;
REVOKE ALL ON FUNCTION pg_leader_transfer(integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION pg_leader_forget_state() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION pg_leader_get_status() TO pg_monitor;
GRANT EXECUTE ON FUNCTION pg_leader_get_peers() TO pg_monitor;
GRANT EXECUTE ON FUNCTION pg_leader_get_history() TO pg_monitor;
GRANT EXECUTE ON FUNCTION pg_leader_get_statistics() TO pg_monitor;
GRANT EXECUTE ON FUNCTION pg_leader_get_messages() TO pg_monitor;
GRANT EXECUTE ON FUNCTION pg_leader_get_drops() TO pg_monitor;
GRANT EXECUTE ON FUNCTION pg_leader_get_refusals() TO pg_monitor;
GRANT SELECT ON pg_leader_status TO pg_monitor;
GRANT SELECT ON pg_leader_peers TO pg_monitor;
GRANT SELECT ON pg_leader_history TO pg_monitor;
GRANT SELECT ON pg_stat_leader TO pg_monitor;
GRANT SELECT ON pg_stat_leader_messages TO pg_monitor;
GRANT SELECT ON pg_stat_leader_drops TO pg_monitor;
GRANT SELECT ON pg_stat_leader_refusals TO pg_monitor;
