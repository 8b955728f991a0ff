// SPDX-License-Identifier: GPL-2.0
/*
 * --track: what a command writes, interval by interval.
 *
 * All its writable mappings are registered for asynchronous write protection: the first write to a
 * page costs a fault that the kernel resolves by itself, and one scan tells and protects again what
 * was written.
 *
 * Pages are protected when they are there. Holes of private memory are left alone, since protecting
 * them takes page tables for all of them: a page that appears in one has been written, unless it is
 * a file's or the zero page. In shared memory a page that appears may have been read only; there,
 * holes are protected too unless they are very many.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#include "ptmap.h"

#define FEATURE_WP_UNPOPULATED	(1 << 13)
#define FEATURE_WP_ASYNC	(1 << 15)
#define REGIONS			1024
#define BIGGEST_SHARED		(4ULL << 30)
#define NAMED			5
#define LISTED			10

struct written {
	uint64_t start, end, pages;
	char permissions[5];
	char *name;
};

struct tracker {
	struct target target;
	struct scanner scanner;
	struct history history;
	struct screen screen;
	FILE *out;
	const char *path;
	double start, last_look;
	sigset_t awake;
	/* The current interval, by mapping */
	struct written *written;
	size_t n_written, room_written;
	uint64_t pages;
	/* What could not be followed, at its most */
	uint64_t untracked, untracked_bytes, most_untracked, most_untracked_bytes;
	bool counts, gone, executed_another, stopped;
};

static volatile sig_atomic_t told_to_stop;

static void on_stop(int sig)
{
	(void)sig;
	told_to_stop = 1;
}

static void on_news(int sig)
{
	(void)sig;
}

/* ^C is for the command; when it ends by it, there is still the summary to write */
static void set_signals(struct tracker *t)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, stop = { .sa_handler = on_stop };
	struct sigaction news = { .sa_handler = on_news };
	sigset_t asleep;

	sigaction(SIGINT, &ignore, NULL);
	sigaction(SIGQUIT, &ignore, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGHUP, &stop, NULL);
	sigaction(SIGCHLD, &news, NULL);
	/* They only arrive while we wait, so none can come just before */
	sigemptyset(&asleep);
	sigaddset(&asleep, SIGTERM);
	sigaddset(&asleep, SIGHUP);
	sigaddset(&asleep, SIGCHLD);
	sigprocmask(SIG_BLOCK, &asleep, &t->awake);
	sigdelset(&t->awake, SIGTERM);
	sigdelset(&t->awake, SIGHUP);
	sigdelset(&t->awake, SIGCHLD);
}

static void enable(struct tracker *t)
{
	struct uffdio_api api = { .api = UFFD_API,
				  .features = FEATURE_WP_ASYNC | FEATURE_WP_UNPOPULATED };

	if (ioctl(t->target.userfaultfd, UFFDIO_API, &api))
		fail("this kernel has no asynchronous write protection (Linux 6.7 and later have, if built with "
		     "CONFIG_PTE_MARKER_UFFD_WP): %s",
		     strerror(errno));
}

static bool is_registered(struct tracker *t, const struct mapping *m)
{
	struct scan_arg arg = {
		.flags = SCAN_CHECK_WPASYNC, .start = m->start, .end = m->start + page_size(),
	};

	return !scan_call(t->scanner.pagemap, &arg);
}

static bool register_mapping(struct tracker *t, const struct mapping *m)
{
	struct uffdio_register area = {
		.range = { m->start, m->end - m->start }, .mode = UFFDIO_REGISTER_MODE_WP,
	};

	if (!ioctl(t->target.userfaultfd, UFFDIO_REGISTER, &area))
		return true;
	t->gone = errno == ESRCH;
	if (!t->gone) {
		t->untracked++;
		t->untracked_bytes += m->end - m->start;
	}
	return false;
}

static bool is_shared(const struct mapping *m)
{
	return m->permissions[3] == 's';
}

