/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* SHA-384 (FIPS 180-4), for tests that recompute measurement registers. */
#include "sha384.h"

#include <string.h>

static uint64_t round_keys[80];

/* The first 64 bits of the fraction of a root of n: of the cube root if cube, else of the square root. */
static uint64_t fraction(unsigned n, int cube) {
    /* The largest x with x^k <= n * 2^(64k), bit by bit; its low 64 bits. */
    uint64_t whole = 1;
    while (cube ? (whole + 1) * (whole + 1) * (whole + 1) <= n : (whole + 1) * (whole + 1) <= n) {
        whole++;
    }
    uint64_t bits = 0;
    for (int bit = 63; bit >= 0; bit--) {
        uint64_t try = bits | (uint64_t)1 << bit;
        /* (whole + try/2^64)^k <= n, in 32-bit limbs, least significant first: x has 3 limbs. */
        uint32_t x[3] = {(uint32_t)try, (uint32_t)(try >> 32), (uint32_t)whole}, product[9] = {1};
        for (int factor = 0; factor < (cube ? 3 : 2); factor++) {
            uint32_t next[9] = {0};
            for (int i = 0; i < 9; i++) {
                uint64_t carry = 0;
                for (int j = 0; j < 3 && i + j < 9; j++) {
                    carry += (uint64_t)product[i] * x[j] + next[i + j];
                    next[i + j] = (uint32_t)carry;
                    carry >>= 32;
                }
                if (i + 3 < 9) {
                    next[i + 3] += (uint32_t)carry;
                }
            }
            memcpy(product, next, sizeof product);
        }
        /* product has 2k limbs of fraction. */
        int limbs = cube ? 6 : 4;
        uint32_t low = 0;
        for (int i = 0; i < limbs; i++) {
            low |= product[i];
        }
        if (product[limbs] < n || (product[limbs] == n && low == 0)) {
            bits = try;
        }
    }
    return bits;
}

static void make_round_keys(void) {
    unsigned n = 2;
    for (int count = 0; count < 80; n++) {
        int is_prime = 1;
        for (unsigned d = 2; d * d <= n; d++) {
            is_prime &= n % d != 0;
        }
        if (is_prime) {
            round_keys[count++] = fraction(n, 1);
        }
    }
}

static uint64_t rotate(uint64_t x, int by) { return x >> by | x << (64 - by); }

static void block(uint64_t state[8], const uint8_t data[128]) {
    uint64_t w[80], s[8];
    for (int i = 0; i < 16; i++) {
        w[i] = 0;
        for (int j = 0; j < 8; j++) {
            w[i] = w[i] << 8 | data[8 * i + j];
        }
    }
    for (int i = 16; i < 80; i++) {
        uint64_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (rotate(a, 1) ^ rotate(a, 8) ^ a >> 7) + w[i - 7] + (rotate(b, 19) ^ rotate(b, 61) ^ b >> 6);
    }
    memcpy(s, state, sizeof s);
    for (int i = 0; i < 80; i++) {
        uint64_t e = s[4], a = s[0];
        uint64_t t1 = s[7] + (rotate(e, 14) ^ rotate(e, 18) ^ rotate(e, 41)) + ((e & s[5]) ^ (~e & s[6])) + round_keys[i] + w[i];
        uint64_t t2 = (rotate(a, 28) ^ rotate(a, 34) ^ rotate(a, 39)) + ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += t1;
        s[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++) {
        state[i] += s[i];
    }
}

void sha384(const void *data, size_t len, uint8_t digest[48]) {
    /* Of the ninth to sixteenth prime. */
    static const unsigned primes[8] = {23, 29, 31, 37, 41, 43, 47, 53};
    static uint64_t start[8];
    if (round_keys[0] == 0) {
        make_round_keys();
        for (int i = 0; i < 8; i++) {
            start[i] = fraction(primes[i], 0);
        }
    }
    uint64_t state[8];
    memcpy(state, start, sizeof state);
    const uint8_t *bytes = data;
    size_t left = len;
    for (; left >= 128; left -= 128, bytes += 128) {
        block(state, bytes);
    }
    uint8_t last[256] = {0};
    memcpy(last, bytes, left);
    last[left] = 0x80;
    size_t end = left < 112 ? 128 : 256;
    for (int i = 0; i < 8; i++) {
        last[end - 1 - i] = (uint8_t)((uint64_t)len * 8 >> 8 * i);
    }
    block(state, last);
    if (end == 256) {
        block(state, last + 128);
    }
    for (int i = 0; i < 48; i++) {
        digest[i] = (uint8_t)(state[i / 8] >> (56 - 8 * (i % 8)));
    }
}
