/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets of STAMP (RFC 8762) and of TWAMP Light (RFC 5357, appendix I), which look the same: what
 * a sender sends and a reflector returns, plain or authenticated with HMAC-SHA-256. */
#ifndef FLOWRIG_STAMP_H
#define FLOWRIG_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fail.h"

enum {
    STAMP_PORT = 862,
    STAMP_SIZE = 44,        /* of a plain packet, without extensions */
    STAMP_SIZE_AUTH = 112,  /* of an authenticated one */
    STAMP_REPLY_LEAST = 41, /* what a plain reply has to say; TWAMP's ends here */
    STAMP_HMAC_SIZE = 16,
    STAMP_KEY_LEAST = 16, /* bytes: what is shorter could be guessed */
    STAMP_KEY_MAX = 256,
};

/* The key that both ends share; length 0: packets are plain. */
struct stamp_key {
    uint8_t bytes[STAMP_KEY_MAX];
    size_t length;
};

/* Reads the first line of a file that is closed to others. */
bool stamp_key_read(const char *path, struct stamp_key *key, struct fail *fail);
/* The first 16 bytes of HMAC-SHA-256 over `length` bytes of `data`. */
void stamp_hmac(const struct stamp_key *key, const void *data, size_t length,
                uint8_t hmac[STAMP_HMAC_SIZE]);

/* Times are NTP's: seconds since 1900 and 2^-32 of a second, without the era. */
uint64_t stamp_time(int64_t wall);
/* later - earlier in ns, of NTP times at most 68 years apart. */
int64_t stamp_elapsed(uint64_t earlier, uint64_t later);
/* The same for truncated PTP times: seconds since 1970 (TAI), then nanoseconds. */
uint64_t stamp_time_of_ptp(uint64_t ptp);

/* An Error Estimate (RFC 4656, 4.1.2): the top bit says that the clock is synchronised, the next
 * that times are PTP's; then Scale and Multiplier. */
enum { STAMP_SYNCHRONISED = 0x8000, STAMP_PTP = 0x4000 };
/* That of a clock which is off by at most `error` ns. */
uint16_t stamp_error_encode(bool synchronised, int64_t error);
/* The error in ns; -1 where there is none: the multiplier is 0. */
int64_t stamp_error_decode(uint16_t estimate);
/* That of this host's clock, as the kernel knows it (adjtimex(2)). */
uint16_t stamp_error_own(void);

/* What a sender says. */
struct stamp_request {
    uint32_t sequence;
    uint64_t sent;
    uint16_t error, session; /* the estimate, and the session's number (SSID, RFC 8972) */
};

/* What a reflector says of itself, and returns of the request. */
struct stamp_reply {
    uint32_t sequence;
    uint64_t sent, received;
    uint16_t error, session;
    struct stamp_request request; /* without its session */
    uint8_t ttl;                  /* of the request as it came */
};

/* The size of a packet before extensions. */
size_t stamp_size(const struct stamp_key *key);
/* Write the head of a packet of `length` bytes (of a plain reply, at least STAMP_REPLY_LEAST; else
 * stamp_size()); what follows is left alone. */
void stamp_request_encode(const struct stamp_key *key, const struct stamp_request *request,
                          uint8_t *bytes);
void stamp_reply_encode(const struct stamp_key *key, const struct stamp_reply *reply,
                        uint8_t *bytes, size_t length);
/* Read one; false where it is too short, or its HMAC is not the key's. Of a short plain request the
 * bytes that are not there are zero. */
bool stamp_request_decode(const struct stamp_key *key, const uint8_t *bytes, size_t length,
                          struct stamp_request *request);
bool stamp_reply_decode(const struct stamp_key *key, const uint8_t *bytes, size_t length,
                        struct stamp_reply *reply);
/* Whether a packet that came as a request looks like a reply: it would have been received within
 * the second before it was sent. Padding at random looks so once in 2^32 times. */
bool stamp_is_reply(const struct stamp_key *key, const uint8_t *bytes, size_t length);

#endif
