-- What the functions answer on a cluster of one node, which elects itself.
CREATE EXTENSION pg_leader;

-- A node alone leads as soon as its vote for itself is on disk.
SELECT pg_leader_wait('60 s');
SELECT pg_leader_node_id();
SELECT pg_leader_leader_id();
SELECT pg_leader_is_leader();
SELECT pg_leader_term() > 0 AS has_term;

-- The fencing token is the term of the leadership.
SELECT pg_leader_fencing_token() = pg_leader_term() AS token_is_term;

-- Waiting: no timeout at all, and one that is over at once.
SELECT pg_leader_wait();
SELECT pg_leader_wait(NULL);
SELECT pg_leader_wait('0 s');
SELECT pg_leader_wait('200000 years');
SELECT pg_leader_wait('-1 ms');
SELECT pg_leader_wait('-1 month');

-- Nothing is answered for a NULL argument's sake: the wait is not strict.
SELECT pg_leader_wait(timeout => NULL) IS NOT NULL AS answered;

-- Giving up leadership: nobody can be named here, and the lease ends for good
-- in that term.  The node then elects itself again, in a greater one.
SELECT pg_leader_term() AS old_term \gset
SELECT pg_leader_step_down() AS successor;
SELECT pg_leader_wait('60 s');
SELECT pg_leader_term() > :old_term AS greater_term,
	   pg_leader_fencing_token() > :old_term AS greater_token;

-- Often: the term grows each time.
DO $$
DECLARE
	last_token bigint;
	token bigint := 0;
BEGIN
	FOR i IN 1..5 LOOP
		PERFORM pg_leader_step_down();
		IF pg_leader_wait('60 s') IS DISTINCT FROM 0 THEN
			RAISE EXCEPTION 'no leader after step-down %', i;
		END IF;
		last_token := token;
		token := pg_leader_fencing_token();
		IF token <= last_token THEN
			RAISE EXCEPTION 'token went from % to %', last_token, token;
		END IF;
	END LOOP;
END
$$;

-- Handing leadership over: to another node of the cluster, of which there is
-- none here.
SELECT pg_leader_transfer(NULL);
SELECT pg_leader_transfer(-1);
SELECT pg_leader_transfer(1);
SELECT pg_leader_transfer(2147483647);
SELECT pg_leader_transfer(node_id => 0);
SELECT pg_leader_is_leader();

-- A node that has its state has nothing to forget.
SELECT pg_leader_forget_state();

-- Also in a parallel worker, and in a read-only transaction.
CREATE TABLE regress_pg_leader_rows AS SELECT generate_series(1, 10) AS row;
BEGIN READ ONLY;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL parallel_leader_participation = off;
EXPLAIN (COSTS OFF)
SELECT count(*) FROM regress_pg_leader_rows
WHERE pg_leader_is_leader() AND pg_leader_leader_id() = 0
	AND pg_leader_term() = pg_leader_fencing_token();
SELECT count(*) FROM regress_pg_leader_rows
WHERE pg_leader_is_leader() AND pg_leader_leader_id() = 0
	AND pg_leader_term() = pg_leader_fencing_token();
COMMIT;
DROP TABLE regress_pg_leader_rows;

-- Relocatable, and nothing is left behind.
CREATE SCHEMA regress_pg_leader;
ALTER EXTENSION pg_leader SET SCHEMA regress_pg_leader;
SELECT regress_pg_leader.pg_leader_is_leader();
SELECT role FROM regress_pg_leader.pg_leader_status;
DROP EXTENSION pg_leader;
DROP SCHEMA regress_pg_leader;
SELECT count(*) FROM pg_proc WHERE proname LIKE 'pg\_leader%';
