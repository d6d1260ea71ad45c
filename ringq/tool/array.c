/* SPDX-License-Identifier: MIT */

/* Named arrays and values from a shell: looked at as a whole, changed an element at a time. */

#include "tool.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct kind {
	const char *name;
	unsigned bytes;
	bool is_signed, is_real;
} kinds[] = {
	[RINGQ_BYTES] = {"bytes", 1, false, false},
	[RINGQ_INT8] = {"int8", 1, true, false},
	[RINGQ_UINT8] = {"uint8", 1, false, false},
	[RINGQ_INT16] = {"int16", 2, true, false},
	[RINGQ_UINT16] = {"uint16", 2, false, false},
	[RINGQ_INT32] = {"int32", 4, true, false},
	[RINGQ_UINT32] = {"uint32", 4, false, false},
	[RINGQ_INT64] = {"int64", 8, true, false},
	[RINGQ_UINT64] = {"uint64", 8, false, false},
	[RINGQ_FLOAT] = {"float", 4, false, true},
	[RINGQ_DOUBLE] = {"double", 8, false, true},
};

#define KINDS (sizeof kinds / sizeof *kinds)

static const char *type_name = "int64";
static uint64_t count = 1, size, changes;
static int64_t interval = RINGQ_MS(100), patience = RINGQ_FOREVER;

/* ---- elements ---- */

union element {
	uint64_t word;
	float f;
	double d;
	unsigned char bytes[8];
};

static int64_t signed_of(const struct kind *k, uint64_t word)
{
	unsigned unused = 64 - 8 * k->bytes;
	return (int64_t)(word << unused) >> unused;
}

/* As text that reads back to the same. */
static void show(const struct kind *k, const void *at, char text[40])
{
	union element e = {.word = 0};
	memcpy(e.bytes, at, k->bytes);
	if (k->is_real)
		snprintf(text, 40, "%.*g", k->bytes == 4 ? FLT_DECIMAL_DIG : DBL_DECIMAL_DIG,
			k->bytes == 4 ? (double)e.f : e.d);
	else if (k->is_signed)
		snprintf(text, 40, "%" PRId64, signed_of(k, e.word));
	else
		snprintf(text, 40, "%" PRIu64, e.word);
}

static bool parse_integer(const struct kind *k, const char *text, uint64_t *out)
{
	char *end;
	errno = 0;
	bool negative = *text == '-';
	*out = negative ? (uint64_t)strtoll(text, &end, 0) : strtoull(text, &end, 0);
	if (errno || end == text || *end || strchr(" \t\n+", *text))
		return false;
	if (k->is_signed)
		return (negative || *out <= (uint64_t)INT64_MAX) && signed_of(k, *out) == (int64_t)*out;
	return !negative && (k->bytes == 8 || *out >> 8 * k->bytes == 0);
}

static bool parse(const struct kind *k, const char *text, union element *out)
{
	char *end;
	if (!k->is_real)
		return parse_integer(k, text, &out->word);
	double d = strtod(text, &end);
	if (k->bytes == 4)
		out->f = (float)d;
	else
		out->d = d;
	return *text && !*end;
}

/* ---- verbs ---- */

static const struct kind *kind_of(const ringq_array *array)
{
	return &kinds[(unsigned)ringq_array_type(array) % KINDS];
}

static int find_index(const ringq_array *array, const char *text, uint64_t *index)
{
	*index = 0;
	if (text && !parse_number(text, index))
		return usage("%s: no index", text);
	if (!text && ringq_array_count(array) > 1)
		return usage("which of its %zu elements?", ringq_array_count(array));
	if (*index < ringq_array_count(array))
		return 0;
	complain("no element %" PRIu64 ": there are %zu", *index, ringq_array_count(array));
	return STATUS_NOT_FOUND;
}

/* Elements, a line each, behind their indices if `numbered`; or in JSON all in one. */
static void print_elements(
	const struct target *t, const ringq_array *array, const char *data, uint64_t from, uint64_t n, bool numbered)
{
	const struct kind *k = kind_of(array);
	struct json json;
	char text[40];
	json_start(&json, stdout);
	if (common.json) {
		json_object(&json, NULL);
		json_number(&json, "version", 1);
		json_text(&json, "region", t->label);
		json_text(&json, "array", t->object);
		json_text(&json, "type", k->name);
		json_number(&json, "count", ringq_array_count(array));
		json_number(&json, "from", from);
		json_array(&json, "values");
	}
	for (uint64_t i = 0; i < n; i++) {
		show(k, data + (from + i) * k->bytes, text);
		if (!common.json && numbered)
			printf("%" PRIu64 " %s\n", from + i, text);
		else if (!common.json)
			puts(text);
		else if (k->is_real && strpbrk(text, "ni")) /* JSON has no such numbers */
			json_text(&json, NULL, text);
		else
			json_raw(&json, NULL, text);
	}
	if (common.json) {
		json_close(&json, ']');
		json_close(&json, '}');
		json_line(&json);
	}
}

