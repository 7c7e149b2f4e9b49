#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input: exactly one sentence on standard error, nothing on standard output, exit status 1."""
import os
import re
import socket
import subprocess

from flowrig_test import (FLOWCTL, FLOWD, Daemon, Skip, case, complain, main, temp_dir)

LONG_NAME = "a" * 300
# Names that the resolver refuses without asking anybody: a label has 63 characters at most.
NO_NAME = "a" * 64
WHICH = ("does not say which endpoint it is for: write s= for the source, d= for the destination, "
         "or b= for both")
SECONDS_UNITS = "use s, ms, us, ns, min or h"
BYTES_UNITS = ("use k, M, G or T (powers of 1024; KiB is the same as k), or kB, MB, GB or TB "
               "(powers of 1000)")
RATE_UNITS = ("use z, k, M or G (powers of 1024) with b for bit/s or B for byte/s, or SI units such "
              "as 10Mbit, 10Mbps or 1.5GB/s")
TAKEN = "the address is in use, perhaps by another flowd; -p selects another port"
NO_PORT = "is not a port: expected a number from 1 to 65535"
NEITHER = "is neither an option nor a command; --help lists both"
HEADER = "flow 0: the source's blocks (-S) have 20 bytes, but each needs a header of 40 bytes here"
STREAM = ("flow 0: stream framing carries no headers, but a rate (-R), a gap, a response (-A), a one-way delay "
          "(-I) or varying "
          "sizes need them")
REFUSING = ("refusing to listen on {}: not a loopback address: anyone who can reach it could "
            "control this daemon; use --token-file to protect it, or --no-auth to allow that")


def bad(words, sentence):
    """A case: flowctl with these words (split at spaces, or a list) says the sentence."""
    arguments = words.split() if isinstance(words, str) else words

    def run():
        complain(FLOWCTL, "flowctl", arguments, sentence)

    shown = " ".join(repr(a) if a == "" or " " in a else a for a in arguments)
    if len(shown) > 50:
        shown = shown[:47] + "..."
    run.__doc__ = f"flowctl {shown}"
    run.__name__ = "flowctl_" + re.sub(r"\W", "_", shown)
    case(run)


# ---- the command line as such
bad("-x", "unknown option -x; --help lists the options")
bad("--durration s=1", "unknown option --durration; did you mean --duration?")
bad("--dry-rn", "unknown option --dry-rn; did you mean --dry-run?")
bad("stauts", "'stauts' is neither an option nor a command; did you mean 'status'?")
bad("-n 2 plto x.log", "'plto' is neither an option nor a command; did you mean 'plot'?")
bad("-c cnwd", "option -c: unknown column 'cnwd'; did you mean 'cwnd'?")
bad("-c Through", "option -c: unknown column 'Through'; did you mean 'through'?")
bad("-c 10.77.0.3", "option -c: unknown column '10.77.0.3'; hosts are given with -H s=HOST,d=HOST")
bad("-O s=TCP_CONGESTON=bbr", "option -O: unknown socket option 'TCP_CONGESTON'; did you mean TCP_CONGESTION?")
# What iperf's users type.
bad("-b 10M", "unknown option -b; -R x=# sets a rate")
bad("-t 10", "unknown option -t; -T x=# sets the duration")
bad("-u", "unknown option -u; --udp sends datagrams")
bad("--fq-rate=1G", "unknown option --fq-rate; -R x=# with --pacing=x lets the kernel pace")
bad("--bidir", "unknown option --bidir; -T b=# lets both ends send")
bad("--parallel=4", "unknown option --parallel; -n # sets the number of flows")
bad("-Z", "unknown option -Z; data is sent without copies unless --touch-data is given")
bad("--foo", "unknown option --foo; --help lists the options")
bad("--foo=3", "unknown option --foo; --help lists the options")
bad("-n 2 --foo -w", "unknown option --foo; --help lists the options")
bad("-q3", "unknown option -3; --help lists the options")
bad("--quiet=3", "option --quiet takes no argument")
bad("--summarize-only=1", "option --summarize-only takes no argument")
bad("-n", "option -n needs an argument")
bad("--flows", "option --flows needs an argument")
bad("-T", "option -T needs an argument")
bad("--duration", "option --duration needs an argument")
bad("-A", "option -A needs an argument")
bad("-c", "option -c needs an argument")
bad("-dqn", "option -n needs an argument")
bad("foo", f"'foo' {NEITHER}")
bad("-n 2 foo", f"'foo' {NEITHER}")
bad("-n 2 status 127.0.0.1", f"'status' {NEITHER}")
bad("run foo", f"'foo' {NEITHER}")
bad("-- foo", f"'foo' {NEITHER}")
bad([""], f"'' {NEITHER}")
bad("--help=foo", "option --help: no help on 'foo'; topics: output, socket, traffic")
bad("-hfoo", "option -h: no help on 'foo'; topics: output, socket, traffic")
bad("--help=", "option --help: no help on ''; topics: output, socket, traffic")

# ---- -n
for text in ("x", "1.5", "", "1,2", " 1", "+1", "1k", "0x2", "1e3"):
    bad(["-n", text], f"option -n: '{text}' is not a whole number")
for text in ("0", "-1", "1000001"):
    bad(["-n", text], f"option -n: '{text}' is not within 1 to 1000000")
bad(["-n", "9" * 25], f"option -n: '{'9' * 25}' is too large")

# ---- --title
for text in ("", "x" * 201):
    bad(["--title", text], "option --title: a title has 1 to 200 bytes")
for text in ("a\nb", "a\x1b[31m", "\x7f", "\u202e"):
    bad(["--title", text], "option --title: a title is one line of UTF-8 without control characters")

