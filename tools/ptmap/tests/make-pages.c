// SPDX-License-Identifier: GPL-2.0
/*
 * Pages of every kind at addresses that are always the same, for tests/run. Says "ready" when they
 * are there; then, for each line it is given, it writes one page more and says "written". It ends
 * with its input.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE	0x100000
#endif
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY	1
#endif

#define PAGE			4096UL
#define ANONYMOUS		0x2000000000UL
#define PRIVATE_FILE		0x2000100000UL
#define GUARDED			0x2000200000UL
#define TRACKED			0x2000300000UL
#define EMPTY			0x2000400000UL
#define SHARED			0x2040500000UL
#define SPARSE			0x100000000000UL

static void give_up(const char *what)
{
	fprintf(stderr, "make-pages: %s: %s\n", what, strerror(errno));
	exit(1);
}

static volatile char *map(uint64_t at, size_t pages, int protection, int flags, int fd)
{
	void *mem = mmap((void *)at, pages * PAGE, protection,
			 flags | MAP_FIXED_NOREPLACE | MAP_NORESERVE, fd, 0);

	if (mem == MAP_FAILED)
		give_up("mmap");
	/* Kernels without transparent huge pages do not know what this forbids */
	if (madvise(mem, pages * PAGE, MADV_NOHUGEPAGE) && errno != EINVAL)
		give_up("MADV_NOHUGEPAGE");
	return mem;
}

static volatile char *map_anonymous(uint64_t at, size_t pages)
{
	return map(at, pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static void write_pages(volatile char *mem, size_t first, size_t end)
{
	for (; first < end; first++)
		mem[first * PAGE] = 1;
}

static void read_pages(volatile char *mem, size_t first, size_t end)
{
	for (; first < end; first++)
		(void)mem[first * PAGE];
}

static volatile char *make_anonymous(void)
{
	volatile char *mem = map_anonymous(ANONYMOUS, 16);

	write_pages(mem, 0, 4);
	read_pages(mem, 4, 8);
	return mem;
}

static void make_file(void)
{
	static const char zeroes[8 * PAGE];
	int fd = memfd_create("pages", MFD_CLOEXEC);
	volatile char *mem;

	if (fd < 0 || write(fd, zeroes, sizeof(zeroes)) != sizeof(zeroes))
		give_up("memfd");
	mem = map(PRIVATE_FILE, 8, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);
	read_pages(mem, 0, 8);
	write_pages(mem, 2, 3);
	close(fd);
}

static void make_guards(void)
{
	volatile char *mem = map_anonymous(GUARDED, 8);

	write_pages(mem, 0, 1);
	if (madvise((void *)(mem + 2 * PAGE), 2 * PAGE, MADV_GUARD_INSTALL))
		puts("no guards");
}

static void make_tracked(void)
{
	volatile char *mem = map_anonymous(TRACKED, 8);
	struct uffdio_api api = { .api = UFFD_API, .features = 1 << 13 | 1 << 15 };
	struct uffdio_register area = { .range = { TRACKED, 8 * PAGE },
					.mode = UFFDIO_REGISTER_MODE_WP };
	struct uffdio_writeprotect arm = { .range = { TRACKED, 6 * PAGE },
					   .mode = UFFDIO_WRITEPROTECT_MODE_WP };
	/* Stays open for as long as the process lives, as the protection does */
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

	write_pages(mem, 0, 6);
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &area) ||
	    ioctl(fd, UFFDIO_WRITEPROTECT, &arm)) {
		puts("no tracking");
		return;
	}
	write_pages(mem, 1, 2);
	write_pages(mem, 4, 5);
}

int main(void)
{
	volatile char *mem = make_anonymous();
	size_t next = 8;

	make_file();
	make_guards();
	make_tracked();
	map(EMPTY, (1UL << 30) / PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	write_pages(map(SHARED, 4, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1), 1, 2);
	write_pages(map_anonymous(SPARSE, (1UL << 40) / PAGE), (1UL << 39) / PAGE,
		    (1UL << 39) / PAGE + 2);
	puts("ready");
	fflush(stdout);
	for (int c; (c = getchar()) != EOF; ) {
		if (c != '\n')
			continue;
		write_pages(mem, next, next + 1);
		next = next < 15 ? next + 1 : 8;
		puts("written");
		fflush(stdout);
	}
	return 0;
}
