// SPDX-License-Identifier: MIT OR Apache-2.0
/* Paths, built backwards from the end of a window of the buffer. */
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>

#define SEQ_PATH_MAX 256

struct seq_path {
	char buf[SEQ_PATH_MAX];
	size_t start;
	size_t end;
};

/* Length of the path built so far. */
size_t seq_path_len(const struct seq_path *path)
{
	if (path->start > path->end)
		return 0;
	return path->end - path->start;
}

/* Puts a component and its slash in front of the path. */
int seq_path_prepend(struct seq_path *path, const char *name, size_t name_len)
{
	if (path->start > SEQ_PATH_MAX || name_len >= path->start)
		return -ENAMETOOLONG;

	path->start -= name_len;
	memcpy(path->buf + path->start, name, name_len);
	path->start--;
	path->buf[path->start] = '/';
	return 0;
}

/* Starts an empty path at the end of a window of `size` bytes. */
int seq_path_begin(struct seq_path *path, size_t size)
{
	int room = size;

	if (!size)
		return -EINVAL;
	if (room > SEQ_PATH_MAX)
		return -ENAMETOOLONG;

	room--;
	path->buf[room] = '\0';
	path->start = room;
	path->end = room;
	return 0;
}
