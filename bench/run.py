# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the claims (all, or those named: bulk cpu ...) and prints one table. Exits with 1 if a goal
is not met."""
import glob
import importlib
import os
import sys

from measure import Claim, Failed, Missing, enter_own_network

HERE = os.path.dirname(os.path.abspath(__file__))


def names():
    found = glob.glob(os.path.join(HERE, "claim_*.py"))
    return sorted(os.path.basename(path)[len("claim_"):-len(".py")] for path in found)


def main():
    wanted = sys.argv[1:] or names()
    unknown = [name for name in wanted if name not in names()]
    if unknown:
        sys.exit(f"there is no claim {unknown[0]}; there are {' '.join(names())}")
    enter_own_network()
    table = [("claim", "flowrig", "peer", "its figure", "ratio", "goal", "met?")]
    met = True
    for name in wanted:
        print(f"measuring {name} ...", flush=True)
        try:
            found = importlib.import_module(f"claim_{name}").claims()
        except (Failed, Missing, OSError) as error:
            print(f"  {error}", flush=True)
            found = [Claim(name, "not measured", "", "", "", "", False)]
        for claim in found:
            row = (claim.name, claim.ours, claim.peer, claim.peer_figure, claim.ratio, claim.goal,
                   "met" if claim.met else "not met")
            table.append(row)
            print("  " + ", ".join(cell for cell in row if cell), flush=True)
            met &= claim.met
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
