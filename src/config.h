/*-------------------------------------------------------------------------
 *
 * config.h
 *		The settings (GUCs) of pg_leader, and the rules between them.
 *
 * Settings are defined in the postmaster by config_define(), called from
 * _PG_init(), and inherited by every process.  A check hook sees one value;
 * rules that need several are checked where the whole set is at hand: by
 * config_check_at_start() in the postmaster (fatal) and by
 * config_read_timings() in the workers at reload (the old set stays in
 * force).
 *
 *-------------------------------------------------------------------------
 */
#ifndef PG_LEADER_CONFIG_H
#define PG_LEADER_CONFIG_H

#include "event_fields.h"
#include "peers.h"
#include "raft/raft.h"

/* GUC variables; read them, never write them. */
extern int	config_node_id;		/* pg_leader.node_id; -1: off */
extern char *config_cluster;	/* pg_leader.cluster */
extern char *config_cluster_name;	/* pg_leader.cluster_name */
extern char *config_listen_addresses;	/* pg_leader.listen_addresses; empty:
										 * the node's own of cluster */
extern int	config_heartbeat_interval_ms;
extern int	config_election_timeout_min_ms;
extern int	config_election_timeout_max_ms;
extern int	config_max_clock_drift_ppm;
extern int	config_priority;
extern char *config_secret_file;	/* empty: datagrams are not signed */
extern bool config_allow_unauthenticated;
extern char *config_state_directory;	/* relative to the data directory */
extern bool config_initial_state_new;	/* pg_leader.initial_state = 'new' */
extern char *config_on_leader_change;	/* empty: no hook */
extern int	config_hook_timeout_ms; /* 0: a hook may take as long as it does */
extern int	config_hook_retry_interval_ms;	/* 0: failed ones are not repeated */
extern int	config_enable_log;	/* a LogLevel */
extern char *config_log_file;	/* empty: the server log */

/* The parsed pg_leader.cluster; valid once config_check_at_start() is done. */
extern PeerList config_peers;

/* Identity of the cluster on the wire and on disk; likewise. */
extern uint64 config_fingerprint;

/* Define the settings.  Postmaster, in _PG_init() only. */
extern void config_define(void);

/* Is the extension switched on (node_id >= 0)? */
extern bool config_enabled(void);

/*
 * Check the settings when the server starts: ereport(FATAL), with detail and
 * hint, if PostgreSQL refused the value of one, or if they contradict each
 * other.  Loads the secret, fills in config_peers and config_fingerprint, and
 * remembers the timings of the start.  If the extension is switched off,
 * nothing but pg_leader.node_id is checked.  Postmaster, in _PG_init() only.
 */
extern void config_check_at_start(void);

/*
 * The timings as the settings have them now.  If they contradict each other,
 * returns false, fills in *timings all the same, and stores in *detail the
 * rule that they break (palloc'd sentence) and in *hint what to change.
 */
extern bool config_read_timings(RaftTimings *timings, char **detail,
								char **hint);

/* The timings of the postmaster's start, which obey the rules. */
extern const RaftTimings *config_start_timings(void);

#endif							/* PG_LEADER_CONFIG_H */
