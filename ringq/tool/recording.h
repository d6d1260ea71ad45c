/* SPDX-License-Identifier: MIT */
#ifndef RECORDING_H
#define RECORDING_H

/*
 * A recording: a file that `ringq record` writes and `ringq replay` reads. All numbers are little-endian.
 *
 *   heading   magic "RINGQREC" (8 bytes), version 1 (4), size of this heading (4), when it began, in ns since 1970 (8)
 *   record    size of this head (4), lane (4), length of the data (8), time since the recording began, in ns (8),
 *             sequence in its lane (8), attempt (4), process (4) and thread (4) of the producer, 0 if it is not known,
 *             state of the producer (4; enum ringq_producer_state), its name (16, padded by zeros); the data follows
 *
 * Where a record may begin, another heading may: recordings can be joined by cat. A later version may make heads larger; who
 * reads skips what it does not know. A gap in the sequences of a lane is what the recorder missed.
 */

#include "tool.h"

struct recorded {
	uint64_t time; /* ns since the recording began */
	uint64_t sequence, len;
	uint32_t lane, attempt;
	struct ringq_producer producer;
	char *data; /* of a reader: good until the next read */
};

enum {
	RECORDED_END = 0,
	RECORDED_RECORD = 1,
	RECORDED_HEADING = 2,
};

/* Each says whether it was written; errno tells why not. */
bool recording_begin(FILE *to);
bool recording_write(FILE *to, const struct recorded *r, const void *data);

/* RECORDED_..., or minus an exit status with the complaint made. A reader begins zeroed. */
struct recording_reader {
	FILE *from;
	const char *name;
	bool begun;
	char *data;
	size_t room;
};
int recording_read(struct recording_reader *reader, struct recorded *out);

#endif
