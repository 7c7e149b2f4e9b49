/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fingerprints of keys: "sha256//" and the base64 of the SHA-256 of a certificate's
 * SubjectPublicKeyInfo (as RFC 7469 pins keys, and as curl(1) writes them). They stay the same when
 * a certificate is renewed with its key. */
#ifndef FLOWRIG_FINGERPRINT_H
#define FLOWRIG_FINGERPRINT_H

#include <stddef.h>

#include "fail.h"

#define FINGERPRINT_PREFIX "sha256//"

enum { FINGERPRINT_LENGTH = 52, FINGERPRINT_MAX = FINGERPRINT_LENGTH + 1 };

/* Whether the text is written as a fingerprint is. */
bool fingerprint_valid(const char *text);
/* Of the first certificate in PEM text. Returns false and a sentence where there is none. */
bool fingerprint_of_pem(const char *pem, size_t length, char text[FINGERPRINT_MAX],
                        struct fail *fail);

#endif
