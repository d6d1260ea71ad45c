/* SPDX-License-Identifier: MIT */
#include "queue/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "queue/block.h"
#include "order/next.h"
#include "base/call.h"
#include "base/sys.h"
#include "queue/enter.h"
#include "order/stamp.h"
#include "queue/interrupt.h"
#include "queue/sleepers.h"
#include "queue/watcher.h"

bool rq_watch_emptied(struct rq_port *port)
{
	struct rq_watch *w = rq_load_acquire(&port->queue->watch); /* W6 */
	if (!w || (!rq_load(&w->high) && !rq_load(&w->shared)))
		return false;
	bool knew = rq_load(&w->high);
	if (!rq_watch_lower(w) && !knew)
		return false;
	bool ready = rq_is_ready(port);
	if (ready)
		rq_watch_raise(w);
	rq_watcher_poke();
	return ready;
}

/* ---- a port's puts ---- */

void rq_watch_refused(struct rq_port *port, uint64_t wake_at)
{
	struct rq_watch *w = port->writable;
	struct rq_lane *lane = port->producer->lane;
	rq_store(&w->wake_at, wake_at ? wake_at : rq_load(&lane->head));
	rq_store(&w->waits, 1);
	rq_store_release(&w->lane, lane); /* W7 */
	rq_watch_lower(w);
	if (rq_watch_has_room(w))
		rq_watch_raise(w);
	rq_watcher_poke();
}

void rq_watch_put(struct rq_port *port)
{
	struct ringq_queue *queue = port->queue;
	struct rq_producer *p = port->producer;
	struct rq_watch *w = port->writable;
	if (rq_producer_full(p, rq_stamp_needed(queue->shared, queue->total))) {
		uint64_t wake_at = rq_producer_wake_at(p, 0, true);
		rq_store_release(&p->lane->wake_at, wake_at); /* W3 */
		rq_watch_refused(port, wake_at);
	} else if (rq_permits_full(&queue->permits, &queue->set)) {
		rq_watch_refused(port, 0);
	} else if (rq_load(&w->waits)) {
		rq_store(&w->waits, 0);
		rq_watch_raise(w);
	}
}

void rq_watch_port_ends(struct rq_port *port)
{
	if (port->writable)
		rq_store(&port->writable->owned, 0);
}

/* ---- making ---- */

static int new_number(struct rq_watch *w)
{
	int low = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int fd = low < 0 ? rq_file_refused(errno) : rq_file_descriptor(low);
	if (fd < 0)
		return fd;
	int r = rq_number_mark(&w->number, fd);
	if (r)
		rq_close(fd);
	else
		w->fd = fd;
	return r;
}

static struct rq_watch *new_watch(struct ringq_queue *queue, unsigned what)
{
	struct rq_watch *w = calloc(1, sizeof *w);
	if (!w)
		return NULL;
	w->queue = queue;
	w->what = what;
	w->fd = -1;
	w->state = RQ_WATCH_FAILED; /* until the thread knows it */
	w->next_of_queue = rq_load(&queue->watches);
	rq_store(&queue->watches, w);
	return w;
}

/* The watch of a port's puts: its own, or that of a thread that has ended. */
static struct rq_watch *writable(struct rq_port *port)
{
	struct rq_watch *w = port->writable;
	for (struct rq_watch *at = rq_load(&port->queue->watches); at && !w; at = at->next_of_queue)
		if (at->what == RINGQ_WRITABLE && !rq_load(&at->owned))
			w = at;
	if (!w)
		w = new_watch(port->queue, RINGQ_WRITABLE);
	if (!w || w == port->writable)
		return w;
	rq_store(&w->waits, 0);
	rq_store(&w->owned, 1);
	port->writable = w;
	if (port->producer) {
		port->producer->watched = true;
		rq_producer_set_limit(port->producer);
	}
	return w;
}

/* Under the watch lock: the port's watch of a kind, listed. */
static int watch_of(struct rq_watch **out, struct rq_port *port, unsigned what)
{
	struct ringq_queue *queue = port->queue;
	struct rq_watch *w = what == RINGQ_WRITABLE ? writable(port) : rq_load(&queue->watch);
	if (!w)
		w = new_watch(queue, what);
	if (!w)
		return -ENOMEM;
	if (what == RINGQ_READABLE)
		rq_store_release(&queue->watch, w); /* W5 */
	*out = w;
	return rq_load(&w->state) == RQ_WATCH_FAILED ? rq_watcher_add(w) : rq_watcher_start();
}

int rq_watch_subscribe(struct rq_watch **out, struct rq_port *port)
{
	rq_watch_lock();
	int r = watch_of(out, port, RINGQ_READABLE);
	if (r == 0)
		rq_add(&(*out)->subscribers, 1); /* J3 */
	rq_watch_unlock();
	if (r)
		return r;
	r = rq_watcher_await(*out);
	if (r)
		rq_add(&(*out)->subscribers, -1u); /* J3 */
	return r;
}

