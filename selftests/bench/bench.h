/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the benchmarks share. They print a line "KEY VALUE UNIT" per figure, or "KEY - UNIT" for what this kernel cannot
 * do; selftests/bench/goals says what each key means.
 *
 * A nanosecond of CLOCK_MONOTONIC is one instruction in a guest started with ICOUNT=1. Every figure is the least of
 * several rounds, after one to warm up: timer ticks, RCU callbacks and kernel threads only ever add to it.
 */
#ifndef BENCH_H
#define BENCH_H

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#define MADV_GUARD_REMOVE	103
#endif

#define PAGE		4096UL
#define MANY		8192UL		/* pages: 32 MiB, where nothing else is said */
#define ROUNDS		8
#define ABSENT		NAN

/*
 * The memory lies at the same place in every run, at the start of a page table. A page that stays mapped below it keeps
 * the upper levels of the tables, so that they are not part of any figure.
 */
#define PLACE		((char *)(1UL << 44) + (64UL << 20))
#define KEEPER		(PLACE - (4UL << 20))

struct area {
	char *mem;
	size_t pages;
	int child;		/* a process, or a file */
};

/*
 * One figure. What comes before and after is not counted. EINVAL or ENOTTY from one of the first two means that the
 * kernel cannot do it.
 */
struct figure {
	const char *key, *unit;
	int (*before)(struct area *a);
	int (*counted)(struct area *a);
	void (*after)(struct area *a);
	size_t pages;
	double per;		/* the total is divided by this; 0: by the pages */
	int rounds;		/* 0: ROUNDS */
};

#define COUNT(array)	(sizeof(array) / sizeof(*(array)))

static double clock_cost;

static inline void __attribute__((noreturn)) give_up(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static inline double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static inline void keep_least(double *least, double value)
{
	if (isnan(*least) || value < *least)
		*least = value;
}

static inline void report(const char *key, double value, const char *unit)
{
	if (isnan(value))
		printf("%s - %s\n", key, unit);
	else
		printf("%s %.1f %s\n", key, value, unit);
}

static inline char *map_at(char *where, size_t size, int prot, int flags)
{
	char *p = mmap(where, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (p == MAP_FAILED)
		give_up("mmap");
	return p;
}

static inline void write_pages(char *mem, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		*(volatile char *)(mem + i * PAGE) = 1;
}

static inline int map(struct area *a)
{
	a->mem = map_at(PLACE, a->pages * PAGE, PROT_READ | PROT_WRITE, MAP_FIXED_NOREPLACE);
	return 0;
}

static inline int map_and_touch(struct area *a)
{
	map(a);
	write_pages(a->mem, a->pages);
	return 0;
}

/* Also how most figures end, where it finds nothing to do after a figure of its own. */
static inline int unmap(struct area *a)
{
	return a->mem && munmap(a->mem, a->pages * PAGE);
}

/* The library's fork() does work of its own */
static inline int fork_only(struct area *a)
{
	a->child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (!a->child)
		_exit(0);
	return a->child < 0;
}

static inline void wait_for_child(struct area *a)
{
	int status;

	if (waitpid(a->child, &status, 0) != a->child || status)
		give_up("child");
}

/* In nanoseconds, or instructions */
static inline double least_of_rounds(const struct figure *f, size_t pages)
{
	int rounds = f->rounds ? f->rounds : ROUNDS;
	double least = ABSENT;

	for (int round = 0; round <= rounds; round++) {
		struct area a = { .pages = pages };
		bool cannot = f->before && f->before(&a);
		double begin, end;

		begin = now();
		cannot = cannot || f->counted(&a);
		end = now();
		if (f->after && !cannot)
			f->after(&a);
		if (cannot && errno != EINVAL && errno != ENOTTY)
			give_up(f->key);
		unmap(&a);
		if (cannot)
			return ABSENT;
		if (round)
			keep_least(&least, end - begin - clock_cost);
	}
	return least;
}

static inline void run_figures(const struct figure *f, size_t count)
{
	for (; count--; f++) {
		size_t pages = f->pages ? f->pages : MANY;

		report(f->key, least_of_rounds(f, pages) / (f->per ? f->per : pages), f->unit);
	}
}

/* Huge pages are off for these programs, whatever the machine does otherwise. What is printed waits until the end. */
static inline void start_bench(void)
{
	static char output[16384];

	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	setvbuf(stdout, output, _IOFBF, sizeof(output));
	write_pages(map_at(KEEPER, PAGE, PROT_READ | PROT_WRITE, MAP_FIXED_NOREPLACE), 1);
	clock_cost = ABSENT;
	for (int i = 0; i < 100; i++) {
		double begin = now();

		keep_least(&clock_cost, now() - begin);
	}
}

#endif
