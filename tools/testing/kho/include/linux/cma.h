/* SPDX-License-Identifier: GPL-2.0-only */
#define CMA_MIN_ALIGNMENT_BYTES	(PAGE_SIZE * pageblock_nr_pages)
