// SPDX-License-Identifier: MIT OR Apache-2.0
/* Labels of devices, kept as strings on the heap. */
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/types.h>

#define LABEL_MAX 64

/* Are the two labels the same? An absent label equals only an absent one. */
bool label_equal(const char *a, const char *b)
{
	if (!a || !b)
		return a == b;
	return strcmp(a, b) == 0;
}

/* Number of bytes that a label takes when it is sent, its terminator included. */
size_t label_wire_len(const char *label)
{
	size_t len = strnlen(label, LABEL_MAX);

	return len + 1;
}

/* A copy of the label on the heap; NULL when it is too long or there is no memory. */
char *label_dup(const char *label)
{
	size_t len = strlen(label);
	char *copy;

	if (len > LABEL_MAX)
		return NULL;

	copy = kmalloc(len, GFP_KERNEL);
	if (!copy)
		return NULL;
	strcpy(copy, label);
	return copy;
}

void label_free(char *label)
{
	kfree(label);
}
