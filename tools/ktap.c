// SPDX-License-Identifier: GPL-2.0
/*
 * Reads the KTAP of one guest and prints a table of it; writes JUnit XML.
 *
 *   ktap ARCH CONFIG SKIPS XML < results
 *
 * The last line printed is "totals PASSED FAILED SKIPPED". Counted are the innermost results; the result of a program
 * counts by itself only when it printed none, or when it failed and all that it printed passed. These are failures:
 * a plan that is not met, a skip without a reason, a skip that no line of SKIPS allows, no plan and no result at all.
 * A line of SKIPS is: PATTERN ARCH CONFIG REASON, where PATTERN matches "program" or "program/test", and * matches any.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { PASS, FAIL, SKIP };

/* One result. @why: of a skip or a failure; @text: what was printed before it */
struct result {
	char *name, *why, *text;
	enum kind kind;
};

/* The results of one program */
struct suite {
	char *name, *seconds;
	struct result *results;
	size_t count, totals[3];
};

/* What is open at one indentation: the plan, and the results since it began */
struct level {
	size_t indent, got;
	long plan;
};

static struct suite *suites, current;
static size_t suite_count, totals[3];
static struct level levels[16];
static int depth = -1;
static char *text, *running, *nested;
static const char *arch, *config, *skips;

static char *format(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		exit(1);
	va_end(ap);
	return s;
}

static void *grow(void *array, size_t count, size_t size)
{
	array = realloc(array, (count + 1) * size);
	if (!array)
		exit(1);
	return array;
}

/* Whether a line of SKIPS names this test, on this machine, with a reason */
static bool skip_allowed(const char *suite, const char *test)
{
	char *path = format("%s/%s", suite, test);
	char line[1024], pattern[256], a[32], c[32], reason[8];
	FILE *f = fopen(skips, "r");
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = line[0] != '#' && sscanf(line, "%255s %31s %31s %7s", pattern, a, c, reason) == 4 &&
			(!fnmatch(pattern, path, 0) || !fnmatch(pattern, suite, 0)) &&
			!fnmatch(a, arch, 0) && !fnmatch(c, config, 0);
	if (f)
		fclose(f);
	free(path);
	return found;
}

static void add(const char *name, enum kind kind, const char *why)
{
	struct result *r;

	current.results = grow(current.results, current.count, sizeof(*r));
	r = &current.results[current.count++];
	*r = (struct result){ .name = strdup(name), .why = strdup(why), .text = text ? text : strdup(""), .kind = kind };
	text = NULL;
}

/* Adds a skip, or the failure that it is when it has no reason or is not foreseen; @suite is the program's name */
static void judge_skips(const char *suite)
{
	for (size_t i = 0; i < current.count; i++) {
		struct result *r = &current.results[i];
		const char *complaint = NULL;

		if (r->kind != SKIP)
			continue;
		if (!*r->why)
			complaint = "skipped without a reason";
		else if (!skip_allowed(suite, r->name))
			complaint = "skipped, which no line of selftests/skips allows";
		if (!complaint)
			continue;
		r->kind = FAIL;
		r->why = format("%s: %s", complaint, r->why);
	}
}

static void note(const char *line)
{
	char *longer = format("%s%s\n", text ? text : "", line);

	/* the end is what tells; a program may print megabytes */
	free(text);
	text = strlen(longer) > 16384 ? strdup(longer + strlen(longer) - 8192) : strdup(longer);
	free(longer);
}

/* Closes the levels inside @indent; each must have kept its plan */
static void close_levels(size_t indent)
{
	for (; depth >= 0 && levels[depth].indent > indent; depth--) {
		struct level *l = &levels[depth];

		if (l->plan < 0 && l->got)
			add("plan", FAIL, "results without a plan");
		else if (l->plan >= 0 && (size_t)l->plan != l->got)
			add("plan", FAIL, format("%ld results were planned, %zu came", l->plan, l->got));
	}
}

static struct level *level_at(size_t indent)
{
	close_levels(indent);
	if (depth < 0 || levels[depth].indent < indent) {
		if (depth + 1 == sizeof(levels) / sizeof(*levels))
			exit(1);
		levels[++depth] = (struct level){ .indent = indent, .plan = -1 };
	}
	return &levels[depth];
}

static void end_suite(const char *name, enum kind kind, const char *why)
{
	size_t failed = 0;

	for (size_t i = 0; i < current.count; i++)
		failed += current.results[i].kind == FAIL;
	if (!current.count || (kind == FAIL && !failed))
		add(current.count ? "exit" : "", kind, why);
	judge_skips(name);
	for (size_t i = 0; i < current.count; i++)
		current.totals[current.results[i].kind]++;
	current.name = strdup(name);
	suites = grow(suites, suite_count, sizeof(*suites));
	suites[suite_count++] = current;
	for (int k = PASS; k <= SKIP; k++)
		totals[k] += current.totals[k];
	memset(&current, 0, sizeof(current));
	free(text);
	text = running = nested = NULL;
}

