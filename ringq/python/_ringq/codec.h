/* SPDX-License-Identifier: MIT */
#ifndef RINGQ_PYTHON_CODEC_H
#define RINGQ_PYTHON_CODEC_H

#include "state.h"

/*
 * Python objects as records, and back.
 *
 * The first byte of a record says what follows it:
 *
 *   TAG_NONE, TAG_FALSE, TAG_TRUE   nothing
 *   TAG_INT32, TAG_INT64            a little-endian integer
 *   TAG_FLOAT                       a double
 *   TAG_BYTES, TAG_STR              bytes; UTF-8
 *   TAG_RAW                         the bytes of Connection.send_bytes(), which are no object
 *   TAG_PICKLE                      a pickle
 *   TAG_BUFFERS                     a pickle whose large buffers lie behind it (struct buffers_head)
 *   TAG_DEAD_LETTER                 the rest of a struct ringq_dead_letter, of which this is the first byte, and a record
 *
 * Who takes a record believes none of it but what a pickle asks for: lengths are checked against the record's. Pickles
 * are made with ForkingPickler's table of reducers, so that all that can be an argument of a Process can be put.
 */
enum tag {
	TAG_NONE = 1,
	TAG_FALSE,
	TAG_TRUE,
	TAG_INT32,
	TAG_INT64,
	TAG_FLOAT,
	TAG_BYTES,
	TAG_STR,
	TAG_RAW,
	TAG_PICKLE,
	TAG_BUFFERS,
	TAG_DEAD_LETTER = sizeof(struct ringq_dead_letter),
};

/* Buffers begin at multiples of this in a record, the first at the first one after the pickle. */
#define BUFFER_ALIGN 16
/* Records up to this are made and taken on the stack. */
#define SMALL 1024

/* Followed by `count` lengths of 8 bytes, the pickle, and each buffer. */
struct buffers_head {
	uint8_t tag;
	uint8_t zero[7];
	uint64_t pickle;
	uint64_t count;
};

/* A record to be put: `head` bytes of `small`, then what `data` points to, then the buffers of `writer`. */
struct record {
	size_t head;
	const void *data;
	size_t len;
	size_t total;     /* of all that, and padding */
	PyObject *writer; /* holds the pickle and the buffers; NULL if there is none */
	bool large;       /* not all in small: to be written in place */
	unsigned char small[SMALL];
};

/* The fields of a ringq.DeadLetter. */
extern PyStructSequence_Desc rq_py_dead_letter;

/* Makes a record of an object, which must live until it is put. false with an exception set, and nothing to end. */
bool rq_py_encode(struct state *state, PyObject *object, struct record *record);

/* Writes a whole record to memory of record->total bytes. Needs no GIL. */
void rq_py_write(const struct record *record, void *to);

/* Lets go what the record holds. */
void rq_py_end(struct state *state, struct record *record);

/*
 * The object of a record. memory, if not NULL, is from malloc and contains the record from its start on: it is taken
 * over, whether or not that works.
 */
PyObject *rq_py_decode(struct state *state, const void *data, size_t len, void *memory);

#endif
