// SPDX-License-Identifier: MIT OR Apache-2.0
/* Power saving in peer-to-peer mode: the "notice of absence" attribute of received beacons. */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/types.h>

#define P2P_MAX_NOA 2
#define P2P_NOA_HEADER_LEN 4
#define P2P_NOA_DESC_LEN 13

struct p2p_noa {
	u8 index;
	u8 opp_ps;
	u8 num;
	u8 count_type[P2P_MAX_NOA];
	u8 duration_unit[P2P_MAX_NOA];
};

/* Is any absence announced? */
bool p2p_noa_active(const struct p2p_noa *noa)
{
	return noa->num && noa->num <= P2P_MAX_NOA;
}

/* The window in time units during which the peer may sleep; 0 when opportunistic sleep is off. */
u8 p2p_ctwindow(const struct p2p_noa *noa)
{
	if (!(noa->opp_ps & 0x80))
		return 0;
	return noa->opp_ps & 0x7f;
}

/*
 * The attribute as received: index, opportunistic byte, two bytes reserved, then descriptors of 13
 * bytes, of which the first two are kept.
 */
int p2p_parse_noa(struct p2p_noa *noa, const u8 *attr, u8 attr_len)
{
	u32 count, i;

	if (attr_len < P2P_NOA_HEADER_LEN)
		return -EINVAL;

	noa->index = attr[0];
	noa->opp_ps = attr[1];
	count = (attr_len - P2P_NOA_HEADER_LEN) / P2P_NOA_DESC_LEN;

	for (i = 0; i < count; i++) {
		noa->count_type[i] = attr[P2P_NOA_HEADER_LEN + i * P2P_NOA_DESC_LEN];
		noa->duration_unit[i] = attr[P2P_NOA_HEADER_LEN + i * P2P_NOA_DESC_LEN + 1];
	}
	noa->num = count;
	return 0;
}
