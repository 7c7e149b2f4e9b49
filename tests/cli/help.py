#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""--help and --version of both programs and of the subcommands."""
import re
import subprocess

from flowrig_test import FLOWCTL, FLOWD, case, expect, flowctl, main, temp_dir

# Letter, long name and argument of every option, in no particular order.
FLOWCTL_OPTIONS = """
-h --help[=WHAT]
-v --version
-c --columns=TYPE[,TYPE]...
-d --debug
   --clock=estimate|sync|none
   --dry-run
   --embedded
   --histogram
   --log-file[=FILE]
-m
-n --flows=#
-o
-p
-q --quiet
-s --tcp-stack=TYPE
   --show-colon=TYPE[,TYPE]...
   --start-at=TIME
-w
   --csv[=FILE]
   --hide-addresses
   --host-stats
   --json[=FILE]
   --json-stream[=FILE]
   --live
   --output=FORMAT[:TARGET]
   --style=table|flowgrind
   --summary=full|table|total
   --title=TEXT
-F --flow=#[-#][,#[-#]]...
-H --host=x=HOST[/CONTROL[:PORT]]
-G --traffic=x=(q|p|g):DIST
-O --socket-option=x=OPT
   --udp
-T --duration=x=#.#
-Y --delay=x=#.#
   --omit=x=#.#
   --bytes=x=#
   --blocks=x=#
-S --block-size=x=#
   --fit-mtu=x
-A --ask-response=x
-I --one-way-delay[=x]
-U --block-cap=x=#
-R --rate=x=#.#(z|k|M|G)(b|B)
   --rate-spread=x=#.#(z|k|M|G)(b|B)
   --pacing=x
   --in-flight=x=#
-P --pushy=x
-C --stop-on-congestion=x
-B --send-buffer=x=#
-W --receive-buffer=x=#
-D --dscp=x=DSCP
   --cpu=x=#
   --late=#.#
   --gso=auto|on|off
   --check-data
   --no-breaker
   --mptcp
-i --report-interval=#.#
-J --random-seed=#
-E --enumerate
-Q --summarize-only
-L --late-connect
-N --shutdown
   --framing=auto|stream|message
   --touch-data
   --drain=#.#
-M --dump=x
-e --dump-prefix=PREFIX
   --snaplen=#
   --dump-us
   --trace=x
   --trace-max=x=#
   --trace-filter=all|change
   --source-port=x=#
   --freebind=x
-4 --ipv4
-6 --ipv6
   --connect-timeout=#.#
   --token-file=FILE
   --accept-new-keys
   --tls-ca=FILE
   --tls-cert=FILE
   --tls-key=FILE
"""
FLOWD_OPTIONS = """
-h --help
-v --version
-d --debug
   --log-level=LEVEL
   --pid-file=FILE
   --state-dir=DIR
   --config=FILE
   --user=NAME
   --keep-net-admin
-b --bind=ADDR
-p --port=#
   --metrics[=ADDR]
   --no-auth
   --token-file=FILE
   --make-token=FILE
   --show-key
   --tls-cert=FILE
   --tls-key=FILE
   --tls-client-ca=FILE
-c --cpu=LIST
   --workers=#
   --data-ports=LO-HI
-w --dump-dir=DIR
   --trace
   --max-flows=#
   --dump-file-size=#
   --dump-space=#
   --dump-files=#
   --max-sessions=#
   --report-memory=#
   --spill-size=#
   --lease=#
   --retain=#
   --retain-size=#
   --max-flow-rate=#.#
   --max-total-rate=#.#
   --max-duration=#.#
   --allow-test=NET[,NET]...
   --deny-test=NET[,NET]...
   --user-quota=[USER:]NAME=#[,NAME=#]...
   --iperf3[=[ADDR:]PORT]
   --allow-iperf=NET[,NET]...
   --stamp[=[ADDR:]PORT]
   --allow-stamp=NET[,NET]...
   --stamp-key=FILE
   --test-clock-offset=#
   --test-clock-skew=PPM
"""
STATUS_OPTIONS = """
-h --help
-v --version
   --token-file=FILE
   --accept-new-keys
   --tls-ca=FILE
   --tls-cert=FILE
   --tls-key=FILE
"""
ATTACH_OPTIONS = """
-h --help
-v --version
"""
FETCH_OPTIONS = """
-h --help
-v --version
-o --output=DIR
   --run=RUN
   --token-file=FILE
   --accept-new-keys
   --tls-ca=FILE
   --tls-cert=FILE
   --tls-key=FILE
"""
PLOT_OPTIONS = """
-h --help
-v --version
-o --output=FILE
   --type=TYPE
   --flows=LIST
   --metrics=LIST
   --from=#.#
   --to=#.#
   --lines
   --log
   --title=TEXT
   --size=WxH
   --script=FILE
"""
TRACE_OPTIONS = """
-h --help
-v --version
   --output=FORMAT
"""
REPORT_OPTIONS = """
-h --help
-v --version
-o --output=FILE
   --metrics=LIST
   --from=#.#
   --to=#.#
   --title=TEXT
   --full
   --dygraphs=DIR
"""
JSON_OPTIONS = """
-h --help
-v --version
   --json
"""
COMPARE_OPTIONS = """
-h --help
-v --version
   --fail-if=CONDITION
   --json
"""
TABLES = {"flowctl": FLOWCTL_OPTIONS, "flowctl run": FLOWCTL_OPTIONS, "flowd": FLOWD_OPTIONS,
          "flowctl status": STATUS_OPTIONS, "flowctl stop": STATUS_OPTIONS,
          "flowctl attach": ATTACH_OPTIONS, "flowctl fetch-dumps": FETCH_OPTIONS,
          "flowctl plot": PLOT_OPTIONS, "flowctl report": REPORT_OPTIONS, "flowctl trace": TRACE_OPTIONS,
          "flowctl runs": JSON_OPTIONS, "flowctl show": JSON_OPTIONS, "flowctl compare": COMPARE_OPTIONS,
          "flowctl completion": ATTACH_OPTIONS}


