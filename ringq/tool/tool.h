/* SPDX-License-Identifier: MIT */
#ifndef TOOL_H
#define TOOL_H

/*
 * What the subcommands of `ringq` share. A subcommand is a file of this folder: a table of options, and a function that is
 * named in the list of main.c. It opens what it is told by open.c, prints by table.c or json.c, moves records by
 * frame.c, and returns an exit status. What only looks, observes: it takes no part in the region.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <ringq/ringq.h>

#include "quantity.h"

/* Exit statuses, the same for all subcommands but check (as monitoring plug-ins) and exec (as xargs). */
enum status {
	STATUS_DONE = 0,
	STATUS_NO = 1, /* the answer is no: empty, timed out, something found */
	STATUS_USAGE = 2,
	STATUS_NOT_FOUND = 3,
	STATUS_UNKNOWN = 3, /* of check */
	STATUS_NOT_PERMITTED = 4,
	STATUS_CLOSED = 5,
	STATUS_DAMAGED = 6, /* not a region, of another layout, or corrupt */
	STATUS_TROUBLE = 7, /* the system's: no memory, no descriptors, a file that cannot be written */
	CANNOT_RUN = 126,   /* of run and exec: a command */
	NOT_THERE = 127,
};

/* ---- options: options.c ---- */

enum option_kind {
	OPTION_FLAG,   /* to: bool */
	OPTION_TEXT,   /* to: const char * */
	OPTION_NUMBER, /* to: uint64_t */
	OPTION_SIZE,   /* to: uint64_t; 8M, 1GiB; "unbounded" */
	OPTION_TIME,   /* to: int64_t, ns; 1.5 (s), 20ms, 3min, "forever" */
	OPTION_REAL,   /* to: double */
};

struct option_spec {
	char letter;      /* 0: none */
	const char *name; /* without the dashes */
	const char *arg;  /* of the value, in the help; NULL: a flag */
	enum option_kind kind;
	void *to;
	const char *help;
};

struct command {
	const char *name;
	int (*run)(int argc, char **argv); /* what options left; returns an exit status */
	const char *operands;              /* "NAME[/QUEUE]" */
	const char *summary;               /* one line, no full stop */
	const struct option_spec *options; /* ends with a name of NULL */
	int least, most;                   /* operands; most -1: any number */
	bool runs; /* a command line, which begins at the last operand that must be there: its options are its own */
};

/* Options that several subcommands have, and what they have set. */
extern struct common {
	bool json;
	bool no_header;
	bool bytes;          /* sizes as numbers */
	const char *columns; /* NULL: the usual ones */
} common;

/* clang-format off */
#define OPTION_JSON { 'J', "json", NULL, OPTION_FLAG, &common.json, "print JSON, one object a line" }
#define OPTIONS_TABLE \
	OPTION_JSON, \
	{ 'H', "no-header", NULL, OPTION_FLAG, &common.no_header, "no line with the columns' names" }, \
	{ 'b', "bytes", NULL, OPTION_FLAG, &common.bytes, "sizes in bytes, not rounded" }, \
	{ 'o', "columns", "NAMES", OPTION_TEXT, &common.columns, "these columns, separated by commas" }
#define OPTIONS_END { 0, NULL, NULL, OPTION_FLAG, NULL, NULL }
/* clang-format on */

/* Parses the options of a command into where they go. 0, or an exit status; *operands: index of the first operand. */
int options_parse(const struct command *command, int argc, char **argv, int *operands);
void options_help(const struct command *command, FILE *to);

/* ---- messages: main.c ---- */

extern const char *tool_command; /* the subcommand that runs */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
int usage(const char *format, ...) __attribute__((format(printf, 1, 2))); /* complains; STATUS_USAGE */

/* Asks on the terminal; true if the answer is yes. */
bool ask(const char *question);

/* Complains of what a call of the library said, and returns the exit status for it. */
int fail(int error, const char *what);
int status_of(int error);

/* ---- finding regions: find.c ---- */

struct holder {
	pid_t pid;
	int fd;
	char name[16];
};

struct found {
	dev_t device;
	ino_t inode;
	char name[256]; /* "": anonymous */
	bool unlinked;  /* it had that name */
	bool listed;    /* the name is in this mount namespace */
	bool elsewhere; /* it is not, and another has that name here */
	struct holder *holders;
	size_t holder_count;
	uint64_t size;
};

struct search {
	struct found *found;
	size_t count;
	size_t denied; /* processes that could not be looked into */
};

/* All regions of this machine that can be found, in order of name, then of process. 0 or -errno. */
int search_all(struct search *out);
/* Those of one process only. */
int search_process(struct search *out, pid_t pid);
void search_free(struct search *search);
/* The one that this descriptor is of. NULL: it is not among them. */
const struct found *search_find(const struct search *search, int fd);

