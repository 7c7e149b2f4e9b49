/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Extensions of STAMP (RFC 8972): fields of type, length and value after the packet's head. A
 * reflector returns them where they were, with what it knows filled in. */
#ifndef FLOWRIG_STAMP_TLV_H
#define FLOWRIG_STAMP_TLV_H

#include "stamp.h"

enum stamp_tlv_type {
    STAMP_TLV_PADDING = 1,
    STAMP_TLV_LOCATION,
    STAMP_TLV_TIMESTAMP,
    STAMP_TLV_CLASS, /* class of service */
    STAMP_TLV_HMAC = 8,
};

/* Flags of a TLV: a sender sets the first, which a reflector that knows the type clears. */
enum { STAMP_TLV_UNKNOWN = 0x80, STAMP_TLV_MALFORMED = 0x40, STAMP_TLV_INTEGRITY = 0x20 };

enum {
    STAMP_TLV_HEAD = 4,
    STAMP_TLV_CLASS_SIZE = STAMP_TLV_HEAD + 4,
    STAMP_TLV_HMAC_SIZE = STAMP_TLV_HEAD + STAMP_HMAC_SIZE,
};

/* What a reflector knows of a request. */
struct stamp_arrival {
    uint16_t from_port, to_port;
    int tos;           /* -1: unknown */
    bool synchronised; /* the reflector's clock */
    uint32_t request_sequence, reply_sequence;
};

/* Turns the extensions of a request into those of its reply, in place. Bytes that begin with no TLV
 * as senders write them are padding of TWAMP, and stay as they are. Returns the DSCP that the reply
 * shall have, -1 where none is asked for. */
int stamp_tlvs_reflect(const struct stamp_key *key, const struct stamp_arrival *arrival,
                       uint8_t *tlvs, size_t length);

/* What a sender learns from a class of service that was returned. */
struct stamp_class {
    bool known;    /* the reflector has filled it in */
    bool refused;  /* it has not sent with the DSCP that was asked for */
    int dscp, ecn; /* of the request as it came to the reflector */
};

/* Writes the extensions of a request, of `length` bytes from `tlvs` on (0, or at least
 * stamp_tlvs_least()): a class of service that asks for `dscp`, padding, and with a key an HMAC. */
void stamp_tlvs_write(const struct stamp_key *key, uint32_t sequence, int dscp, uint8_t *tlvs,
                      size_t length);
size_t stamp_tlvs_least(const struct stamp_key *key);
/* Reads those of a reply; false where they are not whole, or not the key's: nothing is believed. */
bool stamp_tlvs_read(const struct stamp_key *key, uint32_t sequence, const uint8_t *tlvs,
                     size_t length, struct stamp_class *class);

#endif