# ---- which endpoint
for option in ("-T", "-Y", "-S", "-R", "-B", "-W", "-A", "-H", "-O", "-U"):
    bad([option, "q=1"], f"option {option}: 'q=1' {WHICH}")
    bad([option, ""], f"option {option}: the value is empty")
for option in ("-T", "-Y", "-S", "-R", "-B", "-W", "-U"):
    bad([option, "s"], f"option {option}: endpoint 's' has no value: write s=VALUE")
    bad([option, "d="], f"option {option}: endpoint 'd' has no value: write d=VALUE")
for text in ("5", "=5", "S=1", "sd=1", "s:1", "x"):
    bad(["-T", text], f"option -T: '{text}' {WHICH}")
bad("-T s=1,d=", "option -T: endpoint 'd' has no value: write d=VALUE")
bad("-S 0", f"option -S: '0' {WHICH}")
bad("-R 10Q", f"option -R: '10Q' {WHICH}")
# A list in which nothing is listed is a slip, not a wish for nothing.
for option, nothing in (("-T", "the value is empty"), ("-A", "the value is empty"), ("-H", "the value is empty"),
                        ("-F", "no flow is given"), ("-c", "no column is given")):
    bad([option, ",", "--dry-run"], f"option {option}: {nothing}")
    for text in (",s=1", "s=1,", "s=1,,d=1"):
        bad([option, text, "--dry-run"],
            f"option {option}: '{text}' has a comma with nothing before or after it")

# ---- times
bad("-T s=-1", "option -T: '-1' is negative")
bad("-T s=x", "option -T: 'x' is not a number")
bad("-T s=inf", "option -T: 'inf' is not a number")
bad("-T s=nan", "option -T: 'nan' is not a number")
bad("-T s=.", "option -T: '.' is not a number")
bad(["-T", "s= 1"], "option -T: ' 1' is not a number")
bad("-T s=1x", f"option -T: '1x' has an unknown unit 'x'; {SECONDS_UNITS}")
bad("-T s=1e3", "option -T: '1e3' has an exponent: write its zeros, or a unit")
bad("-T s=0x10", f"option -T: '0x10' has an unknown unit 'x10'; {SECONDS_UNITS}")
bad("-T s=1.2.3", f"option -T: '1.2.3' has an unknown unit '.3'; {SECONDS_UNITS}")
bad("-T s=1;d=2", f"option -T: '1;d=2' has an unknown unit ';d=2'; {SECONDS_UNITS}")
bad("-T s=31622401", "option -T: '31622401' is not within 0s to 31622400s")
bad("-T s=9999999999999999999", "option -T: '9999999999999999999' has more than 18 digits")
bad("-T s=999999999999999999h", "option -T: '999999999999999999h' is too large")
bad("-T s=0", "flow 0: neither endpoint sends: give one a duration above 0 with -T")
bad("-n 3 -F 2 -T b=0", "flow 2: neither endpoint sends: give one a duration above 0 with -T")
bad("-Y s=-1", "option -Y: '-1' is negative")
bad("-Y s=x", "option -Y: 'x' is not a number")
bad("-Y d=1", "flow 0: the destination has a delay (-Y) but no duration (-T)")
bad("-L -T s=1,d=1 -Y s=2",
    "flow 0: the destination would send before the source has connected: with -L its delay (-Y) "
    "must not be below the source's")
for text in ("0", "0.00001", "86401", "1ns"):
    bad(["-i", text], f"option -i: '{text}' is not within 0.0001s to 86400s")
bad("-i x", "option -i: 'x' is not a number")
bad("-i -1", "option -i: '-1' is negative")
bad("-i s=1", "option -i: 's=1' is not a number")
bad(["-i", ""], "option -i: '' is not a number")
bad("--drain -1", "option --drain: '-1' is negative")
bad("--drain x", "option --drain: 'x' is not a number")
bad("-J 0", "option -J: '0' is not within 1 to 4294967295")
bad("--bytes s=0", "option --bytes: '0' is not within 1B to 72057594037927936B")
bad("--blocks s=0", "option --blocks: '0' is not within 1 to 4294967295")
bad("--bytes 1M", "option --bytes: '1M' does not say which endpoint it is for: write s= for the "
    "source, d= for the destination, or b= for both")
bad("--bytes s=1M --blocks s=1", "flow 0: the source has both --bytes and --blocks: give one")
bad("--bytes s=1M -T s=0,d=1", "flow 0: the source has a volume (--bytes, --blocks) but a duration "
    "(-T) of 0")
bad("--blocks s=9 -C s", "flow 0: the source may stop before it has sent its volume (--bytes, "
    "--blocks) with -C: give one of them")
bad("--bytes s=39 -A s -S s=40", "flow 0: the source's --bytes=s=39 is less than the header of 40 "
    "bytes that each block carries here")
bad("--omit s=2 -T s=2", "flow 0: the source omits 2 s (--omit) of 2 s (-T), which leaves nothing")
bad("--omit d=1", "flow 0: the destination omits 1 s (--omit) of 0 s (-T), which leaves nothing")
bad("--omit s=1 --bytes s=1M", "flow 0: the source has a fixed volume (--bytes, --blocks), which is "
    "measured from its first byte, and can't omit any time (--omit)")
bad("--in-flight s=0", "option --in-flight: '0' is not within 1 to 1000000")
bad("--drain 3601", "option --drain: '3601' is not within 0s to 3600s")

# ---- dumps
for text in ("../x", ".x", "a/b", "/x"):
    bad(["-e", text], f"flow 0: the dump prefix '{text}' (-e) may contain only letters, digits, '.', '_' and '-', "
        "and may not start with a dot")
