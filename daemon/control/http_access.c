/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who sent a request. */
#include "control/http_state.h"

static const struct http_refusal no_name = {
    MHD_HTTP_FORBIDDEN, "the common name of the certificate is not the name of a user"};
static const struct http_refusal no_token = {MHD_HTTP_UNAUTHORIZED,
                                             "a user and the secret of a token are required"},
                                 no_certificate = {
                                     MHD_HTTP_FORBIDDEN,
                                     "a certificate that this daemon trusts is required"};

/* Once for each connection. */
static bool check_certificate(struct request *request, struct fail *fail)
{
    struct http_connection *connection = request_connection(request);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (!connection || !info)
        return fail_set(fail, 0, "it has no TLS session");
    if (!connection->checked)
        connection->checked = tls_check_client(info->tls_session, connection->name, fail);
    request->wait.user = connection->name;
    return connection->checked;
}

/* Where nothing but a certificate tells who it is, it has to: those without a name would share
 * their sessions. */
static struct http_refusal check_name(const struct request *request, struct fail *fail)
{
    if (!request->wait.user || *request->wait.user)
        return (struct http_refusal){0};
    fail_set(fail, 0, "the common name of its certificate is not the name of a user");
    return no_name;
}

struct http_refusal request_check_who(struct request *request, struct fail *fail)
{
    const struct http *http = request->http;
    if (http->tls && http->tls->client_ca && !check_certificate(request, fail))
        return no_certificate;
    if (!auth_has_users(http->auth))
        return check_name(request, fail);
    const char *header = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND,
                                                     MHD_HTTP_HEADER_AUTHORIZATION);
    request->wait.user = auth_user(http->auth, header);
    if (request->wait.user)
        return (struct http_refusal){0};
    fail_set(fail, 0, header ? "a wrong user or secret" : "no token presented");
    return no_token;
}

bool request_hold_back(struct request *request, const char *why)
{
    struct http *http = request->http;
    struct address peer = http_peer(request->connection);
    int64_t now = clock_now(), delay = auth_failed(http->auth, &peer, why, now);
    pthread_mutex_lock(&http->lock);
    bool may = !http->no_waiting;
    if (may) {
        request->held_back = true;
        request->wait.deadline = now + delay;
        if (request_connection(request))
            http_connections_hold(request->connections, request_connection(request));
        MHD_suspend_connection(request->connection);
        list_append(&http->waiting, &request->link);
        pthread_cond_signal(&http->changed);
    }
    pthread_mutex_unlock(&http->lock);
    return may;
}
