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
SELECT elections_won FROM pg_stat_leader;
SELECT * FROM pg_stat_leader_messages;
SELECT * FROM pg_stat_leader_drops;
SELECT * FROM pg_stat_leader_refusals;
SELECT * FROM pg_leader_get_statistics();
SELECT * FROM pg_leader_get_messages();
SELECT * FROM pg_leader_get_drops();
SELECT * FROM pg_leader_get_refusals();
SELECT pg_leader_step_down();
SELECT pg_leader_transfer(0);
SELECT pg_leader_forget_state();
SELECT pg_leader_stat_reset();

SET ROLE regress_pg_leader_monitor;
SELECT role FROM pg_leader_status;
SELECT node_id FROM pg_leader_peers;
SELECT count(*) > 0 AS entries FROM pg_leader_history;
SELECT elections_won > 0 AS elected FROM pg_stat_leader;
SELECT count(*) > 0 AS messages FROM pg_stat_leader_messages;
SELECT count(*) > 0 AS drops FROM pg_stat_leader_drops;
SELECT count(*) > 0 AS refusals FROM pg_stat_leader_refusals;
SELECT pg_leader_step_down();
SELECT pg_leader_transfer(0);
SELECT pg_leader_forget_state();
SELECT pg_leader_stat_reset();

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
GRANT EXECUTE ON FUNCTION pg_leader_stat_reset() TO regress_pg_leader_operator;
SET ROLE regress_pg_leader_operator;
SELECT pg_leader_stat_reset();

RESET ROLE;
DROP EXTENSION pg_leader;
DROP ROLE regress_pg_leader_nobody, regress_pg_leader_monitor,
	regress_pg_leader_operator;