def run(command, *arguments):
    words = command.split()
    program = {"flowctl": FLOWCTL, "flowd": FLOWD}[words[0]]
    return subprocess.run([program] + words[1:] + list(arguments), text=True, cwd=temp_dir(),
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=30)


def shown(command, *arguments):
    done = run(command, *arguments)
    assert done.returncode == 0 and done.stderr == "", f"{command} {arguments}: {done}"
    assert done.stdout.endswith("\n") and "\t" not in done.stdout
    return done.stdout


def parse(table):
    """{(letter, name): argument as it is written behind the name}"""
    options = {}
    for line in table.strip().splitlines():
        found = re.fullmatch(r"\s*(?:-(\w))? *(?:--([a-z0-9-]+))?(\[?=.*)?", line)
        assert found, line
        options[found[1], found[2]] = found[3] or ""
    return options


def heads(text):
    """The same out of --help: a line of an option begins with two blanks (or six) and dashes."""
    options = {}
    for line in text.splitlines():
        found = re.match(r"  (?:-(\w)(?:, )?|    )(?:--([a-z0-9-]+))?([\[=]\S*)?(?= |$)", line)
        if line.startswith("  -") or line.startswith("      --"):
            assert found, line
            options[found[1], found[2]] = found[3] or ""
    return options


@case
def every_option():
    """--help has every option with its argument, and no other"""
    for command, table in TABLES.items():
        found, expected = heads(shown(command, "--help")), parse(table)
        assert found == expected, (f"{command}: missing {expected.keys() - found.keys()}, extra "
                                   f"{found.keys() - expected.keys()}, different "
                                   f"{[k for k in found if found[k] != expected.get(k)]}")


@case
def every_option_works():
    """Every option that --help shows is taken by the parser, in both spellings"""
    for command in TABLES:
        for (letter, name), argument in heads(shown(command, "--help")).items():
            for option in filter(None, (letter and "-" + letter, name and "--" + name)):
                done = run(command, option) if argument.startswith("=") else \
                    run(command, option, "--version")
                if argument.startswith("="):
                    assert done.returncode == 1 and "needs an argument" in done.stderr, done
                else:
                    assert done.returncode == 0 and "unknown" not in done.stderr, done


@case
def every_option_explained():
    """Each option has a sentence behind it"""
    for command in TABLES:
        text = shown(command, "--help")
        parts = re.split(r"\n(?=  -|      --)", text)
        assert len(parts) > 2
        for part in parts[1:]:
            lines = part.split("\n")
            rest = " ".join([lines[0][18:]] + [line.strip() for line in lines[1:]])
            assert re.search(r"[a-z]{3,} [a-z]", rest), part


@case
def same_help():
    """-h and --help say the same, and so do `flowctl` and `flowctl run`"""
    for command in TABLES:
        assert shown(command, "-h") == shown(command, "--help")
    assert shown("flowctl", "--help") == shown("flowctl run", "--help")
    assert shown("flowctl status", "--help") != shown("flowctl stop", "--help")


@case
def usage_first():
    """The first line says how the command is called"""
    for command, line in (("flowctl", "Usage: flowctl [run] [OPTION]..."),
                          ("flowd", "Usage: flowd [OPTION]..."),
                          ("flowctl status", "Usage: flowctl status [OPTION]... HOST[:PORT]..."),
                          ("flowctl stop", "Usage: flowctl stop [OPTION]... HOST[:PORT]..."),
                          ("flowctl plot", "Usage: flowctl plot [OPTION]... RUN...")):
        text = shown(command, "--help")
        assert text.splitlines()[0] == line, text
    text = shown("flowctl", "--help")
    for word in ("status HOST", "stop HOST", "attach [RUN]", "plot RUN", "completion", "Exit status: 0", "130"):
        assert word in text, word


