/* SPDX-License-Identifier: MIT */

/* Gets of acknowledged queues, each a take, a copy and an acknowledgement. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/copy.h"
#include "queue/finish.h"
#include "queue/take.h"

#define GET_MANY_MOST ((size_t)1 << 20)

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
		rq_requeue(queue, &d);
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

ssize_t rq_take_get_many(struct ringq_queue *queue, struct iovec *records, size_t n, int64_t timeout)
{
	size_t done = 0;
	ssize_t r = 0;
	for (; done < n; done++) {
		if (!records[done].iov_base && records[done].iov_len) {
			r = -EINVAL;
			break;
		}
		r = rq_take_get(queue, records[done].iov_base, records[done].iov_len, done ? RINGQ_NOWAIT : timeout);
		if (r < 0)
			break;
		records[done].iov_len = (size_t)r;
	}
	return done ? (ssize_t)done : r;
}
