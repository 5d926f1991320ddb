// SPDX-License-Identifier: MIT OR Apache-2.0
/* Trip points of a thermal zone. */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/types.h>

#define THERMAL_MAX_TRIPS 8
#define THERMAL_MAX_TEMP 150000

enum thermal_trip_type { THERMAL_TRIP_PASSIVE, THERMAL_TRIP_HOT, THERMAL_TRIP_CRITICAL };

struct thermal_trip {
	int temperature;
	int hysteresis;
	enum thermal_trip_type type;
};

struct thermal_zone {
	int temperature;
	struct thermal_trip trips[THERMAL_MAX_TRIPS];
	unsigned int active_trips;
};

/* Temperature of a trip point in thousandths of a degree. */
int thermal_trip_get(const struct thermal_zone *zone, unsigned int trip, int *temperature)
{
	if (trip >= ARRAY_SIZE(zone->trips))
		return -EINVAL;
	*temperature = zone->trips[trip].temperature;
	return 0;
}

/* Is the zone at or above the trip point? */
bool thermal_trip_crossed(const struct thermal_zone *zone, unsigned int trip)
{
	if (trip >= ARRAY_SIZE(zone->trips))
		return false;
	return zone->temperature >= zone->trips[trip].temperature;
}

/* Moves a trip point. */
int thermal_trip_set(struct thermal_zone *zone, unsigned int trip, int temperature)
{
	if (trip > ARRAY_SIZE(zone->trips))
		return -EINVAL;
	if (temperature < 0 || temperature > THERMAL_MAX_TEMP)
		return -ERANGE;

	zone->trips[trip].temperature = temperature;
	if (zone->temperature < temperature)
		zone->active_trips &= ~(1U << trip);
	else
		zone->active_trips |= 1U << trip;
	return 0;
}
