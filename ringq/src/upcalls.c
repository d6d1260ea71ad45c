/* SPDX-License-Identifier: MIT */
#include "base/upcalls.h"

#include "queue/expire.h"
#include "queue/port.h"
#include "queue/watch.h"
#include "queue/watcher.h"
#include "region/family.h"
#include "region/membership.h"
#include "sweep.h"

/* Not called at exit() or by death: then the leases tell. */
static void thread_ends(struct rq_thread *thread)
{
	rq_ports_drop_thread(thread);
	rq_memberships_end(thread);
}

static void unload(void)
{
	rq_watcher_stop();
	rq_process_lock();
	rq_memberships_tidy();
	rq_process_unlock();
}

static void forget_parent(void)
{
	rq_memberships_forget_parent();
	rq_watches_forget_parent();
	rq_families_forget_parent();
	rq_ports_forget_parent();
}

const struct rq_upcalls rq_upcalls = {
	.thread_ends = thread_ends,
	.port_made = rq_watch_used,
	.port_ends = rq_watch_port_ends,
	.handle_ends = rq_watches_free,
	.unload = unload,
	.forked = rq_watches_share,
	.forget_parent = forget_parent,
	.inherit = rq_use_inherit,
	.reclaim = rq_sweep,
};
