/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "log.h"
#include "mem.h"
#include "protocol.h"

enum { SERIAL_SIZE = 16, PEM_MAX = 1 << 20 };

/* A certificate that is only ever recognised by its key needs no end; hosts whose clocks are wrong
 * shall be able to use it too. */
#define VALID_FROM ((time_t)1577836800) /* 2020-01-01 */

/* ---- files ---- */

static char *read_public(const char *what, const char *path, struct fail *fail)
{
    char *name = mem_printf("%s %s", what, path), *text = NULL;
    int fd = file_open(name, path, O_RDONLY, 0, fail);
    if (fd >= 0) {
        text = file_read_text(name, fd, PEM_MAX, fail);
        close(fd);
    }
    if (text && !*text) {
        fail_set(fail, 0, "%s can't be read: it is empty", name);
        free(text);
        text = NULL;
    }
    free(name);
    return text;
}

/* ---- making ---- */

static int make_key(gnutls_datum_t *pem)
{
    gnutls_x509_privkey_t key;
    int error = gnutls_x509_privkey_init(&key);
    if (error < 0)
        return error;
    error = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                         GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    if (error >= 0)
        error = gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, pem);
    gnutls_x509_privkey_deinit(key);
    return error;
}

static int name_certificate(gnutls_x509_crt_t certificate)
{
    char host[PROTOCOL_HOST_MAX] = "";
    if (gethostname(host, sizeof host - 1) || !*host)
        snprintf(host, sizeof host, "flowd");
    struct in_addr v4 = {htonl(INADDR_LOOPBACK)};
    const struct {
        gnutls_x509_subject_alt_name_t type;
        const void *data;
        unsigned size;
    } names[] = {
        {GNUTLS_SAN_DNSNAME, host, (unsigned)strlen(host)},
        {GNUTLS_SAN_DNSNAME, "localhost", strlen("localhost")},
        {GNUTLS_SAN_IPADDRESS, &v4, sizeof v4},
        {GNUTLS_SAN_IPADDRESS, &in6addr_loopback, sizeof in6addr_loopback},
    };
    /* A common name has 64 characters at most; the whole name is below. */
    int error = gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, host,
                                              (unsigned)strnlen(host, 64));
    for (size_t i = 0; error >= 0 && i < COUNT(names); i++)
        error = gnutls_x509_crt_set_subject_alt_name(certificate, names[i].type, names[i].data,
                                                     names[i].size, GNUTLS_FSAN_APPEND);
    return error;
}

static int describe_certificate(gnutls_x509_crt_t certificate, gnutls_x509_privkey_t key)
{
    unsigned char serial[SERIAL_SIZE], key_id[64];
    size_t id_size = sizeof key_id;
    int error = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial);
    serial[0] = (unsigned char)((serial[0] & 0x7f) | 0x40); /* a positive number */
    if (error >= 0)
        error = gnutls_x509_crt_set_version(certificate, 3);
    if (error >= 0)
        error = gnutls_x509_crt_set_serial(certificate, serial, sizeof serial);
    if (error >= 0)
        error = gnutls_x509_crt_set_activation_time(certificate, VALID_FROM);
    if (error >= 0)
        error = gnutls_x509_crt_set_expiration_time(certificate,
                                                    GNUTLS_X509_NO_WELL_DEFINED_EXPIRATION);
    if (error >= 0)
        error = gnutls_x509_crt_set_key(certificate, key);
    if (error >= 0)
        error = gnutls_x509_crt_get_key_id(certificate, 0, key_id, &id_size);
    if (error >= 0)
        error = gnutls_x509_crt_set_subject_key_id(certificate, key_id, id_size);
    if (error >= 0)
        error = gnutls_x509_crt_set_basic_constraints(certificate, 0, -1);
    if (error >= 0)
        error = gnutls_x509_crt_set_key_usage(certificate, GNUTLS_KEY_DIGITAL_SIGNATURE);
    if (error >= 0)
        error = gnutls_x509_crt_set_key_purpose_oid(certificate, GNUTLS_KP_TLS_WWW_SERVER, 0);
    return error < 0 ? error : name_certificate(certificate);
}

static int sign_certificate(const char *key_pem, gnutls_datum_t *pem)
{
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t certificate;
    gnutls_datum_t key_data = {(unsigned char *)key_pem, (unsigned)strlen(key_pem)};
    int error = gnutls_x509_privkey_init(&key);
    if (error < 0)
        return error;
    error = gnutls_x509_crt_init(&certificate);
    if (error >= 0) {
        error = gnutls_x509_privkey_import(key, &key_data, GNUTLS_X509_FMT_PEM);
        if (error >= 0)
            error = describe_certificate(certificate, key);
        if (error >= 0)
            error = gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0);
        if (error >= 0)
            error = gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, pem);
        gnutls_x509_crt_deinit(certificate);
    }
    gnutls_x509_privkey_deinit(key);
    return error;
}

static bool keep_made(int error, const char *what, const char *path, mode_t mode,
                      gnutls_datum_t *pem, struct fail *fail)
{
    bool good = error >= 0
                    ? file_put(path, mode, pem->data, pem->size, true, fail)
                    : fail_set(fail, 0, "can't create a %s: %s", what, gnutls_strerror(error));
    if (pem->data)
        gnutls_memset(pem->data, 0, pem->size);
    gnutls_free(pem->data);
    return good;
}

