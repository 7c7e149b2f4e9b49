/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/capture/splitter.c and packet.c: each packet goes to the dumps of its connection,
 * those that came before the claim included, whatever the link's header looks like. */
#include "daemon/capture/splitter.c"

#include <stdio.h>

#include "unit.h"

/* In place of the file: what it was given. */
static struct {
    const struct dump_file *file;
    uint32_t sequence;
} added[4096];
static size_t added_count;

void dump_file_add(struct dump_file *file, const struct captured *packet)
{
    struct packet read;
    assert_true(packet_read(PACKET_LINK_RAW, packet->data, packet->stored, &read));
    assert_true(added_count < sizeof added / sizeof added[0]);
    added[added_count].file = file;
    added[added_count++].sequence = read.sequence;
    file->packets++;
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value & 0xffff);
}

/* An IPv4 or IPv6 packet with 20 bytes of TCP header and `payload` bytes, of which none is stored;
 * gives the length. Addresses are 10.0.0.x or fd00::x. */
struct sketch {
    bool v6;
    uint8_t from, to, flags;
    uint16_t from_port, to_port;
    uint32_t sequence, acknowledged, payload;
};

static size_t draw(uint8_t *at, const struct sketch *sketch)
{
    size_t ip = sketch->v6 ? 40 : 20;
    memset(at, 0, ip + 20);
    if (sketch->v6) {
        at[0] = 0x60;
        put16(at + 4, 20 + sketch->payload);
        at[6] = 6;
        at[8] = at[24] = 0xfd;
        at[23] = sketch->from;
        at[39] = sketch->to;
    } else {
        at[0] = 0x45;
        put16(at + 2, 40 + sketch->payload);
        at[9] = 6;
        at[12] = at[16] = 10;
        at[15] = sketch->from;
        at[19] = sketch->to;
    }
    uint8_t *tcp = at + ip;
    put16(tcp, sketch->from_port);
    put16(tcp + 2, sketch->to_port);
    put32(tcp + 4, sketch->sequence);
    put32(tcp + 8, sketch->acknowledged);
    tcp[12] = 5 << 4;
    tcp[13] = sketch->flags;
    return ip + 20;
}

static void take(struct splitter *splitter, struct sketch sketch)
{
    uint8_t data[128];
    size_t length = draw(data, &sketch);
    struct captured captured = {1, (uint32_t)length, (uint32_t)length, data};
    splitter_take(splitter, &captured);
}

static struct address address(bool v6, uint8_t last, uint16_t port)
{
    char text[32];
    struct address made;
    snprintf(text, sizeof text, v6 ? "fd00::%x" : "10.0.0.%u", last);
    assert_true(address_parse(text, port, &made));
    return made;
}

static struct connection *claim(struct splitter *splitter, bool v6, uint16_t port,
                                struct dump_file *file)
{
    struct address one = address(v6, 1, port), other = address(v6, 2, 5000);
    return splitter_claim(splitter, &one, &other, file);
}

static int reset(void **state)
{
    (void)state;
    added_count = 0;
    return 0;
}

static void links(void **state)
{
    static const struct {
        int link;
        size_t header, type_at;
    } all[] = {{PACKET_LINK_ETHERNET, 14, 12},
               {PACKET_LINK_SLL, 16, 14},
               {PACKET_LINK_SLL2, 20, 0},
               {PACKET_LINK_RAW, 0, 0},
               {PACKET_LINK_IPV4, 0, 0}};
    struct sketch sketch = {.from = 1,
                            .to = 2,
                            .from_port = 1000,
                            .to_port = 65535,
                            .sequence = 0xfedcba98,
                            .acknowledged = 7,
                            .payload = 1400,
                            .flags = PACKET_ACK};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        for (sketch.v6 = 0; sketch.v6 < (all[i].link != PACKET_LINK_IPV4); sketch.v6 = true) {
            uint8_t data[128] = {0};
            struct packet packet;
            size_t length = all[i].header + draw(data + all[i].header, &sketch);
            if (all[i].header)
                put16(data + all[i].type_at, sketch.v6 ? 0x86dd : 0x0800);
            assert_true(packet_read(all[i].link, data, length, &packet));
            assert_int_equal(packet.from.port, 1000);
            assert_int_equal(packet.to.port, 65535);
            assert_int_equal(packet.from.address[15], 1);
            assert_int_equal(packet.to.address[15], 2);
            assert_int_equal(packet.from.address[10], sketch.v6 ? 0 : 0xff);
            assert_int_equal(packet.sequence, 0xfedcba98);
            assert_int_equal(packet.payload, 1400);
            for (size_t cut = 0; cut < length; cut++) {
                uint8_t *exact = mem_new(cut + 1, 1); /* for the address sanitizer */
                memcpy(exact, data, cut);
                assert_false(packet_read(all[i].link, exact, cut, &packet));
                free(exact);
            }
            if (sketch.v6)
                break;
        }
        sketch.v6 = false;
    }
}

