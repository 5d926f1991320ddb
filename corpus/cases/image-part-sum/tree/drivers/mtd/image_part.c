// SPDX-License-Identifier: MIT OR Apache-2.0
/* Parts of a flash image, each at an offset that a header states. */
#include <linux/errno.h>
#include <linux/types.h>

#define IMAGE_PART_MAX 1024U

struct image_part {
	u32 offset;
	u32 len;
	u32 sum;
	u32 flags;
};

bool image_part_empty(const struct image_part *part)
{
	return !part->len;
}

/* Does the stored sum equal the computed one? */
bool image_part_intact(const struct image_part *part, u32 sum)
{
	return part->sum == sum;
}

/* Adds up the bytes of a part. */
int image_part_sum(const struct image_part *part, const u8 *image, u32 size, u32 *sum)
{
	u32 total = 0;
	u32 i;

	if (!part->len || part->len > IMAGE_PART_MAX)
		return -EINVAL;
	if (part->offset + part->len > size)
		return -EINVAL;

	for (i = 0; i < part->len; i++)
		total += image[part->offset + i];
	*sum = total;
	return 0;
}
