// SPDX-License-Identifier: MIT OR Apache-2.0
/* An interrupt controller with 32 lines. */
#include <linux/errno.h>
#include <linux/types.h>
#include <linux/uaccess.h>

#define IRQ_LINES 32

struct irq_mask_req {
	u32 line;
	u32 masked;
};

struct irq_chip {
	u32 masked;
	u32 pending;
	u32 changes;
};

/* Lines that wait and may interrupt. */
u32 irq_active(const struct irq_chip *chip)
{
	return chip->pending & ~chip->masked;
}

bool irq_line_masked(const struct irq_chip *chip, u32 line)
{
	return line < IRQ_LINES && (chip->masked >> line & 1);
}

/* Masks a line, or lets it through again. */
int irq_mask_line(struct irq_chip *chip, const struct irq_mask_req __user *arg)
{
	struct irq_mask_req req;
	u32 bit;

	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	if (req.masked > 1)
		return -EINVAL;

	bit = 1U << req.line;
	if (req.masked)
		chip->masked |= bit;
	else
		chip->masked &= ~bit;
	chip->changes++;
	return 0;
}
