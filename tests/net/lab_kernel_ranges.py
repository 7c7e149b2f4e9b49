#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel says of 100 flows over a lossy path: each column within what is possible."""
from flowrig_test import Lab, case, main, note, run_logged

FLOWS, SECONDS, BITS = 100, 3, 100e6
# Draining, and what a busy machine adds.
SLACK = 7

# Columns of tcp_info, by what bounds them; `inf` and `nan` are values that there are not.
TIMES = ("total_rto_time", "busy", "rwnd_limited", "sndbuf_limited")
BYTES = ("bytes_acked", "bytes_retrans", "bytes_sent")
COUNTS = ("total_retrans", "delivered", "delivered_ce", "dsack_dups", "reord_seen", "rcv_ooopack",
          "total_rto", "total_rto_recoveries", "rehash", "segs_out", "segs_in", "data_segs_out",
          "data_segs_in")
GAUGES = {"cwnd": (1, 1e5), "ssth": (1, 2 ** 31), "uack": (0, 1e5), "sack": (0, 1e5), "lost": (0, 1e5),
          "retr": (0, 1e5), "tret": (0, 20), "reor": (0, 1e4), "bkof": (0, 20), "rtt": (15, 20e3),
          "rttvar": (0, 20e3), "rto": (200, 120e3), "min_rtt": (15, 20e3), "smss": (500, 1500),
          "pmtu": (576, 1500), "notsent": (0, 1e8)}
SECONDS_OF = {"s": 1, "ms": 1e-3, "us": 1e-6}


def check(row, column, value, low, high):
    assert low <= value <= high, (
        f"{column} of flow {row['id']}, {row['S|D']}, up to {row['end']} s is {value}, not within "
        f"{low} to {high}")


@case
def ranges():
    """100 flows, 1 % loss: no counter beyond the run, no gauge beyond the path"""
    lab = Lab(3, "delay=5ms rate=100m limit=50ms")
    for host in (2, 3):
        lab.daemon(host)
    lab.set("path", "h2", "h3", "loss=1%")
    _, log = run_logged("-H", f"s={Lab.addr(2)},d={Lab.addr(3)}", "-n", FLOWS, "-T", f"s={SECONDS}",
                        "-i", "0.1", "-q", netns=lab.ns(1))
    known = set(log.columns)
    checked = 0
    for row in log.rows:
        for column in TIMES + BYTES + COUNTS:
            if column not in known or row[column] != row[column]:
                continue
            checked += 1
            if column in TIMES:
                high = (SECONDS + SLACK) / SECONDS_OF[log.units[column]]
            else:
                high = BITS / 8 * (SECONDS + SLACK)
            check(row, column, row[column], 0, high)
        for column, (low, high) in GAUGES.items():
            value = row.get(column, float("nan"))
            if row["S|D"] == "S" and value == value and value != float("inf") and (
                    column not in ("rtt", "rttvar") or value):
                checked += 1
                check(row, column, value, low, high)
    for (end, flow), final in log.finals.items():
        for name in TIMES[:1]:
            value = final.get(name, 0)
            assert 0 <= value <= 1e3 * (SECONDS + SLACK), (end, flow, name, value)
    fell = sum(final.get("total_rto", 0) for final in log.finals.values())
    note(f"{checked} values of {len(log.rows)} rows, {fell} timeouts")
    assert checked > 10 * len(log.rows) and fell > 0


main()
