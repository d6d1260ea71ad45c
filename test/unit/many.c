/* SPDX-License-Identifier: MIT */
/* Batches, and all ways of putting and getting mixed. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MIB ((size_t)1 << 20)
#define BATCH 64
#define RECORD_MAX 3000

static const struct ringq_queue_options defaults;

static struct iovec text(const char *string)
{
	return (struct iovec){(void *)string, strlen(string)};
}

Test(put_many, puts_all_in_order)
{
	for (size_t kind = 0; kind < kinds_count; kind++) {
		ringq_queue *queue = queue_new(&kinds[kind].options);
		struct iovec records[] = {text("one"), text(""), text("three"), {NULL, 0}};
		char buf[8];

		test_context = kinds[kind].name;
		check_eq(ringq_put_many(queue, records, 4, RINGQ_NOWAIT), 4);
		check_eq(ringq_size(queue), 4);
		check_eq(ringq_get(queue, buf, 8, RINGQ_NOWAIT), 3);
		check(!memcmp(buf, "one", 3));
		check_eq(ringq_get(queue, buf, 8, RINGQ_NOWAIT), 0);
		check_eq(ringq_get(queue, buf, 8, RINGQ_NOWAIT), 5);
		check(!memcmp(buf, "three", 5));
		check_eq(ringq_get(queue, buf, 8, RINGQ_NOWAIT), 0);
		check_eq(ringq_get(queue, buf, 8, RINGQ_NOWAIT), -EAGAIN);
		ringq_queue_release(queue);
	}
}

Test(put_many, puts_what_fits_from_the_front)
{
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.max_records = 10});
	int64_t numbers[20], start;
	struct iovec records[20];

	for (int i = 0; i < 20; i++) {
		numbers[i] = i;
		records[i] = (struct iovec){&numbers[i], sizeof(numbers[i])};
	}
	check_eq(ringq_put_many(queue, records, 20, RINGQ_NOWAIT), 10);
	check_eq(ringq_put_many(queue, records + 10, 10, RINGQ_NOWAIT), -EAGAIN);
	check_eq(get_number(queue, RINGQ_NOWAIT), 0);
	start = now_ns();
	check_eq(ringq_put_many(queue, records + 10, 10, RINGQ_MS(20)), 1);
	check_waited(start, RINGQ_MS(20));
	start = now_ns();
	check_eq(ringq_put_many(queue, records + 11, 9, RINGQ_MS(20)), -ETIMEDOUT);
	check_waited(start, RINGQ_MS(20));
	for (int i = 1; i <= 10; i++)
		check_eq(get_number(queue, RINGQ_NOWAIT), i);
	check(ringq_empty(queue));
	ringq_queue_release(queue);
}

static void *take_twenty(void *queue)
{
	for (int i = 0; i < 20; i++)
		check_eq(get_number(queue, TEST_SOON), i);
	return NULL;
}

Test(put_many, waits_for_room_for_all)
{
	static const struct ringq_queue_options options[] = {{.max_records = 3}, {.max_bytes = 64}};

	for (size_t kind = 0; kind < COUNT(options); kind++) {
		ringq_queue *queue = queue_new(&options[kind]);
		int64_t numbers[20];
		struct iovec records[20];
		pthread_t taker;

		for (int i = 0; i < 20; i++) {
			numbers[i] = i;
			records[i] = (struct iovec){&numbers[i], sizeof(numbers[i])};
		}
		taker = start_thread(take_twenty, queue);
		check_eq(ringq_put_many(queue, records, 20, kind ? TEST_SOON : RINGQ_FOREVER), 20);
		join_thread(taker);
		ringq_queue_release(queue);
	}
}

Test(put_many, stops_before_a_record_that_is_too_large)
{
	ringq_region *region = region_new(MIB);
	ringq_queue *queue = queue_in(region, &defaults);
	struct iovec records[] = {text("one"), text("two"), {(void *)region, 2 * MIB}, text("four")};

	check_eq(ringq_put_many(queue, records, 4, RINGQ_NOWAIT), 2);
	check_eq(ringq_put_many(queue, records + 2, 2, RINGQ_NOWAIT), -EMSGSIZE);
	check_eq(ringq_size(queue), 2);
	ringq_queue_release(queue);
	ringq_region_detach(region);
}

Test(many, counts_are_from_1_to_2_to_the_20)
{
	enum { MOST = 1 << 20 };
	ringq_queue *queue = queue_new(&(struct ringq_queue_options){.max_bytes = RINGQ_UNBOUNDED});
	struct iovec *records = calloc(MOST + 1, sizeof(*records));
	size_t got = 0;

	check(records);
	check_eq(ringq_put_many(queue, records, 0, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_get_many(queue, records, 0, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_put_many(queue, records, MOST + 1, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_get_many(queue, records, MOST + 1, RINGQ_NOWAIT), -EINVAL);
	check_eq(ringq_get_many(queue, records, SIZE_MAX, RINGQ_NOWAIT), -EINVAL);
	check(ringq_empty(queue));
	check_eq(ringq_put_many(queue, records, MOST, RINGQ_NOWAIT), MOST);
	check_eq(ringq_size(queue), MOST);
	while (got < MOST) {
		ssize_t n = ringq_get_many(queue, records, MOST, RINGQ_NOWAIT);

		check_compare(n, >, 0);
		got += n;
	}
	check_eq(got, MOST);
	check(ringq_empty(queue));
	free(records);
	ringq_queue_release(queue);
}

Test(many, a_null_buffer_with_a_length_is_einval)
{
	ringq_queue *queue = queue_new(&defaults);
	struct iovec records[] = {{NULL, 1}, {NULL, 0}};

	check_eq(ringq_put_many(queue, records, 2, RINGQ_NOWAIT), -EINVAL);
	check(ringq_empty(queue));
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	check_eq(ringq_get_many(queue, records, 2, RINGQ_NOWAIT), -EINVAL);
	check_eq(get_number(queue, RINGQ_NOWAIT), 1);
	ringq_queue_release(queue);
}

Test(get_many, takes_what_is_there_and_says_how_long_each_is)
{
	for (size_t kind = 0; kind < kinds_count; kind++) {
		ringq_queue *queue = queue_new(&kinds[kind].options);
		struct iovec records[] = {text("one"), text(""), text("three")};
		char bufs[5][8];
		struct iovec into[5];

		test_context = kinds[kind].name;
		for (int i = 0; i < 5; i++)
			into[i] = (struct iovec){bufs[i], 8};
		check_eq(ringq_put_many(queue, records, 3, RINGQ_NOWAIT), 3);
		check_eq(ringq_get_many(queue, into, 5, RINGQ_FOREVER), 3);
		check_eq(into[0].iov_len, 3);
		check_eq(into[1].iov_len, 0);
		check_eq(into[2].iov_len, 5);
		check_eq(into[3].iov_len, 8);
		check_eq(into[4].iov_len, 8);
		check(!memcmp(bufs[0], "one", 3) && !memcmp(bufs[2], "three", 5));
		check_eq(ringq_get_many(queue, into, 5, RINGQ_NOWAIT), -EAGAIN);
		ringq_queue_release(queue);
	}
}

Test(get_many, too_small_a_buffer_counts_only_for_the_first)
{
	for (size_t kind = 0; kind < kinds_count; kind++) {
		ringq_queue *queue = queue_new(&kinds[kind].options);
		struct iovec records[] = {text("one"), text("second"), text("three")};
		char bufs[3][8];
		struct iovec into[] = {{bufs[0], 8}, {bufs[1], 5}, {bufs[2], 8}};

		test_context = kinds[kind].name;
		check_eq(ringq_put_many(queue, records, 3, RINGQ_NOWAIT), 3);
		check_eq(ringq_get_many(queue, into, 3, RINGQ_NOWAIT), 1);
		check_eq(into[0].iov_len, 3);
		check_eq(into[1].iov_len, 5);
		check_eq(into[2].iov_len, 8);
		check_eq(ringq_get_many(queue, into + 1, 2, RINGQ_FOREVER), -EMSGSIZE);
		check_eq(into[1].iov_len, 5);
		check_eq(ringq_size(queue), 2);
		into[1].iov_len = 6;
		check_eq(ringq_get_many(queue, into + 1, 2, RINGQ_NOWAIT), 2);
		check_eq(into[2].iov_len, 5);
		ringq_queue_release(queue);
	}
}

/* What a queue of one producer should hold: the numbers from out on, up to in, with these lengths. */
struct model {
	ringq_queue *queue;
	struct rng rng;
	uint32_t in, out;
	size_t lens[1 << 16];
};

