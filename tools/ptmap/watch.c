// SPDX-License-Identifier: GPL-2.0
/* --watch: the same process again and again, and what has changed. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ptmap.h"

static volatile sig_atomic_t stopped;

static void on_stop(int sig)
{
	(void)sig;
	stopped = 1;
}

static void catch_stop(void)
{
	struct sigaction action = { .sa_handler = on_stop };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/*
 * Rows are in the order of addresses; one that begins where one began before is taken for the same
 */
static void compare_rows(const struct snapshot *old, struct snapshot *new, size_t *come,
			 size_t *gone)
{
	size_t i = 0, j = 0;

	*come = 0;
	*gone = 0;
	while (i < old->n || j < new->n) {
		if (j == new->n || (i < old->n && old->rows[i].start < new->rows[j].start)) {
			(*gone)++;
			i++;
		} else if (i == old->n || new->rows[j].start < old->rows[i].start) {
			(*come)++;
			new->rows[j].change = new->rows[j].tally.category[3];
			j++;
		} else {
			new->rows[j].change =
				new->rows[j].tally.category[3] - old->rows[i].tally.category[3];
			i++;
			j++;
		}
	}
}

static size_t add_change(char *text, size_t length, size_t room, const char *name, int64_t change)
{
	char size[8];

	if (!change || length >= room)
		return length;
	human(size, llabs(change));
	return length + snprintf(text + length, room - length, "  %s %c%s", name,
				 change < 0 ? '-' : '+', size);
}

static void describe(const struct snapshot *old, struct snapshot *new, char *text, size_t room)
{
	size_t come, gone, length;

	compare_rows(old, new, &come, &gone);
	length = snprintf(text, room, "changed:");
	if (come || gone)
		length +=
			snprintf(text + length, room - length, "  mappings +%zu -%zu", come, gone);
	length = add_change(text, length, room, "in memory",
			    new->total.category[3] - old->total.category[3]);
	for (unsigned int i = 0; i < STATES; i++)
		length = add_change(text, length, room, looks[i].name,
				    new->total.state[i] - old->total.state[i]);
	if (length == strlen("changed:"))
		snprintf(text, room, "changed: nothing");
}

/* Over the old picture, line by line: a screen that is cleared first flickers */
static void put_on_terminal(const struct screen *screen, const char *picture)
{
	unsigned int lines = screen->height > 1 ? screen->height - 1 : -1U;
	FILE *out = screen->out;
	const char *end;

	fputs("\033[H", out);
	for (; (end = strchr(picture, '\n')) && lines--; picture = end + 1)
		fprintf(out, "%.*s\033[K\n", (int)(end - picture), picture);
	fputs("\033[J", out);
}

static void put_frame(const struct screen *screen, const struct snapshot *snap, const char *status)
{
	struct screen inner = *screen;
	char *picture = NULL;
	size_t size;

	inner.out = open_memstream(&picture, &size);
	if (!inner.out)
		fail("out of memory");
	draw_snapshot(&inner, snap, status);
	fclose(inner.out);
	if (screen->is_terminal)
		put_on_terminal(screen, picture);
	else
		fprintf(screen->out, "%s\n", picture);
	free(picture);
}

/* Has the process ended? A number alone might by now be another's. */
static bool wait_interval(int pidfd, double until)
{
	struct pollfd wait = { .fd = pidfd, .events = POLLIN };

	while (!stopped) {
		double left = until - seconds();

		if (left <= 0)
			return false;
		if (poll(&wait, 1, left * 1000 + 1) > 0)
			return true;
	}
	return false;
}

static bool frame(FILE *out, const char *path, struct snapshot *old)
{
	char status[400] = "changed: this is the first look";
	struct snapshot new;
	struct screen screen;

	screen_set_up(&screen, out);
	if (snapshot_take(&new, options.pid, screen.bar)) {
		snapshot_free(&new);
		return false;
	}
	if (old->pid)
		describe(old, &new, status, sizeof(status));
	put_frame(&screen, &new, status);
	check_output(out, path);
	snapshot_free(old);
	*old = new;
	return true;
}

static void leave_screen(void)
{
	fputs("\033[?25h\033[?1049l", stdout);
	fflush(stdout);
}

/* Another screen than that of the shell, which is there again afterwards, however this ends */
static void enter_screen(void)
{
	fputs("\033[?1049h\033[?25l", stdout);
	atexit(leave_screen);
}

void watch(void)
{
	const char *path = options.output;
	struct snapshot old = { 0 };
	struct scanner scanner;
	int pidfd = syscall(SYS_pidfd_open, options.pid, 0);
	FILE *out = open_output(path);
	bool ended = false;

	/* Here errors end the program; after it, the process may end at any time */
	open_process(&scanner, options.pid);
	scanner_close(&scanner);
	if (pidfd < 0)
		fail("process %d: cannot wait for its end: %s", options.pid, strerror(errno));
	catch_stop();
	if (out == stdout && isatty(STDOUT_FILENO))
		enter_screen();
	for (unsigned long n = 1; !stopped && !ended; n++) {
		double start = seconds();

		ended = !frame(out, path, &old);
		if (ended || n == options.count)
			break;
		ended = wait_interval(pidfd, start + options.interval);
	}
	check_output(out, path);
	if (ended)
		complain("process %d has ended", options.pid);
	close(pidfd);
	snapshot_free(&old);
}