/* Guards are neither written nor to be protected */
static void aim(struct tracker *t, const struct mapping *m, struct scan_arg *arg)
{
	bool holes = is_shared(m) && m->end - m->start <= BIGGEST_SHARED;

	arg->inverted = t->scanner.known & IS_GUARD;
	if (!is_shared(m))
		arg->inverted |= IS_FILE | IS_PFNZERO;
	arg->mask = IS_WRITTEN | arg->inverted;
	arg->anyof = holes ? 0 : IS_PRESENT | IS_SWAPPED;
	arg->return_mask = IS_PRESENT | IS_SWAPPED;
}

static struct written *note(struct tracker *t, const struct mapping *m)
{
	struct written *w;

	if (t->n_written == t->room_written) {
		t->room_written = t->room_written ? t->room_written * 2 : 64;
		t->written = allocate(t->written, t->room_written, sizeof(*t->written));
	}
	w = &t->written[t->n_written++];
	*w = (struct written){ .start = m->start, .end = m->end };
	memcpy(w->permissions, m->permissions, sizeof(w->permissions));
	w->name = copy_string(m->name);
	return w;
}

static uint64_t count(struct tracker *t, const struct region *regions, int n, bool is_new)
{
	uint64_t pages = 0;

	for (int i = 0; i < n; i++) {
		/*
		 * A hole that was protected and is not any more: written, and swapped out since. A
		 * new one never was.
		 */
		if (is_new && !(regions[i].categories & (IS_PRESENT | IS_SWAPPED)))
			continue;
		pages += (regions[i].end - regions[i].start) / t->history.page;
		history_add(&t->history, regions[i].start, regions[i].end, t->history.intervals);
	}
	return pages;
}

/* Tells what was written in a mapping and protects it again, in one go: nothing is lost between */
static uint64_t harvest(struct tracker *t, const struct mapping *m, bool is_new)
{
	static struct region regions[REGIONS];
	uint64_t start = m->start, pages = 0;

	while (start < m->end) {
		struct scan_arg arg = {
			.flags = SCAN_WP_MATCHING, .start = start, .end = m->end,
			.vec = (uintptr_t)regions, .vec_len = REGIONS,
		};
		int n;

		aim(t, m, &arg);
		n = scan_call(t->scanner.pagemap, &arg);
		if (n < 0 && errno == ESRCH)
			t->gone = true;
		if (n < 0 && errno != ESRCH)
			complain("cannot protect %" PRIx64 "-%" PRIx64 ": %s", start, m->end,
				 strerror(errno));
		if (n < 0)
			return pages;
		if (t->counts)
			pages += count(t, regions, n, is_new);
		if (arg.walk_end <= start)
			return pages;
		start = arg.walk_end;
	}
	return pages;
}

static void look_at(struct tracker *t, const struct mapping *m)
{
	bool is_new = !is_registered(t, m);
	uint64_t pages;

	if (is_new && m->permissions[1] != 'w')
		return;
	if (is_new && !register_mapping(t, m))
		return;
	pages = harvest(t, m, is_new);
	if (!pages)
		return;
	t->pages += pages;
	note(t, m)->pages = pages;
}

/*
 * The userfaultfd stays with memory that an execve() throws away; then there is nothing to be found
 * with it
 */
static bool has_other_memory(struct tracker *t)
{
	/* Far below any program, and nothing is protected or woken */
	struct uffdio_writeprotect none = {
		.range = { 0x10000, page_size() }, .mode = UFFDIO_WRITEPROTECT_MODE_DONTWAKE,
	};

	return ioctl(t->target.userfaultfd, UFFDIO_WRITEPROTECT, &none) && errno == ESRCH;
}

static void clear_interval(struct tracker *t)
{
	for (size_t i = 0; i < t->n_written; i++)
		free(t->written[i].name);
	t->n_written = 0;
	t->pages = 0;
	t->untracked = 0;
	t->untracked_bytes = 0;
}

