// SPDX-License-Identifier: MIT OR Apache-2.0
/* Which key lies where on a keypad. */
#include <linux/errno.h>
#include <linux/types.h>

#define KEYPAD_ROWS 16
#define KEYPAD_COLS 8

struct keypad {
	u16 keys[KEYPAD_ROWS][KEYPAD_COLS];
	u32 rows;
	u32 cols;
};

/* Key at a place; 0 where there is none. */
u16 keypad_key(const struct keypad *keypad, u32 row, u32 col)
{
	if (row >= KEYPAD_ROWS || col >= KEYPAD_COLS)
		return 0;
	return keypad->keys[row][col];
}

u32 keypad_places(const struct keypad *keypad)
{
	if (keypad->rows > KEYPAD_ROWS || keypad->cols > KEYPAD_COLS)
		return 0;
	return keypad->rows * keypad->cols;
}

/* Numbers the keys row by row, from `first` on. */
int keypad_load_map(struct keypad *keypad, u32 rows, u32 cols, u16 first)
{
	u32 row, col;

	if (!rows || !cols || rows > KEYPAD_ROWS || cols > KEYPAD_ROWS)
		return -EINVAL;

	for (row = 0; row < rows; row++)
		for (col = 0; col < cols; col++)
			keypad->keys[row][col] = first + row;

	keypad->rows = rows;
	keypad->cols = cols;
	return 0;
}