bad(["-e", "a b"], "option -e: 'a b' is not a name")
bad(["-e", "x" * 32], f"option -e: '{'x' * 32}' is longer than 31 characters")
bad("-M x", "option -M: 'x' does not say which endpoint it is for: write s= for the source, d= for the destination, or "
    "b= for both")
bad("-M s=1", "option -M: takes no value, but '1' was given")
for text in ("0", "63", "262145"):
    bad(["--snaplen", text], f"option --snaplen: '{text}' is not within 64B to 262144B")

# ---- sizes
for text in ("0", "1073741825", "2G"):
    bad(["-S", f"s={text}"], f"option -S: '{text}' is not within 1B to 1073741824B")
bad("-S s=abc", "option -S: 'abc' is not a number")
bad("-S s=-5", "option -S: '-5' is negative")
bad("-S s=10KB", f"option -S: '10KB' has an unknown unit 'KB'; {BYTES_UNITS}")
# There are no halves of a byte: strict numbers don't round what was typed.
for option in ("-S", "-B", "-W", "-U"):
    bad([option, "s=8192.5", "--dry-run"], f"option {option}: '8192.5' is not a whole number of bytes")
bad("-S s=1.0001k --dry-run", "option -S: '1.0001k' is not a whole number of bytes")
bad("-B s=2G", "option -B: '2G' is not within 0B to 2147483647B")
bad("-B s=x", "option -B: 'x' is not a number")
bad("-W d=-1", "option -W: '-1' is negative")
bad("-W d=99999999999", "option -W: '99999999999' is not within 0B to 2147483647B")
bad("-U x", f"option -U: 'x' {WHICH}")
bad("-U 100x", f"option -U: '100x' has an unknown unit 'x'; {BYTES_UNITS}")
bad("-U s=-1", "option -U: '-1' is negative")
bad("-U 100", "flow 0: the source requests blocks of 8192 bytes, above its cap of 100 (-U)")
bad("-A s=1", "option -A: takes no value, but '1' was given")
bad("-A s -S s=20", HEADER)
bad("-R s=1M -S s=20", HEADER)
bad("--framing message -S s=20", HEADER)

# ---- rates
for text in ("10Q", "10MBit", "10Mbits", "10mbit", "1T", "10Mb/s", "1KB"):
    unit = text.lstrip("0123456789")
    bad(["-R", f"s={text}"], f"option -R: '{text}' has an unknown unit '{unit}'; {RATE_UNITS}")
bad(["-R", "s=10 M"], f"option -R: '10 M' has an unknown unit ' M'; {RATE_UNITS}")
bad("-R s=M", "option -R: 'M' is not a number")
bad("-R s=-1", "option -R: '-1' is negative")
bad("-R s=0.1", "option -R: '0.1' is not a rate: it must be above 0")
bad("-R s=2000Tbit", "option -R: '2000Tbit' is not within 0bit/s to 1000000000000000bit/s")
bad("--framing stream -R s=1M", STREAM)
bad("--framing stream -A s", STREAM)
bad("--framing foo", "option --framing: 'foo' is not one of auto, stream, message")
bad(["--framing", ""], "option --framing: '' is not one of auto, stream, message")

bad("-I x", f"option -I: 'x' {WHICH}")
bad("-I s=1", "option -I: takes no value, but '1' was given")
bad("--one-way-delay=", "option --one-way-delay: the value is empty")
bad("-I --framing stream", STREAM)
bad("-I -S s=20", HEADER)
for text in ("ptp", "Estimate", "estimate,sync", ""):
    bad(["--clock", text], f"option --clock: '{text}' is not one of estimate, sync, none")
bad("--clock", "option --clock needs an argument")

NO_TIME = ("not a valid time; expected 2026-11-30T14:30:00 (with Z or +01:00 unless it is local time), "
           "14:30 or 14:30:05, +10s, or @ and seconds since 1970")
for text in ("", "now", "14", "25:00", "14:60", "14:30:60", "2:30", "14:30:", "14:30Z", "14:30:05.",
             "2026-11-30", "2026-11-30T14", "2026-13-30T14:30", "2026-11-30T14:30+1", "26-11-30T14:30",
             "2026-11-30T14:30:00Zx", "14:30x"):
    bad(["--start-at", text], f"option --start-at: '{text}': {NO_TIME}")
bad("--start-at 2026-02-30T10:00Z", "option --start-at: '2026-02-30T10:00Z': this date does not exist")
bad("--start-at +", "option --start-at: '+': '' is not a number")
bad("--start-at +5y", f"option --start-at: '+5y': '5y' has an unknown unit 'y'; {SECONDS_UNITS}")
bad("--start-at @x", "option --start-at: '@x': 'x' is not a number")
for text in ("+25h", "9999-12-31T23:59:59Z", "@9000000000"):
    bad(["--start-at", text], f"option --start-at: '{text}' is more than a day away")

# ---- -F
bad("-n 2 -F 9", "option -F: there is no flow 9: with -n 2 the last one is 1")
bad("-F 9 -n 2", "option -F: there is no flow 9: with -n 2 the last one is 1")
bad("-F 1", "option -F: there is no flow 1: with -n 1 the last one is 0")
bad("-n 2 -F 0,2", "option -F: there is no flow 2: with -n 2 the last one is 1")
bad("-n 4 -F 0-4", "option -F: there is no flow 4: with -n 4 the last one is 3")
bad("-n 4 -F 0,0", "option -F: flow 0 is named twice")
bad("-n 4 -F 0-2,1-3", "option -F: flow 1 is named twice")
bad("-n 4 -F 3-1", "option -F: '3-1': the end is below the start")
bad("-n 4 -F 1-", "option -F: '' is not a whole number")
bad("-n 4 -F 0 -Q -i 1 -F 1 -i 2", "option -i: two values for all flows, which it sets also after -F: '1' and '2'")
bad("-F -2", "option -F: there is no flow -2")
bad("-F 1000000", "option -F: there is no flow 1000000")
bad("-F x", "option -F: 'x' is not a whole number")
bad(["-F", ""], "option -F: no flow is given")

