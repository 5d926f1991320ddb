// SPDX-License-Identifier: MIT OR Apache-2.0
/* Which radio channels may be used. */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/types.h>

#define CHANNELS 128
#define BITS_PER_WORD 32

struct channel_map {
	u32 words[CHANNELS / BITS_PER_WORD];
	u32 used;
};

bool channel_map_test(const struct channel_map *map, u32 channel)
{
	if (channel >= CHANNELS)
		return false;
	return map->words[channel / BITS_PER_WORD] >> (channel % BITS_PER_WORD) & 1;
}

void channel_map_clear(struct channel_map *map)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(map->words); i++)
		map->words[i] = 0;
	map->used = 0;
}

/* Allows a channel. */
int channel_map_set(struct channel_map *map, u32 channel)
{
	u32 bit = 1U << (channel % BITS_PER_WORD);

	if (channel > CHANNELS)
		return -EINVAL;
	if (map->words[channel / BITS_PER_WORD] & bit)
		return 0;

	map->words[channel / BITS_PER_WORD] |= bit;
	map->used++;
	return 0;
}
