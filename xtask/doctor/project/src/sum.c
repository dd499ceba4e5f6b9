#include <stdint.h>
#include <stdio.h>

uint64_t sum(const uint8_t *bytes, uint64_t count) {
    uint64_t total = 0;
    for (uint64_t i = 0; i < count; i++) total += bytes[i];
    printf("%llu bytes of C\n", (unsigned long long)count);
    fflush(stdout);
    return total;
}
