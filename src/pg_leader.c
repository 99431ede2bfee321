/*-------------------------------------------------------------------------
 *
 * pg_leader.c
 *		Where the server finds the extension: what happens when the library
 *		is loaded.
 *
 * By shared_preload_libraries it is loaded into the postmaster, which then
 * defines the settings, asks for shared memory and registers the launcher;
 * all that must happen before the first process is forked.  A session that
 * loads the library (LOAD, or a call of one of its functions) gets the
 * functions alone, which say that the library must be preloaded.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "config.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "replication/logicallauncher.h"
#include "shared_state.h"
#include "worker.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

/*
 * Say so early if there can never be a free slot for each worker.  Not fatal:
 * without an election the server still serves, and the launcher goes on
 * trying.
 */
static void
warn_of_missing_slots(void)
{
	int			taken = (max_logical_replication_workers > 0) ? 1 : 0;
	int			own = WORKER_KINDS - (config_enable_log == LOG_LEVEL_OFF ? 1 : 0);
	int			needed = own + taken;

	if (max_worker_processes < needed)
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("max_worker_processes is too low for pg_leader"),
				 errdetail("It is %d; pg_leader needs %d background workers, and logical replication's launcher takes %d.",
						   max_worker_processes, own, taken),
				 errhint("Set max_worker_processes to at least %d, and more if other extensions or parallel queries use background workers.",
						 needed)));
}

void
_PG_init(void)
{
	/* Settings that only a server's start can change come too late here. */
	if (!process_shared_preload_libraries_in_progress)
		return;

	config_define();

	/*
	 * A single-user server, which cannot start workers, and one that
	 * pg_upgrade has started take no part in elections.  Neither may be kept
	 * from starting by a setting that is about to be mended.
	 */
	if (IsBinaryUpgrade || !IsPostmasterEnvironment)
		return;

	config_check_at_start();
	if (!config_enabled())
		return;

	warn_of_missing_slots();
	shared_state_install_hooks();
	worker_register_launcher();
}
