// SPDX-License-Identifier: MIT OR Apache-2.0
/* Second names of network interfaces. */
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>

#define IFALIAS_LEN 16

struct ifalias {
	u32 ifindex;
	u32 flags;
	char alias[IFALIAS_LEN];
};

/* Is the name usable: not empty, not "." and not ".."? */
bool ifalias_valid(const char *alias)
{
	if (alias[0] == '\0')
		return false;
	if (!strcmp(alias, ".") || !strcmp(alias, ".."))
		return false;
	return true;
}

void ifalias_clear(struct ifalias *entry)
{
	memset(entry->alias, 0, sizeof(entry->alias));
	entry->flags = 0;
}

/* Gives the interface a second name. */
int ifalias_set(struct ifalias *entry, u32 ifindex, const char *alias)
{
	if (!ifindex)
		return -ENODEV;
	if (alias[0] == '\0')
		return -EINVAL;

	strcpy(entry->alias, alias);
	entry->ifindex = ifindex;
	entry->flags |= 1;
	return 0;
}
