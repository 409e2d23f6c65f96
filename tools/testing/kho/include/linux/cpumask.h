/* SPDX-License-Identifier: GPL-2.0-only */
#define num_possible_cpus()	1U
#define nr_cpu_ids		8U
