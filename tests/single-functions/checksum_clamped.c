// Copies at most a block into a local buffer and sums it up. Wrong: a negative length passes the clamp.
#include <stdint.h>
#include <string.h>

#define BLOCK 512

uint32_t checksum_clamped(const uint8_t *data, int len)
{
	uint8_t block[BLOCK];
	uint32_t sum = 0;
	int i;

#ifndef WRONG
	if (len < 0)
		return 0;
#endif
	if (len > BLOCK)
		len = BLOCK;
	memcpy(block, data, (size_t)len);
	for (i = 0; i < len; i++)
		sum += block[i];
	return sum;
}