def complete(*words):
    """What bash offers for the last of the words of a flowctl command line."""
    script = run("flowctl", "completion").stdout + (
        "COMP_WORDS=(flowctl \"$@\"); COMP_CWORD=$#; compopt() { :; }; _flowctl; echo ${COMPREPLY[*]}")
    done = subprocess.run(["bash", "-c", script, "bash", *words], text=True, capture_output=True,
                          timeout=30)
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout.split()


@case
def completion():
    """bash completes commands, and the options of each command"""
    assert complete("") == ["run", "status", "stop", "attach", "fetch-dumps", "plot", "report", "runs",
                            "show", "compare", "trace", "stamp", "completion"]
    assert complete("st") == ["status", "stop", "stamp"]
    assert complete("status", "ho") == []
    assert complete("--dry") == complete("run", "--dry") == ["--dry-run"]
    assert sorted(complete("plot", "--t")) == ["--title=", "--to=", "--type="]
    for command, table in TABLES.items():
        if command.startswith("flowctl "):
            found = {word.rstrip("=") for word in complete(command.split()[1], "-")}
            expected = {option for letter, name in parse(table)
                        for option in (letter and "-" + letter, name and "--" + name) if option}
            assert found == expected, (command, found ^ expected)


@case
def help_socket():
    """--help=socket lists the socket options"""
    text = shown("flowctl", "--help=socket")
    for option in ("-O x=TCP_CONGESTION=ALG", "-O x=TCP_NODELAY"):
        assert re.search(rf"^  {re.escape(option)}\n? +\S", text, re.M), text
    for words in (["-hsocket"], ["-h=socket"], ["--help=socket", "-n", "3"]):
        assert shown("flowctl", *words) == text, words


@case
def help_traffic():
    """--help=traffic explains how traffic is made; its examples are right"""
    text = shown("flowctl", "--help=traffic")
    assert shown("flowctl", "-htraffic") == text
    for option in ("-T", "-S", "-Y", "-R", "-A", "--framing"):
        assert option in text, option
    examples = re.findall(r"^  flowctl (.*)$", text, re.M)
    assert len(examples) >= 2, text
    for example in examples:
        shown("flowctl", "--dry-run", *example.split())


@case
def version():
    """--version and -v: program, package and version in one line"""
    lines = set()
    for command in TABLES:
        for option in ("-v", "--version"):
            text = shown(command, option)
            program = command.split()[0]
            found = re.fullmatch(rf"{program} \(flowrig\) (\d+(\.\d+)+\S*)\n", text)
            assert found, text
            lines.add(found[1])
    assert len(lines) == 1, lines


@case
def help_needs_nothing_else():
    """Help and version come whatever else is asked for, and nothing is started"""
    assert shown("flowctl", "-n", "5", "-H", "s=192.0.2.1", "--help") == shown("flowctl", "--help")
    assert shown("flowctl", "-w", "-F", "3", "-v").startswith("flowctl (flowrig)")
    assert shown("flowctl status", "192.0.2.1", "--help").startswith("Usage: flowctl status")
    assert shown("flowctl plot", "--help", "a", "b").startswith("Usage: flowctl plot")
    assert shown("flowd", "-b", "0.0.0.0", "-p", "0", "--version").startswith("flowd (flowrig)")


@case
def commands_among_options():
    """A command is found wherever it stands among its options; an option's argument is none"""
    for words, start in ((["--token-file", "t", "status", "--help"], "Usage: flowctl status"),
                         (["--help", "stop"], "Usage: flowctl stop"),
                         (["-o", "x", "plot", "--help"], "Usage: flowctl plot"),
                         (["-o", "stop", "--run", "status", "fetch-dumps", "--help"],
                          "Usage: flowctl fetch-dumps"),
                         (["-e", "stop", "--help"], "Usage: flowctl [run]"),
                         (["-T", "s=1", "run", "--dry-run"], "flows: 1")):
        result = expect(flowctl(*words))
        assert result.out.startswith(start), (words, result.out[:200])
    result = expect(flowctl("--token-file", "/nowhere", "status", "127.0.0.1:1"), 1)
    assert "/nowhere" in result.err, result.err


@case
def width():
    """No line is longer than 80 characters"""
    too_long = []
    for command in TABLES:
        too_long += [(command, line) for line in shown(command, "--help").splitlines()
                     if len(line) > 80]
    for what in ("socket", "traffic"):
        too_long += [(what, line) for line in shown("flowctl", f"--help={what}").splitlines()
                     if len(line) > 80]
    assert not too_long, "\n".join(f"{where}: {len(line)}: {line}" for where, line in too_long)


main()
