// SPDX-License-Identifier: GPL-2.0-only
/*
 * The specs of nodes. Written by hand until the generator makes this file from
 * Documentation/kho/specs.
 */
#include "specs.h"

#define NR(a)	(sizeof(a) / sizeof((a)[0]))

static const struct kho_spec_prop root_props[] = {
	{ .name = "kernel-release", .type = KHO_SPEC_STRING, .min = 1, .max = 256,
	  .doc = "Who wrote it." },
	{ .name = "handover-count", .type = KHO_SPEC_U32, .min = 1, .max = UINT32_MAX,
	  .doc = "The number of kexecs since the first kernel, this one included." },
	{ .name = "scratch", .type = KHO_SPEC_MEM, .min = 1, .max = 1, .align = 4096,
	  .doc = "Memory that never holds anything preserved." },
	{ .name = "mem-table", .type = KHO_SPEC_MEM, .max = UINT32_MAX, .align = 8,
	  .doc = "The parts of the memory table." },
	{ .name = "mem-table-checksum", .type = KHO_SPEC_U32, .unit = KHO_UNIT_CRC32,
	  .max = UINT32_MAX, .doc = "Over the bits of chunks and the table." },
	{ .name = "checksum", .type = KHO_SPEC_U32, .unit = KHO_UNIT_CRC32,
	  .max = UINT32_MAX, .doc = "Over the whole FDT." },
};

static const struct kho_spec_prop region_props[] = {
	{ .name = "label", .type = KHO_SPEC_STRING, .min = 1, .max = 16,
	  .doc = "The name that reserve_mem= gave it. No two regions have the same." },
	{ .name = "size", .type = KHO_SPEC_U64, .unit = KHO_UNIT_BYTES, .min = 1,
	  .max = UINT64_MAX, .doc = "Its length. Equal to the length of mem." },
	{ .name = "mem", .type = KHO_SPEC_MEM, .min = 1, .max = 1, .align = 4096,
	  .total = "size", .doc = "Where it is." },
};

static const struct kho_spec_node reserve_mem_nodes[] = {
	{ .name = "region-{index}", .doc = "One region.", .revision = 1,
	  .props = region_props, .nr_props = NR(region_props),
	  .repeat_max = 8, .repeat_key = "label" },
};

static const struct kho_spec_prop sample_props[] = {
	{ .name = "counter", .type = KHO_SPEC_U32, .min = 1, .max = UINT32_MAX,
	  .doc = "The number of kernels that have handed this over, and one." },
	{ .name = "text", .type = KHO_SPEC_STRING, .min = 1, .max = 64,
	  .doc = "What the first of them said." },
	{ .name = "crc32", .type = KHO_SPEC_U32, .unit = KHO_UNIT_CRC32,
	  .max = UINT32_MAX, .doc = "Over the pages that mem lists, in its order." },
	{ .name = "mem", .type = KHO_SPEC_MEM, .min = 1, .max = 8, .align = 4096,
	  .doc = "The pages." },
};

const struct kho_spec_node kho_specs[] = {
	{ .name = "/", .compatible = "linux,kho-v1", .owner = "kernel/kexec_kho_out.c",
	  .doc = "The root.", .revision = 1, .props = root_props, .nr_props = NR(root_props),
	  .repeat_min = 1, .repeat_max = 1 },
	{ .name = "reserve-mem", .compatible = "linux,reserve-mem-v1",
	  .owner = "kernel/kexec_kho_reserve_mem.c",
	  .doc = "The regions of reserve_mem= on the command line.", .revision = 1,
	  .subnodes = reserve_mem_nodes, .nr_subnodes = NR(reserve_mem_nodes),
	  .repeat_min = 1, .repeat_max = 1 },
	{ .name = "kho-sample", .compatible = "linux,kho-sample-v1",
	  .owner = "samples/kho/kho_sample.c",
	  .doc = "A counter, a string and a few pages, handed from one sample driver to the next.",
	  .revision = 1, .props = sample_props, .nr_props = NR(sample_props),
	  .repeat_min = 1, .repeat_max = 1 },
};

const unsigned int nr_kho_specs = NR(kho_specs);
