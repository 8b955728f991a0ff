// SPDX-License-Identifier: GPL-2.0
/* Processes: fork with memory that has no guard, and a program started. */
#include <sys/personality.h>

#include "bench.h"

static int start_program(struct area *a)
{
	a->child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (!a->child) {
		execl("/proc/self/exe", "bench", "exit", NULL);
		_exit(1);
	}
	wait_for_child(a);
	return 0;
}

static const struct figure figures[] = {
	{ "fork", "instructions", map_and_touch, fork_only, wait_for_child, .per = 1 },
	{ "exec", "instructions", NULL, start_program, .per = 1, .rounds = 200 },
};

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		_exit(0);
	start_bench();
	/* The programs started are then laid out alike, and need as many page tables */
	personality(ADDR_NO_RANDOMIZE);
	run_figures(figures, COUNT(figures));
	return 0;
}
