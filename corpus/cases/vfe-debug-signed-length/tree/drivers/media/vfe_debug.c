// SPDX-License-Identifier: MIT OR Apache-2.0
/* Debug commands of a video front end. */
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/uaccess.h>

#define VFE_COMMAND_LEN 64

struct vfe_debug {
	u32 commands;
	int used;
	u8 command[VFE_COMMAND_LEN];
};

bool vfe_debug_empty(const struct vfe_debug *debug)
{
	return debug->used <= 0;
}

void vfe_debug_reset(struct vfe_debug *debug)
{
	memset(debug->command, 0, sizeof(debug->command));
	debug->used = 0;
}

/* Keeps the bytes of a command until the next interrupt. */
int vfe_debug_write(struct vfe_debug *debug, const void __user *arg, int len)
{
	if (len > VFE_COMMAND_LEN)
		return -E2BIG;

	if (copy_from_user(debug->command, arg, len))
		return -EFAULT;
	debug->used = len;
	debug->commands++;
	return 0;
}
