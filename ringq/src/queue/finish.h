/* SPDX-License-Identifier: MIT */
#ifndef RQ_FINISH_H
#define RQ_FINISH_H

/* Deliveries of acknowledged queues, and their end: acknowledged, or given back. */

#include <ringq/queue.h>

#include "lane/get.h"
#include "lane/hand.h"
#include "queue/handle.h"

/* What own[] says. */
enum rq_own {
	RQ_OWN_ENTRY, /* where its entry is, in entries */
	RQ_OWN_STATE, /* what that says while it is in hand; 0: it is finished */
	RQ_OWN_PORT,  /* who took it */
	RQ_OWN_POS,   /* where it lies */
	RQ_OWN_KEY,   /* the chunk */
};

/* As the public calls, with arguments that are good, of an acknowledged queue. */
int rq_ack(struct ringq_queue *queue, struct ringq_delivery *delivery);
int rq_requeue(struct ringq_queue *queue, struct ringq_delivery *delivery);
/* The same, and its entry still says whose end was the last. */
int rq_give_back(struct ringq_queue *queue, struct ringq_delivery *delivery);
/* The same of a delivery that nobody has come to see: it counts as none. */
void rq_untake(struct ringq_queue *queue, struct ringq_delivery *delivery);
int rq_ack_many(struct ringq_queue *queue, struct ringq_delivery *deliveries, size_t n);

/* What a claim has won: the record of this key and place. Its data, length and attempt are told otherwise. */
static rq_always_inline void rq_deliver(struct ringq_delivery *out, const struct ringq_region *region,
	const struct rq_entry *entry, uint64_t claim, uint64_t port, uint64_t key, uint64_t pos)
{
	out->flags = 0;
	out->own[RQ_OWN_ENTRY] = rq_entry_offset(region, entry);
	out->own[RQ_OWN_STATE] = claim | RQ_ENTRY_HELD;
	out->own[RQ_OWN_PORT] = port;
	out->own[RQ_OWN_POS] = pos;
	out->own[RQ_OWN_KEY] = key;
}

/* The same of a record in view, which was never delivered. */
static rq_always_inline void rq_deliver_view(struct ringq_delivery *out, const struct ringq_region *region,
	const struct rq_entry *entry, uint64_t claim, uint64_t port, uint64_t key, const struct rq_view *view)
{
	rq_deliver(out, region, entry, claim, port, key, view->head);
	out->data = view->payload;
	out->len = view->len;
	out->attempt = 1;
}

/* Where the record is whose payload is there: 8 or 16 bytes before it. */
static inline uint64_t rq_record_of_payload(const struct ringq_region *region, const char *payload)
{
	return (uint64_t)(payload - region->base - 8) & ~(uint64_t)(RQ_GRANULE - 1);
}

/* The entry of a delivery; NULL if what says so is not a delivery of this queue. */
static rq_always_inline struct rq_entry *rq_delivery_entry(
	const struct ringq_queue *queue, const struct ringq_delivery *d)
{
	const struct rq_lane_set *set = &queue->set;
	uint64_t key = d->own[RQ_OWN_KEY];
	if (rq_unlikely(!rq_owner_is_of_queue(key, set->first)) || rq_unlikely(rq_owner_lane_index(key) >= set->max))
		return NULL;
	return rq_entry_of(set->region, d->own[RQ_OWN_ENTRY]);
}

#endif
