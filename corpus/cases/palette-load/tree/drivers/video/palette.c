// SPDX-License-Identifier: MIT OR Apache-2.0
/* Colours of a display with a palette. */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/types.h>

#define PALETTE_COLOURS 256

struct palette {
	u32 colours[PALETTE_COLOURS];
	u32 loads;
};

/* Packs the parts of a colour the way the hardware has them. */
u32 palette_colour(u8 red, u8 green, u8 blue)
{
	return (u32)red << 16 | (u32)green << 8 | blue;
}

bool palette_is_grey(u32 colour)
{
	return (colour >> 16 & 0xff) == (colour & 0xff) && (colour >> 8 & 0xff) == (colour & 0xff);
}

/* Sets the colours from `first` to `last`, both included, to one value. */
int palette_load(struct palette *palette, u32 first, u32 last, u32 colour)
{
	u32 i;

	if (first > last || last > PALETTE_COLOURS)
		return -EINVAL;

	for (i = first; i <= last; i++)
		palette->colours[i] = colour & 0xffffff;
	palette->loads++;
	return 0;
}
