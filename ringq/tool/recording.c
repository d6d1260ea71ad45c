/* SPDX-License-Identifier: MIT */
#include "recording.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <time.h>

static const char magic[8] = "RINGQREC";

enum {
	HEADING = 24,
	HEAD = 64,
	HEAD_MOST = 4096, /* of any version: more is no head */
};

/* ---- numbers ---- */

static unsigned char *put32(unsigned char *at, uint32_t v)
{
	v = htole32(v);
	return (unsigned char *)memcpy(at, &v, 4) + 4;
}

static unsigned char *put64(unsigned char *at, uint64_t v)
{
	v = htole64(v);
	return (unsigned char *)memcpy(at, &v, 8) + 8;
}

static uint32_t take32(const unsigned char **at)
{
	uint32_t v;
	memcpy(&v, *at, 4);
	*at += 4;
	return le32toh(v);
}

static uint64_t take64(const unsigned char **at)
{
	uint64_t v;
	memcpy(&v, *at, 8);
	*at += 8;
	return le64toh(v);
}

/* ---- writing ---- */

bool recording_begin(FILE *to)
{
	unsigned char head[HEADING], *at = head;
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	at = (unsigned char *)memcpy(at, magic, sizeof magic) + sizeof magic;
	at = put32(at, 1);
	at = put32(at, HEADING);
	put64(at, (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
	return fwrite(head, sizeof head, 1, to) == 1;
}

bool recording_write(FILE *to, const struct recorded *r, const void *data)
{
	unsigned char head[HEAD], *at = head;
	at = put32(at, HEAD);
	at = put32(at, r->lane);
	at = put64(at, r->len);
	at = put64(at, r->time);
	at = put64(at, r->sequence);
	at = put32(at, r->attempt);
	at = put32(at, r->producer.process);
	at = put32(at, r->producer.thread);
	at = put32(at, r->producer.state);
	memset(at, 0, sizeof r->producer.name);
	memcpy(at, r->producer.name, strnlen(r->producer.name, sizeof r->producer.name - 1));
	return fwrite(head, sizeof head, 1, to) == 1 && (!r->len || fwrite(data, r->len, 1, to) == 1);
}

/* ---- reading ---- */

static int no_recording(const struct recording_reader *r, const char *why)
{
	if (ferror(r->from)) {
		complain("%s: %s", r->name, strerror(errno));
		return -STATUS_TROUBLE;
	}
	complain("%s: %s", r->name, why);
	return -STATUS_DAMAGED;
}

static bool read_exactly(struct recording_reader *r, void *to, size_t n)
{
	return fread(to, 1, n, r->from) == n;
}

static bool skip(struct recording_reader *r, size_t n)
{
	char rest[256];
	while (n) {
		size_t part = n < sizeof rest ? n : sizeof rest;
		if (!read_exactly(r, rest, part))
			return false;
		n -= part;
	}
	return true;
}

static int read_heading(struct recording_reader *r)
{
	unsigned char rest[HEADING - 4];
	const unsigned char *at = rest + 4;
	if (!read_exactly(r, rest, sizeof rest) || memcmp(rest, magic + 4, 4) != 0)
		return no_recording(r, "not a recording, or one that ends in its heading");
	uint32_t version = take32(&at), size = take32(&at);
	if (version != 1)
		return no_recording(r, "of a version that this program does not know");
	if (size < HEADING || size > HEAD_MOST || !skip(r, size - HEADING))
		return no_recording(r, "its heading is damaged");
	r->begun = true;
	return RECORDED_HEADING;
}

int recording_read(struct recording_reader *r, struct recorded *out)
{
	unsigned char head[HEAD];
	size_t n = fread(head, 1, 4, r->from);
	if (n == 0 && !ferror(r->from) && r->begun)
		return RECORDED_END;
	if (n == 4 && memcmp(head, magic, 4) == 0)
		return read_heading(r);
	const unsigned char *at = head;
	uint32_t size = n == 4 ? take32(&at) : 0;
	if (!r->begun)
		return no_recording(r, "not a recording");
	if (n < 4 || size < HEAD || size > HEAD_MOST)
		return no_recording(r, n < 4 ? "ends in the middle of a record" : "a record's head is damaged");
	if (!read_exactly(r, head + 4, HEAD - 4) || !skip(r, size - HEAD))
		return no_recording(r, "ends in the middle of a record");
	*out = (struct recorded){.lane = take32(&at)};
	out->len = take64(&at);
	out->time = take64(&at);
	out->sequence = take64(&at);
	out->attempt = take32(&at);
	out->producer.process = take32(&at);
	out->producer.thread = take32(&at);
	out->producer.state = take32(&at);
	memcpy(out->producer.name, at, sizeof out->producer.name - 1);
	int got = read_growing(r->from, out->len, &r->data, &r->room);
	out->data = r->data;
	return got < 0    ? -fail(got, r->name)
	       : got == 0 ? no_recording(r, "ends in the middle of a record")
	                  : RECORDED_RECORD;
}
