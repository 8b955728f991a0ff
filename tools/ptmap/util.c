// SPDX-License-Identifier: GPL-2.0
/* Errors, memory and output. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ptmap.h"

const char *const program = "ptmap";
int failure_status = EXIT_FAILED;
static struct sigaction pipe_action;

static void say(const char *format, va_list args)
{
	fprintf(stderr, "%s: ", program);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
	exit(failure_status);
}

void give_up(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
	exit(status);
}

void *allocate(void *old, size_t n, size_t size)
{
	void *memory = reallocarray(old, n, size);

	if (!memory && n)
		fail("out of memory");
	return memory;
}

char *copy_string(const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(allocate(NULL, size, 1), text, size);
}

FILE *open_output(const char *path)
{
	FILE *out;

	if (!strcmp(path, "-"))
		return stdout;
	out = fopen(path, "we");
	if (!out)
		fail("cannot write %s: %s", path, strerror(errno));
	return out;
}

static const char *output_name(FILE *out, const char *path)
{
	if (out == stdout)
		return "standard output";
	return out == stderr ? "standard error" : path;
}

/*
 * Also called now and then while there is much to write: a reader that has gone away ends the work
 */
void check_output(FILE *out, const char *path)
{
	if (fflush(out) || ferror(out))
		fail("cannot write to %s: %s", output_name(out, path), strerror(errno));
}

void close_output(FILE *out, const char *path)
{
	check_output(out, path);
	/* Some file systems tell only here that the disk is full */
	if (out != stderr && fclose(out))
		fail("cannot write to %s: %s", output_name(out, path), strerror(errno));
}

double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

uint64_t page_size(void)
{
	static uint64_t size;

	if (!size)
		size = sysconf(_SC_PAGESIZE);
	return size;
}

/* A closed pipe is to be told as an error of the output */
void ignore_pipe_signal(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGPIPE, &ignore, &pipe_action);
}

/* For a command that is started: as we were started ourselves */
void restore_signals(void)
{
	sigaction(SIGPIPE, &pipe_action, NULL);
}

/* Well-formed UTF-8 at the start of the text: its length, or 0 */
static unsigned int utf8_length(const unsigned char *text)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned int length = *text < 0x80		    ? 1 :
			      *text >= 0xf0 && *text < 0xf5 ? 4 :
			      *text >= 0xe0 && *text < 0xf0 ? 3 :
			      *text >= 0xc2 && *text < 0xe0 ? 2 :
							      0;
	uint32_t code = length > 1 ? *text & (0x7f >> length) : *text;

	for (unsigned int i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if (length > 1 &&
	    (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)))
		return 0;
	return length;
}

/* File names may hold any byte; JSON and XML only hold characters */
static void put_escaped(FILE *out, const char *text, void (*put_ascii)(FILE *, unsigned char))
{
	const unsigned char *at = (const unsigned char *)text;

	while (*at) {
		unsigned int length = utf8_length(at);

		if (!length)
			fputs("\xef\xbf\xbd", out);
		else if (length == 1)
			put_ascii(out, *at);
		else
			fwrite(at, 1, length, out);
		at += length ? length : 1;
	}
}

static void put_json_char(FILE *out, unsigned char c)
{
	if (c < ' ' || c == 0x7f)
		fprintf(out, "\\u%04x", c);
	else
		fprintf(out, c == '"' || c == '\\' ? "\\%c" : "%c", c);
}

static void put_xml_char(FILE *out, unsigned char c)
{
	switch (c) {
	case '&':
		fputs("&amp;", out);
		break;
	case '<':
		fputs("&lt;", out);
		break;
	case '>':
		fputs("&gt;", out);
		break;
	case '"':
		fputs("&quot;", out);
		break;
	default:
		fputc(c < ' ' || c == 0x7f ? '?' : c, out);
	}
}

void put_json_string(FILE *out, const char *text)
{
	fputc('"', out);
	put_escaped(out, text, put_json_char);
	fputc('"', out);
}

void put_xml_string(FILE *out, const char *text)
{
	put_escaped(out, text, put_xml_char);
}

void put_csv_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++)
		fprintf(out, *text == '"' ? "\"\"" : "%c", *text);
	fputc('"', out);
}
