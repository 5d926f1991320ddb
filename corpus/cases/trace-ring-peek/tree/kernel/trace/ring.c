// SPDX-License-Identifier: MIT OR Apache-2.0
/* The last events of a device, kept in a ring. */
#include <linux/errno.h>
#include <linux/types.h>

#define TRACE_SLOTS 32

struct trace_event {
	u64 time;
	u32 code;
	u32 value;
};

struct trace_ring {
	u32 oldest;
	u32 lost;
	struct trace_event events[TRACE_SLOTS];
};

void trace_ring_reset(struct trace_ring *ring)
{
	ring->oldest = 0;
	ring->lost = 0;
}

/* Puts an event in the place of the oldest one. */
int trace_ring_push(struct trace_ring *ring, u64 time, u32 code, u32 value)
{
	struct trace_event *event;

	if (ring->oldest >= TRACE_SLOTS)
		return -EINVAL;
	event = &ring->events[ring->oldest];
	event->time = time;
	event->code = code;
	event->value = value;
	ring->oldest = (ring->oldest + 1) % TRACE_SLOTS;
	return 0;
}

/* The event that came `age` events after the oldest one. */
int trace_ring_peek(const struct trace_ring *ring, u32 age, struct trace_event *event)
{
	u32 at;

	if (ring->oldest >= TRACE_SLOTS || age >= TRACE_SLOTS)
		return -EINVAL;

	at = ring->oldest + age;
	if (at > TRACE_SLOTS)
		at -= TRACE_SLOTS;
	*event = ring->events[at];
	return 0;
}
