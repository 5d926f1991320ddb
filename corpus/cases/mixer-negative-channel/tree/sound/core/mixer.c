// SPDX-License-Identifier: MIT OR Apache-2.0
/* Volumes of a mixer's channels. */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/types.h>

#define MIXER_CHANNELS 16
#define MIXER_MAX_VOLUME 100

struct mixer {
	bool muted;
	u8 volume[MIXER_CHANNELS];
	u32 events;
};

/* Volume that is heard on a channel; negative when there is no such channel. */
int mixer_get_volume(const struct mixer *mixer, int channel)
{
	if (channel < 0 || channel >= MIXER_CHANNELS)
		return -EINVAL;
	if (mixer->muted)
		return 0;
	return mixer->volume[channel];
}

/* Scales a volume in percent to the range of the hardware's register. */
u32 mixer_register_value(u8 volume)
{
	u32 clamped = min_t(u32, volume, MIXER_MAX_VOLUME);

	return clamped * 255 / MIXER_MAX_VOLUME;
}

/* Sets the volume of a channel in percent. */
int mixer_set_volume(struct mixer *mixer, int channel, int volume)
{
	if (channel >= MIXER_CHANNELS)
		return -EINVAL;
	if (volume < 0 || volume > MIXER_MAX_VOLUME)
		return -ERANGE;

	mixer->volume[channel] = volume;
	mixer->events++;
	return 0;
}