static int number_of(struct rq_port *port, unsigned what)
{
	struct rq_watch *w = NULL;
	int fd = -1;
	rq_watch_lock();
	int r = watch_of(&w, port, what);
	if (r == 0 && !rq_watch_has_number(w)) {
		r = new_number(w);
		w->done = false;
		rq_store(&w->high, 0);
		rq_store(&w->state, RQ_WATCH_NEW); /* to be told what the level is */
	}
	if (r == 0 && what == RINGQ_WRITABLE && port->producer)
		rq_watch_put(port);
	if (r == 0)
		fd = w->fd;
	rq_watch_unlock();
	if (r == 0)
		r = rq_watcher_await(w);
	if (r == 0)
		return fd;
	if (!w)
		return r;
	rq_watch_lock();
	if (rq_load(&w->state) == RQ_WATCH_FAILED && rq_watch_has_number(w))
		rq_close(w->fd);
	if (rq_load(&w->state) == RQ_WATCH_FAILED)
		w->fd = -1;
	rq_watch_unlock();
	return r;
}

int ringq_event_fd_for(ringq_queue *queue, unsigned what)
{
	struct rq_port *port;
	if (!queue || (what != RINGQ_READABLE && what != RINGQ_WRITABLE) ||
		queue->side == (what == RINGQ_READABLE ? RQ_SIDE_WRITER : RQ_SIDE_READER))
		return -EINVAL;
	int r = rq_enter(queue, &port);
	if (r)
		return r;
	r = number_of(port, what);
	rq_leave();
	return r;
}

int ringq_event_fd(ringq_queue *queue)
{
	return ringq_event_fd_for(queue, RINGQ_READABLE);
}

/* ---- ends, and forks ---- */

void rq_watches_end(struct ringq_queue *queue)
{
	rq_watch_lock();
	for (struct rq_watch *w = rq_load(&queue->watches); w; w = w->next_of_queue) {
		if (rq_load(&w->state) != RQ_WATCH_FAILED)
			rq_watcher_remove(w);
		rq_store(&w->state, RQ_WATCH_FAILED);
		if (rq_watch_has_number(w))
			rq_close(w->fd);
		w->fd = -1;
	}
	rq_watch_unlock();
	rq_watch_news();
}

void rq_watches_free(struct ringq_queue *queue)
{
	struct rq_watch *next;
	for (struct rq_watch *w = rq_load(&queue->watches); w; w = next) {
		next = w->next_of_queue;
		free(w);
	}
	rq_store(&queue->watches, NULL);
}

void rq_watch_used(struct rq_port *port)
{
	if (rq_is_watcher() || (rq_watcher_runs() && !rq_load(&port->queue->inherited)))
		return;
	rq_watch_lock();
	struct rq_watch *w = rq_load(&port->queue->inherited);
	if (w) {
		rq_store(&port->queue->inherited, NULL);
		rq_store(&w->owned, 1);
		port->writable = w;
	}
	rq_watcher_start(); /* in vain: then the next to ask for a descriptor is told why */
	rq_watch_unlock();
}

/* Another thread's puts are told of there: the same number, and an eventfd of this process, that says that there is room. */
static void renew_number(struct rq_watch *w)
{
	int fd = rq_watch_has_number(w) ? eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
	if (fd < 0)
		return;
	struct rq_number number;
	if (rq_number_mark(&number, fd) == 0 && dup3(fd, w->fd, O_CLOEXEC) >= 0)
		w->number = number;
	rq_close(fd);
}

void rq_watches_share(void)
{
	for (struct ringq_queue *q = rq_process_queues; q; q = q->next)
		for (struct rq_watch *w = rq_load(&q->watches); w; w = w->next_of_queue)
			rq_store(&w->shared, 1);
}

void rq_watches_forget_parent(void)
{
	rq_watches_share();
	for (struct ringq_queue *q = rq_process_queues; q; q = q->next) {
		for (struct rq_port *b = q->ports; b; b = b->queue_next)
			if (b->writable && b->thread == rq_thread_current)
				rq_store(&q->inherited, b->writable);
		for (struct rq_watch *w = rq_load(&q->watches); w; w = w->next_of_queue) {
			w->port = NULL;
			w->done = false;
			rq_store(&w->subscribers, 0);
			rq_store(&w->owned, w == rq_load(&q->inherited));
			rq_store(&w->waits, 0);
			rq_store(&w->high, 1); /* who knows: whoever finds it low reads it */
			w->sleepers[0] = w->sleepers[1] = NULL;
			if (w->what == RINGQ_WRITABLE)
				renew_number(w);
		}
		if (rq_handle_is_gone(q)) /* in a release by a thread of the parent, which is not here */
			rq_watches_end(q);
	}
	rq_watcher_forget_parent();
}