static void keep_untracked(struct tracker *t)
{
	if (t->untracked_bytes > t->most_untracked_bytes) {
		t->most_untracked = t->untracked;
		t->most_untracked_bytes = t->untracked_bytes;
	}
}

static void look(struct tracker *t)
{
	struct mapping mapping;
	struct maps maps;
	uint64_t last = 0;

	clear_interval(t);
	t->gone = false;
	t->last_look = seconds();
	if (maps_open(&maps, t->target.pid))
		return;
	while (!t->gone && maps_next(&maps, &mapping)) {
		/* Registering may make one mapping of two while they are listed */
		if (mapping.start < last)
			mapping.start = last;
		if (mapping.start >= mapping.end)
			continue;
		last = mapping.end;
		look_at(t, &mapping);
	}
	maps_close(&maps);
	keep_untracked(t);
}

static int compare_written(const void *a, const void *b)
{
	const struct written *x = a, *y = b;

	if (x->pages != y->pages)
		return x->pages > y->pages ? -1 : 1;
	return x->start < y->start ? -1 : x->start > y->start;
}

static int compare_where(const void *a, const void *b)
{
	const struct where *x = a, *y = b;

	return x->pages > y->pages ? -1 : x->pages < y->pages;
}

static const char *short_name(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash && slash[1] ? slash + 1 : name;
}

static void put_place(FILE *out, const struct written *w)
{
	if (*w->name)
		fputs(short_name(w->name), out);
	else
		fprintf(out, "%" PRIx64, w->start);
}

static void put_places(struct tracker *t, const char *before)
{
	char *text = NULL, size[8];
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		fail("out of memory");
	fputs(before, out);
	for (size_t i = 0; i < t->n_written && i < NAMED; i++) {
		human(size, t->written[i].pages * t->history.page);
		fputs(i ? ", " : "", out);
		put_place(out, &t->written[i]);
		fprintf(out, " %s", size);
	}
	if (t->n_written > NAMED)
		fprintf(out, ", %zu more", t->n_written - NAMED);
	fclose(out);
	put_line(&t->screen, text);
	free(text);
}

static void put_text(struct tracker *t, double now)
{
	char line[120], size[8], distinct[8];

	if (t->n_written)
		qsort(t->written, t->n_written, sizeof(*t->written), compare_written);
	human(size, t->pages * t->history.page);
	human(distinct, t->history.distinct * t->history.page);
	snprintf(line, sizeof(line), "%9.2f %9" PRIu64 " %8s %9s  ", now - t->start, t->pages, size,
		 distinct);
	put_places(t, line);
}

static void put_csv(struct tracker *t, double now)
{
	for (size_t i = 0; i < t->n_written; i++) {
		const struct written *w = &t->written[i];

		fprintf(t->out, "%" PRIu64 ",%.3f,0x%" PRIx64 ",0x%" PRIx64 ",%" PRIu64 ",%s,",
			t->history.intervals, now - t->start, w->start, w->end, w->pages,
			w->permissions);
		put_csv_string(t->out, w->name);
		fputc('\n', t->out);
	}
	fprintf(t->out, "%" PRIu64 ",%.3f,,,%" PRIu64 ",,\"[total]\"\n", t->history.intervals,
		now - t->start, t->pages);
}

static void put_json(struct tracker *t, double now)
{
	fprintf(t->out,
		"{ \"interval\": %" PRIu64 ", \"seconds\": %.3f, \"pages\": %" PRIu64
		", \"bytes\": %" PRIu64 ", \"distinct_pages\": %" PRIu64 ", \"mappings\": [",
		t->history.intervals, now - t->start, t->pages, t->pages * t->history.page,
		t->history.distinct);
	for (size_t i = 0; i < t->n_written; i++) {
		const struct written *w = &t->written[i];

		fprintf(t->out,
			"%s{ \"start\": \"0x%" PRIx64 "\", \"end\": \"0x%" PRIx64
			"\", \"pages\": %" PRIu64 ", \"permissions\": \"%s\", \"name\": ",
			i ? ", " : "", w->start, w->end, w->pages, w->permissions);
		put_json_string(t->out, w->name);
		fputs(" }", t->out);
	}
	fputs("] }\n", t->out);
}