/* "[not ]ok N [- ]NAME [# DIRECTIVE REASON]" at @indent */
static void take_result(size_t indent, char *rest, enum kind kind)
{
	struct level *l = level_at(indent);
	char *why = strstr(rest, "# "), *name = rest;
	size_t failed = 0;

	strtol(rest, &name, 10);
	name += strspn(name, " -");
	if (why) {
		*why = 0;
		why += 2;
	}
	for (size_t n = strlen(name); n && isspace((unsigned char)name[n - 1]); n--)
		name[n - 1] = 0;
	if (why && (!strncasecmp(why, "SKIP", 4) || !strncasecmp(why, "XFAIL", 5))) {
		kind = SKIP;
		why += strcspn(why, " ");
		why += strspn(why, " ");
	}
	if (!*name && running)
		name = running;
	for (size_t i = 0; i < current.count; i++)
		failed += current.results[i].kind == FAIL;
	if (!indent)
		end_suite(name, kind, why ? why : "");
	else if (!nested || strcmp(name, nested) || (kind == FAIL && !failed))
		add(name, kind, why ? why : "");
	else if (l->plan < 0)
		return;
	l->got++;
}

/* A nested "# Subtest: NAME" opens a level whose own result, later, only repeats what is inside */
static void take_comment(size_t indent, const char *c)
{
	char name[256], seconds[32];

	if (sscanf(c, "# seconds %*s %31s", seconds) == 1 && !indent)
		current.seconds = strdup(seconds);
	else if (sscanf(c, "# RUN %255s", name) == 1 || sscanf(c, "#  RUN %255s", name) == 1)
		running = strdup(name);
	else if (sscanf(c, "# Subtest: %255s", name) == 1 && indent)
		nested = strdup(name);
	else if (strncmp(c, "# Subtest: ", 11))
		note(c);
}

static void take_line(char *line)
{
	size_t indent = strspn(line, " ");
	char *c = line + indent;
	long plan;
	int end;

	if (!strncmp(c, "KTAP version", 12) || !strncmp(c, "TAP version", 11))
		return;
	if (sscanf(c, "1..%ld%n", &plan, &end) == 1)
		level_at(indent)->plan = plan;
	else if (!strncmp(c, "ok ", 3))
		take_result(indent, c + 3, PASS);
	else if (!strncmp(c, "not ok ", 7))
		take_result(indent, c + 7, FAIL);
	else if (!strncmp(c, "Bail out!", 9))
		add("bail out", FAIL, c);
	else if (*c == '#')
		take_comment(indent, c);
	else
		note(c);
}

static const char * const words[] = { "passed", "FAILED", "skipped" };

static void print_suite(const struct suite *s)
{
	enum kind kind = s->totals[FAIL] ? FAIL : s->totals[PASS] ? PASS : SKIP;

	printf("%-7s  %-24s  %-7s  %8s s  %zu passed, %zu failed, %zu skipped\n", arch, s->name, words[kind],
	       s->seconds ? s->seconds : "?", s->totals[PASS], s->totals[FAIL], s->totals[SKIP]);
	for (size_t i = 0; i < s->count; i++) {
		const struct result *r = &s->results[i];

		if (r->kind == PASS)
			continue;
		printf("         %s %s: %s\n", words[r->kind], *r->name ? r->name : s->name, r->why);
		if (r->kind != FAIL)
			continue;
		for (char *t = strtok(strdup(r->text), "\n"); t; t = strtok(NULL, "\n"))
			printf("           %s\n", t);
	}
}

static void xml_text(FILE *f, const char *s)
{
	for (; *s; s++)
		if (*s == '<' || *s == '>' || *s == '&' || *s == '"')
			fprintf(f, "&#%d;", *s);
		else
			fputc((unsigned char)*s < ' ' && *s != '\n' && *s != '\t' ? '?' : *s, f);
}

static void xml_attribute(FILE *f, const char *name, const char *value)
{
	fprintf(f, " %s=\"", name);
	xml_text(f, value);
	fputc('"', f);
}

static void write_xml(FILE *f, const struct suite *s)
{
	static const char * const tags[] = { NULL, "failure", "skipped" };

	fputs("<testsuite", f);
	xml_attribute(f, "name", s->name);
	fprintf(f, " tests=\"%zu\" failures=\"%zu\" skipped=\"%zu\" time=\"%s\">\n", s->count, s->totals[FAIL],
		s->totals[SKIP], s->seconds ? s->seconds : "0");
	for (size_t i = 0; i < s->count; i++) {
		const struct result *r = &s->results[i];

		fprintf(f, "<testcase classname=\"%s.%s\"", arch, config);
		xml_attribute(f, "name", *r->name ? r->name : s->name);
		fputs(">", f);
		if (r->kind != PASS) {
			fprintf(f, "<%s", tags[r->kind]);
			xml_attribute(f, "message", r->why);
			fputs(">", f);
			xml_text(f, r->text);
			fprintf(f, "</%s>", tags[r->kind]);
		}
		fputs("</testcase>\n", f);
	}
	fputs("</testsuite>\n", f);
}

int main(int argc, char **argv)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	FILE *xml;

	if (argc != 5)
		return 1;
	arch = argv[1];
	config = argv[2];
	skips = argv[3];
	while ((n = getline(&line, &size, stdin)) > 0) {
		line[strcspn(line, "\r\n")] = 0;
		take_line(line);
	}
	close_levels(0);
	if (depth < 0 || levels[0].plan <= 0 || (size_t)levels[0].plan != levels[0].got || current.count)
		end_suite("missing", FAIL, depth < 0 ? "no result at all" : "not every test came to an end");
	xml = fopen(argv[4], "w");
	if (!xml) {
		perror(argv[4]);
		return 1;
	}
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n", xml);
	for (size_t i = 0; i < suite_count; i++) {
		print_suite(&suites[i]);
		write_xml(xml, &suites[i]);
	}
	fputs("</testsuites>\n", xml);
	if (fclose(xml))
		return 1;
	printf("totals %zu %zu %zu\n", totals[PASS], totals[FAIL], totals[SKIP]);
	return 0;
}
