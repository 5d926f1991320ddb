// SPDX-License-Identifier: MIT OR Apache-2.0
/* Shadow copy of a device's registers. */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/types.h>

#define SHADOW_REGS 64

struct shadow {
	u32 regs[SHADOW_REGS];
	u32 writes;
	bool dirty;
};

int shadow_read(const struct shadow *shadow, u32 reg, u32 *value)
{
	if (reg >= ARRAY_SIZE(shadow->regs))
		return -EINVAL;
	*value = shadow->regs[reg];
	return 0;
}

/* Changes the bits of a register that the mask names. */
int shadow_update(struct shadow *shadow, u32 reg, u32 mask, u32 value)
{
	if (reg >= ARRAY_SIZE(shadow->regs))
		return -EINVAL;
	shadow->regs[reg] = (shadow->regs[reg] & ~mask) | (value & mask);
	shadow->dirty = true;
	return 0;
}

/* Writes several registers in a row. */
int shadow_write_bulk(struct shadow *shadow, u32 first, const u32 *values, u32 count)
{
	u32 i;

	if (first >= ARRAY_SIZE(shadow->regs))
		return -EINVAL;

	for (i = 0; i < count; i++)
		shadow->regs[first + i] = values[i];

	shadow->writes++;
	shadow->dirty = true;
	return 0;
}
