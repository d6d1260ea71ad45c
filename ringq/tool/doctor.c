/* SPDX-License-Identifier: MIT */

/*
 * Names what is wrong with regions and queues, and for each trouble the one command that cures it. It observes. Here is what
 * it looks at; diagnose.c finds the troubles, trouble.c has what each is called, what is said of it and its cure, and advice.c
 * prints that.
 */

#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "advice.h"
#include "diagnose.h"
#include "trouble.h"

#define ROOM_LEAST 10 /* percent of /dev/shm */

static int examine(struct patient *p)
{
	int e = patient_look(p);
	if (e == 0)
		e = diagnose(p);
	patient_free(p);
	return e;
}

static int examine_found(const struct found *f, bool all_seen)
{
	struct patient p = {.found = f, .all_seen = all_seen};
	found_label(f, p.label);
	int fd = found_open(f, O_RDONLY), e = fd < 0 ? fd : ringq_region_observe(&p.region, fd);
	if (e == 0) {
		e = examine(&p);
		ringq_region_detach(p.region);
	}
	if (e == -EACCES || e == -EPERM)
		trouble_not_permitted(p.label);
	else if (fd >= 0 && (e == -EPROTO || e == -EBADMSG))
		trouble_layout(p.label, f, fd);
	else if (e && e != -ENOENT && e != -ESTALE)
		fail(e, p.label);
	if (f->unlinked && f->holder_count)
		trouble_unlinked(p.label, f);
	if (fd >= 0)
		close(fd);
	return e == -ENOMEM || e == -EMFILE ? STATUS_TROUBLE : STATUS_DONE;
}

static void check_room(void)
{
	struct statvfs st;
	if (statvfs("/dev/shm", &st) || st.f_blocks == 0)
		return;
	if (st.f_bavail * 100 / st.f_blocks < ROOM_LEAST)
		trouble_room(st.f_bavail * st.f_frsize, st.f_blocks * st.f_frsize);
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
	warn_denied(search.denied);
	search_free(&search);
	return status;
}

/* The search is before the region is opened here: this process is no holder. */
static int examine_one(const char *spec)
{
	struct target target;
	struct search search;
	struct patient p = {0};
	int r = search_all(&search);
	if (r)
		return fail(r, "/proc");
	r = target_region(&target, spec, LOOK);
	if (r) {
		search_free(&search);
		return r;
	}
	p.region = target.region;
	p.all_seen = search.denied == 0;
	snprintf(p.label, sizeof p.label, "%s", target.label);
	p.found = search_find(&search, ringq_region_fd(p.region));
	int e = examine(&p);
	target_close(&target);
	search_free(&search);
	return e ? fail(e, spec) : STATUS_DONE;
}

static void print_no_trouble(void)
{
	printf("no trouble found");
	if (diagnosis.not_yet >= RINGQ_SEC(1))
		printf(", but somebody has waited for room for %s: that counts from %s on (--away)",
			show_span(diagnosis.not_yet), show_span(diagnosis.away));
	putchar('\n');
}

static int run(int argc, char **argv)
{
	advice_begin();
	int r = argc ? examine_one(argv[0]) : examine_all();
	uint64_t troubles = advice_end();
	if (!common.json && r == STATUS_DONE && !troubles)
		print_no_trouble();
	return r ? r : troubles ? STATUS_NO : STATUS_DONE;
}

static const struct option_spec options[] = {
	{0, "in-hand", "TIME", OPTION_TIME, &diagnosis.in_hand, "a record may be in a worker's hands for so long; 10min"},
	{0, "away", "TIME", OPTION_TIME, &diagnosis.away,
		"consumers may be awake and take nothing, while others wait for room, for so long; 1min"},
	OPTION_JSON,
	OPTIONS_END,
};

const struct command doctor_command = {"doctor", run, "[REGION]",
	"Names what is wrong with regions and queues, and the command that cures it", options, 0, 1, false};
