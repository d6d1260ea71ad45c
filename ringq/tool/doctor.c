/* SPDX-License-Identifier: MIT */

/*
 * Names what is wrong with regions and queues, and for each trouble the one command that cures it. It observes. What it finds is
 * true of the instant at which it looked: a queue may be full for a moment, so that what only lasts counts is looked at twice.
 */

#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define LASTS RINGQ_MS(500) /* who sleeps for so long is held up */
#define ROOM_LEAST 10       /* percent of /dev/shm */

static uint64_t troubles;
static struct json json;

__attribute__((format(printf, 5, 6))) static void report(
	const char *where, const char *object, const char *trouble, const char *cure, const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	troubles++;
	if (common.json) {
		json_object(&json, NULL);
		json_text(&json, "region", where);
		json_text(&json, "object", object);
		json_text(&json, "trouble", trouble);
		json_text(&json, "text", text);
		json_text(&json, "cure", cure);
		json_close(&json, '}');
		return;
	}
	print_clean(stdout, where, strlen(where));
	if (object) {
		putchar('/');
		print_clean(stdout, object, strlen(object));
	}
	fputs(": ", stdout);
	print_clean(stdout, text, strlen(text));
	fputs("\n    ", stdout);
	print_clean(stdout, cure, strlen(cure));
	putchar('\n');
}

/* ---- one region ---- */

struct patient {
	const struct found *found;
	char label[300];
	ringq_region *region;
	struct ringq_object *objects;
	struct ringq_member *members;
	struct people people;
	ssize_t object_count, member_count;
	bool all_seen; /* no process was kept from view */
};

static bool is_stopped(pid_t here)
{
	char state = here ? process_state(here) : 0;
	return state == 'T' || state == 't';
}

/* A process as it calls itself, and by the id that it has here, where that is another. */
static const char *show_process(uint32_t process, const char *name, pid_t here, char text[96])
{
	int n = snprintf(text, 96, "process %u (%s)", process, name);
	if (here && here != (pid_t)process)
		snprintf(text + n, 96 - (size_t)n, ", which is %d here,", (int)here);
	else if (!here)
		snprintf(text + n, 96 - (size_t)n, ", which cannot be found from here,");
	return text;
}

static bool is_asleep_on(const struct ringq_member *m, uint64_t id, unsigned activity)
{
	return m->object == id && m->activity == activity;
}

static bool is_consumer(const struct ringq_member *m, uint64_t id)
{
	return m->took == id || is_asleep_on(m, id, RINGQ_ASLEEP_GET) || is_asleep_on(m, id, RINGQ_ASLEEP_TAKE);
}

static const char *object_of(const struct patient *p, uint64_t id, char label[80])
{
	for (ssize_t i = 0; i < p->object_count; i++)
		if (p->objects[i].id == id)
			return object_label(&p->objects[i], label);
	return NULL;
}

/* A process once, however many of its threads are members. */
static bool is_first_of_process(const struct patient *p, ssize_t i)
{
	const struct ringq_member *m = &p->members[i];
	for (ssize_t k = 0; k < i; k++)
		if (p->members[k].process == m->process &&
			people_here(&p->people, p->members[k].process, p->members[k].thread) ==
				people_here(&p->people, m->process, m->thread))
			return false;
	return true;
}

static void check_stopped(const struct patient *p)
{
	for (ssize_t i = 0; i < p->member_count; i++) {
		const struct ringq_member *m = &p->members[i];
		char cure[64], label[80], who[96];
		pid_t here = people_here(&p->people, m->process, m->thread);
		if (!is_first_of_process(p, i) || !is_stopped(here))
			continue;
		const char *object = object_of(p, m->object ? m->object : m->took, label);
		snprintf(cure, sizeof cure, "kill -CONT %d", (int)here);
		report(p->label, object, "stopped", cure, "%s is stopped%s",
			show_process(m->process, m->name, here, who),
			m->object           ? ", asleep there"
			: m->took && object ? "; it takes from there"
					    : "");
	}
}