/* All elements, or one, as of one instant. */
static int get(const struct target *t, ringq_array *array, int argc, char **argv)
{
	uint64_t index = 0, n = ringq_array_count(array), bytes = n * kind_of(array)->bytes;
	int r = argc ? find_index(array, argv[0], &index) : 0;
	if (r)
		return r;
	char *data = malloc(bytes ? bytes : 1);
	int e = data ? ringq_array_read(array, data, bytes) : -ENOMEM;
	if (e)
		r = fail(e, t->object);
	else
		print_elements(t, array, data, index, argc ? 1 : n, false);
	free(data);
	return r;
}

/* Runs of elements that differ. How many elements those are. */
static uint64_t print_changes(
	const struct target *t, const ringq_array *array, const char *was, const char *is, uint64_t from, uint64_t n)
{
	size_t bytes = kind_of(array)->bytes;
	uint64_t changed = 0, run = 0;
	for (uint64_t i = from; i <= from + n; i++) {
		if (i < from + n && memcmp(was + i * bytes, is + i * bytes, bytes) != 0) {
			run++;
			continue;
		}
		if (run)
			print_elements(t, array, is, i - run, run, n > 1);
		changed += run;
		run = 0;
	}
	fflush(stdout);
	return changed;
}

/* What it is now, and each time that a look finds it changed: as of one instant. */
static int watch(const struct target *t, ringq_array *array, int argc, char **argv)
{
	uint64_t index = 0, n = ringq_array_count(array), bytes = n * kind_of(array)->bytes, seen = 0;
	int64_t until = patience < 0 ? INT64_MAX : now_ns() + patience, left;
	int r = argc ? find_index(array, argv[0], &index) : 0, e = 0;
	if (r)
		return r;
	char *was = malloc(bytes + 1), *is = malloc(bytes + 1);
	e = was && is ? ringq_array_read(array, was, bytes) : -ENOMEM;
	n = argc ? 1 : n;
	if (e == 0)
		print_elements(t, array, was, index, n, n > 1);
	fflush(stdout);
	while (e == 0 && !tool_stopped && !ferror(stdout) && (!changes || seen < changes) &&
		(left = until - now_ns()) > 0) {
		tool_sleep(interval < left ? interval : left);
		e = ringq_array_read(array, is, bytes);
		if (e == 0)
			seen += print_changes(t, array, was, is, index, n);
		memcpy(was, is, bytes);
	}
	free(was);
	free(is);
	return e ? fail(e, t->object) : changes && seen < changes ? STATUS_NO : STATUS_DONE;
}

static int set(const struct target *t, ringq_array *array, int argc, char **argv)
{
	union element value = {.word = 0};
	uint64_t index;
	int r = find_index(array, argc == 2 ? argv[0] : NULL, &index);
	if (r)
		return r;
	if (!parse(kind_of(array), argv[argc - 1], &value))
		return usage("%s: no %s", argv[argc - 1], kind_of(array)->name);
	int e = ringq_store(array, index, &value);
	return e ? fail(e, t->object) : STATUS_DONE;
}

/* Prints what it is then. */
static int add(const struct target *t, ringq_array *array, int argc, char **argv)
{
	static const struct kind delta_kind = {"integer", 8, true, false};
	const struct kind *k = kind_of(array);
	union element delta = {.word = 0};
	int64_t before;
	uint64_t index;
	char text[40];
	int r = find_index(array, argc == 2 ? argv[0] : NULL, &index);
	if (r)
		return r;
	if (!parse_integer(&delta_kind, argv[argc - 1], &delta.word))
		return usage("%s: no integer", argv[argc - 1]);
	int e = ringq_add(array, index, (int64_t)delta.word, &before);
	if (e == -EINVAL)
		return usage("%s is of %s, to which nothing is added", t->object, k->name);
	if (e)
		return fail(e, t->object);
	delta.word += (uint64_t)before;
	show(k, &delta, text);
	puts(text);
	return STATUS_DONE;
}

/* ---- without an array ---- */

static const struct column columns[] = {
	{"name", "NAME", false, false},
	{"id", "ID", true, true},
	{"type", "TYPE", false, false},
	{"lock", "LOCKED BY", false, false},
};

