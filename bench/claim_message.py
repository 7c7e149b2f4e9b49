# SPDX-License-Identifier: GPL-3.0-or-later
"""Message mode: every block with a header, its round trip measured."""
from measure import compare, flowgrind, flowrig


def claims():
    return compare("blocks of 8 KiB with RTT", lambda: flowrig("-A", "s", "-S", "s=8192"),
                   {"flowgrind": lambda: flowgrind("-A", "s", "-S", "s=8192")}, {"flowgrind": 3})
