/* SPDX-License-Identifier: MIT */
#include "stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "words.h"

#define REGION_SIZE ((size_t)1 << 20)

/* ---- choices ---- */

bool chooser_has_more(const struct chooser *chooser)
{
	return !chooser->bytes || chooser->left;
}

/* As few bytes as the limit needs, so that a fuzzer's input stays short. */
uint64_t choose(struct chooser *chooser, uint64_t limit)
{
	uint64_t word = 0;

	if (!chooser->bytes)
		return rng_below(&chooser->rng, limit);
	for (uint64_t most = limit - 1; most && chooser->left; most >>= 8, chooser->left--)
		word = word << 8 | *chooser->bytes++;
	return word % limit;
}

uint64_t choose_word(struct chooser *chooser)
{
	return choose(chooser, UINT64_C(1) << 32) << 32 | choose(chooser, UINT64_C(1) << 32);
}

/* ---- the stage ---- */

/* Small enough that everything is full soon; few lanes, so that there are numbers of lanes that are none. */
static const struct ringq_queue_options options[] = {
	{.order = RINGQ_ORDER_TOTAL, .max_producers = 3},
	{.order = RINGQ_ORDER_TOTAL, .max_producers = 3, .max_records = 7},
	{.order = RINGQ_ORDER_TOTAL, .max_producers = 3, .flags = RINGQ_SINGLE_CONSUMER, .max_bytes = 4096},
	{.order = RINGQ_ORDER_TOTAL, .flags = RINGQ_SINGLE_PRODUCER},
	{.order = RINGQ_ORDER_PRODUCER, .max_producers = 3, .max_bytes = 16384},
	{.order = RINGQ_ORDER_PRODUCER, .max_producers = 3, .max_records = 7},
	{.order = RINGQ_ORDER_PRODUCER,
		.max_bytes = RINGQ_UNBOUNDED,
		.flags = RINGQ_SINGLE_PRODUCER | RINGQ_SINGLE_CONSUMER},
	{.order = RINGQ_ORDER_PRODUCER, .max_producers = 3, .flags = RINGQ_SINGLE_PRODUCER, .max_records = 7},
	{.order = RINGQ_ORDER_TOTAL,
		.max_producers = 3,
		.flags = RINGQ_ACKNOWLEDGED,
		.max_attempts = 3,
		.dead_letters = "letters"},
	{.order = RINGQ_ORDER_PRODUCER, .max_producers = 3, .flags = RINGQ_ACKNOWLEDGED, .max_records = 7},
};
const size_t stage_kinds = COUNT(options);

#define KINDS_FIRST 8u
#define LATER_KINDS 231u

/* Kinds that came later are those of bytes that no kept input begins with, so that all of these mean what they did. */
size_t choose_kind(struct chooser *chooser)
{
	uint64_t byte = choose(chooser, 256);

	if (byte >= LATER_KINDS && byte - LATER_KINDS < stage_kinds - KINDS_FIRST)
		return byte - LATER_KINDS + KINDS_FIRST;
	return byte % KINDS_FIRST;
}

static void fill(ringq_queue *queue)
{
	static const char record[2000];
	char out[2000];

	for (int i = 0; i < 20; i++) {
		ringq_put(queue, record, 97 * i, RINGQ_NOWAIT);
		if (i % 3 == 0)
			ringq_get(queue, out, sizeof(out), RINGQ_NOWAIT);
	}
}

/* What it has in hand of an acknowledged queue comes back. */
static void *fill_and_end(void *queue)
{
	struct ringq_delivery delivery;

	fill(queue);
	for (int i = 0; i < 2; i++)
		ringq_take(queue, &delivery, RINGQ_NOWAIT);
	return NULL;
}

void stage_make(struct stage *stage, size_t kind, struct scribble_log *log)
{
	struct ringq_queue_options o = options[kind % COUNT(options)];

	*stage = (struct stage){.log = log};
	stage->region = region_new(REGION_SIZE);
	o.name = "q";
	if (o.dead_letters)
		stage->second = queue_in(
			stage->region, &(struct ringq_queue_options){.max_producers = 2, .name = o.dead_letters});
	stage->queue = queue_in(stage->region, &o);
	if (!o.dead_letters)
		stage->second = queue_in(stage->region, &(struct ringq_queue_options){.max_producers = 2});
	fill(stage->queue);
	join_thread(start_thread(fill_and_end, stage->queue)); /* its lane is to be had */
	put_number(stage->second, 1, RINGQ_NOWAIT);

	stage->base = stage->region->base;
	check(walled_region == stage->base);
	stage->at = stage->region->at;
	stage->set = stage->queue->set;
	stage->shared = (uint64_t)((char *)stage->queue->shared - stage->base);
	stage->permits_count = stage->queue->permits.count;
	stage->permits = stage->permits_count ? (uint64_t)((char *)stage->queue->permits.words - stage->base) : 0;
	stage->hands = stage->set.hands ? (uint64_t)((char *)stage->set.hands - stage->base) : 0;
	stage->frontier = rq_load(&stage->region->header->frontier);
	stage->image_len = 0;
	for (uint64_t u = 0; u < stage->frontier; u++)
		if (rq_load(rq_owner_at(stage->region, u)))
			stage->image_len = stage->at.units + (u + 1) * stage->at.page;
	stage->image = malloc(stage->image_len);
	check(stage->image);
	memcpy(stage->image, stage->base, stage->image_len);
}