static int list(const char *spec)
{
	struct target target;
	struct ringq_object *objects;
	struct ringq_producer holder;
	int r = target_region(&target, spec, LOOK);
	if (r)
		return r;
	ssize_t n = objects_of(target.region, &objects);
	struct table *t = table_new("arrays", columns, sizeof columns / sizeof *columns);
	for (ssize_t i = 0; i < n; i++) {
		char text[80];
		if (objects[i].kind != RINGQ_OBJECT_ARRAY)
			continue;
		table_text(t, object_label(&objects[i], text));
		table_number(t, objects[i].id);
		table_text(t, objects[i].flags < KINDS ? kinds[objects[i].flags].name : "?");
		if (ringq_region_lock_holder(target.region, objects[i].id, &holder) == 1) {
			snprintf(text, sizeof text, "%u %s", holder.process, holder.name);
			table_text(t, holder.state == RINGQ_DEAD ? "dead" : text);
		}
		table_row(t);
	}
	r = n < 0 ? fail((int)n, spec) : STATUS_DONE;
	int printed = table_print(t);
	free(objects);
	target_close(&target);
	return r ? r : printed;
}

static int create(const char *spec)
{
	char region_name[300];
	const char *slash = strrchr(spec, '/');
	ringq_region *region;
	ringq_array *array;
	unsigned type = 0;
	while (type < KINDS && strcmp(kinds[type].name, type_name) != 0)
		type++;
	if (type == KINDS)
		return usage("--type: no such type: %s", type_name);
	if (!slash || !slash[1] || slash - spec >= (ptrdiff_t)sizeof region_name)
		return usage("%s: NAME/ARRAY is to be created", spec);
	snprintf(region_name, sizeof region_name, "%.*s", (int)(slash - spec), spec);
	int e = region_make(&region, region_name, size);
	if (e)
		return fail(e, region_name);
	e = ringq_array_create(&array, region, slash + 1, (enum ringq_type)type, count);
	if (e == 0)
		ringq_array_release(array);
	ringq_region_detach(region);
	return e == -EINVAL ? usage("%s: a name or a count that no array can have", spec)
	       : e          ? fail(e, spec)
	                    : STATUS_DONE;
}

/* ---- all ---- */

static const struct verb {
	const char *name;
	int (*run)(const struct target *t, ringq_array *array, int argc, char **argv);
	int least, most; /* operands behind the array */
} verbs[] = {
	{"get", get, 0, 1},
	{"watch", watch, 0, 1},
	{"set", set, 1, 2},
	{"add", add, 1, 2},
};

static int use(const struct verb *verb, int argc, char **argv)
{
	struct target target;
	ringq_array *array;
	if (argc - 1 < verb->least || argc - 1 > verb->most)
		return usage("%s: too %s operands", verb->name, argc - 1 < verb->least ? "few" : "many");
	int r = target_array(&target, &array, argv[0]);
	if (r)
		return r;
	if (verb->run == watch) {
		tool_catch_signals();
		tool_watch_name(&target);
	}
	r = verb->run(&target, array, argc - 1, argv + 1);
	ringq_array_release(array);
	target_close(&target);
	return r;
}

static int run(int argc, char **argv)
{
	if (interval < RINGQ_MS(1))
		return usage("--interval: a millisecond at least");
	if (argc == 2 && strcmp(argv[0], "list") == 0)
		return list(argv[1]);
	if (argc == 2 && strcmp(argv[0], "create") == 0)
		return create(argv[1]);
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(argv[0], verbs[i].name) == 0)
			return use(&verbs[i], argc - 1, argv + 1);
	return usage("list, create, get, watch, set or add, not %s", argv[0]);
}

static const struct option_spec options[] = {
	{'t', "type", "TYPE", OPTION_TEXT, &type_name, "create: bytes, int8 to uint64, float or double; int64"},
	{'c', "count", "N", OPTION_NUMBER, &count, "create: so many elements; 1"},
	{0, "size", "SIZE", OPTION_SIZE, &size, "create: address space of a region that is made; 1GiB"},
	{'i', "interval", "TIME", OPTION_TIME, &interval, "watch: between two looks; 100ms"},
	{0, "changes", "N", OPTION_NUMBER, &changes, "watch: end after so many, or 1 if less are seen; never"},
	{0, "timeout", "TIME", OPTION_TIME, &patience, "watch: for so long; forever"},
	OPTIONS_TABLE,
	OPTIONS_END,
};

const struct command array_command = {"array", run, "list|create|get|watch|set|add REGION[/ARRAY] [INDEX] [VALUE]",
	"Lists, makes, shows and changes named arrays and values", options, 2, 4, false};
