/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/host/hoststat_*.c: counters of the host from recorded files and dumps of the kernel,
 * whole and damaged, and what becomes of them between two readings. */
#include "daemon/host/hoststat_links.c"
#include "daemon/host/hoststat_proc.c"
#include "daemon/host/hoststat_sampler.c"

#include "hoststat_dumps.h"
#include "unit.h"

static struct hoststat_row host_row(void)
{
    struct hoststat_row row;
    hoststat_row_init(&row, HOSTSTAT_SCOPE_HOST, "");
    return row;
}

/* ---- files */

static void cpu_lines(void **state)
{
    (void)state;
    struct hoststat_row row = host_row();
    hoststat_parse_cpu("cpu  109172 76799 124793 1886522 4833 0 27102 8091 7 0\n", &row);
    assert_int_equal(row.value[HOSTSTAT_cpu_user], 109172);
    assert_int_equal(row.value[HOSTSTAT_cpu_idle], 1886522);
    assert_int_equal(row.value[HOSTSTAT_cpu_softirq], 27102);
    assert_int_equal(row.value[HOSTSTAT_cpu_steal], 8091);
    row = host_row();
    hoststat_parse_cpu("cpu  1 2 x 4", &row);
    assert_int_equal(row.value[HOSTSTAT_cpu_nice], 2);
    assert_int_equal(row.value[HOSTSTAT_cpu_system], METRIC_ABSENT);
    row = host_row();
    hoststat_parse_cpu("cpu0 1 2 3 4", &row);
    assert_int_equal(row.value[HOSTSTAT_cpu_user], METRIC_ABSENT);
}

static const char snmp[] =
    "Ip: Forwarding DefaultTTL\nIp: 2 64\n"
    "Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets "
    "CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors\n"
    "Tcp: 1 200 120000 -1 1494 1469 6 311 0 108621 106075 15 0 243 0\n"
    "Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors\n"
    "Udp: 50 0 3 51 2 1\n"
    "UdpLite: InDatagrams NoPorts\nUdpLite: 77 88\n";

static void mib_files(void **state)
{
    (void)state;
    struct hoststat_row row = host_row();
    hoststat_parse_mib(snmp, &row);
    assert_int_equal(row.value[HOSTSTAT_tcp_active_opens], 1494);
    assert_int_equal(row.value[HOSTSTAT_tcp_retrans_segs], 15);
    assert_int_equal(row.value[HOSTSTAT_udp_in_datagrams], 50);
    assert_int_equal(row.value[HOSTSTAT_udp_send_buffer_errors], 1);
    assert_int_equal(row.value[HOSTSTAT_tcp_timeouts], METRIC_ABSENT);
    hoststat_parse_mib("TcpExt: A TCPTimeouts B\nTcpExt: 1 2 3\n", &row);
    assert_int_equal(row.value[HOSTSTAT_tcp_timeouts], 2);
}

static void damaged_mib_files(void **state)
{
    static const char *const texts[] = {
        "",
        "Tcp:",
        "Tcp: RetransSegs",
        "Tcp: RetransSegs\n",
        "Tcp: RetransSegs\nTcp:",
        "Tcp: RetransSegs\nTcp: \n",
        "Tcp: RetransSegs\nUdp: 5\n",
        "Tcp: RetransSegs\nTcp: -5\n",
        "Tcp: RetransSegs\nTcp: 5x\n",
        "Tcp: RetransSegs\nTcp: 99999999999999999999\n",
        "RetransSegs\n5\n",
        "\n\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct hoststat_row row = host_row();
        hoststat_parse_mib(texts[i], &row);
        assert_int_equal(row.value[HOSTSTAT_tcp_retrans_segs], METRIC_ABSENT);
    }
    for (size_t length = 0; length < sizeof snmp; length++) { /* for the sanitizers */
        char *text = mem_printf("%.*s", (int)length, snmp);
        struct hoststat_row row = host_row();
        hoststat_parse_mib(text, &row);
        free(text);
    }
}

/* ---- dumps */