static void vlan_tags(void **state)
{
    struct sketch sketch = {.from = 1, .to = 2, .from_port = 1, .to_port = 2};
    uint8_t data[128] = {0};
    struct packet packet;
    (void)state;
    put16(data + 12, 0x88a8);
    put16(data + 16, 0x8100);
    put16(data + 20, 0x0800);
    size_t length = 22 + draw(data + 22, &sketch);
    assert_true(packet_read(PACKET_LINK_ETHERNET, data, length, &packet));
    assert_int_equal(packet.to.port, 2);
}

static void random_bytes(void **state)
{
    uint8_t data[128];
    struct packet packet;
    size_t read = 0;
    (void)state;
    for (int i = 0; i < 200000; i++) {
        size_t length = random_below(sizeof data);
        for (size_t k = 0; k < length; k++)
            data[k] = (uint8_t)random_bits();
        if (length && random_below(2))
            data[0] = (uint8_t)(random_below(2) ? 0x45 : 0x60);
        if (length > 9 && random_below(2))
            data[6] = data[9] = 6;
        read += packet_read(PACKET_LINK_RAW, data, length, &packet);
    }
    assert_true(read > 0); /* some of it looks like packets */
}

static void early_packets(void **state)
{
    struct splitter splitter;
    struct dump_file source = {0}, destination = {0};
    (void)state;
    splitter_init(&splitter, PACKET_LINK_RAW);
    take(&splitter, (struct sketch){.from = 1,
                                    .to = 2,
                                    .from_port = 1000,
                                    .to_port = 5000,
                                    .sequence = 1,
                                    .flags = PACKET_SYN});
    take(&splitter, (struct sketch){.from = 2,
                                    .to = 1,
                                    .from_port = 5000,
                                    .to_port = 1000,
                                    .sequence = 2,
                                    .flags = PACKET_SYN | PACKET_ACK});
    struct connection *first = claim(&splitter, false, 1000, &source);
    assert_int_equal(added_count, 2);
    take(&splitter, (struct sketch){.from = 1,
                                    .to = 2,
                                    .from_port = 1000,
                                    .to_port = 5000,
                                    .sequence = 3,
                                    .flags = PACKET_ACK});
    /* The other end, from its own side. */
    struct address here = address(false, 2, 5000), there = address(false, 1, 1000);
    struct connection *second = splitter_claim(&splitter, &here, &there, &destination);
    assert_ptr_equal(first, second);
    assert_int_equal(destination.packets, 3);
    take(&splitter, (struct sketch){.from = 2,
                                    .to = 1,
                                    .from_port = 5000,
                                    .to_port = 1000,
                                    .sequence = 4,
                                    .flags = PACKET_ACK});
    assert_int_equal(source.packets, 4);
    assert_int_equal(destination.packets, 4);
    for (size_t i = 0, s = 0, d = 0; i < added_count; i++)
        assert_int_equal(added[i].sequence, added[i].file == &source ? ++s : ++d);
    struct dump_file third = {0};
    assert_null(splitter_claim(&splitter, &here, &there, &third));
    splitter_release(&splitter, first, &source);
    splitter_release(&splitter, first, &destination);
    assert_int_equal(splitter.count, 0);
    splitter_free(&splitter);
}

/* Many connections at once: each file gets its own, in order. */
static void many_connections(void **state)
{
    enum { FLOWS = 300, PACKETS = 10 };
    static struct dump_file files[FLOWS];
    struct splitter splitter;
    (void)state;
    splitter_init(&splitter, PACKET_LINK_RAW);
    memset(files, 0, sizeof files);
    for (uint16_t i = 0; i < FLOWS; i++)
        assert_non_null(claim(&splitter, i % 2, (uint16_t)(1000 + i), &files[i]));
    for (uint32_t k = 0; k < PACKETS; k++)
        for (uint16_t i = 0; i < FLOWS; i++)
            take(&splitter, (struct sketch){.v6 = i % 2,
                                            .from = 1,
                                            .to = 2,
                                            .to_port = 5000,
                                            .from_port = (uint16_t)(1000 + i),
                                            .sequence = 1000 * k + i});
    /* Somebody else's. */
    take(&splitter, (struct sketch){.from = 9, .to = 2, .from_port = 1000, .to_port = 5000});
    assert_int_equal(added_count, FLOWS * PACKETS);
    for (size_t i = 0; i < added_count; i++)
        assert_ptr_equal(added[i].file, &files[added[i].sequence % 1000]);
    splitter_free(&splitter);
}

