#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What newcomers type, and users of iperf: each slip is answered in one clear sentence. The rest of
the command line is in options.py."""
import os
import socket
import subprocess

from flowrig_test import (FLOWCTL, FLOWD, Daemon, case, complain, expect, flowctl, hosts, main, temp_dir)

WHICH = ("does not say which endpoint it is for: write s= for the source, d= for the destination, "
         "or b= for both")
COMMA = "has a comma with nothing before or after it"
EXPONENT = "has an exponent: write its zeros, or a unit"

# Words, the sentence, and the exit status where it is not 1.
FLOWCTL_INPUTS = [
    ("-H s=http://10.77.0.2:5999", "option -H: 'http://10.77.0.2:5999' is a URL: write the host only, "
     "with :PORT after it if needed"),
    ("-H s=h\u00fcst,d=localhost", "'h\u00fcst' is not a host name", 3),
    # An argument that has to be joined to its option.
    ("--log-file x.log", "'x.log' is not joined to --log-file: write --log-file=x.log"),
    ("-n 2 --log-file x.log -Q", "'x.log' is not joined to --log-file: write --log-file=x.log"),
    ("--json x.json", "'x.json' is not joined to --json: write --json=x.json"),
    ("--csv x.csv", "'x.csv' is not joined to --csv: write --csv=x.csv"),
    ("--json-stream x", "'x' is not joined to --json-stream: write --json-stream=x"),
    ("-w x.log", "option -w takes no argument: write --log-file=x.log"),
    ("--log-file=/", "the log file / can't be written: Is a directory"),
    # Slips of the hand.
    ("--durration s=1", "unknown option --durration; did you mean --duration?"),
    ("stauts", "'stauts' is neither an option nor a command; did you mean 'status'?"),
    ("--show-columns", "unknown option --show-columns; -c TYPE,TYPE shows columns"),
    ("--show-column cwnd", "unknown option --show-column; did you mean --show-colon?"),
    ("--colums cwnd", "unknown option --colums; did you mean --columns?"),
    # What iperf's users type.
    ("-c 10.77.0.3", "option -c: unknown column '10.77.0.3'; hosts are given with -H s=HOST,d=HOST"),
    ("-t 10", "unknown option -t; -T x=# sets the duration"),
    ("-b 10M", "unknown option -b; -R x=# sets a rate"),
    ("-u", "unknown option -u; --udp sends datagrams"),
    ("-P 4", f"option -P: '4' {WHICH}; iperf's -P is -n # here"),
    ("-J", "option -J needs an argument; iperf's -J is --json here"),
    ("-R", "option -R needs an argument; iperf's -R is -T s=0,d=# here"),
    ("-O 2", f"option -O: '2' {WHICH}; iperf's -O is --omit x=# here"),
    ("-M 1400", f"option -M: '1400' {WHICH}; iperf's -M is -O x=TCP_MAXSEG=# here"),
    ("-B 10.0.0.1", f"option -B: '10.0.0.1' {WHICH}; iperf's -B is -H x=ADDRESS here"),
    ("-s", "option -s needs an argument; iperf's server is flowd here"),
    # Hosts that would be ignored.
    ("--embedded -H s=10.77.0.2,d=10.77.0.3", "flow 0: the source is at 10.77.0.2, but --embedded starts "
     "daemons on this host's loopback interface only: leave out one of them"),
    ("--embedded -H d=localhost/h2", "flow 0: the destination is at localhost/h2, but --embedded starts "
     "daemons on this host's loopback interface only: leave out one of them"),
    # Numbers, lists and times.
    ("-T s=1e3", f"option -T: '1e3' {EXPONENT}"),
    ("-T s=1e99", f"option -T: '1e99' {EXPONENT}"),
    ("-T s=1E-3", f"option -T: '1E-3' {EXPONENT}"),
    ("-R s=1e6", f"option -R: '1e6' {EXPONENT}"),
    ("-S s=1e3", f"option -S: '1e3' {EXPONENT}"),
    ("-n 1e3", "option -n: '1e3' is not a whole number"),
    ("-c interval,,through", f"option -c: 'interval,,through' {COMMA}"),
    ("plot LOG --metrics through,,cwnd", f"plot: 'through,,cwnd' {COMMA}"),
    ("plot LOG --flows 0,", f"plot: option --flows: '0,' {COMMA}"),
    ("plot", "plot: missing argument; usage: flowctl plot [OPTION]... RUN..."),
    ("--start-at=25:00", "option --start-at: '25:00': not a valid time; expected 2026-11-30T14:30:00 "
     "(with Z or +01:00 unless it is local time), 14:30 or 14:30:05, +10s, or @ and seconds since 1970"),
]


def some_log():
    path = os.path.join(temp_dir(), "some.log")
    expect(flowctl("--embedded", "-T", "s=0.1", "-q", f"--log-file={path}"))
    return path


@case
def words_of_newcomers():
    """flowctl: exactly the sentence and the exit status"""
    log = some_log()
    for words, sentence, *status in FLOWCTL_INPUTS:
        arguments = [log if word == "LOG" else word for word in words.split()]
        complain(FLOWCTL, "flowctl", arguments, sentence, *status)


@case
def log_to_standard_output():
    """--log-file=-: the log is the standard output, and no file is made"""
    directory = temp_dir()
    result = expect(flowctl("--embedded", "-T", "s=0.1", "-q", "--log-file=-", cwd=directory))
    assert result.out.startswith("# flowlog 1\n") and os.listdir(directory) == []


def silent_port():
    """A port that is bound, and nobody listens at it."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    return held