static void recorded_dumps(void **state)
{
    static struct hoststat_sample sample;
    (void)state;
    sample.count = 0;
    assert_true(hoststat_parse_messages(recorded_links, sizeof recorded_links, &sample));
    assert_true(hoststat_parse_messages(recorded_qdiscs, sizeof recorded_qdiscs, &sample));
    assert_int_equal(sample.count, 2);
    const struct hoststat_row *lo = &sample.list[0].row, *tbf = &sample.list[1].row;
    assert_string_equal(lo->object, "lo");
    assert_int_equal(lo->scope, HOSTSTAT_SCOPE_INTERFACE);
    assert_int_equal(lo->value[HOSTSTAT_rx_bytes], 114240);
    assert_int_equal(lo->value[HOSTSTAT_tx_packets], 80);
    assert_int_equal(lo->value[HOSTSTAT_tx_dropped], 0);
    assert_string_equal(tbf->object, "lo/tbf/root");
    assert_int_equal(tbf->scope, HOSTSTAT_SCOPE_QDISC);
    assert_int_equal(tbf->value[HOSTSTAT_qdisc_bytes], 115360);
    assert_int_equal(tbf->value[HOSTSTAT_qdisc_packets], 80);
    assert_int_equal(tbf->value[HOSTSTAT_qdisc_drops], 38);
    assert_int_equal(tbf->value[HOSTSTAT_qdisc_overlimits], 192);
    assert_int_equal(tbf->value[HOSTSTAT_qdisc_backlog], 0);
    assert_int_equal(tbf->value[HOSTSTAT_rx_bytes], METRIC_ABSENT);
}

/* Cut anywhere, and with bytes that are anything: nothing is read beyond the end. */
static void damaged_dumps(void **state)
{
    struct hoststat_sample *sample = mem_new(1, sizeof *sample);
    (void)state;
    for (int round = 0; round < 20000; round++) {
        bool links = random_below(2);
        size_t whole = links ? sizeof recorded_links : sizeof recorded_qdiscs;
        size_t length = random_below(4) ? whole : random_below(whole + 1);
        char *bytes = mem_new(1, length);
        memcpy(bytes, links ? recorded_links : recorded_qdiscs, length);
        for (uint64_t i = random_below(6); i && length; i--)
            bytes[random_below(length)] = (char)random_bits();
        sample->count = 0;
        hoststat_parse_messages(recorded_links, sizeof recorded_links, sample);
        hoststat_parse_messages(bytes, length, sample);
        for (size_t i = 0; i < sample->count; i++)
            for (int k = 0; k < HOSTSTATS; k++)
                assert_true(sample->list[i].row.value[k] >= 0 ||
                            sample->list[i].row.value[k] == METRIC_ABSENT);
        free(bytes);
    }
    free(sample);
}

static void more_objects_than_there_is_room_for(void **state)
{
    struct hoststat_sample *sample = mem_new(1, sizeof *sample);
    (void)state;
    for (int i = 0; i < 2 * HOSTSTAT_OBJECTS_MAX; i++)
        hoststat_parse_messages(recorded_links, sizeof recorded_links, sample);
    assert_int_equal(sample->count, HOSTSTAT_OBJECTS_MAX);
    free(sample);
}

/* ---- differences */

static struct hoststat_row seen[4];
static size_t seen_count;

static void note_row(void *context, const struct hoststat_row *row)
{
    (void)context;
    assert_true(seen_count < COUNT(seen));
    seen[seen_count++] = *row;
}

static struct hoststat_sample two[2];

/* Two samples of the host, and of eth0 with these bytes. */
static void make_samples(int64_t before, int64_t after)
{
    for (int i = 0; i < 2; i++) {
        two[i].count = 0;
        struct hoststat_row *row = &add(&two[i], HOSTSTAT_SCOPE_HOST, "", 0)->row;
        hoststat_parse_cpu(i ? "cpu  110 0 20 65 0 0 5 0" : "cpu  100 0 0 0 0 0 0 0", row);
        row = &add(&two[i], HOSTSTAT_SCOPE_INTERFACE, "eth0", 7)->row;
        row->value[HOSTSTAT_rx_bytes] = i ? after : before;
    }
    seen_count = 0;
}

