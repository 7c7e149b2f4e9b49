/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/influx_http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "output/courier.h"
#include "output/influx_line.h"

enum { BATCH = 5000, ANSWER_MAX = 4096 };

/* The server, and what it is sent. */
#define BATCH_AGE       NS_PER_SEC
#define ROOM            ((size_t)64 << 20)
#define ANSWER_TIME     (10 * NS_PER_SEC)
#define LAST_TIME       (10 * NS_PER_SEC)
#define CONNECT_TIME_MS 3000L

struct influx_http {
    struct sink sink;
    char *url, *name; /* the name is the URL without its query */
    struct influx_lines lines;
    struct buffer out;
    int64_t rows, since; /* of `out`; when its first one came */
    struct courier *courier;
    /* The courier's. */
    CURL *easy;
    struct curl_slist *headers;
    char answer[ANSWER_MAX];
    size_t answer_length;
};

static struct influx_http *of(struct sink *sink)
{
    return (struct influx_http *)sink;
}

bool influx_is_server(const char *target)
{
    return target && (!strncmp(target, "http://", 7) || !strncmp(target, "https://", 8));
}

/* ---- on the courier's thread */

static size_t take_answer(char *data, size_t size, size_t count, void *context)
{
    struct influx_http *http = context;
    size_t room = sizeof http->answer - 1 - http->answer_length, length = size * count;
    memcpy(http->answer + http->answer_length, data, length < room ? length : room);
    http->answer_length += length < room ? length : room;
    http->answer[http->answer_length] = '\0';
    return length;
}

/* InfluxDB says in JSON what it has against some of the points; else it dropped all. */
static int64_t dropped(const char *answer, int64_t rows)
{
    const char *at = strstr(answer, "dropped=");
    long long count = at ? atoll(at + strlen("dropped=")) : rows;
    return count < 0 || count > rows ? rows : count;
}

static enum delivery judge(struct influx_http *http, struct parcel *parcel, long status,
                           struct fail *why)
{
    if (status / 100 == 2)
        return DELIVERY_DONE;
    http->answer[strcspn(http->answer, "\r\n")] = '\0';
    fail_set(why, 0, "status %ld%s%.200s", status, http->answer[0] ? ": " : "", http->answer);
    if (status == 429 || status / 100 == 5)
        return DELIVERY_RETRY;
    parcel->lost = dropped(http->answer, parcel->rows);
    return DELIVERY_REFUSED;
}

static enum delivery deliver(void *context, struct courier *courier, struct parcel *parcel,
                             struct fail *why)
{
    struct influx_http *http = context;
    char error[CURL_ERROR_SIZE] = "";
    long status = 0, left = (long)(courier_time_left(courier, ANSWER_TIME) / NS_PER_MS);
    http->answer_length = 0;
    http->answer[0] = '\0';
    curl_easy_setopt(http->easy, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(http->easy, CURLOPT_TIMEOUT_MS, left > 0 ? left : 1L);
    curl_easy_setopt(http->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)parcel->bytes.length);
    curl_easy_setopt(http->easy, CURLOPT_POSTFIELDS, parcel->bytes.data);
    CURLcode code = curl_easy_perform(http->easy);
    curl_easy_setopt(http->easy, CURLOPT_ERRORBUFFER, NULL);
    if (code != CURLE_OK) {
        fail_set(why, 0, "%s", error[0] ? error : curl_easy_strerror(code));
        return DELIVERY_RETRY;
    }
    curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
    return judge(http, parcel, status, why);
}

/* ---- the target */