# ---- hosts
for text in ("0", "65536", "x", "", "-1", "80x"):
    bad(["-H", f"s=a:{text}"], f"option -H: '{text}' {NO_PORT}")
    bad(["-H", f"s=a/b:{text}"], f"option -H: '{text}' {NO_PORT}")
    bad(["-H", f"s=a/[::1]:{text}"], f"option -H: '{text}' {NO_PORT}")
bad("-H s=[::1", "option -H: the bracket of '[::1' is not closed")
bad("-H s=[::1:5999", "option -H: the bracket of '[::1:5999' is not closed")
bad("-H s=a/[::1", "option -H: the bracket of '[::1' is not closed")
bad("-H s=[::1]x", "option -H: only a port may follow the bracket in '[::1]x'")
bad("-H s=[]", "option -H: the host name is empty")
bad("-H s=[a]", "option -H: 'a' is not an IPv6 address")
bad("-H s=[127.0.0.1]", "option -H: '127.0.0.1' is not an IPv6 address")
bad("-H s=1:2:3", "option -H: '1:2:3' is not an IPv6 address; with a port it is written "
                  "[address]:port")
bad("-H s=", "option -H: endpoint 's' has no host: write s=HOST")
bad("-H s", "option -H: endpoint 's' has no host: write s=HOST")
bad("-H a", f"option -H: 'a' {WHICH}")
bad("-H s=/a", "option -H: the host name is empty")
bad("-H s=a/", "option -H: the host name is empty")
bad("-H s=:5999", "option -H: the host name is empty")
bad("-H s=a:1/b", "option -H: 'a:1/b': the port belongs to the control address, after the slash")
bad(f"-H s={LONG_NAME}", f"option -H: the host name '{LONG_NAME[:40]}...' is too long")
for text in ("a b", "a=b", "'a'", "a<b", "a&b"):
    bad(["-H", f"s={text}"], f"option -H: '{text}' is not a host name")
bad("-H s=a/b/c", "option -H: 'b/c' is not a host name")
# These would end the host in the URL of the control connection, or name a user in it.
for text in ("a#b", "a?b", "u@a", "a\\b", "a;b", "a{b}"):
    bad(["-H", f"s={text}", "--dry-run"], f"option -H: '{text}' is not a host name")

# ---- columns, units, socket options
for text in ("foo", "begin"):
    bad(["-c", text], f"option -c: unknown column '{text}'; --help lists the groups, and "
                      "flowlog(5) each column")
bad("-c rtt,foo", "option -c: unknown column 'foo'; --help lists the groups, and flowlog(5) "
                  "each column")
bad(["-c", ""], "option -c: no column is given")
bad("-s foo", "option -s: 'foo' is neither segment nor byte")
bad(["-s", ""], "option -s: '' is neither segment nor byte")
bad("-O s=FOO", "option -O: unknown socket option 'FOO'; --help=socket lists them")
bad("-O s=FOO=1", "option -O: unknown socket option 'FOO'; --help=socket lists them")
bad("-O s=tcp_nodelay", "option -O: unknown socket option 'tcp_nodelay'; --help=socket lists them")
bad("-O s=TCP_NODELA", "option -O: unknown socket option 'TCP_NODELA'; did you mean TCP_NODELAY?")
bad("-O FOO", f"option -O: 'FOO' {WHICH}")
bad("-O TCP_NODELAY", f"option -O: 'TCP_NODELAY' {WHICH}")
bad("-O s", "option -O: the socket option is missing: write s=NAME")
bad("-O s=", "option -O: the socket option is missing: write s=NAME")
bad("-O s=TCP_CONGESTION", "option -O: TCP_CONGESTION needs a value: write TCP_CONGESTION=ALG")
bad("-O s=TCP_CONGESTION=", "option -O: TCP_CONGESTION needs a value: write TCP_CONGESTION=ALG")
bad("-O s=TCP_NODELAY=1", "option -O: TCP_NODELAY takes no value")
bad(f"-O s=TCP_CONGESTION={'x' * 32}",
    f"option -O TCP_CONGESTION: '{'x' * 32}' is longer than 31 characters")
bad(["-O", "s=TCP_CONGESTION=a b"], "option -O TCP_CONGESTION: 'a b' is not a name")
bad("-O s=TCP_CONGESTION=a=b", "option -O TCP_CONGESTION: 'a=b' is not a name")

for name, reason in (
        ("TCP_MTCP", "Linux gave its number, 15, to TCP_COOKIE_TRANSACTIONS and later dropped that; "
                     "--mptcp selects Multipath TCP"),
        ("TCP_ELCN", "its number, 20, is now TCP_REPAIR_QUEUE in Linux"),
        ("TCP_LCD", "its number, 21, is now TCP_QUEUE_SEQ in Linux")):
    bad(f"-O b={name}", f"option -O: {name} can't be set: {reason}")
    bad(f"-O s={name}=1", f"option -O: {name} can't be set: {reason}")
