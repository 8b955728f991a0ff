// SPDX-License-Identifier: GPL-2.0
/* What it costs to ask which pages are there, and which were written: /proc/self/pagemap read, and PAGEMAP_SCAN. */
#include "scan.h"

static uint64_t entries[MANY];

static int read_and_filter(struct area *a)
{
	size_t size = a->pages * sizeof(*entries), found = 0;

	if (pread(pagemap, entries, size, (uintptr_t)a->mem / PAGE * sizeof(*entries)) != (ssize_t)size)
		return 1;
	for (size_t i = 0; i < a->pages; i++)
		found += entries[i] >> 63;
	return found != a->pages;
}

static int touch_every_other(struct area *a)
{
	map(a);
	return write_every(a, 2);
}

static int touch_two(struct area *a)
{
	a->mem = map_at(PLACE, a->pages * PAGE, PROT_READ | PROT_WRITE, MAP_FIXED_NOREPLACE | MAP_NORESERVE);
	write_pages(a->mem + a->pages / 3 * PAGE, 1);
	write_pages(a->mem + a->pages / 3 * 2 * PAGE, 1);
	return 0;
}

static int watch(struct area *a)
{
	return map_and_touch(a) || watch_async(a);
}

static int watch_and_arm(struct area *a)
{
	return watch(a) || arm(a);
}

static int write_some(struct area *a)
{
	return watch_and_arm(a) || write_every(a, WRITTEN_STEP);
}

static void two_found(struct area *a)
{
	check_found(a, 2);
}

static const struct figure figures[] = {
	{ "pagemap-read", "instructions/page", map_and_touch, read_and_filter },
	{ "scan-present", "instructions/page", map_and_touch, scan_present, all_found },
	{ "scan-alternating", "instructions/page", touch_every_other, scan_present, half_found },
	{ "scan-sparse", "instructions", touch_two, scan_present, two_found, .pages = SPARSE_PAGES, .per = 1 },
	{ "watch-arm", "instructions/page", watch, arm, all_found },
	{ "watch-write", "instructions/page", watch_and_arm, write_all, all_written },
	{ "watch-get-reset", "instructions/page", write_some, get_and_reset, some_found },
	{ "watch-clean", "instructions/page", watch_and_arm, scan_written, none_found },
};

int main(void)
{
	start_bench();
	open_pagemap();
	memset(entries, 1, sizeof(entries));
	run_figures(figures, COUNT(figures));
	return 0;
}
