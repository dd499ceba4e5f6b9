#include <stddef.h>
#include <stdint.h>

/* How many bytes are summed before the remainder is taken; 5552 is the most that cannot overflow. */
#ifndef CHECKSUM_BLOCK
#define CHECKSUM_BLOCK 5552
#endif

/* Adler-32, RFC 1950 section 9. */
uint32_t shop_checksum(const uint8_t *bytes, size_t length) {
    uint32_t a = 1, b = 0;
    for (size_t at = 0; at < length; at++) {
        a += bytes[at];
        b += a;
        if (at % CHECKSUM_BLOCK == CHECKSUM_BLOCK - 1) {
            a %= 65521;
            b %= 65521;
        }
    }
    a %= 65521;
    b %= 65521;
    return b << 16 | a;
}

/* Where this file lay when it was compiled. */
const char *shop_checksum_source(void) { return __FILE__; }
