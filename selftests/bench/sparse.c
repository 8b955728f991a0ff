// SPDX-License-Identifier: GPL-2.0
/*
 * Single pages made inaccessible, as allocators and thread stacks do it: 1,024 in 64 MiB of touched memory, one every
 * 64 KiB, by each way there is to do it; and 1,000 untouched stacks.
 */
#include <sys/uio.h>

#include "bench.h"

#ifndef SYS_process_madvise
#define SYS_process_madvise	440
#endif

#define PAGES		16384UL
#define STRIDE		(16 * PAGE)
#define GUARDS		(PAGES * PAGE / STRIDE)
#define VECTOR		512
#define STACKS		1000
#define STACK_BYTES	(8UL << 20)

static int self;

static int by_madvise(struct area *a)
{
	for (size_t i = 0; i < GUARDS; i++)
		if (madvise(a->mem + i * STRIDE, PAGE, MADV_GUARD_INSTALL))
			return 1;
	return 0;
}

static int remove_each(struct area *a)
{
	for (size_t i = 0; i < GUARDS; i++)
		if (madvise(a->mem + i * STRIDE, PAGE, MADV_GUARD_REMOVE))
			return 1;
	return 0;
}

static int by_vector(struct area *a)
{
	static struct iovec v[VECTOR];

	for (size_t i = 0; i < GUARDS; i += VECTOR) {
		for (size_t j = 0; j < VECTOR; j++)
			v[j] = (struct iovec){ a->mem + (i + j) * STRIDE, PAGE };
		if (syscall(SYS_process_madvise, self, v, VECTOR, MADV_GUARD_INSTALL, 0) != VECTOR * PAGE)
			return 1;
	}
	return 0;
}

static int by_mprotect(struct area *a)
{
	for (size_t i = 0; i < GUARDS; i++)
		if (mprotect(a->mem + i * STRIDE, PAGE, PROT_NONE))
			return 1;
	return 0;
}

static int by_mmap(struct area *a)
{
	for (size_t i = 0; i < GUARDS; i++)
		map_at(a->mem + i * STRIDE, PAGE, PROT_NONE, MAP_FIXED);
	return 0;
}

static const struct way {
	const char *name;
	int (*install)(struct area *a);
} ways[] = {
	{ "madvise", by_madvise },
	{ "vector", by_vector },
	{ "mprotect", by_mprotect },
	{ "mmap", by_mmap },
};

static const struct way *way;

/* What the kernel keeps about an address space, in objects of these kinds */
static const struct {
	const char *key, *cache;
} slabs[] = {
	{ "vma", "vm_area_struct" },
	{ "maple", "maple_node" },
	{ "anon_vma", "anon_vma" },
	{ "avc", "anon_vma_chain" },
};

struct memory {
	double vmas, page_tables, slab[COUNT(slabs)];
};

static double lines_of_maps(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	int c, lines = 0;

	while (f && (c = getc(f)) != EOF)
		lines += c == '\n';
	if (f)
		fclose(f);
	return lines;
}

static double page_tables(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[200];
	double kb = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmPTE: %lf", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

/* Free objects in the slab that a processor allocates from are taken for used ones, unless it gives the slab back. */
static void give_slabs_back(const char *cache)
{
	char path[100];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", cache);
	f = fopen(path, "we");
	if (!f)
		return;
	fputs("1", f);
	fclose(f);
}

static double slab_bytes(const char *cache)
{
	FILE *f = fopen("/proc/slabinfo", "re");
	char line[300], name[100];
	double bytes = ABSENT, used, size;

	while (f && isnan(bytes) && fgets(line, sizeof(line), f))
		if (sscanf(line, "%99s %lf %*s %lf", name, &used, &size) == 3 && !strcmp(name, cache))
			bytes = used * size;
	if (f)
		fclose(f);
	return bytes;
}

static struct memory look(void)
{
	struct memory m;

	/* What RCU frees is free after this */
	usleep(100000);
	for (size_t i = 0; i < COUNT(slabs); i++)
		give_slabs_back(slabs[i].cache);
	for (size_t i = 0; i < COUNT(slabs); i++)
		m.slab[i] = slab_bytes(slabs[i].cache);
	m.vmas = lines_of_maps();
	m.page_tables = page_tables();
	return m;
}

static void report_of(const char *what, double value, const char *unit)
{
	char key[100];

	snprintf(key, sizeof(key), "sparse-%s%s", way->name, what);
	report(key, value, unit);
}

/* How much more there is with the guards than without */
static void report_memory(void)
{
	struct area a = { .pages = PAGES };
	struct memory before, after;
	double sum = 0, more;
	bool cannot;
	char what[40];

	map_and_touch(&a);
	before = look();
	cannot = way->install(&a);
	after = look();
	unmap(&a);
	report_of("-vmas", cannot ? ABSENT : after.vmas - before.vmas, "count");
	report_of("-pte", cannot ? ABSENT : after.page_tables - before.page_tables, "kB");
	for (size_t i = 0; i < COUNT(slabs); i++) {
		more = cannot ? ABSENT : after.slab[i] - before.slab[i];
		sum += more;
		snprintf(what, sizeof(what), "-slab-%s", slabs[i].key);
		report_of(what, more, "bytes");
	}
	report_of("-slab", sum, "bytes");
}

static int install(struct area *a)
{
	return way->install(a);
}

static int touch_and_install(struct area *a)
{
	return map_and_touch(a) || install(a);
}

static void report_way(void)
{
	static const struct figure set = { "install", .before = map_and_touch, .counted = install },
		unset = { "remove", .before = touch_and_install, .counted = remove_each },
		forked = { "fork", .before = touch_and_install, .counted = fork_only, .after = wait_for_child },
		unmapped = { "munmap", .before = touch_and_install, .counted = unmap };

	report_of("", least_of_rounds(&set, PAGES) / GUARDS, "instructions/guard");
	if (way->install == by_madvise)
		report_of("-remove", least_of_rounds(&unset, PAGES) / GUARDS, "instructions/guard");
	report_of("-fork", least_of_rounds(&forked, PAGES), "instructions");
	report_of("-munmap", least_of_rounds(&unmapped, PAGES), "instructions");
	report_memory();
}

static int protect_page(char *p)
{
	return mprotect(p, PAGE, PROT_NONE);
}

static int guard_page(char *p)
{
	return madvise(p, PAGE, MADV_GUARD_INSTALL);
}

/* Stacks as a library makes them, mapped one by one, with their lowest page made inaccessible */
static void report_stacks(const char *pte_key, const char *vma_key, int (*protect)(char *p))
{
	double pte = page_tables(), vmas = lines_of_maps();
	static char *stacks[STACKS];
	bool absent = false;

	for (int i = 0; i < STACKS; i++) {
		stacks[i] = map_at(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_STACK | MAP_NORESERVE);
		absent |= protect(stacks[i]) != 0;
	}
	pte = page_tables() - pte;
	vmas = lines_of_maps() - vmas;
	report(pte_key, absent ? ABSENT : pte, "kB");
	report(vma_key, absent ? ABSENT : vmas, "count");
	for (int i = 0; i < STACKS; i++)
		munmap(stacks[i], STACK_BYTES);
}

int main(void)
{
	start_bench();
	self = syscall(SYS_pidfd_open, getpid(), 0);
	if (self < 0)
		give_up("pidfd_open");
	for (way = ways; way < ways + COUNT(ways); way++)
		report_way();
	report_stacks("stacks-madvise-pte", "stacks-madvise-vmas", guard_page);
	report_stacks("stacks-mprotect-pte", "stacks-mprotect-vmas", protect_page);
	return 0;
}
