// SPDX-License-Identifier: GPL-2.0-only
/*
 * Specs that the tests use: of a node that has a property of each type.
 */
#include "../specs.h"

#define NR(a)	(sizeof(a) / sizeof((a)[0]))

static const struct kho_spec_value modes[] = { { 1, "idle" }, { 7, "busy" } };

static const struct kho_spec_prop props[] = {
	{ .name = "pages", .type = KHO_SPEC_U64, .unit = KHO_UNIT_PAGES, .min = 2, .max = 9 },
	{ .name = "at", .type = KHO_SPEC_U64, .unit = KHO_UNIT_PHYS, .max = UINT64_MAX, .align = 4096 },
	{ .name = "mode", .type = KHO_SPEC_ENUM, .values = modes, .nr_values = NR(modes) },
	{ .name = "raw", .type = KHO_SPEC_BYTES, .min = 2, .max = 40 },
	{ .name = "on", .type = KHO_SPEC_FLAG, .optional = true },
	{ .name = "few", .type = KHO_SPEC_U32_ARRAY, .min = 1, .max = 2 },
	{ .name = "many", .type = KHO_SPEC_U64_ARRAY, .unit = KHO_UNIT_BYTES, .max = 99 },
	{ .name = "areas", .type = KHO_SPEC_VMALLOC, .min = 1, .max = 2 },
	{ .name = "delay", .type = KHO_SPEC_U32, .unit = KHO_UNIT_MS, .max = 10, .optional = true },
};

static const struct kho_spec_node subnodes[] = {
	{ .name = "a-{index}-b", .repeat_min = 1, .repeat_max = 2, .repeat_key = "key" },
};

const struct kho_spec_node kho_specs[] = {
	{ .name = "all", .compatible = "test,all-v1", .owner = "none.c", .revision = 1,
	  .props = props, .nr_props = NR(props), .subnodes = subnodes, .nr_subnodes = NR(subnodes),
	  .repeat_min = 1, .repeat_max = 1 },
};

const unsigned int nr_kho_specs = NR(kho_specs);
