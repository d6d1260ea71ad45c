/* SPDX-License-Identifier: MIT */
#ifndef TOOL_FRAME_H
#define TOOL_FRAME_H

/* Records as they go in and come out of a command: frames and formats. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <ringq/ringq.h>

enum frame {
	FRAME_LINES,
	FRAME_NUL,
	FRAME_LEN, /* 8 bytes of length, little endian, before each */
	FRAME_FILE,
};

enum format {
	FORMAT_AUTO,
	FORMAT_RAW,
	FORMAT_TEXT,
	FORMAT_QUOTED,
	FORMAT_HEX,
	FORMAT_JSON,
};

int parse_frame(const char *text, enum frame *out);   /* 0, or STATUS_USAGE */
int parse_format(const char *text, enum format *out); /* NULL: for people on a terminal, else raw */

/* A record as it was found. info NULL: nothing more is known of it. */
int record_print(FILE *to, enum format format, enum frame frame, const void *data, size_t len,
	const struct ringq_record_info *info);

/* Reads so many bytes into memory that grows with what is really there: a length that is a lie must not cost what it says.
 * 1, 0: there are less, or ferror(); or -ENOMEM. */
int read_growing(FILE *from, uint64_t len, char **data, size_t *room);

/* Reads one record. 1, 0: no more; or an exit status above 1 with the complaint made. */
struct record_reader {
	FILE *from;
	const char *name;
	enum frame frame;
	char *data;
	size_t len;
	size_t room;
	bool done;
};
int record_read(struct record_reader *reader);
void record_reader_free(struct record_reader *reader);

#endif
