/* SPDX-License-Identifier: GPL-2.0-only */
#include <machine.h>
#define _text			((char *)machine.kernel.addr)
#define _end			(_text + machine.kernel.len)
