/*-------------------------------------------------------------------------
 *
 * cell.c
 *		The lease cell, as lease_cell.c has it.
 *
 * The ticker lowers and raises it, the sender and a start may only revoke and
 * clear it; readers load it at any time.
 *
 *-------------------------------------------------------------------------
 */
#include "sim.h"

bool
cell_is_valid(const World *world, const Host *host)
{
	return host->cell.lease_term > host->cell.revoked_term &&
		host->cell.valid_until_ns > world->now_ns;
}

void
cell_clear(Host *host)
{
	host->cell.lease_term = 0;
	host->cell.lease_end_ns = 0;
	host->cell.valid_until_ns = 0;
}

void
cell_revoke(Host *host, uint64_t term)
{
	if (host->cell.revoked_term < term)
		host->cell.revoked_term = term;
}

void
cell_lower(Host *host)
{
	const RaftView *view = &host->view;

	if (host->raised_term == 0)
		return;
	if (view->lease_term == host->raised_term &&
		view->lease_end_ns >= host->raised_end_ns)
		return;
	cell_clear(host);
	if (view->lease_term != host->raised_term)
	{
		cell_revoke(host, host->raised_term);
		host->ghost.ended_term = host->raised_term;
	}
	host->raised_term = 0;
	host->raised_end_ns = 0;
}

void
cell_raise(World *world, Host *host)
{
	const RaftView *view = &host->view;
	Cell		former = host->cell;

	if (view->lease_term == 0 || view->lease_end_ns == 0)
		return;
	if (view->lease_term == host->raised_term &&
		view->lease_end_ns == host->raised_end_ns)
		return;
	host->cell.lease_term = host->raised_term = view->lease_term;
	host->cell.lease_end_ns = host->raised_end_ns = view->lease_end_ns;
	host->cell.valid_until_ns = clock_real_ns(&host->clock, view->lease_end_ns);
	if (view->lease_term <= host->cell.revoked_term)
		world_cover(world, COVER_RAISED_AFTER_REVOKED);
	invariants_check_lease(world, host, &former);
	if (former.lease_term != view->lease_term)
		trace_event(world, host, "holds the lease of term %llu",
					(unsigned long long) view->lease_term);
	fault_aims_lease_raised(world, host, former.lease_term != view->lease_term);
}