static void check_lock(const struct patient *p, const struct ringq_object *object)
{
	struct ringq_producer holder;
	uint64_t waiting = 0;
	char cure[400], label[80], who[96];
	for (ssize_t i = 0; i < p->member_count; i++)
		waiting += is_asleep_on(&p->members[i], object->id, RINGQ_ASLEEP_LOCK) &&
		           now_ns() - (int64_t)p->members[i].since >= LASTS;
	if (ringq_region_lock_holder(p->region, object->id, &holder) != 1 || holder.state != RINGQ_ALIVE)
		return;
	pid_t here = people_here(&p->people, holder.process, holder.thread);
	bool stopped = is_stopped(here);
	if (!stopped && !waiting)
		return;
	if (here)
		snprintf(cure, sizeof cure, stopped ? "kill -CONT %d" : "kill %d", (int)here);
	else /* by whom it can be seen */
		snprintf(cure, sizeof cure, "sudo ringq doctor %s", p->label);
	report(p->label, object_label(object, label), stopped ? "lock-stopped" : "lock-held", cure,
		"%s %s the lock, and %" PRIu64 " wait for it", show_process(holder.process, holder.name, here, who),
		stopped ? "is stopped and holds" : "holds", waiting);
}

struct sleepers {
	uint64_t consumers, put;
};

static struct sleepers count(const struct patient *p, uint64_t id)
{
	struct sleepers s = {0};
	for (ssize_t i = 0; i < p->member_count; i++) {
		const struct ringq_member *m = &p->members[i];
		s.consumers += is_consumer(m, id);
		s.put += is_asleep_on(m, id, RINGQ_ASLEEP_PUT) && now_ns() - (int64_t)m->since >= LASTS;
	}
	return s;
}

static void check_flow(const struct patient *p, const struct ringq_object *object, const struct ringq_queue_stat *stat)
{
	struct sleepers s = count(p, object->id);
	uint64_t records = stat->records_in - stat->records_out;
	char cure[700], label[80];
	object_label(object, label);
	if (s.consumers || !records || object->kind == RINGQ_OBJECT_PIPE)
		return;
	snprintf(cure, sizeof cure, "ringq drain %s/%s --output=FILE", p->label, label);
	if (s.put)
		report(p->label, label, "full", cure,
			"%" PRIu64 " producers wait for room, %" PRIu64 " records wait, and nobody takes them", s.put,
			records);
	else if (p->member_count)
		report(p->label, label, "no-consumer", cure, "%" PRIu64 " records wait, and nobody takes them", records);
}

static void check_dead(const struct patient *p, const struct ringq_object *object, const struct ringq_queue_stat *stat)
{
	char cure[700], label[80];
	object_label(object, label);
	if (!stat->dead_producers || stat->closed)
		return;
	if (stat->producers)
		snprintf(cure, sizeof cure, "ringq stat %s/%s --lanes", p->label, label);
	else
		snprintf(cure, sizeof cure, "ringq close %s/%s", p->label, label);
	report(p->label, label, "dead-producer", cure,
		"%u producers have died, and nobody has taken their lanes over; what they had put can be taken%s",
		stat->dead_producers, stat->producers ? "" : ". No producer is left: without another, consumers wait");
}

static int check_queue(const struct patient *p, const struct ringq_object *object)
{
	struct ringq_queue_stat stat;
	int r = stat_object(p->region, object, &stat);
	if (r != 1)
		return r;
	check_flow(p, object, &stat);
	check_dead(p, object, &stat);
	return 0;
}

static void check_users(const struct patient *p)
{
	char cure[400];
	/* A member lives: it has the region, though it cannot be seen from here. */
	if (!p->found || !*p->found->name || p->found->holder_count || p->member_count || !p->all_seen)
		return;
	snprintf(cure, sizeof cure, "ringq clean --yes --with-records %s", p->label);
	report(p->label, NULL, "unused", cure, "no process has it; %s of memory",
		show_size((uint64_t)(ringq_region_memory(p->region) > 0 ? ringq_region_memory(p->region) : 0)));
}

static int examine(struct patient *p)
{
	int e = 0;
	p->object_count = objects_of(p->region, &p->objects);
	p->member_count = p->object_count < 0 ? 0 : members_of(p->region, &p->members);
	if (p->object_count < 0 || p->member_count < 0)
		return (int)(p->object_count < 0 ? p->object_count : p->member_count);
	e = p->found ? people_of(&p->people, p->region, p->found) : people_search(&p->people, p->region);
	if (e)
		return e;
	check_stopped(p);
	for (ssize_t i = 0; e == 0 && i < p->object_count; i++) {
		if (p->objects[i].kind == RINGQ_OBJECT_ARRAY)
			check_lock(p, &p->objects[i]);
		else
			e = check_queue(p, &p->objects[i]);
	}
	check_users(p);
	people_free(&p->people);
	free(p->objects);
	free(p->members);
	return e;
}

