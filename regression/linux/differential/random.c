/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Random numbers that follow from three words.
 */
#include "differ.h"

static uint64_t state;

uint64_t random64(void) {
    uint64_t z = (state += 0x9e3779b97f4a7c15ul);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ul;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebul;
    return z ^ (z >> 31);
}

void seed_random(uint64_t a, uint64_t b, uint64_t c) {
    state = a;
    state = random64() ^ b;
    state = random64() ^ c;
    state = random64();
}

uint64_t below(uint64_t n) {
    return (random64() >> 11) % n;
}

int one_in(uint64_t n) {
    return below(n) == 0;
}
