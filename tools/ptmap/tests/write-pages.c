// SPDX-License-Identifier: GPL-2.0
/*
 * Writes known numbers of pages in phases, for tests/run: write-pages private|shared|file PHASE...
 * A phase is a number of pages to write, or r and a number of pages to read. What ptmap --track
 * --csv reports comes in at descriptor 3 and goes out again, with a line "phase N" behind each
 * phase: by then ptmap has looked since it was over.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE	0x100000
#endif

#define PAGE	4096UL
#define ARENA	0x3000000000UL
#define PAGES	16384UL
#define REPORT	3

static void give_up(const char *what)
{
	fprintf(stderr, "write-pages: %s: %s\n", what, strerror(errno));
	exit(1);
}

static volatile char *map_arena(const char *kind)
{
	int flags = MAP_PRIVATE, fd = -1;
	void *mem;

	if (!strcmp(kind, "shared"))
		flags = MAP_SHARED;
	if (strcmp(kind, "private")) {
		fd = memfd_create("arena", MFD_CLOEXEC);
		if (fd < 0 || ftruncate(fd, PAGES * PAGE))
			give_up("memfd");
	}
	mem = mmap((void *)ARENA, PAGES * PAGE, PROT_READ | PROT_WRITE,
		   flags | (fd < 0 ? MAP_ANONYMOUS : 0) | MAP_FIXED_NOREPLACE | MAP_NORESERVE, fd,
		   0);
	if (mem == MAP_FAILED)
		give_up("mmap");
	if (madvise(mem, PAGES * PAGE, MADV_NOHUGEPAGE) && errno != EINVAL)
		give_up("MADV_NOHUGEPAGE");
	return mem;
}

static void set_blocking(bool block)
{
	int flags = fcntl(REPORT, F_GETFL);

	if (flags < 0 || fcntl(REPORT, F_SETFL, block ? flags & ~O_NONBLOCK : flags | O_NONBLOCK))
		give_up("fcntl");
}

/*
 * One line of the report; false when there is none yet. The end of the report is the end of the
 * test.
 */
static bool pass_line(char *line, size_t size)
{
	static char part[1000];
	static size_t length;

	for (;;) {
		ssize_t got = read(REPORT, part + length, 1);

		if (got < 0 && errno == EAGAIN)
			return false;
		if (got <= 0 || ++length == sizeof(part))
			give_up("reading the report");
		if (part[length - 1] == '\n')
			break;
	}
	part[length] = '\0';
	length = 0;
	snprintf(line, size, "%s", part);
	fputs(line, stdout);
	return true;
}

/*
 * The look that is under way may have passed already; the one after it has not. Older ones are no
 * sign at all.
 */
static void wait_for_look(void)
{
	char line[1000];
	int looks = 0;

	set_blocking(false);
	while (pass_line(line, sizeof(line)))
		;
	set_blocking(true);
	while (looks < 2 && pass_line(line, sizeof(line)))
		looks += !!strstr(line, "[total]");
}

static void do_phase(volatile char *mem, const char *phase)
{
	bool reads = *phase == 'r';
	unsigned long n = strtoul(phase + reads, NULL, 10);

	for (unsigned long i = 0; i < n; i++) {
		/* Reads are of pages that nothing has written */
		if (reads)
			(void)mem[(PAGES - 1 - i) * PAGE];
		else
			mem[i * PAGE]++;
	}
}

int main(int argc, char **argv)
{
	volatile char *mem = map_arena(argv[1]);

	wait_for_look();
	for (int i = 2; i < argc; i++) {
		do_phase(mem, argv[i]);
		wait_for_look();
		printf("phase %s\n", argv[i]);
		fflush(stdout);
	}
	return 3;
}
