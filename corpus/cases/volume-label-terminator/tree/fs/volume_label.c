// SPDX-License-Identifier: MIT OR Apache-2.0
/* The label of a mounted volume. */
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>

#define VOLUME_LABEL_LEN 16

struct volume {
	u32 id;
	u32 flags;
	char label[VOLUME_LABEL_LEN];
	size_t label_len;
};

bool volume_is_labelled(const struct volume *volume)
{
	return volume->label[0] != '\0';
}

void volume_clear_label(struct volume *volume)
{
	memset(volume->label, 0, sizeof(volume->label));
	volume->label_len = 0;
}

/* Takes over a label; the rest of the field is cleared. */
int volume_set_label(struct volume *volume, const char *label)
{
	if (label[0] == '\0')
		return -EINVAL;

	strncpy(volume->label, label, sizeof(volume->label));
	volume->label_len = strlen(volume->label);
	volume->flags |= 1;
	return 0;
}
