// SPDX-License-Identifier: GPL-2.0
/* The command line. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "ptmap.h"

struct options options = { .interval = 1 };

enum {
	OPTION_COLOR = 256,
	OPTION_CSV,
	OPTION_JSON,
	OPTION_METHOD,
	OPTION_SVG,
	OPTION_TRACK,
	OPTION_VERSION,
	OPTION_WIDTH,
};

static const struct option longs[] = {
	{ "all", no_argument, NULL, 'a' },
	{ "category", required_argument, NULL, 'c' },
	{ "color", required_argument, NULL, OPTION_COLOR },
	{ "count", required_argument, NULL, 'n' },
	{ "csv", no_argument, NULL, OPTION_CSV },
	{ "follow", no_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },
	{ "interval", required_argument, NULL, 'i' },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "method", required_argument, NULL, OPTION_METHOD },
	{ "output", required_argument, NULL, 'o' },
	{ "range", required_argument, NULL, 'r' },
	{ "svg", required_argument, NULL, OPTION_SVG },
	{ "track", no_argument, NULL, OPTION_TRACK },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ "watch", no_argument, NULL, 'w' },
	{ "width", required_argument, NULL, OPTION_WIDTH },
	{ 0 },
};

static const char help[] =
"Usage: ptmap [OPTION]... PID               draw the pages of a process\n"
"       ptmap [OPTION]... --watch PID       draw them again and again\n"
"       ptmap [OPTION]... --track CMD ARG...  run a command; show what it writes\n"
"\n"
"What is shown:\n"
"  -a, --all            mappings with nothing in them too, and no list cut short\n"
"  -c, --category EXPR  only pages of these categories, as in 'present&!file' or\n"
"                       '(written|guard)'; there are wpallowed, written, file,\n"
"                       present, swapped, pfnzero, huge, soft_dirty and guard\n"
"  -r, --range A-B      only addresses from A up to, not including, B (in hex)\n"
"How:\n"
"      --color=WHEN     auto, always or never\n"
"      --width=COLUMNS  instead of the terminal's\n"
"      --json, --csv    for programs\n"
"      --svg FILE       write a heat map that a browser shows\n"
"  -o, --output FILE    write there; for --track instead of to standard error\n"
"When:\n"
"  -w, --watch          redraw until ^C, or until the process ends\n"
"      --track          what follows is the command\n"
"  -f, --follow         with --track: also the programs that the command executes in\n"
"                       its own place; then each signal it gets costs it a stop\n"
"  -i, --interval SECS  between two looks (default 1)\n"
"  -n, --count N        with --watch: look N times\n"
"From where:\n"
"      --method=HOW     scan (the ioctl PAGEMAP_SCAN), read (/proc/PID/pagemap,\n"
"                       which tells less) or auto: scan where the kernel can\n"
"  -h, --help; --version\n"
"\n"
"Exit status: 0 good, 1 failed, 2 wrong usage; with --track that of the command,\n"
"125 when ptmap fails, 126 or 127 when the command cannot be run or found.\n"
"\n"
"Examples:\n"
"  ptmap $$\n"
"  ptmap --category 'present&!file' --svg heap.svg 1234\n"
"  ptmap --track --interval 0.2 sort big-file\n";

static _Noreturn void usage(const char *what, const char *value)
{
	give_up(EXIT_USAGE, "%s%s%s%s; see ptmap --help", what, value ? " '" : "",
		value ? value : "", value ? "'" : "");
}

static _Noreturn void print(const char *text)
{
	fputs(text, stdout);
	close_output(stdout, "-");
	exit(0);
}

static unsigned long parse_number(const char *text, unsigned long most, const char *what)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || !number || number > most)
		usage(what, text);
	return number;
}

static double parse_seconds(const char *text)
{
	char *end;
	double number = strtod(text, &end);

	/* Written so that it is also false for what is no number */
	if (end == text || *end || !(number >= 0.01 && number <= 86400))
		usage("the interval is a number of seconds from 0.01 to 86400, not", text);
	return number;
}

static uint64_t parse_address(const char *text, char **end)
{
	errno = 0;
	*end = (char *)text;
	/* strtoull() would take a sign and blanks */
	if (!strchr("0123456789abcdefABCDEF", *text) || !*text)
		return 0;
	return strtoull(text, end, 16);
}

/* Whole pages, as they are what there is to tell about */
static void parse_range(const char *text)
{
	uint64_t page = page_size(), from, to = 0;
	char *end, *last = NULL;

	from = parse_address(text, &end);
	if (end != text && *end == '-' && !errno)
		to = parse_address(end + 1, &last);
	if (!last || last == end + 1 || *last || errno || from >= to)
		usage("a range is two hexadecimal addresses, as in 7f0000000000-7f0000200000, not",
		      text);
	options.ranged = true;
	options.from = from / page * page;
	options.to = to > -page ? -page : (to + page - 1) / page * page;
}

