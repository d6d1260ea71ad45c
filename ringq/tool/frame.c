/* SPDX-License-Identifier: MIT */

/* Records in files and on screens: where one ends, and how its bytes are shown. */

#include "frame.h"

#include "json.h"
#include "message.h"
#include "signals.h"
#include "text.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int parse_frame(const char *text, enum frame *out)
{
	static const char *const names[] = {"lines", "nul", "len", "file"};
	*out = FRAME_LINES;
	if (!text)
		return 0;
	for (unsigned i = 0; i < 4; i++) {
		if (strcmp(text, names[i]) == 0) {
			*out = (enum frame)i;
			return 0;
		}
	}
	return usage("--frame is lines, nul, len or file, not %s", text);
}

int parse_format(const char *text, enum format *out)
{
	static const char *const names[] = {"raw", "text", "quoted", "hex", "json"};
	*out = isatty(STDOUT_FILENO) ? FORMAT_QUOTED : FORMAT_RAW;
	if (!text || strcmp(text, "auto") == 0)
		return 0;
	for (unsigned i = 0; i < 5; i++) {
		if (strcmp(text, names[i]) == 0) {
			*out = (enum format)(FORMAT_RAW + i);
			return 0;
		}
	}
	return usage("--format is raw, text, quoted, hex or json, not %s", text);
}

/* ---- printing ---- */

/* As C would write it, so that each byte can be told. */
static void print_quoted(FILE *to, const unsigned char *data, size_t len)
{
	fputc('"', to);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = data[i];
		if (c == '\n')
			fputs("\\n", to);
		else if (c == '\t')
			fputs("\\t", to);
		else if (c == '"' || c == '\\')
			fprintf(to, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			fprintf(to, "\\x%02x", c);
		else
			fputc(c, to);
	}
	fputc('"', to);
}

static void print_hex(FILE *to, const unsigned char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		fprintf(to, "%02x", data[i]);
}

static bool is_utf8(const unsigned char *d, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t n = d[i] < 0x80                   ? 1
		           : d[i] >= 0xc2 && d[i] < 0xe0 ? 2
		           : d[i] >= 0xe0 && d[i] < 0xf0 ? 3
		           : d[i] >= 0xf0 && d[i] < 0xf5 ? 4
		                                         : 0;
		if (n == 0 || n > len - i)
			return false;
		for (size_t k = 1; k < n; k++)
			if ((d[i + k] & 0xc0) != 0x80)
				return false;
		unsigned char second = n > 1 ? d[i + 1] : 0;
		if ((d[i] == 0xe0 && second < 0xa0) || (d[i] == 0xed && second > 0x9f) ||
			(d[i] == 0xf0 && second < 0x90) || (d[i] == 0xf4 && second > 0x8f))
			return false;
		i += n;
	}
	return true;
}

static void json_base64(struct json *json, const char *key, const unsigned char *d, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text = malloc(len / 3 * 4 + 5), *at = text;
	if (!text)
		return json_null(json, key);
	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v = (uint32_t)d[i] << 16 | (n > 1 ? (uint32_t)d[i + 1] << 8 : 0) | (n > 2 ? d[i + 2] : 0);
		*at++ = digits[v >> 18];
		*at++ = digits[v >> 12 & 63];
		*at++ = n > 1 ? digits[v >> 6 & 63] : '=';
		*at++ = n > 2 ? digits[v & 63] : '=';
	}
	*at = 0;
	json_text(json, key, text);
	free(text);
}

static const char *const producer_states[] = {"nobody", "alive", "left", "dead"};

static void json_producer(struct json *json, const char *key, const struct ringq_producer *p)
{
	if (p->state == RINGQ_NOBODY)
		return json_null(json, key);
	json_object(json, key);
	json_number(json, "process", p->process);
	json_number(json, "thread", p->thread);
	json_text(json, "name", p->name);
	json_text(json, "state", producer_states[p->state & 3]);
	json_close(json, '}');
}

static void print_json(FILE *to, const unsigned char *data, size_t len, const struct ringq_record_info *info)
{
	struct json json;
	json_start(&json, to);
	json_object(&json, NULL);
	json_number(&json, "version", 1);
	if (is_utf8(data, len))
		json_bytes(&json, "text", data, len);
	else
		json_base64(&json, "base64", data, len);
	json_number(&json, "length", len);
	if (info) {
		json_number(&json, "lane", info->lane);
		json_number(&json, "sequence", info->sequence);
		json_number(&json, "attempt", info->attempt);
		json_bool(&json, "in_hand", info->in_hand);
		json_number_if(&json, "held", info->in_hand, (uint64_t)info->held_ms * 1000000);
		json_producer(&json, "producer", &info->producer);
		json_producer(&json, "holder", &info->holder);
	}
	json_close(&json, '}');
}

