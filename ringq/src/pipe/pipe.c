/* SPDX-License-Identifier: MIT */

/*
 * Pipes: two ends, of which each reads what the other writes.
 *
 * A pipe is one queue for each direction, and an end is a handle of each: of the one that it reads, and of the one that
 * the other end reads. All that records do is the queue's, with its borders, sizes, waiting and order; all that makes
 * it a pipe is that a handle holds its side of its queue (liveness.h), by a descriptor of its own. So an end costs one
 * descriptor for each direction.
 *
 * An end is made complete before anybody can see it: the queues are built as units of their creator, then held for both
 * ends, then shown, then opened. Whatever a death or an error leaves of that is held by nobody, or was the creator's.
 */

#include <ringq/pipe.h>

#include <stdlib.h>
#include <unistd.h>

#include "queue/block.h"
#include "queue/single.h"
#include "queue/watch.h"
#include "pipe/liveness.h"
#include "region/create.h"
#include "region/objects.h"
#include "pipe/pipe.h"
#include "base/call.h"
#include "base/event.h"

#define MAX_PRODUCERS 64u
#define SINGLE_FLAGS (RINGQ_SINGLE_PRODUCER | RINGQ_SINGLE_CONSUMER)

/* ---- making ---- */

/* One direction while it is made. */
struct direction {
	uint64_t first;
	uint64_t units;
	int holds[2]; /* the reader's, the writer's; -1: none, or a handle has it */
	bool shown;
};

static int build(struct direction *d, struct rq_membership *membership, unsigned flags)
{
	struct ringq_queue_options o = {.flags = flags & SINGLE_FLAGS, .max_producers = MAX_PRODUCERS};
	d->holds[0] = d->holds[1] = -1;
	d->shown = false;
	int r = rq_queue_build(membership, &o, &d->first, &d->units);
	if (r)
		d->units = 0;
	for (int i = 0; i < 2 && r == 0; i++) {
		d->holds[i] = rq_hold_take(rq_load(&membership->region), d->first, i ? RQ_SIDE_WRITER : RQ_SIDE_READER);
		r = d->holds[i] < 0 ? d->holds[i] : 0;
	}
	return r;
}

/* What has not become a handle's. */
static void unbuild(struct direction *d, struct rq_membership *membership)
{
	struct ringq_region *region = rq_load(&membership->region);
	for (int i = 0; i < 2; i++)
		if (d->holds[i] >= 0)
			rq_close(d->holds[i]);
	if (d->units && d->shown)
		rq_hold_reap(region, d->first, rq_load(rq_owner_at(region, d->first)));
	else if (d->units)
		rq_object_drop(membership, d->first, d->units);
}

/* A handle, which has the hold from now on. */
static int open_side(struct ringq_queue **out, struct ringq_region *region, uint64_t first, uint64_t units,
	enum rq_side side, int *hold)
{
	int r = rq_queue_handle(out, region, first, units, rq_load(rq_owner_at(region, first)));
	if (r)
		return r;
	(*out)->side = side;
	(*out)->peer = &rq_hold_ops;
	(*out)->special = side == RQ_SIDE_WRITER;
	(*out)->hold = *hold;
	*hold = -1;
	return 0;
}

static int open_both(
	struct ringq_pipe *reader, struct ringq_pipe *writer, struct direction *d, struct rq_membership *membership)
{
	struct ringq_region *region = rq_load(&membership->region);
	int r = open_side(&reader->in, region, d->first, d->units, RQ_SIDE_READER, &d->holds[0]);
	return r ? r : open_side(&writer->out, region, d->first, d->units, RQ_SIDE_WRITER, &d->holds[1]);
}

static int make(struct ringq_pipe *a, struct ringq_pipe *b, struct rq_membership *membership, unsigned flags)
{
	struct direction d[2] = {{.holds = {-1, -1}}, {.holds = {-1, -1}}};
	int n = flags & RINGQ_SIMPLEX ? 1 : 2, r = 0;
	for (int i = 0; i < n && r == 0; i++)
		r = build(&d[i], membership, flags);
	for (int i = 0; i < n && r == 0; i++) {
		rq_object_publish_pipe(membership, d[i].first, d[i].units);
		d[i].shown = true;
	}
	for (int i = 0; i < n && r == 0; i++)
		r = open_both(i ? b : a, i ? a : b, &d[i], membership);
	for (int i = 0; i < n && r; i++)
		unbuild(&d[i], membership);
	return r;
}

