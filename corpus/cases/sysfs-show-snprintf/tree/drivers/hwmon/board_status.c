// SPDX-License-Identifier: MIT OR Apache-2.0
/* Status of a board's sensors as text. */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/types.h>

struct board_status {
	int temperature;
	u32 fan_rpm;
	u32 voltage;
	bool alarm;
};

/* Does any reading lie outside of its limits? */
bool board_status_critical(const struct board_status *status)
{
	return status->alarm || status->temperature > 105000 || !status->fan_rpm;
}

/* Voltage in whole volts, rounded. */
u32 board_status_volts(const struct board_status *status)
{
	return status->voltage / 1000 + (status->voltage % 1000 >= 500);
}

/* Prints the readings, a line each; returns the number of characters. */
ssize_t board_status_show(const struct board_status *status, char *buf, size_t size)
{
	size_t pos = 0;

	if (!size)
		return -EINVAL;

	pos += snprintf(buf + pos, size - pos, "temperature %d\n", status->temperature);
	pos += snprintf(buf + pos, size - pos, "fan %u\n", status->fan_rpm);
	return pos;
}
