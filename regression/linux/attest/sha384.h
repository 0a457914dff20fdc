/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* SHA-384. */
#ifndef NACRE_SHA384_H
#define NACRE_SHA384_H
#include <stddef.h>
#include <stdint.h>

/* The digest of len bytes. */
void sha384(const void *data, size_t len, uint8_t digest[48]);
#endif
