// SPDX-License-Identifier: GPL-2.0
/* --json and --csv: region by region as the kernel gives them, nothing is kept. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "ptmap.h"

struct writer {
	FILE *out;
	const struct mapping *mapping;
	struct tally tally;
	bool is_first;
};

/* Holes are most of what most processes have, and say nothing that the gaps do not */
static bool is_told(const struct region *r)
{
	return options.all || options.filter.text || state_of(r->categories) != STATE_HOLE;
}

static void scan_mapping(struct scanner *s, pid_t pid, struct writer *w, region_fn *found)
{
	int error = scan_range(s, w->mapping->start, w->mapping->end, &options.filter, found, w);

	if (error == ESRCH)
		fail("process %d has ended meanwhile", pid);
	if (error)
		fail("process %d: cannot look at its pages: %s", pid, strerror(error));
	check_output(w->out, options.output);
}

static void open_maps(struct maps *maps, pid_t pid)
{
	int error = maps_open(maps, pid);

	if (error)
		fail("process %d: cannot read its mappings: %s", pid, strerror(error));
}

static void write_json_region(void *data, const struct region *r)
{
	struct writer *w = data;

	tally_region(&w->tally, r);
	if (!is_told(r))
		return;
	fprintf(w->out,
		"%s\n        { \"start\": \"0x%" PRIx64 "\", \"end\": \"0x%" PRIx64
		"\", \"bytes\": %" PRIu64 ", \"categories\": [",
		w->is_first ? "" : ",", r->start, r->end, r->end - r->start);
	print_categories(w->out, r->categories, "\"", ", ");
	fputs("] }", w->out);
	w->is_first = false;
}

/* Only what is not zero */
static void write_json_tally(FILE *out, const struct tally *t)
{
	bool is_first = true;

	fputs("{", out);
	for (unsigned int i = 0; i < CATEGORIES; i++) {
		if (!t->category[i])
			continue;
		fprintf(out, "%s\"%s\": %" PRIu64, is_first ? " " : ", ", category_names[i],
			t->category[i]);
		is_first = false;
	}
	fputs(is_first ? "}" : " }", out);
}

static void write_json_mapping(struct scanner *s, pid_t pid, struct writer *w)
{
	const struct mapping *m = w->mapping;

	fprintf(w->out,
		"    { \"start\": \"0x%" PRIx64 "\", \"end\": \"0x%" PRIx64
		"\", \"bytes\": %" PRIu64 ", \"permissions\": \"%s\", \"offset\": \"0x%" PRIx64
		"\", \"name\": ",
		m->start, m->end, m->end - m->start, m->permissions, m->offset);
	put_json_string(w->out, m->name);
	fputs(",\n      \"regions\": [", w->out);
	w->is_first = true;
	w->tally = (struct tally){ .size = m->end - m->start };
	scan_mapping(s, pid, w, write_json_region);
	fputs(w->is_first ? "],\n" : "\n      ],\n", w->out);
	fputs("      \"bytes_by_category\": ", w->out);
	write_json_tally(w->out, &w->tally);
	fputs(" }", w->out);
}

/* Nothing at all is what kernel threads have, and processes that have ended */
static void check_total(uint64_t total, pid_t pid)
{
	if (!total && !options.ranged)
		fail("process %d has no memory of its own: it is a kernel thread, or has ended",
		     pid);
}

void write_json(struct scanner *s, pid_t pid, FILE *out)
{
	struct mapping mapping;
	struct writer w = { .out = out, .mapping = &mapping };
	struct tally total = { 0 };
	struct maps maps;
	char command[64];

	open_maps(&maps, pid);
	read_command_name(pid, command, sizeof(command));
	fprintf(out, "{\n  \"pid\": %d,\n  \"command\": ", pid);
	put_json_string(out, command);
	fprintf(out,
		",\n  \"page_size\": %" PRIu64
		",\n  \"method\": \"%s\",\n  \"known_categories\": [",
		page_size(), s->by_ioctl ? "scan" : "read");
	print_categories(out, s->known, "\"", ", ");
	fputs("],\n  \"mappings\": [", out);
	for (const char *separator = "\n"; next_wanted(&maps, &mapping); separator = ",\n") {
		fputs(separator, out);
		write_json_mapping(s, pid, &w);
		tally_add(&total, &w.tally);
	}
	fprintf(out, "\n  ],\n  \"bytes\": %" PRIu64 ",\n  \"bytes_by_category\": ", total.size);
	write_json_tally(out, &total);
	fputs("\n}\n", out);
	maps_close(&maps);
	check_total(total.size, pid);
}

static void write_csv_region(void *data, const struct region *r)
{
	struct writer *w = data;

	if (!is_told(r))
		return;
	fprintf(w->out, "0x%" PRIx64 ",0x%" PRIx64 ",%" PRIu64 ",", r->start, r->end,
		r->end - r->start);
	print_categories(w->out, r->categories, "", "|");
	fprintf(w->out, ",%s,", w->mapping->permissions);
	put_csv_string(w->out, w->mapping->name);
	fputc('\n', w->out);
}

void write_csv(struct scanner *s, pid_t pid, FILE *out)
{
	struct mapping mapping;
	struct writer w = { .out = out, .mapping = &mapping };
	uint64_t total = 0;
	struct maps maps;

	open_maps(&maps, pid);
	fputs("start,end,bytes,categories,permissions,name\n", out);
	while (next_wanted(&maps, &mapping)) {
		scan_mapping(s, pid, &w, write_csv_region);
		total += mapping.end - mapping.start;
	}
	maps_close(&maps);
	check_total(total, pid);
}
