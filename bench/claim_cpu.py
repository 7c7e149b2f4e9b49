# SPDX-License-Identifier: GPL-3.0-or-later
"""CPU seconds for a gigabyte, both ends and the controller together."""
from measure import compare, flowrig, iperf3


def claims():
    return compare("CPU per gigabyte, one flow", lambda: flowrig(),
                   {"iperf3": lambda: iperf3()}, {"iperf3": 0.5},
                   figure=lambda run: run.cpu_per_gigabyte, unit="s/GB", more_is_better=False)
