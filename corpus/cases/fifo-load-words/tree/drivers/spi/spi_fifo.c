// SPDX-License-Identifier: MIT OR Apache-2.0
/* The words that wait to be sent by an SPI controller. */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/types.h>

#define SPI_FIFO_WORDS 64

struct spi_fifo {
	u32 words[SPI_FIFO_WORDS];
	u32 fill;
	bool running;
};

bool spi_fifo_full(const struct spi_fifo *fifo)
{
	return fifo->fill >= SPI_FIFO_WORDS;
}

void spi_fifo_flush(struct spi_fifo *fifo)
{
	memset(fifo->words, 0, sizeof(fifo->words));
	fifo->fill = 0;
}

/* Loads the FIFO with `count` words and starts the transfer. */
int spi_fifo_load(struct spi_fifo *fifo, const u32 *words, u32 count)
{
	if (!count || count > sizeof(fifo->words))
		return -EINVAL;

	memcpy(fifo->words, words, count * sizeof(u32));
	fifo->fill = count;
	fifo->running = true;
	return 0;
}
