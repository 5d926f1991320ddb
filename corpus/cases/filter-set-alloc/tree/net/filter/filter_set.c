// SPDX-License-Identifier: MIT OR Apache-2.0
/* Sets of packet filters, each as long as its maker says. */
#include <linux/errno.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/types.h>

#define FILTER_PASS 1U
#define FILTER_RULE_LEN 16U

struct filter_rule {
	u32 mask;
	u32 match;
	u32 verdict;
	u32 hits;
};

struct filter_set {
	u32 count;
	u32 generation;
	struct filter_rule rules[];
};

/* Does the rule apply to the mark of a packet? */
bool filter_rule_applies(const struct filter_rule *rule, u32 mark)
{
	return (mark & rule->mask) == rule->match;
}

void filter_set_free(struct filter_set *set)
{
	kfree(set);
}

/* A set with room for `count` rules whose last one lets everything pass; NULL when there is no memory. */
struct filter_set *filter_set_new(u32 count, u32 generation)
{
	struct filter_set *set;

	if (!count)
		return NULL;

	set = kzalloc(sizeof(*set) + count * FILTER_RULE_LEN, GFP_KERNEL);
	if (!set)
		return NULL;

	set->count = count;
	set->generation = generation;
	set->rules[count - 1].verdict = FILTER_PASS;
	return set;
}
