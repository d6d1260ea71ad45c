/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target: attaching to a file that was a region until somebody changed it, and using what is found in it. The
 * input is the choices: size and seals of the file, how many words change, which, to what, and the calls that follow.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "calls.h"

enum { STEPS_MOST = 40, WORDS_MOST = 24 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static struct scribble_log scribbles;

/* A sound region of each kind, made once. */
static struct stage *origin(size_t kind)
{
	static struct stage *stages;

	if (!stages) {
		stages = calloc(stage_kinds, sizeof(*stages));
		check(stages);
		for (size_t i = 0; i < stage_kinds; i++)
			stage_make(&stages[i], i, &scribbles);
	}
	scribble_back(&stages[kind]);
	return &stages[kind];
}

/* A file with the region's bytes as they are now. */
static int copy(const struct stage *stage, struct chooser *chooser)
{
	const int seals[] = {F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, F_SEAL_SHRINK | F_SEAL_GROW, F_SEAL_GROW, 0};
	uint64_t sizes[] = {stage->at.size, stage->at.size, stage->at.size, stage->at.size - stage->at.page,
		stage->at.size + stage->at.page, stage->at.page, 100};
	int fd = memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	check_compare(fd, >=, 0);
	check_eq(pwrite(fd, stage->base, stage->image_len, 0), stage->image_len);
	check_eq(ftruncate(fd, (off_t)sizes[choose(chooser, COUNT(sizes))]), 0);
	check_eq(fcntl(fd, F_ADD_SEALS, seals[choose(chooser, 8) ? 0 : choose(chooser, COUNT(seals))]), 0);
	return fd;
}

static void use(const struct stage *from, ringq_region *region, struct chooser *chooser)
{
	struct stage stage = *from;

	stage.region = region;
	stage.base = region->base;
	if (ringq_queue_open(&stage.queue, region, "q"))
		return;
	if (ringq_queue_open(&stage.second, region, NULL)) {
		ringq_queue_release(stage.queue);
		return;
	}
	for (int i = 0; i < STEPS_MOST && chooser_has_more(chooser); i++) {
		const struct call *call = &calls[choose(chooser, calls_count)];

		if (strcmp(call->name, "event_fd"))
			call->run(&stage, chooser);
	}
	ringq_queue_release(stage.queue);
	ringq_queue_release(stage.second);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct chooser chooser = {.bytes = bytes, .left = size};
	ringq_region *region;
	struct stage *stage;
	int fd, r;

	if (!bytes)
		return 0;
	stage = origin(choose_kind(&chooser));
	for (uint64_t words = choose(&chooser, WORDS_MOST); words; words--)
		scribble(stage, &chooser);
	fd = copy(stage, &chooser);
	r = ringq_region_attach(&region, fd);
	close(fd);
	if (r)
		return 0;
	use(stage, region, &chooser);
	ringq_region_detach(region);
	return 0;
}
