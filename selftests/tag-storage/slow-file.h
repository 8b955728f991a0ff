/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A file whose pages come when it is said so, and are locked until then: that of a FUSE server which does nothing at
 * first. It goes with the process that has mounted it.
 */
#ifndef SLOW_FILE_H
#define SLOW_FILE_H

#include <linux/fuse.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "harness.h"

#define SLOW_DIR		"/tmp/slow"
#define SLOW_FILE		SLOW_DIR "/file"
#define SLOW_BYTE		0x5c

/* Nobody who reads it is answered before @answer */
struct slow_file {
	int fd;
	size_t size;
	struct turn answer;
	bool answered;
};

union fuse_request {
	struct fuse_in_header header;
	char space[FUSE_MIN_READ_BUFFER + 4096];
};

static inline void reply(const struct slow_file *f, const struct fuse_in_header *to, int error, const void *body,
			 size_t size)
{
	struct fuse_out_header header = { .len = sizeof(header) + size, .error = error, .unique = to->unique };
	char *message = zalloc(1, sizeof(header) + size);

	memcpy(message, &header, sizeof(header));
	if (size)
		memcpy(message + sizeof(header), body, size);
	NEED(write(f->fd, message, header.len) == header.len, "answer to request %u: %s", to->opcode, strerror(errno));
	free(message);
}

static inline struct fuse_attr slow_attr(const struct slow_file *f, uint64_t node)
{
	bool root = node == FUSE_ROOT_ID;

	return (struct fuse_attr){
		.ino = node, .size = root ? 0 : f->size, .nlink = 1, .mode = root ? S_IFDIR | 0755 : S_IFREG | 0644,
	};
}

static inline void answer_read(struct slow_file *f, const union fuse_request *request)
{
	const struct fuse_read_in *in = (const void *)(&request->header + 1);
	char *data;

	if (!f->answered) {
		await(&f->answer);
		f->answered = true;
	}
	data = zalloc(1, in->size);
	memset(data, SLOW_BYTE, in->size);
	reply(f, &request->header, 0, data, in->size);
	free(data);
}

static inline void answer(struct slow_file *f, const union fuse_request *request)
{
	const struct fuse_in_header *to = &request->header;
	struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION,
				      .max_readahead = f->size, .max_background = 1024,
				      .congestion_threshold = 1024, .max_write = 4096,
				      .flags = FUSE_ASYNC_READ };
	struct fuse_entry_out entry = { .nodeid = 2, .attr = slow_attr(f, 2) };
	struct fuse_attr_out attr = { .attr = slow_attr(f, to->nodeid) };
	/* Who ends must not wait for us, either */
	struct fuse_open_out open = { .open_flags = FOPEN_NOFLUSH };

	switch (to->opcode) {
	case FUSE_INIT:
		return reply(f, to, 0, &init, sizeof(init));
	case FUSE_LOOKUP:
		return reply(f, to, 0, &entry, sizeof(entry));
	case FUSE_GETATTR:
		return reply(f, to, 0, &attr, sizeof(attr));
	case FUSE_OPEN:
		return reply(f, to, 0, &open, sizeof(open));
	case FUSE_READ:
		return answer_read(f, request);
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return;
	case FUSE_RELEASE:
		return reply(f, to, 0, NULL, 0);
	default:
		return reply(f, to, -ENOSYS, NULL, 0);
	}
}

static inline struct slow_file mount_slow_file(size_t size)
{
	struct slow_file f = { .size = size, .answer = make_turn() };
	char options[80];

	f.fd = open("/dev/fuse", O_RDWR);
	NEED(f.fd >= 0, "/dev/fuse: %s", strerror(errno));
	NEED(!unshare(CLONE_NEWNS), "unshare: %s", strerror(errno));
	mkdir(SLOW_DIR, 0755);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", f.fd);
	NEED(!mount("slow", SLOW_DIR, "fuse", 0, options), "mount: %s", strerror(errno));
	return f;
}

/* Until the file system is unmounted */
static inline void serve(struct slow_file *f)
{
	static union fuse_request request;

	while (read(f->fd, &request, sizeof(request)) > 0)
		answer(f, &request);
}

#endif
