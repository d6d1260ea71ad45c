/* SPDX-License-Identifier: MIT */
#include "queue/dead_letter.h"

#include "base/copy.h"
#include "queue/finish.h"

/* The queue that gets them: 0 and its handle, or NULL if there is none; or as ringq_queue_open(). */
static int open_dead_letters(struct ringq_queue *queue, struct ringq_queue **out)
{
	const struct rq_hands *h = queue->set.hands;
	struct ringq_region *region = queue->region;
	uint64_t word = rq_load_once(&h->dead_letters), first = rq_load_once(&h->dead_first);
	*out = NULL;
	if (!rq_owner_is_object(word) || first >= rq_units_frontier(region) ||
		rq_load_acquire(rq_owner_at(region, first)) != word) /* as N4: there was none, or it was deleted */
		return 0;
	return rq_queue_handle(out, region, first, rq_owner_object_units(word), word);
}

static int put_dead_letter(struct ringq_queue *dead, const struct ringq_delivery *d, uint64_t killer)
{
	struct ringq_dead_letter head = {
		.size = sizeof head,
		.attempts = d->attempt,
		.process = rq_killer_process(killer),
		.thread = rq_killer_thread(killer),
	};
	void *at;
	int r = ringq_reserve(dead, &at, sizeof head + d->len, RINGQ_NOWAIT);
	if (r)
		return r;
	rq_copy_in(at, &head, sizeof head);
	rq_copy_in((char *)at + sizeof head, d->data, d->len);
	return ringq_commit(dead, at, sizeof head + d->len);
}

int rq_set_aside(struct ringq_queue *queue, struct ringq_delivery *d)
{
	struct ringq_queue *dead;
	struct rq_entry *entry = rq_delivery_entry(queue, d);
	int r = open_dead_letters(queue, &dead);
	if (r == 0 && dead) {
		r = put_dead_letter(dead, d, entry ? rq_load(&entry->killer) : 0);
		ringq_queue_release(dead);
	}
	if (r) {
		rq_give_back(queue, d);
		return r;
	}
	rq_add(&queue->set.hands->dead_lettered, 1); /* a figure, as P2 */
	return rq_ack(queue, d);
}
