/* SPDX-License-Identifier: MIT */
#include "tool.h"

#include <errno.h>
#include <string.h>

static uint64_t size, max_records, max_bytes, max_producers, max_attempts;
static const char *order_name, *dead_letters;
static bool single_producer, single_consumer, acknowledged;

static int create_region(const char *name)
{
	ringq_region *region;
	int e = ringq_region_create(&region, &(struct ringq_region_options){.name = name, .size = size});
	if (e)
		return fail(e, name);
	ringq_region_detach(region);
	return STATUS_DONE;
}

static int create_queue(const char *region_name, const char *queue_name, unsigned order)
{
	struct ringq_queue_options o = {
		.name = queue_name,
		.max_records = max_records,
		.max_bytes = max_bytes,
		.order = order,
		.max_producers = (unsigned)max_producers,
		.flags = (single_producer ? RINGQ_SINGLE_PRODUCER : 0) | (single_consumer ? RINGQ_SINGLE_CONSUMER : 0) |
	                 (acknowledged ? RINGQ_ACKNOWLEDGED : 0),
		.max_attempts = (unsigned)max_attempts,
		.dead_letters = dead_letters,
	};
	ringq_region *region;
	ringq_queue *queue;
	int e = region_make(&region, region_name, size), r = 0;
	if (e)
		return fail(e, region_name);
	e = ringq_queue_create(&queue, region, &o);
	if (e == -EINVAL)
		r = usage("%s/%s: a name or an option that no queue can have", region_name, queue_name);
	else if (e)
		r = fail(e, queue_name);
	else
		ringq_queue_release(queue);
	ringq_region_detach(region);
	return r;
}

static int run(int argc, char **argv)
{
	char name[512];
	unsigned order = RINGQ_ORDER_TOTAL;
	(void)argc;
	if (strlen(argv[0]) >= sizeof name)
		return usage("the name is too long");
	strcpy(name, argv[0]);
	if (order_name && strcmp(order_name, "producer") == 0)
		order = RINGQ_ORDER_PRODUCER;
	else if (order_name && strcmp(order_name, "total") != 0)
		return usage("--order is total or producer, not %s", order_name);
	if (max_producers > UINT32_MAX || max_attempts > UINT32_MAX)
		return usage("--%s: too many", max_producers > UINT32_MAX ? "max-producers" : "max-attempts");
	char *slash = strchr(name, '/');
	if (slash) {
		*slash = 0;
		return create_queue(name, slash + 1, order);
	}
	return create_region(name);
}

static const struct option_spec options[] = {
	{0, "size", "SIZE", OPTION_SIZE, &size, "of a region that is made: address space; 1GiB"},
	{0, "order", "ORDER", OPTION_TEXT, &order_name, "total or producer; total"},
	{0, "max-records", "N", OPTION_NUMBER, &max_records, "in the queue at once; no bound"},
	{0, "max-bytes", "SIZE", OPTION_SIZE, &max_bytes, "waiting from one producer, or unbounded; 8MiB"},
	{0, "max-producers", "N", OPTION_NUMBER, &max_producers, "at once; 256"},
	{0, "single-producer", NULL, OPTION_FLAG, &single_producer, "no two puts overlap: a promise"},
	{0, "single-consumer", NULL, OPTION_FLAG, &single_consumer, "no two gets overlap: a promise"},
	{0, "acknowledged", NULL, OPTION_FLAG, &acknowledged, "what is taken comes back unless it is acknowledged"},
	{0, "max-attempts", "N", OPTION_NUMBER, &max_attempts, "acknowledged: deliveries of a record; no bound"},
	{0, "dead-letters", "QUEUE", OPTION_TEXT, &dead_letters,
		"acknowledged: of the same region, gets what came back too often"},
	OPTIONS_END,
};

const struct command create_command = {"create", run, "NAME[/QUEUE]",
	"Makes a named region, or a queue in one, which is made if need be", options, 1, 1, false};