for name, low, high, unit in (("TCP_MAXSEG", 88, 32767, "B"), ("IP_TTL", 1, 255, ""),
                              ("TCP_NOTSENT_LOWAT", 1, 2 ** 31 - 1, "B"),
                              ("TCP_WINDOW_CLAMP", 1, 2 ** 31 - 1, "B"),
                              ("TCP_USER_TIMEOUT", 1, 2 ** 31 - 1, ""), ("IP_TOS", 0, 255, ""),
                              ("SO_PRIORITY", 0, 2 ** 31 - 1, ""), ("SO_MARK", 0, 2 ** 32 - 1, "")):
    bad(f"-O s={name}", f"option -O: {name} needs a value: write {name}=#")
    for value in ([low - 1] if low else []) + [high + 1]:
        bad(f"-O s={name}={value}", f"option -O {name}: '{value}' is not within {low}{unit} to "
                                    f"{high}{unit}")
for name in ("TCP_CORK", "SO_DEBUG", "IP_MTU_DISCOVER", "ROUTE_RECORD", "TCP_QUICKACK",
             "TCP_FASTOPEN"):
    bad(f"-O s={name}=1", f"option -O: {name} takes no value")
for value in ("x", "0x", "0x1g", "1.5", "1k"):
    bad(f"-O s=SO_MARK={value}", f"option -O SO_MARK: '{value}' is not a whole number")
bad("-O s=SO_MARK=0x10000000000000000",
    "option -O SO_MARK: '0x10000000000000000' is too large")
bad("-O s=SO_BINDTODEVICE", "option -O: SO_BINDTODEVICE needs a value: write SO_BINDTODEVICE=IF")
bad("-O d=IP_TOS=3", "flow 0: the destination's IP_TOS=3 sets ECN bits, which belong to TCP: use a "
                     "multiple of 4")

# ---- marks and CPUs
NO_DSCP = ("is not a DSCP: expected a number from 0 to 63, or one of df, be, cs0 to cs7, af11 to af43, ef, "
           "va, le, nqb")
for text in ("x", "af14", "cs8", "-1", "+1", "efx"):
    bad(f"-D s={text}", f"option -D: '{text}' {NO_DSCP}")
for text in ("64", "0x40", "256"):
    bad(f"-D s={text}", f"option -D: '{text}' is not within 0 to 63")
for text in ("1.5", "0x", "0xg", "46x"):
    bad(f"-D s={text}", f"option -D: '{text}' is not a whole number")
bad("-D ef", f"option -D: 'ef' {WHICH}")
bad("-D s", "option -D: endpoint 's' has no value: write s=VALUE")
bad("-D s=ef,s=af11", "option -D: two values for source of flow 0: 'ef' and 'af11'")
bad("-D s=ef -O s=IP_TOS=40",
    "flow 0: the source's DSCP 46 (-D) is IP_TOS=184, but IP_TOS=40 is requested: give only one of them")
bad("-n 2 -F 1 -D d=0 -O d=IPV6_TCLASS=4",
    "flow 1: the destination's DSCP 0 (-D) is IP_TOS=0, but IP_TOS=4 is requested: give only one of them")
bad("--cpu s=x", "option --cpu: 'x' is not a whole number")
bad("--cpu s=-1", "option --cpu: '-1' is not within 0 to 1023")
bad("--cpu 1", f"option --cpu: '1' {WHICH}")
bad("--mptcp=1", "option --mptcp takes no argument")

# ---- two values for one thing: else the order of options would matter
bad("-T s=1,s=2", "option -T: two values for source of flow 0: '1' and '2'")
bad("-T s=1 -T b=2", "option -T: two values for source of flow 0: '1' and '2'")
bad("-T b=1,d=2", "option -T: two values for destination of flow 0: '1' and '2'")
bad("-S s=100 -S s=200", "option -S: two values for source of flow 0: '100' and '200'")
bad("-H s=a,s=b", "option -H: two values for source of flow 0: 'a' and 'b'")
bad("-H s=a/c -H b=a", "option -H: two values for source of flow 0: 'a/c' and 'a'")
bad("-R s=1M,s=1Mbit", "option -R: two values for source of flow 0: '1M' and '1Mbit'")
bad("-B s=1 -B s=2", "option -B: two values for source of flow 0: '1' and '2'")
bad("-i 1 -i 2", "option -i: two values for all flows, which it sets also after -F: '1' and '2'")
bad("--framing stream --framing message",
    "option --framing: two values for flow 0: 'stream' and 'message'")
bad("-O s=TCP_CONGESTION=reno -O s=TCP_CONGESTION=cubic",
    "option -O TCP_CONGESTION: two values for source of flow 0: 'reno' and 'cubic'")
bad("-n 3 -F 1 -T s=1 -F 1,2 -T s=2",
    "option -T: two values for source of flow 1: '1' and '2'")
bad("-n 3 -F 2 -i 1 -i 2", "option -i: two values for all flows, which it sets also after -F: '1' and '2'")
bad("-F -1 -T s=1 -T s=2", "option -T: two values for source of flow 0: '1' and '2'")
bad("-T s=1 -F -1 -T s=2", "option -T: two values for source of flow 0: '1' and '2'")
# A value that is none is the better complaint than two of them.
bad("-T s=1,s=x", "option -T: 'x' is not a number")

# ---- the log file
bad("--log-file=", "option --log-file: the name of the file is empty")


@case
def log_file_in_a_missing_folder():
    """flowctl --log-file in a missing folder"""
    complain(FLOWCTL, "flowctl", ["--log-file=missing/a.log"],
             "the log file missing/a.log can't be written: No such file or directory")


