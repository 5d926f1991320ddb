// SPDX-License-Identifier: MIT OR Apache-2.0
/* A clock that divides its parent's rate by a whole number. */
#include <linux/errno.h>
#include <linux/types.h>
#include <linux/uaccess.h>

#define CLKDIV_MAX_DIVIDER 256U

struct clkdiv {
	u32 parent_rate;
	u32 divider;
	bool enabled;
};

/* The rate that the clock runs at; 0 while it is off or was never set. */
u32 clkdiv_rate(const struct clkdiv *clk)
{
	if (!clk->enabled || !clk->divider)
		return 0;
	return clk->parent_rate / clk->divider;
}

/* Is the divider one that the hardware has? */
bool clkdiv_divider_valid(u32 divider)
{
	return divider >= 1 && divider <= CLKDIV_MAX_DIVIDER;
}

/* Sets the rate that user space asks for, rounded up to what the divider can do. */
int clkdiv_set_rate(struct clkdiv *clk, const u32 __user *arg)
{
	u32 rate, divider;

	if (copy_from_user(&rate, arg, sizeof(rate)))
		return -EFAULT;

	divider = clk->parent_rate / rate;
	if (divider < 1 || divider > CLKDIV_MAX_DIVIDER)
		return -ERANGE;

	clk->divider = divider;
	clk->enabled = true;
	return 0;
}
