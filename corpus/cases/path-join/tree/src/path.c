// SPDX-License-Identifier: MIT OR Apache-2.0
/* Paths as strings on the heap. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PATH_PART_MAX 4096

/* Does the path start at the root? */
bool path_is_absolute(const char *path)
{
	return path[0] == '/';
}

/* The last component; the path itself when it has no slash. */
const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* A directory and a name as one path, which the caller frees; NULL when too long or out of memory. */
char *path_join(const char *dir, const char *name)
{
	size_t dir_len = strlen(dir);
	size_t name_len = strlen(name);
	char *path;

	if (dir_len == 0 || dir_len > PATH_PART_MAX || name_len > PATH_PART_MAX)
		return NULL;

	path = malloc(dir_len + name_len + 1);
	if (!path)
		return NULL;

	memcpy(path, dir, dir_len);
	if (path[dir_len - 1] != '/')
		path[dir_len++] = '/';
	memcpy(path + dir_len, name, name_len + 1);
	return path;
}