static unsigned int choose(const char *text, const char *const *words, const char *what)
{
	for (unsigned int i = 0; words[i]; i++)
		if (!strcmp(text, words[i]))
			return i;
	usage(what, text);
}

static void set_mode(enum mode mode)
{
	if (options.mode != SHOW && options.mode != mode)
		usage("--watch and --track exclude each other", NULL);
	options.mode = mode;
}

static void set_format(enum format format)
{
	if (options.format != TEXT && options.format != format)
		usage("--json and --csv exclude each other", NULL);
	options.format = format;
}

static void take_option(int option)
{
	static const char *const colors[] = { "auto", "always", "never", NULL };
	static const char *const methods[] = { "auto", "scan", "read", NULL };

	switch (option) {
	case 'a':
		options.all = true;
		break;
	case 'c':
		options.filter.text = optarg;
		break;
	case 'f':
		options.follow = true;
		break;
	case 'h':
		print(help);
	case 'i':
		options.interval = parse_seconds(optarg);
		break;
	case 'n':
		options.count =
			parse_number(optarg, 1UL << 30, "a count is a number from 1 on, not");
		break;
	case 'o':
		options.output = optarg;
		break;
	case 'r':
		parse_range(optarg);
		break;
	case 'w':
		set_mode(WATCH);
		break;
	case OPTION_COLOR:
		options.color = choose(optarg, colors, "--color is auto, always or never, not");
		break;
	case OPTION_CSV:
		set_format(CSV);
		break;
	case OPTION_JSON:
		set_format(JSON);
		break;
	case OPTION_METHOD:
		options.method = choose(optarg, methods, "--method is auto, scan or read, not");
		break;
	case OPTION_SVG:
		options.svg = optarg;
		break;
	case OPTION_TRACK:
		set_mode(TRACK);
		break;
	case OPTION_VERSION:
		print("ptmap " VERSION "\n");
	case OPTION_WIDTH:
		options.width = parse_number(optarg, 1000,
					     "a width is a number of columns from 32 to 1000, not");
		if (options.width < 32)
			usage("a width is a number of columns from 32 to 1000, not", optarg);
		break;
	default:
		/* getopt has said what is wrong */
		usage("that is no way to call it", NULL);
	}
}

static void take_process(const char *text)
{
	if (options.pid)
		usage("one process at a time; what is", text);
	options.pid = parse_number(text, INT32_MAX, "the number of a process is wanted, not");
}

static void check_track(void)
{
	if (!options.command[0])
		usage("--track wants a command after it", NULL);
	if (options.filter.text || options.ranged)
		usage("--track does not go with --category or --range", NULL);
	if (options.count)
		usage("--count goes with --watch only", NULL);
	if (options.method == METHOD_READ)
		usage("--track does not go with --method=read: it takes PAGEMAP_SCAN to tell what is written",
		      NULL);
}

static void check_process(void)
{
	if (!options.pid)
		usage("the number of a process is missing", NULL);
	if (options.mode == WATCH && (options.format != TEXT || options.svg))
		usage("--watch does not go with --json, --csv or --svg", NULL);
	if (options.svg && options.format != TEXT)
		usage("--svg does not go with --json or --csv", NULL);
	if (options.svg && options.output)
		usage("--svg names its file itself; --output is for text, --json and --csv", NULL);
	if (options.follow)
		usage("--follow goes with --track only", NULL);
	if (options.count && options.mode != WATCH)
		usage("--count goes with --watch only", NULL);
}

/* Once the command of --track begins, no option is ours */
void parse_options(int argc, char **argv)
{
	int option;

	options.command = argv + argc;
	while ((option = getopt_long(argc, argv, "-ac:fhi:n:o:r:w", longs, NULL)) != -1) {
		if (option != 1) {
			take_option(option);
			continue;
		}
		if (options.mode == TRACK) {
			options.command = argv + optind - 1;
			break;
		}
		take_process(optarg);
	}
	if (option == -1 && options.mode == TRACK)
		options.command = argv + optind;
	for (; options.mode != TRACK && optind < argc; optind++)
		take_process(argv[optind]);
	if (options.mode == TRACK)
		check_track();
	else
		check_process();
	if (options.mode != TRACK && !options.output)
		options.output = "-";
	if (options.filter.text)
		filter_compile(&options.filter, options.filter.text);
	else
		filter_all(&options.filter);
}
