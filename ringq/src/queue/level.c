/* SPDX-License-Identifier: MIT */
#include "queue/level.h"
#include "queue/returned.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "order/next.h"
#include "queue/interrupt.h"
#include "queue/peer.h"
#include "base/call.h"

bool rq_is_ready(struct rq_port *b)
{
	struct rq_view view;
	if (b->queue->set.hands)
		return rq_take_is_ready(b);
	return rq_load_acquire(&b->queue->shared->closed) || rq_choose(&b->order, &view) != 0 || /* E2 */
	       (b->queue->peer && b->queue->peer->gone(b));
}

#define TAGS 31u /* signals that every kernel and emulator has, 0 being that of descriptors that nobody has changed */

bool rq_watch_has_number(const struct rq_watch *w)
{
	struct stat st;
	return w->fd >= 0 && fstat(w->fd, &st) == 0 && st.st_dev == w->number.device && st.st_ino == w->number.inode &&
	       fcntl(w->fd, F_GETSIG) == w->number.tag;
}

int rq_number_mark(struct rq_number *out, int fd)
{
	static unsigned tags;
	struct stat st;
	int tag = (int)(1 + tags++ % TAGS);
	if (fstat(fd, &st) || fcntl(fd, F_SETSIG, tag))
		return -ENOSYS;
	*out = (struct rq_number){st.st_dev, st.st_ino, tag};
	return 0;
}

void rq_watch_raise(struct rq_watch *w)
{
	uint64_t one = 1;
	rq_store(&w->high, 1);
	if (rq_watch_has_number(w)) {
		ssize_t n = rq_write(w->fd, &one, sizeof one);
		(void)n; /* full only if nobody reads it for ever: then it is readable */
	}
	if (rq_load(&w->subscribers))
		rq_watch_news();
}

bool rq_watch_lower(struct rq_watch *w)
{
	uint64_t count;
	rq_store(&w->high, 0);
	bool was_high = rq_watch_has_number(w) && rq_read(w->fd, &count, sizeof count) > 0;
	rq_fence(); /* W9: whoever raises it now has seen what the next look sees */
	return was_high;
}

bool rq_watch_has_room(const struct rq_watch *w)
{
	const struct ringq_queue *queue = w->queue;
	struct rq_lane *lane = rq_load_acquire(&w->lane);                   /* W8 */
	if (rq_load_acquire(&queue->shared->closed) || !rq_load(&w->waits)) /* as E3 */
		return true;
	/* As P0: nothing is written yet. */
	if (lane && !rq_head_reached(rq_load_acquire(&lane->head), rq_load(&w->wake_at)))
		return false;
	return !rq_permits_full(&queue->permits, &queue->set);
}