@case
def host_left_out():
    """-H s= without d=: the sentence says where the destination would be"""
    daemon = Daemon()
    result = flowctl("-H", f"s=127.0.0.1/{daemon.control}", "-T", "s=0.1")
    if result.status != 0:  # a flowd of this host may listen at the usual port
        expect(result, 2)
        assert result.err == ("flowctl: no flowd can be reached at localhost:5999: Connection refused; -H names "
                              "no destination (d=HOST), so it defaults to localhost\n"), result.err


@case
def refused_connections():
    """"Connection refused" by an address that is not of the loopback interface: flowd needs -b"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            own = probe.getsockname()[0]
        except OSError:
            return
    with socket.socket() as held:
        held.bind((own, 0))
        place = f"{own}:{held.getsockname()[1]}"
        said = f"no flowd can be reached at {place}: Connection refused (is flowd started there with -b?)"
        complain(FLOWCTL, "flowctl", ["status", place], said, 3)
        complain(FLOWCTL, "flowctl", ["-H", f"b={own}/{place}"], said, 3)


@case
def rates():
    """A rate in powers of 1024 is said in full once, and one of no second block, too; -q is quiet"""
    for options, lines in (
            (["-R", "s=10M"], ["the rate 10M is 10485760 bit/s (M is 2**20); 10Mbit is 10000000 bit/s"]),
            (["-R", "s=1.5MB", "-R", "s=1.5MB"],
             ["the rate 1.5MB is 12582912 bit/s (M is 2**20); 1.5MB/s is 12000000 bit/s"]),
            (["-R", "s=10Mbit"], []),
            (["-R", "s=1bit"],
             ["flow 0: at 1 bit/s a block of 8192 B takes 18.2 h: the source sends only the first in 100 ms (-S "
              "sets a smaller size)"]),
            (["-R", "s=10k", "-S", "s=500"],
             ["the rate 10k is 10240 bit/s (k is 2**10); 10kbit is 10000 bit/s",
              "flow 0: at 10240 bit/s a block of 500 B takes 391 ms: the source sends only the first in 100 ms (-S "
              "sets a smaller size)"]),
            (["-R", "s=10k", "-S", "s=100"],
             ["the rate 10k is 10240 bit/s (k is 2**10); 10kbit is 10000 bit/s"]),
            (["-R", "s=1k", "-q"], [])):
        result = expect(flowctl("--embedded", "-T", "s=0.1", "-Q", *options))
        said = [line for line in result.err.splitlines() if "using private" not in line]
        assert said == [f"flowctl: {line}" for line in lines], (options, said)


@case
def tokens():
    """A daemon that wants a token, and one that wants none: what to do, without the library's words"""
    directory = temp_dir()
    token = os.path.join(directory, "token")
    subprocess.run([FLOWD, "--make-token", token], check=True, capture_output=True, timeout=20)
    guarded, plain = Daemon("--token-file", token), Daemon()
    complain(FLOWCTL, "flowctl", ["-H", hosts(guarded)],
             f"the server at {guarded.control} does not speak HTTP: if it is a flowd that requires a token, use "
             "--token-file", 2)
    complain(FLOWCTL, "flowctl", ["-H", hosts(plain), "--token-file", token],
             f"the server at {plain.control} does not use TLS: it is not a flowd that was started with "
             "--token-file; nothing was sent to it", 2)


@case
def flowd_inputs():
    """flowd: addresses, directories and settings that can't be"""
    directory = temp_dir()
    config = os.path.join(directory, "flowd.conf")
    with open(config, "w", encoding="ascii") as file:
        file.write("port = 6001 # comment\n")
    complain(FLOWD, "flowd", ["-d", "-b", "192.0.2.1", "--no-auth"],
             "can't listen on 192.0.2.1:5999: this host does not have that address")
    complain(FLOWD, "flowd", ["-d", f"--config={config}"],
             f"{config}: line 1: port: '6001 # comment' is not a whole number (comments need their own line)")
    complain(FLOWD, "flowd", ["-d", "-w", "/proc"], "option -w: can't create a file in /proc: No such file or "
             "directory")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        complain(FLOWD, "flowd", ["-d", "-p", str(port)], f"can't listen on 127.0.0.1:{port}: the address "
                 "is in use, perhaps by another flowd; -p selects another port")


if __name__ == "__main__":
    main()
