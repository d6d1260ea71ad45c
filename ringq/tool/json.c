/* SPDX-License-Identifier: MIT */

/* JSON, written as it comes. */

#include "json.h"

#include "text.h"

#include <inttypes.h>
#include <string.h>

void json_start(struct json *json, FILE *to)
{
	*json = (struct json){.to = to};
}

/* What comes before a value: a comma, its key. */
static void before(struct json *json, const char *key)
{
	if (json->comma[json->depth])
		fputc(',', json->to);
	json->comma[json->depth] = true;
	if (key)
		fprintf(json->to, "\"%s\":", key); /* keys are this program's own: plain words */
}

static void open_bracket(struct json *json, const char *key, char bracket)
{
	before(json, key);
	fputc(bracket, json->to);
	json->comma[++json->depth] = false;
}

void json_object(struct json *json, const char *key)
{
	open_bracket(json, key, '{');
}

void json_array(struct json *json, const char *key)
{
	open_bracket(json, key, '[');
}

void json_close(struct json *json, char bracket)
{
	json->depth--;
	fputc(bracket, json->to);
}

/* Names come from shared memory, and may be any bytes: what is not UTF-8 is shown as Latin-1 would be. */
static size_t utf8_len(const char *text, size_t left)
{
	unsigned char c = (unsigned char)*text;
	size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
	if (n == 0 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return 0;
	unsigned char d = n > 1 ? (unsigned char)text[1] : 0;
	if ((c == 0xe0 && d < 0xa0) || (c == 0xed && d > 0x9f) || (c == 0xf0 && d < 0x90) || (c == 0xf4 && d > 0x8f))
		return 0; /* overlong, a surrogate, or beyond the last character */
	return n;
}

void json_bytes(struct json *json, const char *key, const void *data, size_t len)
{
	const char *text = data;
	before(json, key);
	fputc('"', json->to);
	for (size_t i = 0; i < len;) {
		unsigned char c = (unsigned char)text[i];
		size_t n = utf8_len(text + i, len - i);
		if (c == '"' || c == '\\')
			fprintf(json->to, "\\%c", c);
		else if (n == 0 || c < 0x20 || c == 0x7f)
			fprintf(json->to, "\\u%04x", c);
		else
			fwrite(text + i, 1, n, json->to);
		i += n ? n : 1;
	}
	fputc('"', json->to);
}

void json_text(struct json *json, const char *key, const char *text)
{
	if (text)
		json_bytes(json, key, text, strlen(text));
	else
		json_null(json, key);
}

void json_number(struct json *json, const char *key, uint64_t number)
{
	before(json, key);
	fprintf(json->to, "%" PRIu64, number);
}

void json_signed(struct json *json, const char *key, int64_t number)
{
	before(json, key);
	fprintf(json->to, "%" PRId64, number);
}

void json_real(struct json *json, const char *key, double number)
{
	before(json, key);
	fprintf(json->to, "%.9g", number);
}

void json_raw(struct json *json, const char *key, const char *number)
{
	before(json, key);
	fputs(number, json->to);
}

void json_bool(struct json *json, const char *key, bool value)
{
	before(json, key);
	fputs(value ? "true" : "false", json->to);
}

void json_null(struct json *json, const char *key)
{
	before(json, key);
	fputs("null", json->to);
}

void json_number_if(struct json *json, const char *key, bool there, uint64_t number)
{
	if (there)
		json_number(json, key, number);
	else
		json_null(json, key);
}

void json_line(struct json *json)
{
	json->comma[0] = false;
	fputc('\n', json->to);
	fflush(json->to);
}
