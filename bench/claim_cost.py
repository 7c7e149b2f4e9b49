# SPDX-License-Identifier: GPL-3.0-or-later
"""Cost against work: paced and bulk flows, 1 to 10,000 of them, and 1 to as many workers as there
are CPUs. Writes cost.data and cost.svg into the build directory's bench/."""
import os
import subprocess
from statistics import median

from measure import limited
from tools import BUILD, flowrig, need

FLOWS, SECONDS, ROUNDS = (1, 10, 100, 1000, 10000), 4.0, 3
FOLDER = os.path.join(BUILD, "bench")

PLOT = """
set terminal svg size 900,900 font 'sans,12'
set output 'cost.svg'
set multiplot layout 3,1
set logscale x
set logscale y
set key top right
set xlabel 'flows'
set ylabel 'CPU per block [us]'
plot 'cost.data' index 0 using 1:2 with linespoints title 'a block of 1 kB per flow and 100 ms'
unset logscale y
set yrange [0:*]
set key bottom right
set ylabel 'sum [Gbit/s]'
plot 'cost.data' index 1 using 1:2 with linespoints title 'bulk'
unset logscale x
set xlabel 'workers of one daemon that has both ends'
set xtics 1
plot 'cost.data' index 2 using 1:2 with linespoints title 'bulk, two flows for each worker'
"""


def paced(flows):
    run = flowrig("-R", "s=80000bit", "-S", "s=1000", flows=flows, seconds=SECONDS)
    run.blocks = sum(run.log.figures("S", "tx_requests"))
    return run


def medians(runs, of):
    """`runs` maps what is varied to its runs."""
    return {key: median(map(of, found)) for key, found in runs.items()}


def measure(kinds, run):
    """Every kind in turn, so that what disturbs one disturbs all."""
    found = {kind: [] for kind in kinds}
    for _ in range(ROUNDS):
        for kind in kinds:
            found[kind].append(run(kind))
    return found


def draw(*tables):
    with open(os.path.join(FOLDER, "cost.data"), "w", encoding="ascii") as data:
        for title, table in tables:
            data.write(f"# {title}\n")
            data.writelines(f"{key} {value:.6g}\n" for key, value in table.items())
            data.write("\n\n")
    subprocess.run([need("gnuplot")], input=PLOT, text=True, check=True, cwd=FOLDER)
    print(f"  drawn as {os.path.relpath(FOLDER)}/cost.svg", flush=True)


def claims():
    slow = measure(FLOWS, paced)
    bulk = measure(FLOWS, lambda flows: flowrig(flows=flows, seconds=SECONDS))
    cpus = len(os.sched_getaffinity(0))
    workers = measure(range(1, cpus + 1), lambda count: flowrig(
        flows=2 * count, both=True, daemon=["--workers", count]))
    per_block = medians(slow, lambda run: 1e6 * run.cpu / run.blocks)
    rates = medians(bulk, lambda run: run.rate / 1e9)
    scaled = medians(workers, lambda run: run.rate / 1e9)
    draw(("flows, CPU per block in us", per_block), ("flows, Gbit/s", rates),
         ("workers, Gbit/s", scaled))
    return [limited("CPU per block, 10,000 flows", per_block[10000], "us", 1.25 * per_block[100],
                    of="1.25 x 100 flows"),
            limited("bulk, 10,000 flows: sum", rates[10000], "Gbit/s", 0.8 * rates[10], more=True,
                    of="0.8 x 10 flows"),
            limited(f"bulk, {cpus} workers", scaled[cpus], "Gbit/s", 0.8 * cpus * scaled[1],
                    more=True, of=f"0.8 x {cpus} x one worker")]