static void counters_become_differences(void **state)
{
    int64_t sum = 0;
    (void)state;
    make_samples(1000, 1500);
    hoststat_differences(&two[0], &two[1], note_row, NULL);
    assert_int_equal(seen_count, 2);
    assert_int_equal(seen[0].value[HOSTSTAT_cpu_user], 100000);
    assert_int_equal(seen[0].value[HOSTSTAT_cpu_idle], 650000);
    for (int i = HOSTSTAT_cpu_user; i <= HOSTSTAT_cpu_steal; i++)
        sum += seen[0].value[i];
    assert_int_equal(sum, 1000000);
    assert_string_equal(seen[1].object, "eth0");
    assert_int_equal(seen[1].value[HOSTSTAT_rx_bytes], 500);
    assert_int_equal(seen[1].value[HOSTSTAT_tx_bytes], METRIC_ABSENT);
}

static void what_goes_back_is_absent(void **state)
{
    (void)state;
    make_samples(1500, 1000);
    two[1].list[0].row.value[HOSTSTAT_cpu_idle] = -1;
    hoststat_differences(&two[0], &two[1], note_row, NULL);
    assert_int_equal(seen_count, 2);
    assert_int_equal(seen[0].value[HOSTSTAT_cpu_user], METRIC_ABSENT);
    assert_int_equal(seen[1].value[HOSTSTAT_rx_bytes], METRIC_ABSENT);
    /* No tick has passed: there are no shares. */
    make_samples(0, 0);
    two[1].list[0] = two[0].list[0];
    hoststat_differences(&two[0], &two[1], note_row, NULL);
    assert_int_equal(seen[0].value[HOSTSTAT_cpu_idle], METRIC_ABSENT);
}

/* An interface that came, went, or is another one of that name has no row. */
static void interfaces_come_and_go(void **state)
{
    (void)state;
    make_samples(0, 5);
    two[1].list[1].id = 8;
    hoststat_differences(&two[0], &two[1], note_row, NULL);
    assert_int_equal(seen_count, 1);
    make_samples(0, 5);
    two[1].count = 1;
    hoststat_differences(&two[0], &two[1], note_row, NULL);
    assert_int_equal(seen_count, 1);
    make_samples(0, 5); /* one before it went: it is found at another place */
    two[0].list[2] = two[0].list[1];
    hoststat_row_init(&two[0].list[1].row, HOSTSTAT_SCOPE_INTERFACE, "tap1");
    two[0].count = 3;
    hoststat_differences(&two[0], &two[1], note_row, NULL);
    assert_int_equal(seen_count, 2);
    assert_int_equal(seen[1].value[HOSTSTAT_rx_bytes], 5);
}

static void this_host(void **state)
{
    struct hoststat_sample *sample = mem_new(1, sizeof *sample);
    (void)state;
    int netlink = hoststat_open_netlink();
    hoststat_read(sample, netlink);
    close(netlink);
    assert_true(sample->count >= 1);
    assert_true(sample->list[0].row.value[HOSTSTAT_cpu_user] >= 0);
    assert_true(sample->list[0].row.value[HOSTSTAT_tcp_in_segs] >= 0);
    for (int i = 0; i < HOSTSTATS; i++) /* of the kernels that this runs on, each has them all */
        if (*hoststats[i].source && sample->list[0].row.value[i] == METRIC_ABSENT)
            fail_msg("the kernel has no %s", hoststats[i].source);
    free(sample);
}

int main(void)
{
    seed_random();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cpu_lines),
        cmocka_unit_test(mib_files),
        cmocka_unit_test(damaged_mib_files),
        cmocka_unit_test(recorded_dumps),
        cmocka_unit_test(damaged_dumps),
        cmocka_unit_test(more_objects_than_there_is_room_for),
        cmocka_unit_test(counters_become_differences),
        cmocka_unit_test(what_goes_back_is_absent),
        cmocka_unit_test(interfaces_come_and_go),
        cmocka_unit_test(this_host),
    };
    return cmocka_run_group_tests_name("hoststat_sample", tests, NULL, NULL);
}
