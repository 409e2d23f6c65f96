/* SPDX-License-Identifier: GPL-2.0-only */
static inline bool movable_node_is_enabled(void)
{
	return false;
}
