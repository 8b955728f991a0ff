/* SPDX-License-Identifier: GPL-2.0 */
/* ptmap: what the pages of a process are, and which of them it writes. */
#ifndef PTMAP_H
#define PTMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/types.h>

#define VERSION		"1.0"
/* Headers may be older than the kernel */
#ifndef SYS_pidfd_open
#define SYS_pidfd_open	434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd	438
#endif

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/* Exit codes; those from 125 on are for --track, whose other codes are the command's */
enum {
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_TRACK_FAILED = 125,
	EXIT_CANNOT_EXECUTE = 126,
	EXIT_NOT_FOUND = 127,
};

/* The bits of the kernel's PAGE_IS_* */
enum {
	IS_WPALLOWED = 1 << 0,
	IS_WRITTEN = 1 << 1,
	IS_FILE = 1 << 2,
	IS_PRESENT = 1 << 3,
	IS_SWAPPED = 1 << 4,
	IS_PFNZERO = 1 << 5,
	IS_HUGE = 1 << 6,
	IS_SOFT_DIRTY = 1 << 7,
	IS_GUARD = 1 << 8,
};

/* Across the picture of a process */
#define SVG_CELLS	160

#define CATEGORIES	9
#define COMBINATIONS	(1 << CATEGORIES)
#define ALL_CATEGORIES	(COMBINATIONS - 1)

struct region {
	uint64_t start, end, categories;
};

/* category.c */

/* What the kernel is asked for (it may give more), and what is taken of that */
struct filter {
	const char *text;
	uint64_t words, inverted, mask, anyof;
	bool is_exact, takes_nothing;
	bool takes[COMBINATIONS];
};

extern const char *const category_names[CATEGORIES];
uint64_t real_categories(uint64_t given);
void filter_all(struct filter *f);
void filter_compile(struct filter *f, const char *text);
void print_categories(FILE *out, uint64_t categories, const char *quote, const char *separator);

/* options.c */

enum mode { SHOW, WATCH, TRACK };
enum format { TEXT, JSON, CSV };
enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
enum method { METHOD_AUTO, METHOD_SCAN, METHOD_READ };

struct options {
	enum mode mode;
	enum format format;
	enum color color;
	enum method method;
	bool all, ranged, follow;
	pid_t pid;
	char **command;
	const char *svg, *output;
	uint64_t from, to;
	double interval;
	unsigned long count, width;
	struct filter filter;
};

extern struct options options;
void parse_options(int argc, char **argv);

/* maps.c */

struct mapping {
	uint64_t start, end, offset;
	char permissions[5];
	const char *name;		/* until the next one is read; "" if it has none */
};

struct maps {
	FILE *file;
	char *line;
	size_t room;
};

int maps_open(struct maps *m, pid_t pid);
bool maps_next(struct maps *m, struct mapping *mapping);
void maps_close(struct maps *m);
void read_command_name(pid_t pid, char *name, size_t size);

/* scan.c */

struct scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t inverted, mask, anyof, return_mask;
};

enum { SCAN_WP_MATCHING = 1, SCAN_CHECK_WPASYNC = 2 };

struct scanner {
	int pagemap;
	bool by_ioctl;
	uint64_t known;
};

typedef void region_fn(void *data, const struct region *region);

int scanner_open(struct scanner *s, pid_t pid, enum method method);
void scanner_close(struct scanner *s);
int scan_call(int pagemap, struct scan_arg *arg);
int scan_range(struct scanner *s, uint64_t start, uint64_t end, const struct filter *filter,
	       region_fn *found, void *data);
void open_process(struct scanner *s, pid_t pid);

/* state.c */

/* What a page is drawn as; a page in several of them is the first */
enum state {
	STATE_GUARD,
	STATE_WRITTEN,
	STATE_SWAPPED,
	STATE_ZERO,
	STATE_PROTECTED,
	STATE_HUGE,
	STATE_FILE,
	STATE_PRESENT,
	STATE_HOLE,
	STATE_UNKNOWN,
	STATES,
	STATE_BLANK = STATES,		/* of cells only: nothing in it was asked for */
};

