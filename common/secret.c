/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

bool secret_equal(const uint8_t one[SECRET_SIZE], const uint8_t other[SECRET_SIZE])
{
    uint8_t difference = 0;
    for (int i = 0; i < SECRET_SIZE; i++)
        difference |= one[i] ^ other[i];
    return difference == 0;
}

void secret_format(const uint8_t secret[SECRET_SIZE], char text[2 * SECRET_SIZE + 1])
{
    for (int i = 0; i < SECRET_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", secret[i]);
}

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool secret_parse(const char *text, uint8_t secret[SECRET_SIZE])
{
    for (int i = 0; i < SECRET_SIZE; i++, text += 2) {
        int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0)
            return false;
        secret[i] = (uint8_t)(high << 4 | low);
    }
    return *text == '\0';
}

void secret_make(uint8_t secret[SECRET_SIZE])
{
    if (getrandom(secret, SECRET_SIZE, 0) == SECRET_SIZE)
        return;
    fprintf(stderr, "the kernel provides no random numbers\n");
    abort();
}
