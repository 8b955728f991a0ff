// SPDX-License-Identifier: GPL-2.0
/* The paths of ordinary memory, which must not pay for guards. */
#include "bench.h"

static int map_shared(struct area *a)
{
	a->mem = mmap(PLACE, a->pages * PAGE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (a->mem == MAP_FAILED)
		give_up("shared memory");
	return 0;
}

static int write_each(struct area *a)
{
	write_pages(a->mem, a->pages);
	return 0;
}

static int read_each(struct area *a)
{
	for (size_t i = 0; i < a->pages; i++)
		(void)*(volatile char *)(a->mem + i * PAGE);
	return 0;
}

static int protect_and_back(struct area *a)
{
	return mprotect(a->mem, a->pages * PAGE, PROT_READ) ||
	       mprotect(a->mem, a->pages * PAGE, PROT_READ | PROT_WRITE);
}

static int drop(struct area *a)
{
	return madvise(a->mem, a->pages * PAGE, MADV_DONTNEED);
}

static const struct figure figures[] = {
	{ "write-fault", "instructions/page", map, write_each },
	{ "read-fault", "instructions/page", map, read_each },
	{ "shmem-fault", "instructions/page", map_shared, write_each },
	{ "munmap", "instructions/page", map_and_touch, unmap },
	{ "mprotect-pair", "instructions/page", map_and_touch, protect_and_back },
	{ "dontneed", "instructions/page", map_and_touch, drop },
};

int main(void)
{
	start_bench();
	run_figures(figures, COUNT(figures));
	return 0;
}