/* A descriptor of what was found, for reading, or for both. Or -errno. */
int found_open(const struct found *found, int flags);
/* Observes it. 0 or -errno. */
int found_observe(const struct found *found, ringq_region **region);
/* How it is, in a word or two; error: what looking at it said. */
const char *found_state(const struct found *found, int error);
/* What to call it on a command line, and in a list. */
const char *found_label(const struct found *found, char label[300]);
/* Says on stderr how many processes could not be looked into, if any. */
void warn_denied(size_t denied);

/* The state of a process, as /proc has it: 'R', 'S', 'T', ...; 0: there is none. */
char process_state(pid_t pid);

/* ---- who a member is in this PID namespace: people.c ---- */

struct person {
	pid_t here;
	uint32_t own; /* the id that it sees of itself */
};

struct people {
	dev_t device;
	ino_t inode;
	struct person *persons; /* who has the region's file */
	size_t count;
};

/* Those of a region that was found; or of one that is looked for. 0 or -errno. */
int people_of(struct people *out, const ringq_region *region, const struct found *found);
int people_search(struct people *out, const ringq_region *region);
/* The id that a member's process has here; 0: it is in a PID namespace that cannot be seen from here, or cannot be told. */
pid_t people_here(const struct people *people, uint32_t process, uint32_t thread);
void people_free(struct people *people);

/* ---- naming things: open.c ---- */

enum access {
	LOOK, /* observes */
	USE,  /* attaches */
};

/* NAME, pid:PID, pid:PID/fd:N, fd:N of its own, ino:N, and the part behind it that names a queue or an array, or NULL. */
struct target {
	char spec[512];
	char label[300]; /* of the region */
	ringq_region *region;
	char object[128]; /* "": none was named */
};

/* Opens the region that a name says. 0, or an exit status, with the complaint made. */
int target_region(struct target *out, const char *spec, enum access access);

/* The same, and the queue in it: that which is named, or the only one. */
int target_queue(struct target *out, ringq_queue **queue, const char *spec, enum access access);
int target_array(struct target *out, ringq_array **array, const char *spec);
void target_close(struct target *target);

/* Opens a named region, or makes it; without a name makes one. 0 or -errno. */
int region_make(ringq_region **region, const char *name, uint64_t size);

/* All objects of a region, allocated. How many, or -errno. */
ssize_t objects_of(const ringq_region *region, struct ringq_object **out);
ssize_t members_of(const ringq_region *region, struct ringq_member **out);

/* Of these members, those that sleep on a queue: consumers, producers, and for how long the first of them has; -1: none does. */
struct asleep {
	uint64_t get, put;
	int64_t longest;
};
struct asleep who_sleeps(const struct ringq_member *members, ssize_t n, uint64_t id, int64_t now);

/* The figures of an object that is a queue, or a pipe's. 1, 0: it was deleted meanwhile; or -errno. */
int stat_object(ringq_region *region, const struct ringq_object *object, struct ringq_queue_stat *out);

/* What an object is called: its name, or "id:N". */
const char *object_label(const struct ringq_object *object, char label[80]);
/* Whether a word on a command line means it: its name, or "id:N". */
bool object_is(const struct ringq_object *object, const char *word);

/* ---- printing: text.c, table.c, json.c ---- */

/* Text that others wrote: controls, what turns the direction of writing, and what is not UTF-8 become \n, \xNN and so on. */
void print_clean(FILE *to, const void *bytes, size_t n);

/* A value in a form for people, in memory that is good for the next eight calls. */
const char *show_size(uint64_t bytes);
const char *show_span(int64_t ns); /* a span of time */
const char *show_count(uint64_t n);
const char *show_number(
	uint64_t n, const char *one, const char *many); /* "1 record", "2 records": the one word, or the other */

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

struct column {
	const char *key;   /* for -o, and in JSON */
	const char *title; /* for people */
	bool right;        /* numbers */
	bool hidden;       /* unless -o names it, or in JSON */
};

struct table;
/* A table of rows, in JSON an array of objects under this key beside "version". */
struct table *table_new(const char *key, const struct column *columns, size_t n);
void table_row(struct table *table);
void table_text(struct table *table, const char *text); /* NULL: none */
void table_number(struct table *table, uint64_t number);
void table_size(struct table *table, uint64_t bytes);
void table_span(struct table *table, int64_t ns); /* negative: none */
void table_bool(struct table *table, bool value);
/* Prints and frees it. An exit status. */
int table_print(struct table *table);

/* ---- records: frame.c ---- */

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

/* ---- signals and time: main.c ---- */

/* SIGINT, SIGTERM: set after the first; the second ends the program at once. */
extern volatile int tool_stopped;
extern ringq_queue *volatile tool_waits_on; /* the wait on it ends with -EINTR then */
void tool_catch_signals(void);
int64_t now_ns(void); /* monotonic */
/* From now on it is said, once, if the region's name was removed and no other process has it: nameless.c. */
void tool_watch_name(const struct target *target);
/* Sleeps; less if a signal came. Not at all after one that tells to stop, however late that comes. */
void tool_sleep(int64_t ns);
/* The same until there is something to read, which it says. -1: no descriptor. */
bool tool_poll(int fd, int64_t ns);

#endif