void stage_end(struct stage *stage)
{
	ringq_queue_release(stage->queue);
	ringq_queue_release(stage->second);
	ringq_region_detach(stage->region);
	free(stage->image);
}

/* ---- where words are ---- */

uint64_t lane_offset(const struct stage *stage, uint32_t lane)
{
	return stage->set.lanes + (uint64_t)lane * stage->set.stride;
}

uint64_t entry_offset(const struct stage *stage, uint32_t lane, uint32_t chunk)
{
	return lane_offset(stage, lane) + sizeof(struct rq_lane) + 8 * (chunk & (stage->set.table - 1));
}

uint64_t word_at(const struct stage *stage, uint64_t offset)
{
	return rq_load((rq_u64 *)(uintptr_t)(stage->base + offset));
}

void scribble_word(struct stage *stage, const char *name, uint64_t offset, unsigned bytes, uint64_t value)
{
	char *at = (char *)(uintptr_t)stage->base + offset;

	check_compare(offset + bytes, <=, stage->at.size);
	stage->log->last[stage->log->count++ % SCRIBBLED_KEPT] =
		(struct scribbled){name, offset, bytes == 8 ? value : (uint32_t)value, bytes};
	if (bytes == 8)
		rq_store((rq_u64 *)at, value);
	else
		rq_store((rq_u32 *)at, (uint32_t)value);
}

/* ---- scribbling ---- */

static uint64_t remember(struct stage *stage, uint64_t value)
{
	stage->history[stage->history_at++ % COUNT(stage->history)] = value;
	return value;
}

void scribble(struct stage *stage, struct chooser *chooser)
{
	struct spot spot = spot_choose(stage, chooser);
	uint64_t old = remember(stage, word_at(stage, spot.offset & ~UINT64_C(7)) >> 8 * (spot.offset & 4));

	scribble_word(stage, spot.name, spot.offset, spot.bytes, value_choose(stage, chooser, &spot, old));
}

void scribble_hard(struct stage *stage, struct chooser *chooser, int64_t ns)
{
	struct spot spot = spot_choose(stage, chooser);
	char *at = (char *)(uintptr_t)stage->base + spot.offset;
	uint64_t old = word_at(stage, spot.offset & ~UINT64_C(7)) >> 8 * (spot.offset & 4);
	uint64_t values[2] = {old, value_choose(stage, chooser, &spot, old)};
	uint64_t step = choose(chooser, 2) ? UINT64_C(1) << choose(chooser, 8 * spot.bytes) : 0;
	int64_t end = now_ns() + ns;

	scribble_word(stage, spot.name, spot.offset, spot.bytes, values[1]);
	for (uint64_t i = 0; i % 256 || now_ns() < end; i++) {
		uint64_t value = step ? old + i * step : values[i & 1];

		if (spot.bytes == 8)
			rq_store((rq_u64 *)at, value);
		else
			rq_store((rq_u32 *)at, (uint32_t)value);
	}
}

void scribble_back(struct stage *stage)
{
	memcpy((char *)(uintptr_t)stage->base, stage->image, stage->image_len);
	scribble_word(stage, "all that it was", 0, 8, RQ_MAGIC);
}

void scribble_print(const struct scribble_log *log, const char *who)
{
	uint64_t n = log->count < SCRIBBLED_KEPT ? log->count : SCRIBBLED_KEPT;

	fprintf(stderr, "%s scribbled %llu words; the last of them:\n", who, (unsigned long long)log->count);
	for (uint64_t i = log->count - n; i < log->count; i++) {
		const struct scribbled *s = &log->last[i % SCRIBBLED_KEPT];

		fprintf(stderr, "\t%-24s at %#8llx: %#.*llx\n", s->name ? s->name : "", (unsigned long long)s->offset,
			(int)s->bytes * 2, (unsigned long long)s->value);
	}
}
