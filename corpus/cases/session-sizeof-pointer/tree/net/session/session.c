// SPDX-License-Identifier: MIT OR Apache-2.0
/* Sessions of a key exchange daemon's kernel side. */
#include <linux/slab.h>
#include <linux/types.h>

#define SESSION_LIFETIME 3600U
#define SESSION_ESTABLISHED 2

struct session {
	u32 id;
	u32 state;
	u64 created;
	u64 expires;
	u32 peer;
	u32 flags;
};

/* Is the session over at this time? */
bool session_expired(const struct session *session, u64 now)
{
	return now >= session->expires;
}

/* Moves the session to a later state; states never go back. */
bool session_advance(struct session *session, u32 state)
{
	if (state <= session->state || state > SESSION_ESTABLISHED)
		return false;
	session->state = state;
	return true;
}

/* A new session with a peer, or NULL when there is no memory. */
struct session *session_create(u32 id, u32 peer, u64 now)
{
	struct session *session = kzalloc(sizeof(session), GFP_KERNEL);

	if (!session)
		return NULL;

	session->id = id;
	session->state = 0;
	session->expires = now + SESSION_LIFETIME;
	session->created = now;
	session->peer = peer;
	return session;
}