/* What is missing in the state directory is made. */
static bool read_or_make(struct tls *tls, const char *state_dir, struct fail *fail)
{
    char *key = mem_printf("%s/tls-key.pem", state_dir);
    char *certificate = mem_printf("%s/tls-cert.pem", state_dir);
    gnutls_datum_t pem = {0};
    bool good = true;
    if (access(key, F_OK) && errno == ENOENT) {
        good = keep_made(make_key(&pem), "key", key, 0600, &pem, fail);
        unlink(certificate); /* of a key that is gone */
    }
    if (good)
        tls->key = token_read_private("the key", key, fail);
    if (tls->key && access(certificate, F_OK) && errno == ENOENT) {
        pem = (gnutls_datum_t){0};
        good = keep_made(sign_certificate(tls->key, &pem), "certificate", certificate, 0644, &pem,
                         fail) ||
               fail_prefix(fail, "with the key %s", key);
    }
    if (good && tls->key)
        tls->certificate = read_public("the certificate", certificate, fail);
    free(key);
    free(certificate);
    return tls->certificate != NULL;
}

/* ---- checking ---- */

/* That they can be used, before a client comes. */
static bool check_pair(const struct tls *tls, struct fail *fail)
{
    gnutls_certificate_credentials_t credentials;
    gnutls_datum_t certificate = {(unsigned char *)tls->certificate,
                                  (unsigned)strlen(tls->certificate)};
    gnutls_datum_t key = {(unsigned char *)tls->key, (unsigned)strlen(tls->key)};
    int error = gnutls_certificate_allocate_credentials(&credentials);
    if (error < 0)
        return fail_set(fail, 0, "GnuTLS has no memory");
    error =
        gnutls_certificate_set_x509_key_mem(credentials, &certificate, &key, GNUTLS_X509_FMT_PEM);
    gnutls_certificate_free_credentials(credentials);
    return error >= 0 || fail_set(fail, 0, "the certificate and its key can't be used: %s",
                                  gnutls_strerror(error));
}

static bool check_client_ca(const struct tls *tls, const char *path, struct fail *fail)
{
    gnutls_x509_crt_t *list = NULL;
    unsigned count = 0;
    gnutls_datum_t pem = {(unsigned char *)tls->client_ca, (unsigned)strlen(tls->client_ca)};
    int error = gnutls_x509_crt_list_import2(&list, &count, &pem, GNUTLS_X509_FMT_PEM, 0);
    for (unsigned i = 0; error >= 0 && i < count; i++)
        gnutls_x509_crt_deinit(list[i]);
    if (error >= 0)
        gnutls_free(list);
    return error >= 0 || fail_set(fail, 0, "option --tls-client-ca: %s contains no certificate: %s",
                                  path, gnutls_strerror(error));
}

static bool load_pair(struct tls *tls, const struct tls_config *config, struct fail *fail)
{
    if (!config->certificate)
        return read_or_make(tls, config->state_dir, fail);
    tls->certificate = read_public("option --tls-cert:", config->certificate, fail);
    if (tls->certificate)
        tls->key = token_read_private("option --tls-key:", config->key, fail);
    return tls->key != NULL;
}

struct tls *tls_load(const struct tls_config *config, struct fail *fail)
{
    struct tls *tls = mem_new(1, sizeof *tls);
    bool good =
        load_pair(tls, config, fail) && check_pair(tls, fail) &&
        fingerprint_of_pem(tls->certificate, strlen(tls->certificate), tls->fingerprint, fail);
    if (good && config->client_ca) {
        tls->client_ca = read_public("option --tls-client-ca:", config->client_ca, fail);
        good = tls->client_ca && check_client_ca(tls, config->client_ca, fail);
    }
    if (good)
        return tls;
    tls_free(tls);
    return NULL;
}

void tls_free(struct tls *tls)
{
    if (!tls)
        return;
    if (tls->key)
        explicit_bzero(tls->key, strlen(tls->key));
    free(tls->key);
    free(tls->certificate);
    free(tls->client_ca);
    free(tls);
}

/* ---- clients ---- */

static bool has_another_name(gnutls_x509_crt_t certificate)
{
    size_t size = 0;
    return gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 1, 0, NULL,
                                         &size) != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
}

static void read_common_name(gnutls_session_t session, char name[TOKEN_NAME_MAX])
{
    unsigned count = 0;
    const gnutls_datum_t *list = gnutls_certificate_get_peers(session, &count);
    gnutls_x509_crt_t certificate;
    size_t size = TOKEN_NAME_MAX;
    name[0] = '\0';
    if (!list || !count || gnutls_x509_crt_init(&certificate) < 0)
        return;
    if (gnutls_x509_crt_import(certificate, &list[0], GNUTLS_X509_FMT_DER) < 0 ||
        gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size) <
            0 ||
        !token_name_valid(name) || has_another_name(certificate))
        name[0] = '\0';
    gnutls_x509_crt_deinit(certificate);
}

bool tls_check_client(gnutls_session_t session, char name[TOKEN_NAME_MAX], struct fail *fail)
{
    unsigned status = 0;
    gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                     .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT};
    name[0] = '\0';
    int error = gnutls_certificate_verify_peers(session, &purpose, 1, &status);
    if (error == GNUTLS_E_NO_CERTIFICATE_FOUND)
        return fail_set(fail, 0, "no certificate presented");
    if (error < 0)
        return fail_set(fail, 0, "its certificate can't be checked: %s", gnutls_strerror(error));
    if (status) {
        gnutls_datum_t text = {0};
        gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0);
        fail_set(fail, 0, "its certificate is refused: %s", text.data ? (char *)text.data : "");
        gnutls_free(text.data);
        return false;
    }
    read_common_name(session, name);
    return true;
}