static void too_many_early(void **state)
{
    struct splitter splitter;
    struct dump_file file = {0};
    (void)state;
    splitter_init(&splitter, PACKET_LINK_RAW);
    for (uint32_t i = 0; i < SPLITTER_EARLY_MAX + 5; i++)
        take(&splitter, (struct sketch){.from = 1,
                                        .to = 2,
                                        .from_port = 1000,
                                        .to_port = 5000,
                                        .sequence = i,
                                        .flags = PACKET_ACK});
    claim(&splitter, false, 1000, &file);
    assert_int_equal(file.packets, SPLITTER_EARLY_MAX);
    assert_int_equal(file.missed, 5);
    splitter_free(&splitter);
}

static void strangers_are_forgotten(void **state)
{
    struct splitter splitter;
    (void)state;
    splitter_init(&splitter, PACKET_LINK_RAW);
    for (uint32_t i = 0; i < SPLITTER_CONNECTIONS_MAX + 100; i++)
        take(&splitter, (struct sketch){.from = 3,
                                        .to = 2,
                                        .from_port = (uint16_t)(i + 1),
                                        .to_port = 5000,
                                        .flags = PACKET_SYN});
    assert_int_equal(splitter.count, SPLITTER_CONNECTIONS_MAX);
    splitter.now += SPLITTER_PATIENCE - 1;
    splitter_sweep(&splitter);
    assert_int_equal(splitter.count, SPLITTER_CONNECTIONS_MAX);
    splitter.now++;
    splitter_sweep(&splitter);
    assert_int_equal(splitter.count, 0);
    splitter_free(&splitter);
}

static void the_end(void **state)
{
    struct splitter splitter;
    struct dump_file file = {0};
    struct sketch out = {.from = 1,
                         .to = 2,
                         .from_port = 1000,
                         .to_port = 5000,
                         .sequence = UINT32_MAX - 50,
                         .payload = 100,
                         .flags = PACKET_ACK};
    struct sketch back = {.from = 2,
                          .to = 1,
                          .from_port = 5000,
                          .to_port = 1000,
                          .sequence = 500,
                          .flags = PACKET_ACK,
                          .acknowledged = UINT32_MAX - 50};
    (void)state;
    splitter_init(&splitter, PACKET_LINK_RAW);
    struct connection *connection = claim(&splitter, false, 1000, &file);
    out.flags |= PACKET_FIN; /* its number wraps */
    take(&splitter, out);
    take(&splitter, back);
    back.acknowledged = 50; /* 100 bytes and the FIN after UINT32_MAX - 50 */
    back.flags |= PACKET_FIN;
    back.acknowledged -= 1;
    take(&splitter, back);
    out.acknowledged = 501;
    take(&splitter, out);
    assert_false(connection_is_over(connection)); /* the first FIN is not acknowledged */
    back.acknowledged += 1;
    take(&splitter, back);
    assert_true(connection_is_over(connection));
    splitter_free(&splitter);
}

static void a_reset_ends_it(void **state)
{
    struct splitter splitter;
    struct dump_file file = {0};
    (void)state;
    splitter_init(&splitter, PACKET_LINK_RAW);
    struct connection *connection = claim(&splitter, true, 1000, &file);
    assert_false(connection_is_over(connection));
    take(&splitter, (struct sketch){.v6 = true,
                                    .from = 2,
                                    .to = 1,
                                    .from_port = 5000,
                                    .to_port = 1000,
                                    .flags = PACKET_RST});
    assert_true(connection_is_over(connection));
    splitter_free(&splitter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(links, reset),
        cmocka_unit_test_setup(vlan_tags, reset),
        cmocka_unit_test_setup(random_bytes, reset),
        cmocka_unit_test_setup(early_packets, reset),
        cmocka_unit_test_setup(many_connections, reset),
        cmocka_unit_test_setup(too_many_early, reset),
        cmocka_unit_test_setup(strangers_are_forgotten, reset),
        cmocka_unit_test_setup(the_end, reset),
        cmocka_unit_test_setup(a_reset_ends_it, reset),
    };
    seed_random();
    return cmocka_run_group_tests_name("splitter", tests, NULL, NULL);
}
