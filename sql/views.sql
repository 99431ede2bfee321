-- What the views show on a cluster of one node.
CREATE EXTENSION pg_leader;
SELECT pg_leader_wait('60 s');

\x on
SELECT node_id, role, leader_id, leader_host, is_leader, voted_for, quorum,
	   node_count, cluster_name, reason, standing, note, known_leader_id,
	   rank, awaited, recovers_in, in_recovery, timeline, settings_in_force
FROM pg_leader_status;
\x off

-- One word and one thing: views and functions agree.
SELECT term = pg_leader_term() AS term,
	   leader_id = pg_leader_leader_id() AS leader_id,
	   node_id = pg_leader_node_id() AS node_id,
	   is_leader = pg_leader_is_leader() AS is_leader
FROM pg_leader_status;

-- The leader's PostgreSQL port, not that of the elections.
SELECT leader_port = current_setting('port')::integer AS server_port
FROM pg_leader_status;

-- The lease is renewed with each heartbeat, and never longer than the promise
-- of a voter, which is less than election_timeout_min.
SELECT lease_remaining > '0 s' AND lease_remaining < election_timeout_min AS lease
FROM pg_leader_status;
SELECT since BETWEEN pg_postmaster_start_time() AND clock_timestamp() AS since
FROM pg_leader_status;

-- How far this server is with the data.
SELECT lsn <= pg_current_wal_flush_lsn() AS lsn FROM pg_leader_status;

-- The settings in force are shown, as they may differ from pg_settings.
SELECT heartbeat_interval, election_timeout_min, election_timeout_max,
	   max_clock_drift, priority
FROM pg_leader_status;

-- Workers without a database are not in pg_stat_activity.
SELECT launcher_pid > 0 AS launcher, receiver_pid > 0 AS receiver,
	   ticker_pid > 0 AS ticker, sender_pid > 0 AS sender,
	   hook_runner_pid > 0 AS hook_runner
FROM pg_leader_status;
SELECT count(DISTINCT pid)
FROM pg_leader_status,
	 LATERAL (VALUES (launcher_pid), (receiver_pid), (ticker_pid), (sender_pid),
			 (hook_runner_pid)) AS w (pid);

\x on
SELECT node_id, host, is_self, reachable, last_heard, round_trip, role,
	   standing, known_leader_id, priority, acknowledges, rank, note
FROM pg_leader_peers;
\x off
SELECT address = host || ':' || port AS address FROM pg_leader_peers;
SELECT p.term = s.term AS term FROM pg_leader_peers p, pg_leader_status s;

-- How it came to that: the node started, and elected itself.  Others have
-- asked for more since; the numbers tell the order.
SELECT old_role, new_role, old_leader_id, leader_id, reason, requested_by
FROM pg_leader_history WHERE number <= 4;
SELECT bool_and(number = row_number) AS numbers, bool_and(is_later) AS times,
	   bool_and(is_chained) AS chained
FROM (SELECT number, row_number() OVER (),
			 changed_at >= lag(changed_at, 1, changed_at) OVER w AS is_later,
			 old_role = lag(new_role, 1, old_role) OVER w AND
			 old_leader_id IS NOT DISTINCT FROM
				lag(leader_id, 1, old_leader_id) OVER w AS is_chained
	  FROM pg_leader_history WINDOW w AS (ORDER BY number)) AS h;
SELECT h.new_role = s.role AS role, h.leader_id = s.leader_id AS leader_id,
	   h.term = s.term AS term
FROM pg_leader_status s, pg_leader_history h
WHERE h.number = (SELECT max(number) FROM pg_leader_history);

-- Who asked is told, without control characters, and so that no name can pass
-- for another part.
SET application_name = 'a "quoted", name';
CREATE ROLE "regress_pg_leader ""operator""
" SUPERUSER;
SET ROLE "regress_pg_leader ""operator""
";
SELECT pg_leader_step_down();
SELECT pg_leader_wait('60 s');
RESET ROLE;
SELECT h.old_role, h.new_role, h.old_leader_id, h.leader_id, h.reason,
	   replace(replace(h.requested_by, session_user, 'USER'),
			   pg_backend_pid()::text, 'PID') AS requested_by
FROM pg_leader_history h
WHERE h.number = (SELECT max(number) FROM pg_leader_history
				  WHERE requested_by IS NOT NULL);
DROP ROLE "regress_pg_leader ""operator""
";
RESET application_name;

-- Columns and their types: others build on them.
\d pg_leader_status
\d pg_leader_peers
\d pg_leader_history
SELECT p.oid::regprocedure AS function, pg_get_function_result(p.oid) AS result,
	   p.provolatile AS volatile, p.proparallel AS parallel
FROM pg_proc p
	JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass
	JOIN pg_extension e ON e.oid = d.refobjid
WHERE e.extname = 'pg_leader' AND d.deptype = 'e'
	AND p.proname NOT LIKE 'pg\_leader\_get\_%'
ORDER BY p.proname COLLATE "C";

DROP EXTENSION pg_leader;