/* ?db=lab at a bare host is InfluxDB 1's /write?db=lab; times are in nanoseconds. */
static bool complete_url(struct influx_http *http, const char *target, struct fail *fail)
{
    const char *host = strstr(target, "://") + 3;
    const char *path = host + strcspn(host, "/?#"), *query = strchr(target, '?');
    if (path == host || memchr(host, '@', (size_t)(path - host)))
        return fail_set(fail, 0,
                        "output influx: '%s' is not http://HOST:PORT/PATH?QUERY; a token or user "
                        "comes from INFLUX_TOKEN, or INFLUX_USERNAME and INFLUX_PASSWORD",
                        target);
    if (!query || (!strstr(query, "db=") && !strstr(query, "bucket=")))
        return fail_set(fail, 0,
                        "output influx: '%s' names no database: ?db=NAME (InfluxDB 1), or "
                        "/api/v2/write?org=NAME&bucket=NAME",
                        target);
    bool bare = path == query || !strncmp(path, "/?", 2);
    http->name = mem_printf("%.*s", (int)(path - target), target);
    http->url = mem_printf("%s%s%s%s", http->name, bare ? "/write" : "", bare ? query : path,
                           strstr(query, "precision=") ? "" : "&precision=ns");
    return true;
}

static void set_up_easy(struct influx_http *http)
{
    const char *token = getenv("INFLUX_TOKEN"), *user = getenv("INFLUX_USERNAME");
    const char *password = getenv("INFLUX_PASSWORD");
    http->easy = curl_easy_init();
    http->headers = curl_slist_append(NULL, "Expect:");
    http->headers = curl_slist_append(http->headers, "Content-Type: text/plain; charset=utf-8");
    if (token && *token) {
        char *header = mem_printf("Authorization: Token %s", token);
        http->headers = curl_slist_append(http->headers, header);
        free(header);
    } else if (user && *user) {
        curl_easy_setopt(http->easy, CURLOPT_USERNAME, user);
        curl_easy_setopt(http->easy, CURLOPT_PASSWORD, password ? password : "");
    }
    curl_easy_setopt(http->easy, CURLOPT_URL, http->url);
    curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, http->headers);
    curl_easy_setopt(http->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(http->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(http->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(http->easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIME_MS);
    curl_easy_setopt(http->easy, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(http->easy, CURLOPT_WRITEDATA, http);
}

/* ---- the sink */

static void influx_http_start(struct sink *sink, const struct sink_run *run)
{
    influx_lines_start(&of(sink)->lines, run);
}

static void influx_http_interval(struct sink *sink, const struct report *report,
                                 const int64_t delta[METRICS])
{
    struct influx_http *http = of(sink);
    if (!http->rows++)
        http->since = clock_now();
    influx_row(&http->lines, report, delta, &http->out);
}

static void send_batch(struct influx_http *http)
{
    if (http->rows)
        courier_send(http->courier, 0, &http->out, http->rows);
    http->rows = 0;
}

static void influx_http_flush(struct sink *sink)
{
    struct influx_http *http = of(sink);
    if (http->rows >= BATCH || (http->rows && clock_now() - http->since >= BATCH_AGE))
        send_batch(http);
}

static void influx_http_summary(struct sink *sink, const struct summary *summary)
{
    struct influx_http *http = of(sink);
    http->rows += influx_summary(&http->lines, summary, &http->out);
}

static bool influx_http_close(struct sink *sink, bool used)
{
    struct influx_http *http = of(sink);
    (void)used;
    send_batch(http);
    bool whole = courier_close(http->courier);
    curl_easy_cleanup(http->easy);
    curl_slist_free_all(http->headers);
    curl_global_cleanup();
    influx_lines_free(&http->lines);
    buffer_free(&http->out);
    free(http->url);
    free(http->name);
    free(http);
    return whole;
}

static const struct sink_ops influx_http_ops = {
    .name = "influx",
    .start = influx_http_start,
    .interval = influx_http_interval,
    .summary = influx_http_summary,
    .flush = influx_http_flush,
    .close = influx_http_close,
};

struct sink *influx_http_open(const char *target, struct fail *fail)
{
    struct influx_http *http = mem_new(1, sizeof *http);
    if (!complete_url(http, target, fail)) {
        free(http);
        return NULL;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    set_up_easy(http);
    http->sink.ops = &influx_http_ops;
    http->courier = courier_new(&(struct courier_config){.target = http->name,
                                                         .room = ROOM,
                                                         .patience = LAST_TIME,
                                                         .context = http,
                                                         .deliver = deliver});
    return &http->sink;
}
