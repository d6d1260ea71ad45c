/* SPDX-License-Identifier: MIT */
#include "tool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *path;

/* As many as were there when it began: of what is put meanwhile, it might find no end. */
static ssize_t drain(ringq_queue *queue, FILE *to, uint64_t *taken, uint64_t *bytes)
{
	void *record;
	ssize_t n = 0;
	for (uint64_t left = ringq_size(queue); left && !tool_stopped; left--) {
		n = ringq_get_alloc(queue, &record, RINGQ_NOWAIT);
		if (n < 0)
			break;
		if (to)
			record_print(to, FORMAT_RAW, FRAME_LEN, record, (size_t)n, NULL);
		free(record);
		++*taken;
		*bytes += (uint64_t)n;
		if (to && fflush(to)) /* no more are taken than can be kept */
			return -EIO;
	}
	return n == -EAGAIN || n == -EPIPE ? 0 : n;
}

static void report(uint64_t taken, uint64_t bytes)
{
	struct json json;
	if (!common.json) {
		printf("%s, %s\n", show_number(taken, "record", "records"), show_number(bytes, "byte", "bytes"));
		return;
	}
	json_start(&json, stdout);
	json_object(&json, NULL);
	json_number(&json, "version", 1);
	json_number(&json, "records", taken);
	json_number(&json, "bytes", bytes);
	json_close(&json, '}');
	json_line(&json);
}

static int run(int argc, char **argv)
{
	struct target target;
	ringq_queue *queue;
	FILE *to = NULL;
	uint64_t taken = 0, bytes = 0;
	(void)argc;
	int r = target_queue(&target, &queue, argv[0], USE);
	if (r)
		return r;
	tool_catch_signals();
	if (path && !(to = fopen(path, "ae"))) {
		complain("%s: %s", path, strerror(errno));
		r = STATUS_TROUBLE;
	}
	ssize_t n = r ? 0 : drain(queue, to, &taken, &bytes);
	if (to && (fclose(to) || n == -EIO)) {
		complain("%s: could not be written; the last record that was taken is lost", path);
		r = STATUS_TROUBLE;
	} else if (n < 0) {
		r = fail((int)n, argv[0]);
	}
	if (r == STATUS_DONE || taken)
		report(taken, bytes);
	ringq_queue_release(queue);
	target_close(&target);
	return r;
}

static const struct option_spec options[] = {
	{'o', "output", "FILE", OPTION_TEXT, &path, "append the records to it, framed as put --frame=len reads them"},
	OPTION_JSON,
	OPTIONS_END,
};

const struct command drain_command = {"drain", run, "REGION[/QUEUE]",
	"Takes as many records as are there now, and counts them", options, 1, 1, false};
