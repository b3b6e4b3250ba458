/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/pss.h"

/* MGF1 (RFC 8017 §B.2.1): ret ^= mask */
static void
mask(uint8_t *ret, size_t len, const struct digest *seed)
{
    uint8_t input[sizeof seed->b + 4];
    struct digest block;

    memcpy(input, seed->b, sizeof seed->b);
    for (size_t at = 0; at < len; at++) {
        if (at % sizeof block.b == 0) {
            uint32_t counter = (uint32_t)(at / sizeof block.b);
            for (size_t i = 0; i < 4; i++)
                input[sizeof seed->b + i] = (uint8_t)(counter >> (24 - 8 * i));
            digest_of(&block, (struct span){input, sizeof input});
        }
        ret[at] ^= block.b[at % sizeof block.b];
    }
}

void
pss_encode(uint8_t *ret, size_t modulus_bits, const struct digest *digest,
    const uint8_t salt[PSS_SALT_BYTES])
{
    size_t bits = modulus_bits - 1; /* emBits; one byte less than the modulus where it is 8n + 1 */
    size_t len = (bits + 7) / 8, lead = (modulus_bits + 7) / 8 - len;
    uint8_t input[8 + sizeof digest->b + PSS_SALT_BYTES] = {0};
    struct digest h;

    memcpy(input + 8, digest->b, sizeof digest->b);
    memcpy(input + 8 + sizeof digest->b, salt, PSS_SALT_BYTES);
    digest_of(&h, (struct span){input, sizeof input});

    /* DB = zeros, 1, salt; masked; then H, 0xbc */
    size_t db_len = len - sizeof h.b - 1;
    uint8_t *db = ret + lead;
    memset(ret, 0, lead + db_len);
    db[db_len - PSS_SALT_BYTES - 1] = 1;
    memcpy(db + db_len - PSS_SALT_BYTES, salt, PSS_SALT_BYTES);
    mask(db, db_len, &h);
    db[0] &= (uint8_t)(0xff >> (8 * len - bits));
    memcpy(db + db_len, h.b, sizeof h.b);
    db[len - 1] = 0xbc;
}
