/* SPDX-License-Identifier: MIT */
#ifndef TOOL_JSON_H
#define TOOL_JSON_H

/* JSON, an object a line. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *to;
	unsigned depth;
	bool comma[16];
	bool pending_key;
};

void json_start(struct json *json, FILE *to);
void json_object(struct json *json, const char *key); /* key NULL: in an array, or the whole */
void json_array(struct json *json, const char *key);
void json_close(struct json *json, char bracket);
void json_text(struct json *json, const char *key, const char *text);
void json_bytes(struct json *json, const char *key, const void *data, size_t len); /* a string, each byte a character's */
void json_number(struct json *json, const char *key, uint64_t number);
void json_signed(struct json *json, const char *key, int64_t number);
void json_real(struct json *json, const char *key, double number);
void json_raw(struct json *json, const char *key, const char *number); /* as it is */
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);
/* null where there is none. */
void json_number_if(struct json *json, const char *key, bool there, uint64_t number);
void json_line(struct json *json); /* ends the outermost object's line */

#endif