struct look {
	const char *name, *ascii, *unicode, *color, *fill;
};

extern const struct look looks[STATES + 1];
enum state state_of(uint64_t categories);

struct tally {
	uint64_t size, reported, state[STATES], category[CATEGORIES];
};

void tally_region(struct tally *t, const struct region *r);
void tally_add(struct tally *sum, const struct tally *t);
bool tally_is_empty(const struct tally *t);

/* snapshot.c */

struct row {
	uint64_t start, end;
	char permissions[5];
	char *name;
	struct tally tally;
	unsigned int n_cells;
	uint8_t *cells;
	int64_t change;
};

struct snapshot {
	pid_t pid;
	char command[64];
	struct row *rows;
	size_t n, room, left_out, untold;
	struct tally total;
};

/* Mappings of the process as far as they are in the range asked for; false at the end */
bool next_wanted(struct maps *m, struct mapping *mapping);
int snapshot_take(struct snapshot *s, pid_t pid, unsigned int cells);
void snapshot_free(struct snapshot *s);

/* text.c */

struct screen {
	FILE *out;
	unsigned int width, height, bar;
	bool is_terminal, color, unicode, compact, watched;
};

void screen_set_up(struct screen *s, FILE *out);
void draw_snapshot(const struct screen *s, const struct snapshot *snap, const char *status);
void put_name(const struct screen *s, const char *name, unsigned int width);
void put_line(const struct screen *s, const char *text);
void human(char buf[8], uint64_t bytes);

/* watch.c, machine.c, svg.c */

void watch(void);
void write_json(struct scanner *s, pid_t pid, FILE *out);
void write_csv(struct scanner *s, pid_t pid, FILE *out);
void put_json_string(FILE *out, const char *text);
void put_csv_string(FILE *out, const char *text);
void write_svg(const struct snapshot *snap, FILE *out);

/* history.c: what --track has seen */

struct heat {
	uint32_t interval, pages;
	uint64_t bucket;
};

struct where {
	char *name;
	uint64_t pages;
};

struct history {
	uint64_t page, pages, distinct, intervals;
	/* One bit a page, by 512 pages; an open hash table, as big as what was written asks for */
	struct chunk *chunks;
	size_t n_chunks, room_chunks;
	/* For the heat map; what does not fit any more is kept more coarsely */
	struct heat *heat;
	size_t n_heat;
	unsigned int bucket_shift, interval_shift;
	/* By name of the mapping, as addresses come and go */
	struct where *wheres;
	size_t n_wheres;
};

void history_set_up(struct history *h, uint64_t page);
void history_add(struct history *h, uint64_t start, uint64_t end, uint32_t interval);
void history_add_where(struct history *h, const char *name, uint64_t pages);
void history_sort(struct history *h);
void history_free(struct history *h);
void write_track_svg(struct history *h, double interval, const char *command, FILE *out);

/* inject.c, track.c */

struct target {
	pid_t pid;
	int pidfd, userfaultfd, status;
	bool stays_attached, has_begun, has_ended;
};

void target_start(struct target *t, char **command);
void target_resume(struct target *t);
bool target_attend(struct target *t);
int target_wait(struct target *t);
int track(void);

/* util.c */

extern const char *const program;
extern int failure_status;
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void give_up(int status, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));
void *allocate(void *old, size_t n, size_t size);
char *copy_string(const char *text);
FILE *open_output(const char *path);
void close_output(FILE *out, const char *path);
void check_output(FILE *out, const char *path);
double seconds(void);
uint64_t page_size(void);
void restore_signals(void);
void ignore_pipe_signal(void);
void put_xml_string(FILE *out, const char *text);

#endif
