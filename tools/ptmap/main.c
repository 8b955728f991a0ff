// SPDX-License-Identifier: GPL-2.0
/* ptmap: draws what the pages of a process are, and which of them a command writes. See ptmap.1. */
#include <errno.h>
#include <locale.h>
#include <string.h>

#include "ptmap.h"

static void take(struct snapshot *snap, unsigned int cells)
{
	struct scanner scanner;
	int error;

	open_process(&scanner, options.pid);
	scanner_close(&scanner);
	error = snapshot_take(snap, options.pid, cells);
	if (error == ESRCH)
		fail("process %d has no memory of its own: it is a kernel thread, or has ended",
		     options.pid);
	if (error)
		fail("process %d: cannot look at its pages: %s", options.pid, strerror(error));
}

static void show_svg(void)
{
	struct snapshot snap;
	FILE *out;

	take(&snap, SVG_CELLS);
	out = open_output(options.svg);
	write_svg(&snap, out);
	close_output(out, options.svg);
	snapshot_free(&snap);
}

static void show_text(void)
{
	FILE *out = open_output(options.output);
	struct snapshot snap;
	struct screen screen;

	screen_set_up(&screen, out);
	take(&snap, screen.bar);
	draw_snapshot(&screen, &snap, NULL);
	close_output(out, options.output);
	snapshot_free(&snap);
}

static void show_for_programs(void)
{
	struct scanner scanner;
	FILE *out;

	open_process(&scanner, options.pid);
	out = open_output(options.output);
	(options.format == JSON ? write_json : write_csv)(&scanner, options.pid, out);
	close_output(out, options.output);
	scanner_close(&scanner);
}

int main(int argc, char **argv)
{
	setlocale(LC_CTYPE, "");
	ignore_pipe_signal();
	parse_options(argc, argv);
	if (options.mode == TRACK)
		return track();
	if (options.mode == WATCH)
		watch();
	else if (options.svg)
		show_svg();
	else if (options.format != TEXT)
		show_for_programs();
	else
		show_text();
	return 0;
}