static char bufs[BATCH][RECORD_MAX];

static size_t model_next(struct model *model, uint32_t ahead, void *buf)
{
	size_t len = record_random_len(&model->rng, RECORD_MAX);

	model->lens[(uint16_t)(model->in + ahead)] = len;
	record_fill(buf, len, (struct record_id){.number = model->in + ahead});
	return len;
}

static void model_check(struct model *model, const void *buf, ssize_t len)
{
	check_eq(len, model->lens[(uint16_t)model->out]);
	check_eq(record_check(buf, len).number, model->out);
}

static void model_put(struct model *model)
{
	struct iovec records[BATCH];
	size_t n = 1 + rng_below(&model->rng, BATCH);
	void *reserved;
	ssize_t rc;

	switch (rng_below(&model->rng, 3)) {
	case 0:
		rc = ringq_put(model->queue, bufs[0], model_next(model, 0, bufs[0]), RINGQ_NOWAIT);
		n = rc == 0;
		break;
	case 1:
		rc = ringq_reserve(model->queue, &reserved, RECORD_MAX, RINGQ_NOWAIT);
		n = rc == 0 && rng_below(&model->rng, 4);
		if (n)
			check_eq(ringq_commit(model->queue, reserved, model_next(model, 0, reserved)), 0);
		else if (rc == 0)
			ringq_abort(model->queue, reserved);
		break;
	default:
		for (size_t i = 0; i < n; i++)
			records[i] = (struct iovec){bufs[i], model_next(model, i, bufs[i])};
		rc = ringq_put_many(model->queue, records, n, RINGQ_NOWAIT);
		n = rc > 0 ? rc : 0;
	}
	check(rc >= 0 || rc == -EAGAIN);
	check(rc >= 0 || model->in != model->out);
	model->in += n;
}

