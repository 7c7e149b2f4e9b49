# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests and responses of 64 bytes in a closed loop: as many per second as there can be."""
import re
import signal

from measure import Group, Run, compare, flowrig, need, wait_port

OPTIONS = "-S", "s=64", "-A", "s", "--in-flight", "s=1"


def ours(flows=1):
    run = flowrig(*OPTIONS, flows=flows)
    finals = [line for line in run.more["log"].splitlines() if line.startswith("# final S ")]
    run.more["transactions"] = sum(int(re.search(r" rx_responses=(\d+)", line)[1])
                                   for line in finals) / run.seconds
    run.more["p50"], run.more["p99"] = (int(re.search(rf" rtt_{p}=(\d+)", finals[0])[1]) / 1e3
                                        for p in ("p50", "p99"))
    return run


def sockperf():
    """Ping-pong over TCP; it prints half the round trip."""
    program, port, group = need("sockperf"), 5304, Group()
    try:
        group.start([program, "sr", "--tcp", "-i", "127.0.0.1", "-p", str(port)])
        wait_port(port)
        out = group.run([program, "pp", "--tcp", "-i", "127.0.0.1", "-p", str(port), "-t", "3", "-m",
                         "64"])
    finally:
        group.end(signal.SIGKILL)
    seconds, count = re.search(r"Valid Duration\] RunTime=([\d.]+) sec;.*ReceivedMessages=(\d+)",
                               out).groups()
    p50, p99 = (2 * float(re.search(rf"percentile {p} = +([\d.]+)", out)[1])
                for p in ("50.000", "99.000"))
    return Run(0, group.cpu, float(seconds), transactions=int(count) / float(seconds), p50=p50, p99=p99)


def transactions(run):
    return run.more["transactions"]


def claims():
    found = compare("transactions, one flow", ours, {"sockperf": sockperf}, {"sockperf": 1},
                    figure=transactions, unit="1/s")
    for percentile in ("p50", "p99"):
        found += compare(f"round trip, {percentile}", ours, {"sockperf": sockperf}, {"sockperf": 1},
                         figure=lambda run, p=percentile: run.more[p], unit="us",
                         more_is_better=False, pairs=3)
    return found + compare("transactions, 100 flows", lambda: ours(100), {"one flow": ours},
                           {"one flow": 10}, figure=transactions, unit="1/s", pairs=3)
