/* SPDX-License-Identifier: MIT */

/* Gets of acknowledged queues, each a take, a copy and an acknowledgement. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/copy.h"
#include "queue/finish.h"
#include "queue/take.h"

#define BATCH 64u

/* No other has the delivery: one that is not in hand any more was taken from it by words that change by themselves. */
static int finish(struct ringq_queue *queue, struct ringq_delivery *d)
{
	int r = rq_ack(queue, d);
	return r == -ESTALE ? -EBADMSG : r;
}

ssize_t rq_take_get(struct ringq_queue *queue, void *buf, size_t size, int64_t timeout)
{
	struct ringq_delivery d;
	int r = rq_take(queue, &d, size, timeout);
	if (r)
		return r;
	rq_copy_out(buf, d.data, d.len);
	size_t len = d.len;
	r = finish(queue, &d);
	return r ? r : (ssize_t)len;
}

ssize_t rq_take_get_alloc(struct ringq_queue *queue, void **out, int64_t timeout)
{
	struct ringq_delivery d;
	int r = rq_take(queue, &d, UINT64_MAX, timeout);
	if (r)
		return r;
	void *buf = malloc(d.len ? d.len : 1);
	if (!buf) {
		rq_untake(queue, &d);
		return -ENOMEM;
	}
	rq_copy_out(buf, d.data, d.len);
	size_t len = d.len;
	r = finish(queue, &d);
	if (r) {
		free(buf);
		return r;
	}
	*out = buf;
	return (ssize_t)len;
}

/* How many of the caller's buffers are good, from the first on. */
static size_t good_ones(const struct iovec *records, size_t n)
{
	size_t good = 0;
	while (good < n && (records[good].iov_base || !records[good].iov_len))
		good++;
	return good;
}

/* Takes up to BATCH, copies them, and acknowledges all of them. How many, or an error. */
static ssize_t get_batch(struct ringq_queue *queue, struct iovec *records, size_t n, int64_t timeout)
{
	struct ringq_delivery d[BATCH];
	ssize_t taken = rq_take_fitting(queue, d, records, n < BATCH ? n : BATCH, timeout);
	for (ssize_t i = 0; i < taken; i++) {
		rq_copy_out(records[i].iov_base, d[i].data, d[i].len);
		records[i].iov_len = d[i].len;
	}
	if (taken > 0 && rq_ack_many(queue, d, (size_t)taken))
		return -EBADMSG; /* as in finish() */
	return taken;
}

ssize_t rq_take_get_many(struct ringq_queue *queue, struct iovec *records, size_t n, int64_t timeout)
{
	size_t good = good_ones(records, n), done = 0, asked = 0;
	ssize_t r = good ? 0 : -EINVAL;
	while (done < good && done == asked) {
		asked += good - done < BATCH ? good - done : BATCH;
		r = get_batch(queue, records + done, good - done, done ? RINGQ_NOWAIT : timeout);
		if (r < 0)
			break;
		done += (size_t)r;
	}
	return done ? (ssize_t)done : r;
}
