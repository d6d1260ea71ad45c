/* SPDX-License-Identifier: MIT */
#include "transfer.h"

struct putting {
	ringq_queue *queue;
	const struct record *record;
};

static ssize_t try_put(void *context, int64_t timeout)
{
	struct putting *putting = context;
	const struct record *record = putting->record;
	void *place;
	int error;

	if (!record->large)
		return ringq_put(putting->queue, record->small, record->total, timeout);
	error = ringq_reserve(putting->queue, &place, record->total, timeout);
	if (error < 0)
		return error;
	rq_py_write(record, place);
	return ringq_commit(putting->queue, place, record->total);
}

/* Whether memory that is missing now may come back: somebody else's records hold it. */
static bool may_come_back(ssize_t result, ringq_queue *queue)
{
	return result == -ENOMEM && !ringq_empty(queue);
}

ssize_t rq_py_put(struct use *use, ringq_queue *queue, const struct record *record, int64_t timeout)
{
	struct putting putting = {queue, record};
	ssize_t result;

	result = try_put(&putting, RINGQ_NOWAIT);
	if (timeout != RINGQ_NOWAIT && (result == -EAGAIN || may_come_back(result, queue)))
		return rq_py_wait(use, try_put, &putting, timeout, queue);
	return result;
}

/* A descriptor stays readable until a get finds nothing; this one cannot take anything, as no record is empty. */
void rq_py_settle(ringq_queue *queue)
{
	char none;

	ringq_get(queue, &none, 0, RINGQ_NOWAIT);
}

struct taking {
	ringq_queue *queue;
	struct taken *taken;
};

static ssize_t try_take(void *context, int64_t timeout)
{
	struct taking *taking = context;
	struct taken *taken = taking->taken;
	ssize_t len = ringq_get(taking->queue, taken->small, SMALL, timeout);

	taken->memory = NULL;
	if (len == -EMSGSIZE) /* another consumer may be faster, and the next record another one */
		len = ringq_get_alloc(taking->queue, &taken->memory, timeout);
	if (len >= 0)
		taken->len = (size_t)len;
	return len;
}

ssize_t rq_py_take(struct use *use, ringq_queue *queue, struct taken *taken, int64_t timeout)
{
	struct taking taking = {queue, taken};
	ssize_t len = rq_py_try(use, try_take, &taking, timeout, queue);

	if (use->watched)
		rq_py_settle(queue);
	return len;
}

PyObject *rq_py_get(struct state *state, struct use *use, ringq_queue *queue, int64_t timeout, ssize_t *error)
{
	struct taken taken;

	*error = rq_py_take(use, queue, &taken, timeout);
	if (*error < 0)
		return NULL;
	return rq_py_decode(state, rq_py_taken(&taken), taken.len, taken.memory);
}
