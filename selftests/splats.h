/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel log must not contain. Matched anywhere in a line that the kernel itself wrote (a line from user space
 * has another facility), after the last test: also what a test caused and did not notice fails the run.
 */
static const char * const splats[] = {
	"WARNING: ",			/* WARN(), and lockdep's headings */
	"BUG: ",			/* BUG(), KASAN, soft lockup, sleeping in atomic, bad page, bad rss-counter */
	"kernel BUG at",
	"UBSAN: ",
	"Oops",
	"general protection fault",
	"Unable to handle kernel",
	"Internal error: ",
	"Call Trace:",
	"Call trace:",
	"possible circular locking dependency",
	"possible recursive locking",
	"possible irq lock inversion",
	"inconsistent lock state",
	"suspicious RCU usage",
	"lock held when returning to user space",
	"locks held by",
	"held lock freed",
	"sleeping function called from invalid context",
	"scheduling while atomic",
	"Bad page state",
	"Bad page map",
	"Bad rss-counter",
	"bad pte",
	"blocked for more than",
	"soft lockup",
	"hard LOCKUP",
	"workqueue lockup",
	"detected stalls on CPUs",
	"self-detected stall",
	"pagealloc: memory corruption",
	"list_add corruption",
	"list_del corruption",
	"ODEBUG: ",
	"refcount_t: ",
	"slab error in",
	"new suspected memory leaks",
	"unreferenced object",
};

/*
 * Lines that look like the above and are none: what they contain, and why they are harmless.
 */
static const struct {
	const char *text;
	const char *reason;
} allowed[] = {
	{ "Kernel command line: ", "words that the caller typed" },
};