static struct ringq_pipe *new_end(void)
{
	return calloc(1, sizeof(struct ringq_pipe));
}

static int create_in(ringq_pipe **out_a, ringq_pipe **out_b, struct ringq_region *region, unsigned flags)
{
	struct rq_membership *membership;
	struct ringq_pipe *a = new_end(), *b = new_end();
	int r = a && b ? rq_membership_of(&membership, region) : -ENOMEM;
	if (r == 0)
		r = make(a, b, membership, flags);
	if (r) {
		ringq_pipe_close(a);
		ringq_pipe_close(b);
		return r;
	}
	*out_a = a;
	*out_b = b;
	return 0;
}

int ringq_pipe_create(ringq_pipe **a, ringq_pipe **b, ringq_region *region, unsigned flags)
{
	int r;
	if (!a || !b || a == b || flags & ~(SINGLE_FLAGS | RINGQ_SIMPLEX))
		return -EINVAL;
	r = rq_region_or_own(&region);
	if (r)
		return r;
	r = create_in(a, b, region, flags);
	ringq_region_detach(region); /* the ends hold it now */
	return r;
}

int rq_pipe_open(struct ringq_pipe **out, struct ringq_region *region, struct rq_pipe_side sides[2])
{
	struct ringq_pipe *end = new_end();
	int r = end ? 0 : -ENOMEM;
	for (int i = 0; i < 2 && r == 0; i++)
		if (sides[i].hold >= 0)
			r = open_side(i ? &end->out : &end->in, region, sides[i].first, sides[i].units,
				i ? RQ_SIDE_WRITER : RQ_SIDE_READER, &sides[i].hold);
	if (r)
		ringq_pipe_close(end);
	else
		*out = end;
	return r;
}

void ringq_pipe_close(ringq_pipe *end)
{
	if (!end)
		return;
	ringq_queue_release(end->out);
	ringq_queue_release(end->in);
	free(end);
}

/* ---- using ---- */

int ringq_send(ringq_pipe *end, const void *data, size_t len, int64_t timeout)
{
	return rq_likely(end != NULL) ? ringq_put(end->out, data, len, timeout) : -EINVAL;
}

ssize_t ringq_receive(ringq_pipe *end, void *buf, size_t size, int64_t timeout)
{
	return rq_likely(end != NULL) ? ringq_get(end->in, buf, size, timeout) : -EINVAL;
}

static ssize_t attempt_poll(struct rq_op *op)
{
	return rq_is_ready(op->port) || (rq_unlikely(rq_load(&op->queue->watch) != NULL) && rq_watch_emptied(op->port))
	               ? 1
	               : -EAGAIN;
}

/* A wake-up that this call may have taken was for somebody who gets. The handle is held for passing it on. */
static ssize_t poll_waiting(struct rq_op *op, int64_t timeout)
{
	rq_handle_ref(op->queue);
	ssize_t r = rq_block(op, timeout);
	rq_event_notify(op->event, 1);
	rq_handle_unref(op->queue);
	return r;
}

int ringq_poll(ringq_pipe *end, int64_t timeout)
{
	struct rq_port *port;
	if (!end || !end->in || !rq_timeout_is_good(timeout))
		return -EINVAL;
	int r = rq_enter(end->in, &port);
	if (r)
		return r;
	r = rq_guard_enter(rq_guard_get(end->in), end->in->region, port->id);
	if (r) {
		rq_leave();
		return r;
	}
	port->order.patience = (struct rq_patience){.timeout = timeout};
	struct rq_op op = {.queue = port->queue,
		.port = port,
		.attempt = attempt_poll,
		.event = &port->queue->shared->not_empty,
		.spin = &port->spin_get,
		.disarm = &port->disarm_get,
		.guard = rq_guard_get(end->in)};
	r = (int)attempt_poll(&op);
	if (r == -EAGAIN) {
		r = (int)poll_waiting(&op, timeout);
	} else {
		rq_guard_leave(op.guard);
		rq_leave();
	}
	return r == -EAGAIN || r == -ETIMEDOUT ? 0 : r;
}

ringq_queue *ringq_pipe_input(const ringq_pipe *end)
{
	return end ? end->in : NULL;
}

ringq_queue *ringq_pipe_output(const ringq_pipe *end)
{
	return end ? end->out : NULL;
}

ringq_region *ringq_pipe_region(const ringq_pipe *end)
{
	return end ? ringq_queue_region(end->in ? end->in : end->out) : NULL;
}