@case
def log_file_is_a_folder():
    """flowctl --log-file, a folder"""
    directory = temp_dir()
    os.mkdir(os.path.join(directory, "sub"))
    complain(FLOWCTL, "flowctl", ["--log-file=sub", "-o"],
             "the log file sub can't be written: Is a directory", cwd=directory)


@case
def log_file_in_a_file():
    """flowctl --log-file below a file"""
    directory = temp_dir()
    with open(os.path.join(directory, "file"), "w", encoding="utf-8"):
        pass
    complain(FLOWCTL, "flowctl", ["--log-file=file/a.log"],
             "the log file file/a.log can't be written: Not a directory", cwd=directory)


@case
def first_complaint_only():
    """Several mistakes give one sentence, about the first"""
    complain(FLOWCTL, "flowctl", ["-n", "0", "-T", "q=1", "--foo"],
             "option -n: '0' is not within 1 to 1000000")


# ---- status, stop and plot
for command in ("status", "stop"):
    bad(command, f"{command}: missing argument; usage: flowctl {command} [OPTION]... HOST[:PORT]...")
    bad([command, ""], f"{command}: the host name is empty")
    for text in ("0", "x", "65536", ""):
        bad([command, f"a:{text}"], f"{command}: '{text}' {NO_PORT}")
    bad([command, "[::1"], f"{command}: the bracket of '[::1' is not closed")
    bad([command, "a b"], f"{command}: 'a b' is not a host name")
    bad([command, "a/b"], f"{command}: 'a/b' is not a host name")
    bad([command, "-n", "2"], f"{command}: unknown option -n; --help lists the options")
    bad([command, "--foo"], f"{command}: unknown option --foo; --help lists the options")
    bad([command, "--help=x"], f"{command}: option --help takes no argument")

bad("--trace x", "option --trace: 'x' does not say which endpoint it is for: write s= for the source, d= for the "
    "destination, or b= for both")
bad("--trace s --udp", "flow 0: --trace works with TCP only, not with UDP")
bad("--trace s --mptcp", "flow 0: --trace works with TCP only, not with Multipath TCP")
bad("--trace-max s=5",
    "flow 0: --trace-max limits a trace of the source, but none is requested: add --trace s")
bad("--trace s --trace-max s=0", "option --trace-max: '0' is not within 1 to 1099511627776")
bad("--trace-filter=none", "option --trace-filter: 'none' is not one of all, change")
bad("trace", "trace: missing argument; usage: flowctl trace [OPTION]... FILE")
bad("trace a b", "trace: unexpected argument 'b'; usage: flowctl trace [OPTION]... FILE")
bad("trace --output=xml a", "trace: option --output: 'xml' is not a format: csv or jsonl")
bad("trace missing", "trace: missing can't be read: No such file or directory")
bad("trace /dev/null", "trace: /dev/null is not a regular file")
bad("plot", "plot: missing argument; usage: flowctl plot [OPTION]... RUN...")
bad("plot missing.log", "plot: missing.log: No such file or directory")
bad("plot --flows x a", "plot: option --flows: 'x' is not a whole number")
bad("plot --flows 3-1 a", "plot: option --flows: '3-1': the end is below the start")
bad("plot --flows 1- a", "plot: option --flows: '' is not a whole number")
bad(["plot", "--flows", "", "a"], "plot: option --flows: no flow is given")
bad("plot --flows , a", "plot: option --flows: no flow is given")
bad("plot --flows 1000000 a", "plot: option --flows: '1000000' is not within 0 to 999999")
bad("plot -o", "plot: option -o needs an argument")
bad("plot --metrics", "plot: option --metrics needs an argument")
bad("plot -n 1 a", "plot: unknown option -n; --help lists the options")


@case
def nobody_there():
    """flowctl status and stop of a port where nobody listens: exit status 3"""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound, and not listening: nobody else takes it
        place = f"127.0.0.1:{held.getsockname()[1]}"
        for command in ("status", "stop"):
            complain(FLOWCTL, "flowctl", [command, place],
                     f"no flowd can be reached at {place}: Connection refused", status=3)


@case
def unknown_name():
    """flowctl status and stop of a name that nobody knows: exit status 3"""
    for command in ("status", "stop"):
        complain(FLOWCTL, "flowctl", [command, NO_NAME],
                 f"the host name '{NO_NAME}' is not known", status=3)


@case
def one_of_two_there():
    """flowctl status of two hosts of which one answers: exit status 2, and the answer"""
    daemon = Daemon()
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{held.getsockname()[1]}"
        done = subprocess.run([FLOWCTL, "status", place, daemon.control], text=True,
                              capture_output=True, timeout=30)
    assert done.returncode == 2, done
    assert done.stderr == f"flowctl: no flowd can be reached at {place}: Connection refused\n"
    assert re.fullmatch(rf"{re.escape(daemon.control)}: up \d+ s, 0 sessions, 0 flow endpoints\n", done.stdout), done


# ---- flowd


def bad_daemon(words, sentence):
    arguments = words.split() if isinstance(words, str) else words

    def run():
        complain(FLOWD, "flowd", ["-d"] + arguments, sentence)

    shown = " ".join(repr(a) if a == "" else a for a in arguments)[:50]
    run.__doc__ = f"flowd {shown}"
    run.__name__ = "flowd_" + re.sub(r"\W", "_", shown)
    case(run)


bad_daemon("-Z", "unknown option -Z; --help lists the options")
bad_daemon("--foo", "unknown option --foo; --help lists the options")
bad_daemon("foo", "unexpected argument 'foo'; --help lists the options")
bad_daemon([""], "unexpected argument ''; --help lists the options")
bad_daemon("-p", "option -p needs an argument")
bad_daemon("--lease", "option --lease needs an argument")
bad_daemon("--no-auth=3", "option --no-auth takes no argument")
for text in ("x", "1.5", "", "5999x"):
    bad_daemon(["-p", text], f"option -p: '{text}' is not a whole number")
