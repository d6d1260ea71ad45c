/* SPDX-License-Identifier: MIT */
#include "tool.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- all regions ---- */

static const struct column region_columns[] = {
	{"region", "REGION", false, false},
	{"inode", "INODE", true, true},
	{"size", "SIZE", true, false},
	{"memory", "MEMORY", true, false},
	{"queues", "QUEUES", true, false},
	{"arrays", "ARRAYS", true, true},
	{"records", "RECORDS", true, false},
	{"members", "MEMBERS", true, false},
	{"state", "STATE", false, false},
	{"holders", "HOLDERS", false, false},
};

struct figures {
	uint64_t queues, arrays, records;
	int64_t memory;
	ssize_t members;
};

static int add_object(ringq_region *region, const struct ringq_object *object, struct figures *f)
{
	struct ringq_queue_stat stat;
	if (object->kind == RINGQ_OBJECT_ARRAY) {
		f->arrays++;
		return 0;
	}
	f->queues++;
	int r = stat_object(region, object, &stat);
	f->records += r == 1 ? stat.records_in - stat.records_out : 0;
	return r < 0 ? r : 0;
}

static int look(const struct found *found, struct figures *f)
{
	ringq_region *region;
	struct ringq_object *objects;
	int r = found_observe(found, &region);
	if (r)
		return r;
	ssize_t n = objects_of(region, &objects);
	r = n < 0 ? (int)n : 0;
	for (ssize_t i = 0; r == 0 && i < n; i++)
		r = add_object(region, &objects[i], f);
	free(objects);
	f->memory = ringq_region_memory(region);
	f->members = ringq_region_members(region, NULL, 0);
	ringq_region_detach(region);
	return r;
}

/* "123 name, 124 name, ..." */
static void holders_of(const struct found *found, char *out, size_t size)
{
	size_t at = 0;
	*out = 0;
	for (size_t i = 0; i < found->holder_count && at + 40 < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%s%d %s", i ? ", " : "", (int)found->holders[i].pid,
			found->holders[i].name);
}

static int list_regions(void)
{
	struct search search;
	struct table *t = table_new("regions", region_columns, sizeof region_columns / sizeof *region_columns);
	int r = search_all(&search);
	if (r)
		return fail(r, "/proc");
	for (size_t i = 0; i < search.count; i++) {
		struct figures f = {0};
		char label[300], holders[280];
		int error = look(&search.found[i], &f);
		table_text(t, found_label(&search.found[i], label));
		table_number(t, search.found[i].inode);
		table_size(t, search.found[i].size);
		if (error == 0) {
			table_size(t, f.memory < 0 ? 0 : (uint64_t)f.memory);
			table_number(t, f.queues);
			table_number(t, f.arrays);
			table_number(t, f.records);
			table_number(t, f.members < 0 ? 0 : (uint64_t)f.members);
		} else {
			for (int k = 0; k < 5; k++)
				table_text(t, NULL);
		}
		table_text(t, found_state(&search.found[i], error));
		holders_of(&search.found[i], holders, sizeof holders);
		table_text(t, holders);
	}
	r = table_print(t);
	warn_denied(search.denied);
	search_free(&search);
	return r;
}

/* ---- one region's objects ---- */

static const struct column object_columns[] = {
	{"name", "NAME", false, false},
	{"id", "ID", true, true},
	{"kind", "KIND", false, false},
	{"age", "AGE", true, false},
	{"records", "RECORDS", true, false},
	{"in_hand", "IN HAND", true, false},
	{"in", "IN", true, false},
	{"held", "HELD", true, false},
	{"producers", "PRODUCERS", true, false},
	{"order", "ORDER", false, false},
	{"max_records", "MAX", true, false},
	{"max_bytes", "MAX BYTES", true, true},
	{"closed", "CLOSED", false, false},
};

static int64_t age_of(uint64_t created)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	int64_t age = now.tv_sec * INT64_C(1000000000) + now.tv_nsec - (int64_t)created;
	return created == 0 ? -1 : age < 0 ? 0 : age;
}

static int add_row(struct table *t, ringq_region *region, const struct ringq_object *object)
{
	static const char *const kinds[] = {"?", "queue", "pipe", "array"};
	struct ringq_queue_stat stat;
	char label[80];
	table_text(t, object_label(object, label));
	table_number(t, object->id);
	table_text(t, kinds[object->kind <= RINGQ_OBJECT_ARRAY ? object->kind : 0]);
	table_span(t, age_of(object->created));
	int r = object->kind == RINGQ_OBJECT_ARRAY ? 0 : stat_object(region, object, &stat);
	if (r == 1) {
		table_number(t, stat.records_in - stat.records_out);
		if (stat.flags & RINGQ_ACKNOWLEDGED)
			table_number(t, stat.in_hand);
		else
			table_text(t, NULL);
		table_number(t, stat.records_in);
		table_size(t, stat.bytes_held);
		table_number(t, stat.producers);
		table_text(t, stat.order == RINGQ_ORDER_TOTAL ? "total" : "producer");
		if (stat.max_records)
			table_number(t, stat.max_records);
		else
			table_text(t, NULL);
		table_size(t, stat.max_bytes);
		table_bool(t, stat.closed);
	}
	table_row(t);
	return r < 0 ? r : 0;
}

static int list_objects(const char *spec)
{
	struct target target;
	struct ringq_object *objects;
	int r = target_region(&target, spec, LOOK);
	if (r)
		return r;
	ssize_t n = objects_of(target.region, &objects);
	int error = n < 0 ? (int)n : 0;
	struct table *t = table_new("objects", object_columns, sizeof object_columns / sizeof *object_columns);
	for (ssize_t i = 0; i < n; i++) {
		int e = add_row(t, target.region, &objects[i]);
		error = error ? error : e; /* told behind the rows: one that cannot be read hides no other */
	}
	r = table_print(t);
	if (error)
		r = fail(error, spec);
	free(objects);
	target_close(&target);
	return r;
}

static int run(int argc, char **argv)
{
	return argc ? list_objects(argv[0]) : list_regions();
}

static const struct option_spec options[] = {OPTIONS_TABLE, OPTIONS_END};

const struct command list_command = {"list", run, "[REGION]",
	"Lists all regions that can be found, named or not; or what is in one", options, 0, 1, false};