/* ---- what cannot be looked at ---- */

static void report_layout(const char *label, const struct found *f, int fd)
{
	unsigned major = 0, minor = 0, own = 0, own_minor = 0;
	char cure[400];
	bool known = ringq_region_layout(fd, &major, &minor) == 0;
	ringq_region_layout(-1, &own, &own_minor);
	if (f->holder_count)
		snprintf(cure, sizeof cure, "kill %d", (int)f->holders->pid);
	else
		snprintf(cure, sizeof cure, "ringq unlink --yes %s", label);
	if (known && major != own)
		report(label, NULL, "layout", cure, "of layout %u.%u; this library knows %u.%u", major, minor, own,
			own_minor);
	else if (known)
		report(label, NULL, "damaged", cure, "damaged: it contradicts itself");
	else
		report(label, NULL, "no-region", cure, "its name is that of a region, and it is none");
}

static int examine_found(const struct found *f, bool all_seen)
{
	struct patient p = {.found = f, .all_seen = all_seen};
	char cure[400];
	found_label(f, p.label);
	int fd = found_open(f, O_RDONLY), e = fd < 0 ? fd : ringq_region_observe(&p.region, fd);
	if (e == 0) {
		e = examine(&p);
		ringq_region_detach(p.region);
	}
	if (e == -EACCES || e == -EPERM)
		report(p.label, NULL, "not-permitted", "sudo ringq doctor", "it may not be looked into");
	else if (fd >= 0 && (e == -EPROTO || e == -EBADMSG))
		report_layout(p.label, f, fd);
	else if (e && e != -ENOENT && e != -ESTALE)
		fail(e, p.label);
	if (f->unlinked && f->holder_count) {
		snprintf(cure, sizeof cure, "kill %d", (int)f->holders->pid);
		report(p.label, NULL, "unlinked", cure,
			"the name %s was removed, and %zu processes still have the region: who opens the name now does "
			"not "
			"get it",
			f->name, f->holder_count);
	}
	if (fd >= 0)
		close(fd);
	return e == -ENOMEM || e == -EMFILE ? STATUS_TROUBLE : STATUS_DONE;
}

static void check_room(void)
{
	struct statvfs st;
	if (statvfs("/dev/shm", &st) || st.f_blocks == 0)
		return;
	uint64_t left = st.f_bavail * 100 / st.f_blocks;
	if (left < ROOM_LEAST)
		report("/dev/shm", NULL, "room", "ringq clean --yes", "%s of %s are left: puts will say ENOMEM",
			show_size(st.f_bavail * st.f_frsize), show_size(st.f_blocks * st.f_frsize));
}

static int examine_all(void)
{
	struct search search;
	int r = search_all(&search), status = STATUS_DONE;
	if (r)
		return fail(r, "/proc");
	for (size_t i = 0; i < search.count && status == STATUS_DONE; i++)
		status = examine_found(&search.found[i], search.denied == 0);
	check_room();
	search_warn(&search);
	search_free(&search);
	return status;
}

static int examine_one(const char *spec)
{
	struct target target;
	struct patient p = {0};
	int r = target_region(&target, spec, LOOK);
	if (r)
		return r;
	p.region = target.region;
	snprintf(p.label, sizeof p.label, "%s", target.label);
	int e = examine(&p);
	target_close(&target);
	return e ? fail(e, spec) : STATUS_DONE;
}

static int run(int argc, char **argv)
{
	if (common.json) {
		json_start(&json, stdout);
		json_object(&json, NULL);
		json_number(&json, "version", 1);
		json_array(&json, "troubles");
	}
	int r = argc ? examine_one(argv[0]) : examine_all();
	if (common.json) {
		json_close(&json, ']');
		json_close(&json, '}');
		json_line(&json);
	} else if (r == STATUS_DONE && !troubles) {
		puts("no trouble found");
	}
	return r ? r : troubles ? STATUS_NO : STATUS_DONE;
}

static const struct option_spec options[] = {OPTION_JSON, OPTIONS_END};

const struct command doctor_command = {"doctor", run, "[REGION]",
	"Names what is wrong with regions and queues, and the command that cures it", options, 0, 1, false};