for text in ("-1", "65536"):
    bad_daemon(["-p", text], f"option -p: '{text}' is not within 0 to 65535")
for given, place in (("0.0.0.0", "0.0.0.0:5999"), ("192.0.2.1", "192.0.2.1:5999"),
                     ("::", "[::]:5999"), ("[2001:db8::1]:70", "[2001:db8::1]:70"),
                     ("128.0.0.1:80", "128.0.0.1:80"), ("::ffff:192.0.2.1", "192.0.2.1:5999")):
    bad_daemon(["-b", given], REFUSING.format(place))
bad_daemon("-b [::1", "option -b: the bracket of '[::1' is not closed")
bad_daemon(["-b", ""], "option -b: the host name is empty")
for text in ("0", "99999", "x"):
    bad_daemon(["-b", f"localhost:{text}"], f"option -b: '{text}' {NO_PORT}")
bad_daemon("-b 1:2:3", "option -b: '1:2:3' is not an IPv6 address; with a port it is written "
                       "[address]:port")
bad_daemon("-b 192.0.2.1 --no-auth",
           "can't listen on 192.0.2.1:5999: this host does not have that address")
bad_daemon(f"-b {NO_NAME}", f"option -b: the host name '{NO_NAME}' is not known: Name or service "
                            "not known")
bad_daemon("-c x", "option -c: 'x' is not a whole number")
bad_daemon("-c -1", "option -c: '' is not a whole number")
bad_daemon("-c 0,1024", "option -c: '1024' is not within 0 to 1023")
bad_daemon("-c 0-1-2", "option -c: '1-2' is not a whole number")
bad_daemon("-c 3-2", "option -c: '3-2': the end is below the start")
bad_daemon(["-c", ","], "option -c: no CPU is given")
bad_daemon("-c node:x", "option -c: 'x' is not a whole number")
bad_daemon("-c 0,node:9999", "option -c: this machine has no NUMA node 9999")
bad_daemon("-p 0 -c 1023", "option -c: CPU 1023 does not exist, or is not available to this process")
for option in ("-w", "--state-dir"):
    bad_daemon([option, "missing"], f"option {option}: missing: No such file or directory")
bad_daemon("-p 0 --pid-file /missing/pid",
           "option --pid-file: /missing/pid can't be written: No such file or directory")
for text in ("0", "257", "-1"):
    bad_daemon(["--workers", text], f"option --workers: '{text}' is not within 1 to 256")
bad_daemon("--workers x", "option --workers: 'x' is not a whole number")
bad_daemon("--data-ports 6000", "option --data-ports: '6000' is not a port range (e.g. 6000-6100)")
bad_daemon(["--data-ports", ""], "option --data-ports: '' is not a port range (e.g. 6000-6100)")
bad_daemon("--data-ports x-y", "option --data-ports: 'x' is not a whole number")
bad_daemon("--data-ports 6000-", "option --data-ports: '' is not a whole number")
bad_daemon("--data-ports 7000-6000", "option --data-ports: '7000-6000': the end is below the start")
bad_daemon("--data-ports 0-10", "option --data-ports: '0-10' is not within 1 to 65535")
bad_daemon("--data-ports 1-65536", "option --data-ports: '1-65536' is not within 1 to 65535")
bad_daemon("--max-flows 0", "option --max-flows: '0' is not within 1 to 1000000")
bad_daemon("--max-flows x", "option --max-flows: 'x' is not a whole number")
bad_daemon("--max-sessions 0", "option --max-sessions: '0' is not within 1 to 10000")
bad_daemon("--report-memory 1k", "option --report-memory: '1k' is below 64k")
bad_daemon("--spill-size 1k", "option --spill-size: '1k' is below 64k")
bad_daemon("--retain-size 0", "option --retain-size: '0' is below 64k")
bad_daemon("--report-memory x", "option --report-memory: 'x' is not a number")
bad_daemon("--report-memory 10Q", f"option --report-memory: '10Q' has an unknown unit 'Q'; "
                                  f"{BYTES_UNITS}")
for option in ("--lease", "--retain"):
    for text in ("0", "0.5", "721h"):
        bad_daemon([option, text],
                   f"option {option}: '{text}' is not within 1 s to 30 days, in whole seconds")
    bad_daemon([option, "x"], f"option {option}: 'x' is not a number")
bad_daemon("--test-clock-offset 1y", f"option --test-clock-offset: '1y' has an unknown unit 'y'; "
                                      f"{SECONDS_UNITS}")
bad_daemon("-p 0 --test-clock-offset -8783h",
           "option --test-clock-offset: this host has not been up that long, so its clock would "
           "be negative")
bad_daemon("--test-clock-skew 1e6",
           "option --test-clock-skew: '1e6' is not within -100000 to 100000")
for text in ("foo", ""):
    bad_daemon(["--log-level", text], f"option --log-level: '{text}' is not a log level: error, "
                                      "warning, info, debug or trace")


@case
def directory_is_a_file():
    """flowd -w and --state-dir, a file"""
    directory = temp_dir()
    with open(os.path.join(directory, "file"), "w", encoding="utf-8"):
        pass
    for option in ("-w", "--state-dir"):
        complain(FLOWD, "flowd", ["-d", option, "file"], f"option {option}: file is not a directory",
                 cwd=directory)