static void put_interval(struct tracker *t)
{
	double now = t->last_look;

	for (size_t i = 0; i < t->n_written; i++)
		history_add_where(&t->history,
				  *t->written[i].name ? t->written[i].name : "[anonymous]",
				  t->written[i].pages);
	if (options.format == CSV)
		put_csv(t, now);
	else if (options.format == JSON)
		put_json(t, now);
	else
		put_text(t, now);
	check_output(t->out, t->path);
	t->history.intervals++;
}

static void put_heading(struct tracker *t)
{
	if (options.format == CSV)
		fputs("interval,seconds,start,end,pages,permissions,name\n", t->out);
	if (options.format == TEXT)
		put_line(&t->screen, "  SECONDS     PAGES  WRITTEN  DISTINCT  WHERE");
	check_output(t->out, t->path);
}

static double amplification(const struct history *h)
{
	return h->distinct ? (double)h->pages / h->distinct : 0;
}

static void put_summary_line(struct tracker *t, const char *what, uint64_t pages)
{
	char line[120], size[8];

	human(size, pages * t->history.page);
	snprintf(line, sizeof(line), "%-14s %6s  %" PRIu64 " pages", what, size, pages);
	put_line(&t->screen, line);
}

static void put_wheres(struct tracker *t)
{
	struct history *h = &t->history;
	char size[8], before[40];

	if (h->n_wheres)
		qsort(h->wheres, h->n_wheres, sizeof(*h->wheres), compare_where);
	for (size_t i = 0; i < h->n_wheres && (options.all || i < LISTED); i++) {
		human(size, h->wheres[i].pages * h->page);
		snprintf(before, sizeof(before), "%-14s %6s  ", i ? "" : "most written", size);
		fputs(before, t->out);
		put_name(&t->screen, h->wheres[i].name, t->screen.width - strlen(before));
		fputc('\n', t->out);
	}
	if (!options.all && h->n_wheres > LISTED)
		fprintf(t->out, "%23s%zu more (--all)\n", "", h->n_wheres - LISTED);
}

static void put_not_seen(struct tracker *t, double end)
{
	char line[160], size[8];

	if (!t->stopped) {
		snprintf(line, sizeof(line), "not seen: the last %.2f seconds before %s",
			 end - t->last_look,
			 t->executed_another ? "it executed another program" : "its end");
		put_line(&t->screen, line);
	}
	if (!t->most_untracked)
		return;
	human(size, t->most_untracked_bytes);
	snprintf(line, sizeof(line),
		 "not seen: %" PRIu64 " mappings of %s that cannot be write-protected",
		 t->most_untracked, size);
	put_line(&t->screen, line);
}

static void put_text_summary(struct tracker *t, double end)
{
	char line[160];

	snprintf(line, sizeof(line), "%.2f seconds, %" PRIu64 " looks", end - t->start,
		 t->history.intervals);
	fputc('\n', t->out);
	put_line(&t->screen, line);
	put_summary_line(t, "written", t->history.pages);
	put_summary_line(t, "distinct", t->history.distinct);
	snprintf(line, sizeof(line), "%-14s %6.2f  written / distinct", "amplification",
		 amplification(&t->history));
	put_line(&t->screen, line);
	put_wheres(t);
	put_not_seen(t, end);
}

