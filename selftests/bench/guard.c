// SPDX-License-Identifier: GPL-2.0
/* What guards cost where they cover memory without a gap. */
#include "bench.h"

#define FEW	1024UL

static int install(struct area *a)
{
	return madvise(a->mem, a->pages * PAGE, MADV_GUARD_INSTALL);
}

static int remove_guards(struct area *a)
{
	return madvise(a->mem, a->pages * PAGE, MADV_GUARD_REMOVE);
}

static int map_and_guard(struct area *a)
{
	return map(a) || install(a);
}

static int touch_and_guard(struct area *a)
{
	return map_and_touch(a) || install(a);
}

static const char per_page[] = "instructions/page";

static const struct figure empty = { "guard-install-empty", per_page, .before = map, .counted = install };

static const struct figure figures[] = {
	{ "guard-install-empty-64k", per_page, map, install, .pages = 65536 },
	{ "guard-install-touched", per_page, map_and_touch, install },
	{ "guard-install-again", per_page, map_and_guard, install },
	{ "guard-remove", per_page, map_and_guard, remove_guards },
	{ "guard-remove-none", per_page, map_and_touch, remove_guards },
	{ "guard-munmap", per_page, touch_and_guard, unmap },
};

int main(void)
{
	double few, many;

	start_bench();
	few = least_of_rounds(&empty, FEW);
	many = least_of_rounds(&empty, MANY);
	/* The slope leaves out what a call costs that does nothing */
	report(empty.key, (many - few) / (MANY - FEW), empty.unit);
	run_figures(figures, COUNT(figures));
	return 0;
}
