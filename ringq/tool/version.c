/* SPDX-License-Identifier: MIT */
#include "tool.h"

static int run(int argc, char **argv)
{
	unsigned v = ringq_version(), major = 0, minor = 0;
	(void)argc, (void)argv;
	ringq_region_layout(-1, &major, &minor);
	if (!common.json) {
		printf("ringq %d.%d.%d, library %u.%u.%u, region layout %u.%u\n", RINGQ_VERSION_MAJOR,
			RINGQ_VERSION_MINOR, RINGQ_VERSION_PATCH, v / 1000000, v / 1000 % 1000, v % 1000, major, minor);
		return STATUS_DONE;
	}
	struct json json;
	char text[32];
	json_start(&json, stdout);
	json_object(&json, NULL);
	json_number(&json, "version", 1);
	snprintf(text, sizeof text, "%d.%d.%d", RINGQ_VERSION_MAJOR, RINGQ_VERSION_MINOR, RINGQ_VERSION_PATCH);
	json_text(&json, "command", text);
	snprintf(text, sizeof text, "%u.%u.%u", v / 1000000, v / 1000 % 1000, v % 1000);
	json_text(&json, "library", text);
	json_number(&json, "layout_major", major);
	json_number(&json, "layout_minor", minor);
	json_close(&json, '}');
	json_line(&json);
	return STATUS_DONE;
}

static const struct option_spec options[] = {OPTION_JSON, OPTIONS_END};

const struct command version_command = {
	"version", run, "", "Says which version this is, of command, library and region layout", options, 0, 0, false};
