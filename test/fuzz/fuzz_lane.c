/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target: a region with records in it, in which the input scribbles and calls. The input is the choices, a byte
 * or a few each: the kind of queue, then words of layout.h with their values, and calls, in any order. corpus_main.c
 * runs kept inputs; libFuzzer makes new ones.
 */
#include <string.h>

#include "calls.h"

enum { STEPS_MOST = 60 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct scribble_log log;
	struct chooser chooser = {.bytes = bytes, .left = size};
	struct stage stage;

	if (!bytes) /* as libFuzzer's first, empty input is */
		return 0;
	stage_make(&stage, choose_kind(&chooser), &log);
	for (int i = 0; i < STEPS_MOST && chooser_has_more(&chooser); i++) {
		uint64_t step = choose(&chooser, 2 * calls_count);

		if (step >= calls_count)
			scribble(&stage, &chooser);
		else if (strcmp(calls[step].name, "event_fd")) /* whose thread would run on beside the next inputs */
			calls[step].run(&stage, &chooser);
	}
	stage_end(&stage);
	return 0;
}
