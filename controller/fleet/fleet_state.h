/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A fleet from within: its daemons, their connections and the calls under way. */
#ifndef FLOWRIG_FLEET_STATE_H
#define FLOWRIG_FLEET_STATE_H

#include <curl/curl.h>
#include <xmlrpc-c/base.h>

#include "fleet/fleet.h"
#include "list.h"
#include "mem.h"

enum { CONNECT_TIMEOUT_MS = 5000 };

/* A call in its lane's queue; the first one is under way. */
struct call {
    struct list link;
    enum method_id method;
    xmlrpc_mem_block *xml;
    int64_t timeout_ms;
    int64_t sent;
    fleet_done *done; /* NULL: nobody asks how it ends */
};

struct lane {
    struct fleet *fleet;
    size_t daemon;
    CURL *easy;
    bool busy;
    struct list calls;
    struct buffer answer;
    char error[CURL_ERROR_SIZE];
};

/* Whether a daemon may be talked to. */
enum key_state {
    KEY_TRUSTED, /* or not asked for */
    KEY_UNKNOWN,
    KEY_LEARNING,
    KEY_REFUSED,
};

struct remote {
    char name[PROTOCOL_HOST_MAX + 16]; /* host:port, for sentences */
    char host[PROTOCOL_HOST_MAX];
    uint16_t port;
    struct access *access;
    enum key_state key_state;
    struct lane probe; /* has no calls; connects and learns the key */
    enum fleet_outcome refusal_outcome;
    int64_t heard;       /* when it last answered, 0: not yet */
    bool refused;        /* nobody listened there */
    struct fail refusal; /* why it is not talked to */
    char url[PROTOCOL_HOST_MAX + 64];
    struct lane lanes[LANES];
};

struct fleet {
    void *owner;
    int extra_fd;
    struct access *access;
    CURLM *multi;
    struct curl_slist *headers;
    struct remote **remotes;
    size_t count, pending;
};

/* A call as XML; the caller frees it. */
xmlrpc_mem_block *fleet_serialize(enum method_id method, void *call);

/* Each says in `fail` what an answer means, and returns how its call ended: of curl's `code` other
 * than CURLE_OK, of an HTTP status other than 200, and of XML, which becomes `reply`. */
enum fleet_outcome fleet_explain_transport(const struct remote *remote, const struct lane *lane,
                                           CURLcode code, struct fail *fail);
enum fleet_outcome fleet_explain_status(const struct remote *remote, long status,
                                        struct fail *fail);
enum fleet_outcome fleet_decode_reply(const struct remote *remote, const struct lane *lane,
                                      enum method_id method, void *reply, struct fail *fail);

#endif