static void model_get(struct model *model)
{
	struct iovec records[BATCH];
	ssize_t len, n = 1 + rng_below(&model->rng, BATCH);
	void *record;

	switch (rng_below(&model->rng, 4)) {
	case 0:
		len = ringq_get(model->queue, bufs[0], RECORD_MAX, RINGQ_NOWAIT);
		model_check(model, bufs[0], len);
		model->out++;
		break;
	case 1:
		len = ringq_get_alloc(model->queue, &record, RINGQ_NOWAIT);
		model_check(model, record, len);
		free(record);
		model->out++;
		break;
	case 2:
		len = ringq_peek(model->queue, bufs[0], RECORD_MAX);
		model_check(model, bufs[0], len);
		break;
	default:
		for (ssize_t i = 0; i < n; i++)
			records[i] = (struct iovec){bufs[i], RECORD_MAX};
		n = ringq_get_many(model->queue, records, n, RINGQ_NOWAIT);
		check_compare(n, >, 0);
		for (ssize_t i = 0; i < n; i++, model->out++)
			model_check(model, bufs[i], records[i].iov_len);
	}
}

static void run_model(const struct ringq_queue_options *options, uint64_t seed)
{
	static struct model model;

	model = (struct model){.queue = queue_new(options), .rng = {seed}};
	for (uint64_t step = 0; step < brief_or_long(20000, 200000); step++) {
		/* It leans now to filling, now to draining. */
		if (rng_below(&model.rng, 100) < (step / 1000 % 2 ? 60 : 20))
			model_put(&model);
		else if (model.in != model.out)
			model_get(&model);
		else
			check_eq(ringq_get(model.queue, bufs, 1, RINGQ_NOWAIT), -EAGAIN);
		check_eq(ringq_size(model.queue), model.in - model.out);
		check_eq(ringq_empty(model.queue), model.in == model.out);
	}
	ringq_queue_release(model.queue);
}

Test(many, all_ways_in_and_out_agree_with_a_list, .timeout = 200)
{
	for (size_t kind = 0; kind < kinds_count; kind++) {
		struct ringq_queue_options options = kinds[kind].options;

		test_context = kinds[kind].name;
		if (options.max_records)
			options.max_records = 37;
		run_model(&options, kind);
		options.max_bytes = 20000;
		run_model(&options, kind + 100);
	}
}
