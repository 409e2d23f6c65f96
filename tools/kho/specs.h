/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The specs of nodes, as data: specs.c is made from Documentation/kho/specs.
 */
#ifndef KHO_SPECS_H
#define KHO_SPECS_H

#include <stdbool.h>
#include <stdint.h>

enum kho_spec_type {
	KHO_SPEC_U32, KHO_SPEC_U64, KHO_SPEC_STRING, KHO_SPEC_BYTES,
	KHO_SPEC_FLAG, KHO_SPEC_U32_ARRAY, KHO_SPEC_U64_ARRAY, KHO_SPEC_ENUM,
	KHO_SPEC_MEM, KHO_SPEC_VMALLOC
};

enum kho_spec_unit {
	KHO_UNIT_NONE, KHO_UNIT_BYTES, KHO_UNIT_PAGES, KHO_UNIT_MS, KHO_UNIT_NS,
	KHO_UNIT_CRC32, KHO_UNIT_PHYS
};

struct kho_spec_value {
	uint64_t value;
	const char *name;
};

struct kho_spec_prop {
	const char *name, *doc;
	enum kho_spec_type type;
	enum kho_spec_unit unit;
	bool optional;
	uint32_t since;
	uint64_t min, max;		/* of a number; for others, bytes (string, bytes) or elements (arrays, mem) */
	uint64_t align;			/* of mem and phys, 0: none */
	const char *total;		/* the property that mem's length equals, or NULL */
	const struct kho_spec_value *values;
	unsigned int nr_values;
};

struct kho_spec_node {
	const char *name;		/* "region-{index}": {index} and {label} stand for what differs */
	const char *compatible;		/* NULL for a subnode; the node's newest */
	const char *owner, *doc;
	uint32_t revision;
	const struct kho_spec_prop *props;
	unsigned int nr_props;
	const struct kho_spec_node *subnodes;
	unsigned int nr_subnodes;
	uint32_t repeat_min, repeat_max;
	const char *repeat_key;		/* 1, 1, NULL: once */
};

extern const struct kho_spec_node kho_specs[];
extern const unsigned int nr_kho_specs;

#endif /* KHO_SPECS_H */