static void frame_begin(FILE *to, enum frame frame, size_t len)
{
	uint64_t n = htole64(len);
	if (frame == FRAME_LEN)
		fwrite(&n, sizeof n, 1, to);
}

static void frame_end(FILE *to, enum frame frame)
{
	if (frame == FRAME_LINES || frame == FRAME_NUL)
		fputc(frame == FRAME_NUL ? 0 : '\n', to);
}

int record_print(FILE *to, enum format format, enum frame frame, const void *data, size_t len,
	const struct ringq_record_info *info)
{
	if (format == FORMAT_RAW)
		frame_begin(to, frame, len);
	switch (format) {
	case FORMAT_TEXT:
		print_clean(to, data, len);
		break;
	case FORMAT_QUOTED:
		print_quoted(to, data, len);
		break;
	case FORMAT_HEX:
		print_hex(to, data, len);
		break;
	case FORMAT_JSON:
		print_json(to, data, len, info);
		break;
	default:
		if (len)
			fwrite(data, len, 1, to);
	}
	if (format == FORMAT_RAW)
		frame_end(to, frame);
	else
		fputc('\n', to);
	if (!ferror(to))
		return STATUS_DONE;
	complain("standard output: %s", strerror(errno));
	return STATUS_TROUBLE;
}

/* ---- reading ---- */

int read_growing(FILE *from, uint64_t len, char **data, size_t *room)
{
	for (uint64_t have = 0; have < len || !*data;) {
		size_t part = len - have < 1 << 20 ? (size_t)(len - have) : 1 << 20;
		if (*room < have + part || !*data) {
			size_t want = 2 * have + part + 1;
			char *more = realloc(*data, want);
			if (!more)
				return -ENOMEM;
			*data = more;
			*room = want;
		}
		if (fread(*data + have, 1, part, from) != part)
			return 0;
		have += part;
	}
	return 1;
}

static int no_room(const struct record_reader *r)
{
	return fail(-ENOMEM, r->name);
}

static bool grow(struct record_reader *r, size_t want)
{
	if (want <= r->room)
		return true;
	char *more = realloc(r->data, want);
	if (!more)
		return false;
	r->data = more;
	r->room = want;
	return true;
}

static int read_delimited(struct record_reader *r, int delimiter)
{
	ssize_t n = getdelim(&r->data, &r->room, delimiter, r->from);
	if (n < 0)
		return 0;
	r->len = (size_t)n;
	if (r->len && r->data[r->len - 1] == delimiter)
		r->len--;
	return 1;
}

static int read_len(struct record_reader *r)
{
	uint64_t len = 0;
	size_t n = fread(&len, 1, sizeof len, r->from);
	if (n == 0)
		return 0;
	len = le64toh(len);
	int got = n < sizeof len ? 0 : read_growing(r->from, len, &r->data, &r->room);
	if (got < 0)
		return no_room(r);
	if (got > 0) {
		r->len = (size_t)len;
		return 1;
	}
	if (ferror(r->from))
		return 0;
	complain("%s: ends in the middle of a record", r->name);
	return STATUS_DAMAGED;
}

static int read_whole(struct record_reader *r)
{
	if (r->done)
		return 0;
	r->done = true;
	r->len = 0;
	do {
		if (r->len == r->room && !grow(r, r->room ? 2 * r->room : 65536))
			return no_room(r);
		r->len += fread(r->data + r->len, 1, r->room - r->len, r->from);
	} while (!feof(r->from) && !ferror(r->from));
	return 1;
}

int record_read(struct record_reader *r)
{
	int found = r->frame == FRAME_LEN    ? read_len(r)
	            : r->frame == FRAME_FILE ? read_whole(r)
	                                     : read_delimited(r, r->frame == FRAME_NUL ? 0 : '\n');
	if (found < 2 && ferror(r->from) && !tool_stopped) {
		complain("%s: %s", r->name, strerror(errno));
		return STATUS_TROUBLE;
	}
	return found;
}

void record_reader_free(struct record_reader *r)
{
	free(r->data);
}
