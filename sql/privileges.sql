-- Everybody may ask who leads; pg_monitor may look; superusers and those whom
-- they grant it may act.
CREATE EXTENSION pg_leader;
SELECT pg_leader_wait('60 s');

CREATE ROLE regress_pg_leader_nobody;
CREATE ROLE regress_pg_leader_monitor;
GRANT pg_monitor TO regress_pg_leader_monitor;
CREATE ROLE regress_pg_leader_operator;

SET ROLE regress_pg_leader_nobody;
SELECT pg_leader_node_id(), pg_leader_leader_id(), pg_leader_is_leader(),
	   pg_leader_wait('0 s');
SELECT pg_leader_term() = pg_leader_fencing_token() AS token_is_term;
SELECT role FROM pg_leader_status;
SELECT node_id FROM pg_leader_peers;
SELECT number FROM pg_leader_history;
SELECT * FROM pg_leader_get_status();
SELECT * FROM pg_leader_get_peers();
SELECT * FROM pg_leader_get_history();
SELECT * FROM pg_leader_get_counters();
SELECT pg_leader_step_down();
SELECT pg_leader_transfer(0);
SELECT pg_leader_forget_state();

SET ROLE regress_pg_leader_monitor;
SELECT role FROM pg_leader_status;
SELECT node_id FROM pg_leader_peers;
SELECT count(*) > 0 AS entries FROM pg_leader_history;
SELECT count(*) > 0 AS counters FROM pg_leader_get_counters();
SELECT pg_leader_step_down();
SELECT pg_leader_transfer(0);
SELECT pg_leader_forget_state();

-- Acting can be granted, one by one.
RESET ROLE;
GRANT EXECUTE ON FUNCTION pg_leader_step_down() TO regress_pg_leader_operator;
SET ROLE regress_pg_leader_operator;
SELECT pg_leader_step_down();
SELECT pg_leader_wait('60 s');
SELECT pg_leader_transfer(0);
SELECT pg_leader_forget_state();

RESET ROLE;
GRANT EXECUTE ON FUNCTION pg_leader_transfer(integer) TO regress_pg_leader_operator;
SET ROLE regress_pg_leader_operator;
SELECT pg_leader_transfer(0);

RESET ROLE;
DROP EXTENSION pg_leader;
DROP ROLE regress_pg_leader_nobody, regress_pg_leader_monitor,
	regress_pg_leader_operator;
