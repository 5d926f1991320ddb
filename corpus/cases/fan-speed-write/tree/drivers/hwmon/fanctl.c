// SPDX-License-Identifier: MIT OR Apache-2.0
/* Control file of a fan: a decimal speed is written to it, its state is read back. */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/types.h>
#include <linux/uaccess.h>

#define FANCTL_MAX_RPM 12000U
#define FANCTL_TEXT_LEN 32

struct fanctl {
	unsigned int target_rpm;
	unsigned int actual_rpm;
	bool stalled;
};

/* Is the fan within five percent of what was asked for? */
bool fanctl_settled(const struct fanctl *fan)
{
	unsigned int margin = fan->target_rpm / 20;

	if (fan->stalled)
		return false;
	if (fan->actual_rpm > fan->target_rpm)
		return fan->actual_rpm - fan->target_rpm <= margin;
	return fan->target_rpm - fan->actual_rpm <= margin;
}

/* Takes over a reading of the tachometer. */
void fanctl_update(struct fanctl *fan, unsigned int rpm)
{
	fan->actual_rpm = min_t(unsigned int, rpm, FANCTL_MAX_RPM);
	fan->stalled = fan->target_rpm && !rpm;
}

/* write(2) on the control file. */
ssize_t fanctl_speed_write(struct fanctl *fan, const char __user *buf, size_t count)
{
	char text[FANCTL_TEXT_LEN];
	unsigned int rpm = 0;

	if (!count)
		return -EINVAL;
	if (copy_from_user(text, buf, count))
		return -EFAULT;
	text[count] = '\0';

	if (kstrtouint(text, 10, &rpm))
		return -EINVAL;
	if (rpm > FANCTL_MAX_RPM)
		return -ERANGE;

	fan->target_rpm = rpm;
	return count;
}
