// SPDX-License-Identifier: MIT OR Apache-2.0
/* ioctl interface of a bank of output lines. */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/types.h>
#include <linux/uaccess.h>

#define GPIOCTL_LINES 32

struct gpioctl_req {
	u32 line;
	u32 value;
};

struct gpioctl_line {
	bool output;
	u32 value;
};

struct gpioctl_chip {
	u32 changes;
	struct gpioctl_line lines[GPIOCTL_LINES];
};

/* Number of a line from its bank and its place there; negative when there is no such line. */
int gpioctl_line_number(u8 bank, u8 offset)
{
	if (bank >= GPIOCTL_LINES / 8 || offset >= 8)
		return -EINVAL;
	return bank * 8 + offset;
}

/* Reads a line back for user space. */
int gpioctl_get_line(const struct gpioctl_chip *chip, struct gpioctl_req __user *arg)
{
	struct gpioctl_req req;

	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	if (req.line >= ARRAY_SIZE(chip->lines))
		return -EINVAL;
	req.value = chip->lines[req.line].value;
	if (copy_to_user(arg, &req, sizeof(req)))
		return -EFAULT;
	return 0;
}

/* Sets a line to the value that user space asks for. */
int gpioctl_set_line(struct gpioctl_chip *chip, const struct gpioctl_req __user *arg)
{
	struct gpioctl_req req;

	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	if (req.value > 1)
		return -EINVAL;

	chip->lines[req.line].value = req.value;
	chip->lines[req.line].output = true;
	chip->changes++;
	return 0;
}
