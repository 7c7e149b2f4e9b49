# SPDX-License-Identifier: GPL-3.0-or-later
"""Message mode: every block with a header, its round trip measured."""
from measure import compare, flowgrind, flowrig

OPTIONS = "-A", "s", "-S", "s=8192"


def claims():
    found = compare("blocks of 8 KiB with RTT", lambda: flowrig(*OPTIONS),
                    {"flowgrind": lambda: flowgrind(*OPTIONS)}, {"flowgrind": 3})
    # As many blocks in a turn as the socket takes.
    return found + compare("the same with -P", lambda: flowrig("-P", "s", *OPTIONS),
                           {"flowgrind -P": lambda: flowgrind("-P", "s", *OPTIONS)},
                           {"flowgrind -P": 3})
