-- What a cluster of one node counts, and that a reset begins anew.
CREATE EXTENSION pg_leader;
SELECT pg_leader_wait('60 s');

-- An election is counted, and what it costs.
SELECT pg_leader_step_down();
SELECT pg_leader_wait('60 s');
SELECT elections_begun > 0 AS begun,
	   elections_won = elections_begun AS won, elections_lost, rounds_failed,
	   leader_changes >= elections_won AS leader_changes,
	   state_writes >= elections_won AS state_writes,
	   state_write_time > 0 AND
	   state_write_max_time BETWEEN 0 AND state_write_time AS state_write_time,
	   datagrams_sent, datagrams_received, datagrams_dropped, hook_runs,
	   hook_last_status, stats_reset < now() AS stats_reset
FROM pg_stat_leader;

-- While nothing changes, nothing is written.
SELECT state_writes FROM pg_stat_leader \gset
SELECT state_writes = :state_writes AS nothing_written FROM pg_stat_leader;

-- Each kind of message and each reason once.
SELECT * FROM pg_stat_leader_messages;
SELECT * FROM pg_stat_leader_drops;
SELECT * FROM pg_stat_leader_refusals;

-- A reset: all is 0, and what comes after is counted.
SELECT stats_reset AS old_reset FROM pg_stat_leader \gset
SELECT pg_leader_stat_reset();
SELECT pipeline_starts, elections_begun, elections_won, leader_changes,
	   state_writes, state_write_time, state_write_max_time,
	   stats_reset > :'old_reset' AS stats_reset
FROM pg_stat_leader;
SELECT pg_leader_step_down();
SELECT pg_leader_wait('60 s');
SELECT elections_begun, elections_won, leader_changes, state_writes > 0 AS writes,
	   state_write_time >= state_write_max_time AND state_write_max_time > 0 AS time
FROM pg_stat_leader;

-- Columns and their types: others build on them.
\d pg_stat_leader
\d pg_stat_leader_messages
\d pg_stat_leader_drops
\d pg_stat_leader_refusals

DROP EXTENSION pg_leader;