@case
def state_of_another():
    """flowd --state-dir with something else in the file of its identity, which stays"""
    directory = temp_dir()
    path = os.path.join(directory, "daemon-id")
    for content in ("junk\n", "x" * 10000000, "0123456789abcdef\n", "0" * 31 + "g\n"):
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        complain(FLOWD, "flowd", ["-d", "-p", "0", "--state-dir", "."],
                 "./daemon-id does not contain an identity; remove it to get a new one", cwd=directory)
        with open(path, encoding="utf-8") as file:
            assert file.read() == content
    os.unlink(path)
    os.mkfifo(path)
    complain(FLOWD, "flowd", ["-d", "-p", "0", "--state-dir", "."], "./daemon-id is not a regular file",
             cwd=directory)
    os.unlink(path)
    os.symlink("/etc/hostname", path)
    complain(FLOWD, "flowd", ["-d", "-p", "0", "--state-dir", "."],
             "./daemon-id is a symbolic link, and is not followed", cwd=directory)


@case
def state_open_to_others():
    """flowd --state-dir in a directory that others may write to warns of it, and names the mode"""
    directory = temp_dir()
    for mode in (0o777, 0o775, 0o1777, 0o755, 0o700):
        os.chmod(directory, mode)
        daemon = Daemon("--state-dir", directory, level="warning")
        warned = f"the state directory {directory} is writable by others (mode {mode:04o})" in daemon.err
        assert warned == bool(mode & 0o022), daemon.err
        daemon.stop()


@case
def pid_file_of_another():
    """flowd --pid-file over what is something else: it stays"""
    directory = temp_dir()
    path, target = os.path.join(directory, "pid"), os.path.join(directory, "target")
    with open(target, "w", encoding="ascii") as file:
        file.write("precious")
    os.symlink(target, path)
    complain(FLOWD, "flowd", ["-d", "-p", "0", "--pid-file", path],
             f"option --pid-file: {path} is a symbolic link, and is not followed")
    os.rename(target, path)
    complain(FLOWD, "flowd", ["-d", "-p", "0", "--pid-file", path],
             f"option --pid-file: {path} is not replaced: it contains something other than a process "
             "ID")
    with open(path, encoding="ascii") as file:
        assert file.read() == "precious"


@case
def identity_lasts():
    """flowd --state-dir keeps the identity over a restart; the boot id is new"""
    directory = temp_dir()
    described = []
    for _ in range(2):
        daemon = Daemon("--state-dir", directory)
        described.append(daemon.rpc().flowd.describe({}))
        daemon.stop()
    assert described[0]["daemon_id"] == described[1]["daemon_id"]
    assert described[0]["boot_id"] != described[1]["boot_id"]


@case
def port_in_use():
    """flowd at a port in use: one sentence and exit status 1, in the foreground and without -d"""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        sentence = f"can\'t listen on 127.0.0.1:{port}: {TAKEN}"
        for how in (["-d"], []):
            complain(FLOWD, "flowd", how + ["-p", port], sentence)
            complain(FLOWD, "flowd", how + ["-b", f"127.0.0.1:{port}"], sentence)


@case
def port_in_use_v6():
    """flowd at a port that is in use at ::1 only: one sentence, and 127.0.0.1 is not kept"""
    with socket.socket(socket.AF_INET6) as taken:
        taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            taken.bind(("::1", 0))
        except OSError:
            raise Skip("there is no IPv6") from None
        taken.listen()
        port = taken.getsockname()[1]
        complain(FLOWD, "flowd", ["-d", "-p", str(port)],
                 f"can\'t listen on [::1]:{port}: {TAKEN}")
        socket.create_server(("127.0.0.1", port)).close()


@case
def same_address_twice():
    """flowd told to listen twice at one address"""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    complain(FLOWD, "flowd", ["-d", "-b", f"127.0.0.1:{port}", "-b", f"127.0.0.1:{port}"],
             f"can\'t listen on 127.0.0.1:{port}: {TAKEN}")


@case
def background_complaints():
    """flowd without -d: what fails before it listens is said by the one who started it"""
    for words, sentence in (
            ("-b 0.0.0.0", REFUSING.format("0.0.0.0:5999")),
            ("-w /missing", "option -w: /missing: No such file or directory"),
            ("-p 0 --pid-file /missing/pid",
             "option --pid-file: /missing/pid can't be written: No such file or directory"),
            ("-p 0 -c 1023", "option -c: CPU 1023 does not exist, or is not available to this process")):
        complain(FLOWD, "flowd", words.split(), sentence)


@case
def many_addresses():
    """flowd at several addresses answers at each; a wildcard with --no-auth is noted in its log"""
    daemon = Daemon("-b", "127.0.0.2", "-b", "[::1]", "-b", "127.0.0.3", "--no-auth")
    found = re.findall(r"listening at (\S+)\n", daemon.err)
    assert [f.rsplit(":", 1)[0] for f in found] == ["127.0.0.2", "[::1]", "127.0.0.3"], daemon.err
    assert "no authentication: anyone who can reach this daemon can control it" in daemon.err
    for place in found:
        done = subprocess.run([FLOWCTL, "status", place], text=True, capture_output=True, timeout=30)
        assert done.returncode == 0 and done.stdout.startswith(f"{place}: up "), done


@case
def long_names():
    """Unambiguous beginnings of long options are taken, as everywhere; ambiguous ones are not"""
    done = subprocess.run([FLOWCTL, "--dry", "--dur", "s=3", "--report", "1"], text=True,
                          capture_output=True, timeout=30)
    assert done.returncode == 0 and "s.duration=3s" in done.stdout and "interval=1s" in done.stdout
    complain(FLOWCTL, "flowctl", ["--s", "--dry-run"], "unknown option --s; --help lists the options")


main()
