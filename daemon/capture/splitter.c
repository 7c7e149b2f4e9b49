/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "capture/splitter.h"

#include <stdlib.h>
#include <string.h>

/* A packet that is kept. */
struct early {
    struct list link;
    struct captured captured;
    uint8_t data[];
};

void splitter_init(struct splitter *splitter, int link)
{
    for (size_t i = 0; i < SPLITTER_BUCKETS; i++)
        list_init(&splitter->buckets[i]);
    splitter->link = link;
    splitter->count = 0;
    splitter->now = clock_now();
}

static void forget_early(struct connection *connection)
{
    list_for_each_safe (link, &connection->early) {
        list_remove(link);
        free(list_item(link, struct early, link));
    }
}

static void forget(struct splitter *splitter, struct connection *connection)
{
    forget_early(connection);
    list_remove(&connection->link);
    splitter->count--;
    free(connection);
}

void splitter_free(struct splitter *splitter)
{
    for (size_t i = 0; i < SPLITTER_BUCKETS; i++)
        list_for_each_safe (link, &splitter->buckets[i])
            forget(splitter, list_item(link, struct connection, link));
}

/* The same for both directions. FNV-1a over the ports and the addresses' last bytes. */
static struct list *bucket_of(struct splitter *splitter, const struct packet_end ends[2])
{
    uint32_t sum = 0;
    for (int i = 0; i < 2; i++) {
        uint32_t hash = UINT32_C(2166136261);
        const uint8_t port[] = {(uint8_t)(ends[i].port >> 8), (uint8_t)ends[i].port};
        for (size_t k = 8; k < 16; k++)
            hash = (hash ^ ends[i].address[k]) * UINT32_C(16777619);
        for (size_t k = 0; k < sizeof port; k++)
            hash = (hash ^ port[k]) * UINT32_C(16777619);
        sum += hash;
    }
    return &splitter->buckets[(sum ^ sum >> 16) % SPLITTER_BUCKETS];
}

static bool same_end(const struct packet_end *one, const struct packet_end *other)
{
    return one->port == other->port && !memcmp(one->address, other->address, 16);
}

/* The connection between the ends, in either order; a new one if need be, NULL where there is no
 * room for it. */
static struct connection *find(struct splitter *splitter, const struct packet_end ends[2])
{
    struct list *bucket = bucket_of(splitter, ends);
    list_for_each (link, bucket) {
        struct connection *connection = list_item(link, struct connection, link);
        bool as_it_is = same_end(&connection->ends[0], &ends[0]);
        if (same_end(&connection->ends[as_it_is], &ends[1]) &&
            (as_it_is || same_end(&connection->ends[1], &ends[0])))
            return connection;
    }
    if (splitter->count == SPLITTER_CONNECTIONS_MAX)
        return NULL;
    struct connection *connection = mem_new(1, sizeof *connection);
    memcpy(connection->ends, ends, sizeof connection->ends);
    connection->seen = splitter->now;
    list_init(&connection->early);
    list_append(bucket, &connection->link);
    splitter->count++;
    return connection;
}

/* Follows the connection's end: both FINs, and their acknowledgments. */
static void follow(struct connection *connection, const struct packet *packet)
{
    int from = !same_end(&connection->ends[0], &packet->from);
    if (packet->flags & PACKET_RST)
        connection->reset = true;
    if (packet->flags & PACKET_FIN) {
        connection->directions[from].ended = true;
        connection->directions[from].after = packet->sequence + packet->payload + 1;
    }
    if (packet->flags & PACKET_ACK && connection->directions[!from].ended &&
        (int32_t)(packet->acknowledged - connection->directions[!from].after) >= 0)
        connection->directions[!from].acknowledged = true;
}

/* A connection that takes the place of an older one, between the same ports, is another. */
static void begin_again(struct connection *connection)
{
    forget_early(connection);
    connection->early_count = 0;
    connection->reset = false;
    memset(connection->directions, 0, sizeof connection->directions);
}

static void keep_early(struct connection *connection, const struct captured *captured)
{
    if (connection->early_count == SPLITTER_EARLY_MAX) {
        connection->overlooked++;
        return;
    }
    struct early *early = mem_new(1, sizeof *early + captured->stored);
    early->captured = *captured;
    early->captured.data = early->data;
    memcpy(early->data, captured->data, captured->stored);
    list_append(&connection->early, &early->link);
    connection->early_count++;
}

void splitter_take(struct splitter *splitter, const struct captured *captured)
{
    struct packet packet;
    if (!packet_read(splitter->link, captured->data, captured->stored, &packet))
        return;
    struct packet_end ends[2] = {packet.from, packet.to};
    struct connection *connection = find(splitter, ends);
    if (!connection)
        return;
    if ((packet.flags & (PACKET_SYN | PACKET_ACK)) == PACKET_SYN && !connection->files[0])
        begin_again(connection);
    follow(connection, &packet);
    for (int i = 0; i < 2; i++)
        if (connection->files[i])
            dump_file_add(connection->files[i], captured);
    if (!connection->files[1])
        keep_early(connection, captured);
}

/* IPv4 is mapped, as packet_read() has it. */
static void make_end(struct packet_end *end, const struct address *address)
{
    *end = (struct packet_end){.port = address_port(address)};
    if (address->any.sa_family == AF_INET6) {
        memcpy(end->address, &address->v6.sin6_addr, 16);
        return;
    }
    end->address[10] = end->address[11] = 0xff;
    memcpy(end->address + 12, &address->v4.sin_addr, 4);
}

struct connection *splitter_claim(struct splitter *splitter, const struct address *one,
                                  const struct address *other, struct dump_file *file)
{
    struct packet_end ends[2];
    make_end(&ends[0], one);
    make_end(&ends[1], other);
    struct connection *connection = find(splitter, ends);
    int slot = connection && connection->files[0] ? 1 : 0;
    if (!connection || connection->files[slot])
        return NULL;
    connection->files[slot] = file;
    list_for_each (link, &connection->early)
        dump_file_add(file, &list_item(link, struct early, link)->captured);
    file->missed += connection->overlooked;
    return connection;
}

void splitter_release(struct splitter *splitter, struct connection *connection,
                      struct dump_file *file)
{
    if (connection->files[0] == file) {
        connection->files[0] = connection->files[1];
        connection->files[1] = NULL;
    } else if (connection->files[1] == file) {
        connection->files[1] = NULL;
    }
    if (!connection->files[0])
        forget(splitter, connection);
}

bool connection_is_over(const struct connection *connection)
{
    return connection->reset ||
           (connection->directions[0].acknowledged && connection->directions[1].acknowledged);
}

void splitter_sweep(struct splitter *splitter)
{
    for (size_t i = 0; i < SPLITTER_BUCKETS; i++) {
        list_for_each_safe (link, &splitter->buckets[i]) {
            struct connection *connection = list_item(link, struct connection, link);
            if (splitter->now - connection->seen < SPLITTER_PATIENCE)
                continue;
            if (!connection->files[0])
                forget(splitter, connection);
            else
                forget_early(connection);
        }
    }
}