static void put_summary(struct tracker *t, double end)
{
	const struct history *h = &t->history;

	if (options.format == TEXT)
		put_text_summary(t, end);
	if (options.format == JSON)
		fprintf(t->out,
			"{ \"summary\": { \"seconds\": %.3f, \"intervals\": %" PRIu64
			", \"page_size\": %" PRIu64 ", \"pages\": %" PRIu64 ", \"bytes\": %" PRIu64
			", \"distinct_pages\": %" PRIu64
			", \"amplification\": %.3f, \"unseen_seconds\": %.3f, \"untracked_bytes\": %" PRIu64
			" } }\n",
			end - t->start, h->intervals, h->page, h->pages, h->pages * h->page,
			h->distinct, amplification(h), t->stopped ? 0 : end - t->last_look,
			t->most_untracked_bytes);
	close_output(t->out, t->path);
}

static void put_picture(struct tracker *t)
{
	FILE *out;

	if (!options.svg)
		return;
	out = open_output(options.svg);
	write_track_svg(&t->history, options.interval, options.command[0], out);
	close_output(out, options.svg);
}

/*
 * Other memory, or none any more? A process that ends has given its memory back a
 * while before it can be seen to have ended.
 */
static bool has_memory(struct tracker *t)
{
	char path[32];
	FILE *maps;
	bool has;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)t->target.pid);
	maps = fopen(path, "re");
	if (!maps)
		return false;
	has = getc(maps) != EOF;
	fclose(maps);
	return has;
}

static void enable_and_arm(struct tracker *t)
{
	int error;

	enable(t);
	error = scanner_open(&t->scanner, t->target.pid, METHOD_SCAN);
	if (error)
		fail("cannot scan the command's memory: %s",
		     error == ENOTTY ? "this kernel has no PAGEMAP_SCAN" : strerror(error));
	t->counts = false;
	look(t);
	t->counts = true;
}

static void begin_again(struct tracker *t)
{
	scanner_close(&t->scanner);
	enable_and_arm(t);
	target_resume(&t->target);
}

/* Does not end before the time, unless the command does or we are told to stop */
static bool wait_until(struct tracker *t, double until)
{
	struct pollfd wait = { .fd = t->target.pidfd, .events = POLLIN };

	while (!told_to_stop) {
		double left = until - seconds();
		struct timespec time = { left, (left - (time_t)left) * 1e9 };

		if (target_attend(&t->target)) {
			begin_again(t);
			continue;
		}
		if (left <= 0)
			return true;
		if (t->target.has_ended || ppoll(&wait, 1, &time, &t->awake) > 0)
			return false;
	}
	t->stopped = true;
	return false;
}

/* A look that takes longer than the interval leaves out those that are then late */
static void follow(struct tracker *t)
{
	double next = t->start + options.interval;

	while (wait_until(t, next)) {
		look(t);
		/* Without its memory nothing was found, which is not the same as nothing written */
		if (has_other_memory(t) && !options.follow) {
			t->executed_another = has_memory(t);
			return;
		}
		put_interval(t);
		while (next <= seconds())
			next += options.interval;
	}
}

static void set_up(struct tracker *t)
{
	t->path = options.output ? options.output : "-";
	t->out = options.output ? open_output(options.output) : stderr;
	screen_set_up(&t->screen, t->out);
	history_set_up(&t->history, page_size());
	t->target.stays_attached = options.follow;
	target_start(&t->target, options.command);
	set_signals(t);
	enable_and_arm(t);
	put_heading(t);
}

static int exit_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int track(void)
{
	struct tracker t = { 0 };
	int status;
	double end;

	failure_status = EXIT_TRACK_FAILED;
	set_up(&t);
	t.start = seconds();
	target_resume(&t.target);
	follow(&t);
	end = seconds();
	/* Gives the memory back as it was: nothing is protected any more */
	close(t.target.userfaultfd);
	scanner_close(&t.scanner);
	if (t.executed_another)
		complain(
			"%s has executed another program; what that writes is not seen; track it itself, or use --follow",
			options.command[0]);
	status = t.stopped ? 128 + SIGTERM : exit_status(target_wait(&t.target));
	put_summary(&t, end);
	put_picture(&t);
	clear_interval(&t);
	free(t.written);
	history_free(&t.history);
	return status;
}
