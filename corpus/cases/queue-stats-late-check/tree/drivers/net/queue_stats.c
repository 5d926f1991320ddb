// SPDX-License-Identifier: MIT OR Apache-2.0
/* Counters of the queues of a network card. */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/types.h>

#define NIC_QUEUES 16

struct queue_stats {
	u64 bytes;
	u32 packets;
	u32 dropped;
};

struct nic_stats {
	struct queue_stats queues[NIC_QUEUES];
	u32 updates;
};

/* Packets of a queue since the last reset; 0 for a queue that is not there. */
u32 queue_stats_packets(const struct nic_stats *stats, u32 queue)
{
	if (queue >= ARRAY_SIZE(stats->queues))
		return 0;
	return stats->queues[queue].packets;
}

bool queue_stats_lossy(const struct queue_stats *queue)
{
	return queue->dropped > queue->packets / 100;
}

/* Counts what the card reports for one of its queues. */
int queue_stats_add(struct nic_stats *stats, u32 queue, u32 packets, u32 bytes)
{
	stats->queues[queue].packets += packets;
	stats->queues[queue].bytes += bytes;
	if (queue >= ARRAY_SIZE(stats->queues))
		return -EINVAL;

	stats->updates++;
	return 0;
}
