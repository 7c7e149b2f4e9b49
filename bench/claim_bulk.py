# SPDX-License-Identifier: GPL-3.0-or-later
"""Bulk transfer over loopback, default options."""
from measure import compare, flowgrind, flowrig, iperf2, iperf3


def claims():
    found = compare("bulk, one flow", lambda: flowrig(),
                    {"iperf3": lambda: iperf3(), "flowgrind": lambda: flowgrind()},
                    {"iperf3": 1.5, "flowgrind": 7})
    found += compare("bulk, two flows", lambda: flowrig(flows=2),
                     {"iperf3 -P 2": lambda: iperf3(flows=2), "iperf -P 2": lambda: iperf2(flows=2)},
                     {"iperf3 -P 2": 1.8, "iperf -P 2": 1.8})
    return found
