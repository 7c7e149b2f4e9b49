/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fingerprint.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>

enum { SHA256_SIZE = 32, PREFIX_LENGTH = sizeof FINGERPRINT_PREFIX - 1 };

bool fingerprint_valid(const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return strlen(text) == FINGERPRINT_LENGTH &&
           !strncmp(text, FINGERPRINT_PREFIX, PREFIX_LENGTH) &&
           strspn(text + PREFIX_LENGTH, digits) == FINGERPRINT_LENGTH - PREFIX_LENGTH - 1 &&
           text[FINGERPRINT_LENGTH - 1] == '=';
}

static int hash_text(const gnutls_datum_t *key, char text[FINGERPRINT_MAX])
{
    unsigned char hash[SHA256_SIZE];
    gnutls_datum_t base64 = {0}, raw = {hash, sizeof hash};
    int error = gnutls_hash_fast(GNUTLS_DIG_SHA256, key->data, key->size, hash);
    if (error >= 0)
        error = gnutls_base64_encode2(&raw, &base64);
    if (error >= 0)
        snprintf(text, FINGERPRINT_MAX, "%s%.*s", FINGERPRINT_PREFIX, (int)base64.size,
                 (const char *)base64.data);
    gnutls_free(base64.data);
    return error;
}

static int hash_key_of(gnutls_x509_crt_t certificate, char text[FINGERPRINT_MAX])
{
    gnutls_pubkey_t key;
    gnutls_datum_t der = {0};
    int error = gnutls_pubkey_init(&key);
    if (error < 0)
        return error;
    error = gnutls_pubkey_import_x509(key, certificate, 0);
    if (error >= 0)
        error = gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, &der);
    if (error >= 0)
        error = hash_text(&der, text);
    gnutls_free(der.data);
    gnutls_pubkey_deinit(key);
    return error;
}

bool fingerprint_of_pem(const char *pem, size_t length, char text[FINGERPRINT_MAX],
                        struct fail *fail)
{
    gnutls_x509_crt_t certificate;
    gnutls_datum_t data = {(unsigned char *)pem, (unsigned)length};
    int error = gnutls_x509_crt_init(&certificate);
    if (error >= 0) {
        error = gnutls_x509_crt_import(certificate, &data, GNUTLS_X509_FMT_PEM);
        if (error >= 0)
            error = hash_key_of(certificate, text);
        gnutls_x509_crt_deinit(certificate);
    }
    return error >= 0 ||
           fail_set(fail, 0, "the certificate can't be read: %s", gnutls_strerror(error));
}
