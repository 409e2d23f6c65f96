/* SPDX-License-Identifier: GPL-2.0-only */
#include <machine.h>
#define _text			((char *)machine.kernel.addr)
#define _end			(_text + machine.kernel.len)
#define __per_cpu_start		((char *)0)
#define __per_cpu_end		(__per_cpu_start + (150 << 10))
