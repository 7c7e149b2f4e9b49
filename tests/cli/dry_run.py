#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan that --dry-run prints: every setting as it was understood, whatever the order of the
options, and nothing touches the network."""
import itertools
import os
import re
import subprocess

from flowrig_test import (FLOWCTL, SANITIZED, Skip, case, main, need_program, need_root, temp_dir)

SOURCE = os.environ.get("FLOWRIG_SOURCE") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..")

# How the plan writes a default, by the type of common/settings.def; a negative number stands for
# none at all.
UNITS = {"SECONDS": "s", "BYTES": "B", "RATE": "bit/s", "SIZE": "B", "GAP": "s"}
# Defaults that the rest of this file relies on, whatever the list says.
PINNED = {"request_size": "8192B", "response_size": "0B", "dscp": "-", "interval": "0.05s",
          "drain": "5s", "connect_timeout": "30s", "framing": "auto", "transport": "tcp",
          "snaplen": "128B", "user_timeout": "-"}


def default_text(kind, default):
    if kind == "NAME":
        return "-"
    if kind.startswith("CHOICE_"):
        return default.rsplit("_", 1)[1].lower()
    expression = re.sub(r"\bINT64_C\((\d+)\)", r"\1", default).replace("NS_PER_SEC", "10**9")
    number = eval(expression.replace("NS_PER_MS", "10**6"), {"__builtins__": {}})  # of our own list
    if kind in ("INT", "DSCP") and number < 0:
        return "-"
    if kind == "SECONDS":
        number /= 10**9
    return f"{number:g}" + UNITS.get(kind, "")


def defaults(*scopes):
    """{setting: its default} of these scopes, in the order of the plan, from common/settings.def."""
    with open(os.path.join(SOURCE, "common", "settings.def"), encoding="utf-8") as file:
        rows = re.findall(r"^SETTING\((\w+), \w+, (\w+), (\w+), ((?:[^,()]|\([^()]*\))+),", file.read(), re.M)
    found = {name: default_text(kind, default.strip())
             for scope, name, kind, default in rows if scope in scopes}
    assert len(found) > 10
    assert all(found[name] == PINNED[name] for name in found if name in PINNED), found
    return found


ENDPOINT = defaults("ENDPOINT")
FLOW = defaults("FLOW", "RUN")


def dry_run(*arguments):
    done = subprocess.run([FLOWCTL, "--dry-run"] + [str(a) for a in arguments], text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
    assert done.returncode == 0 and done.stderr == "", f"{arguments}: {done}"
    return done.stdout


def flow(number, s=None, d=None, mode="stream", s_at=("localhost", "localhost:5999"),
         d_at=("localhost", "localhost:5999"), **settings):
    """The line of a flow: `s` and `d` hold what differs from the defaults."""
    words = []
    for letter, own, at in (("s", s or {}, s_at), ("d", d or {}, d_at)):
        values = dict(ENDPOINT)
        if letter == "s":
            values["duration"] = "10s"
        assert not set(own) - set(values)
        values.update(own)
        words += [f"{letter}.host={at[0]}", f"{letter}.daemon={at[1]}"]
        words += [f"{letter}.{name}={value}" for name, value in values.items()]
    assert not set(settings) - set(FLOW)
    words += [f"{name}={value}" for name, value in dict(FLOW, **settings).items()]
    return f"flow {number}: " + " ".join(words + [f"mode={mode}"])


def plan(daemons, *flows):
    return "\n".join([f"flows: {len(flows)}"] + [f"daemon {name}: {count} endpoints"
                                                 for name, count in daemons] + list(flows)) + "\n"


def check(arguments, expected):
    got = dry_run(*arguments)
    assert got == expected, f"{arguments} prints\n{got}\nnot\n{expected}"


@case
def one_way_delay():
    """-I alone is for both endpoints, -I x for one; it needs message mode"""
    both = plan([("localhost:5999", 2)], flow(0, mode="message", s=dict(one_way_delay="1"),
                                              d=dict(one_way_delay="1")))
    source = plan([("localhost:5999", 2)], flow(0, mode="message", s=dict(one_way_delay="1")))
    for given in (["-I"], ["-Ib"], ["-I", "b"], ["--one-way-delay"], ["--one-way-delay=s,d"],
                  ["-I", "s", "-I", "d"], ["-I=b"]):
        check(given, both)
    for given in (["-I", "s"], ["-Is"], ["--one-way-delay=s"], ["--one-way-delay", "s"]):
        check(given, source)
    # The destination sends nothing whose delay could be measured.
    check(["-I", "d"], plan([("localhost:5999", 2)], flow(0, d=dict(one_way_delay="1"))))
    check(["-I", "-n", "1", "-m"], both)


@case
def nothing_given():
    """The plan without any option: flowgrind's defaults"""
    check([], plan([("localhost:5999", 2)], flow(0)))


@case
def word_run():
    """`flowctl run` is flowctl"""
    done = subprocess.run([FLOWCTL, "run", "--dry-run", "-n", "2"], text=True, capture_output=True,
                          timeout=30)
    assert done.returncode == 0 and done.stdout == dry_run("-n", 2), done


@case
def endpoint_settings():
    """Each endpoint gets its own settings"""
    check(["-T", "s=1.5,d=2", "-Y", "d=0.25", "-S", "s=1000,d=2k", "-B", "b=64k", "-W", "d=1M",
           "-U", "s=4096", "-O", "s=TCP_CONGESTION=reno,d=TCP_NODELAY"],
          plan([("localhost:5999", 2)],
               flow(0, s=dict(duration="1.5s", request_size="1000B", send_buffer="65536B",
                              block_cap="4096B", congestion_control="reno"),
                    d=dict(duration="2s", delay="0.25s", request_size="2048B",
                           send_buffer="65536B", receive_buffer="1048576B", nodelay="1"))))


@case
def socket_settings():
    """Socket options, DSCP, CPU and transport"""
    check(["-D", "s=ef,d=0x0a", "--cpu", "d=3", "--mptcp", "-O",
           "s=TCP_CORK,s=TCP_MAXSEG=1000,s=TCP_NOTSENT_LOWAT=16k,s=TCP_QUICKACK", "-O",
           "s=TCP_USER_TIMEOUT=3000,s=TCP_WINDOW_CLAMP=64k,s=TCP_FASTOPEN,s=IPV6_TCLASS=184", "-O",
           "d=IP_TTL=9,d=IPV6_MTU_DISCOVER,d=ROUTE_RECORD,d=SO_DEBUG,d=SO_PRIORITY=0", "-O",
           "d=SO_MARK=0xffffffff,d=SO_BINDTODEVICE=eth0"],
          plan([("localhost:5999", 2)],
               flow(0, s=dict(dscp="ef", cork="1", maxseg="1000B", notsent_lowat="16384B",
                              quickack="1", user_timeout="3000", window_clamp="65536B",
                              fastopen="1", tos="184"),
                    d=dict(dscp="af11", cpu="3", ttl="9", mtu_discover="1", route_record="1",
                           debug="1", priority="0", mark="4294967295", bind_device="eth0"),
                    transport="mptcp")))


@case
def flow_settings():
    """Settings of the flow"""
    check(["-i", "0.5", "-Q", "-L", "-N", "--framing", "message", "--drain", "1.5"],
          plan([("localhost:5999", 2)],
               flow(0, mode="message", interval="0.5s", summarize_only="1", late_connect="1",
                    shutdown="1", framing="message", drain="1.5s")))


@case
def modes():
    """Message mode where blocks need headers, else stream mode"""
    for arguments, mode in (([], "stream"), (["-A", "s"], "message"), (["-A", "d"], "stream"),
                            (["-A", "d", "-T", "d=1"], "message"), (["-R", "s=1M"], "message"),
                            (["-R", "d=1M"], "stream"), (["-S", "s=10"], "stream"),
                            (["-T", "b=5"], "stream"), (["--framing", "message"], "message"),
                            (["--framing", "stream"], "stream")):
        found = re.search(r"mode=(\S+)\n$", dry_run(*arguments))
        assert found and found[1] == mode, (arguments, found and found[1])


@case
def ask_response():
    """-A asks for responses of 40 bytes"""
    check(["-A", "b", "-T", "d=3"],
          plan([("localhost:5999", 2)],
               flow(0, mode="message", s=dict(response_size="40B"),
                    d=dict(duration="3s", response_size="40B"))))


@case
def hosts():
    """Test and control addresses, ports, and how endpoints are grouped by daemon"""
    for given, s_at, d_at, daemons in (
            ("s=a,d=b", ("a", "a:5999"), ("b", "b:5999"), [("a:5999", 1), ("b:5999", 1)]),
            ("b=a", ("a", "a:5999"), ("a", "a:5999"), [("a:5999", 2)]),
            ("b=a/c", ("a", "c:5999"), ("a", "c:5999"), [("c:5999", 2)]),
            ("s=a/c:70,d=b/c:70", ("a", "c:70"), ("b", "c:70"), [("c:70", 2)]),
            ("s=a/c:70,d=b/c:71", ("a", "c:70"), ("b", "c:71"), [("c:70", 1), ("c:71", 1)]),
            ("s=a:70,d=a", ("a", "a:70"), ("a", "a:5999"), [("a:70", 1), ("a:5999", 1)]),
            ("s=::1,d=[::1]", ("::1", "[::1]:5999"), ("::1", "[::1]:5999"), [("[::1]:5999", 2)]),
            ("b=fe80::1%lo/[::1]:70", ("fe80::1%lo", "[::1]:70"), ("fe80::1%lo", "[::1]:70"),
             [("[::1]:70", 2)]),
            ("b=10.0.0.1/::1", ("10.0.0.1", "[::1]:5999"), ("10.0.0.1", "[::1]:5999"),
             [("[::1]:5999", 2)]),
            ("d=b", ("localhost", "localhost:5999"), ("b", "b:5999"),
             [("localhost:5999", 1), ("b:5999", 1)]),
            ("s=A,d=a", ("A", "A:5999"), ("a", "A:5999"), [("A:5999", 2)])):
        check(["-H", given], plan(daemons, flow(0, s_at=s_at, d_at=d_at)))


@case
def selection():
    """-F selects for what follows, -1 all flows; what is said of single flows goes before"""
    check(["-n", 3, "-T", "s=1", "-F", "1", "-S", "s=100", "-i", "2", "-F", "0,2", "-T", "s=3",
           "-F", "-1", "-B", "d=4096"],
          plan([("localhost:5999", 6)],
               flow(0, s=dict(duration="3s"), d=dict(send_buffer="4096B"), interval="2s"),
               flow(1, s=dict(duration="1s", request_size="100B"), d=dict(send_buffer="4096B"),
                    interval="2s"),
               flow(2, s=dict(duration="3s"), d=dict(send_buffer="4096B"), interval="2s")))
    check(["-n", 2, "-F", "0", "-T", "s=3", "-F", "-1", "-T", "s=1"],
          plan([("localhost:5999", 4)], flow(0, s=dict(duration="3s")),
               flow(1, s=dict(duration="1s"))))


@case
def page_example():
    """The manual page's flows that cross"""
    check(["-n", 2, "-F", "0", "-H", "s=192.168.0.1,d=192.168.0.69", "-F", "1", "-H",
           "s=10.0.0.1,d=10.0.0.2"],
          plan([("192.168.0.1:5999", 1), ("192.168.0.69:5999", 1), ("10.0.0.1:5999", 1),
                ("10.0.0.2:5999", 1)],
               flow(0, s_at=("192.168.0.1", "192.168.0.1:5999"),
                    d_at=("192.168.0.69", "192.168.0.69:5999")),
               flow(1, s_at=("10.0.0.1", "10.0.0.1:5999"), d_at=("10.0.0.2", "10.0.0.2:5999"))))


@case
def any_order():
    """The order of options makes no difference"""
    options = [["-n", "2"], ["-T", "s=1,d=2"], ["-A", "s"], ["-H", "s=a,d=b/c:70"],
               ["-O", "b=TCP_NODELAY"], ["-i", "0.5"]]
    expected = dry_run(*itertools.chain(*options))
    assert expected.count("\nflow ") == 2
    for order in itertools.islice(itertools.permutations(options), 0, 720, 11):
        got = dry_run(*itertools.chain(*order))
        assert got == expected, f"{order}:\n{got}\nnot\n{expected}"


@case
def order_around_selection():
    """-n counts wherever it stands, and what stands before the first -F is for all flows"""
    first = dry_run("-n", 2, "-T", "s=1", "-F", 1, "-S", "s=100")
    for arguments in (["-T", "s=1", "-F", 1, "-S", "s=100", "-n", 2],
                      ["-T", "s=1", "-n", 2, "-F", 1, "-S", "s=100"],
                      ["-F", 1, "-S", "s=100", "-F", "-1", "-T", "s=1", "-n", 2],
                      ["-F", 1, "-S", "s=100", "-F", "0,1", "-T", "s=1", "-n", 2],
                      ["-F", "1-1", "-n", 2, "-S", "s=100", "-F", "-1", "-T", "s=1"]):
        got = dry_run(*arguments)
        assert got == first, f"{arguments}:\n{got}\nnot\n{first}"


@case
def both_spellings():
    """Short and long names, and both ways to write an argument, say the same"""
    for short, long in (("-n2", "--flows=2"), ("-Ts=1", "--duration=s=1"),
                        ("-Ys=1", "--delay=s=1"), ("-Ss=100", "--block-size=s=100"),
                        ("-As", "--ask-response=s"), ("-Us=9000", "--block-cap=s=9000"),
                        ("-Rs=1M", "--rate=s=1M"), ("-Bs=1k", "--send-buffer=s=1k"),
                        ("-Wd=1k", "--receive-buffer=d=1k"), ("-i1", "--report-interval=1"),
                        ("-Q", "--summarize-only"), ("-L", "--late-connect"), ("-N", "--shutdown"),
                        ("-Os=TCP_NODELAY", "--socket-option=s=TCP_NODELAY"),
                        ("-Hs=a", "--host=s=a"), ("-F0", "--flow=0")):
        one, other = dry_run(short), dry_run(long)
        assert one == other, f"{short} and {long} differ:\n{one}\n{other}"
        if short != "-F0":
            assert one != dry_run(), f"{short} changes nothing"
        name, _, value = long.partition("=")
        if value:
            assert dry_run(name, value) == one, f"{name} {value} differs from {long}"
            assert dry_run(short[:2], short[2:]) == one


@case
def same_value_twice():
    """The same value said twice is no contradiction"""
    assert dry_run("-T", "s=1", "-T", "s=1000ms") == dry_run("-T", "s=1")
    assert dry_run("-R", "s=1000z", "-R", "s=1kbit") == dry_run("-R", "s=1000")
    assert dry_run("-H", "s=a", "-H", "b=a/a:5999") == dry_run("-H", "b=a")
    assert dry_run("-A", "s,s") == dry_run("-A", "s")
    assert dry_run("-O", "s=TCP_NODELAY", "-O", "b=TCP_NODELAY") == dry_run("-O", "b=TCP_NODELAY")


@case
def rates():
    """-R in the page's units and in SI forms, echoed in bit/s"""
    for given, bits in (("1", 1), ("800", 800), ("1z", 1), ("1k", 1024), ("1M", 1048576),
                        ("1G", 1073741824), ("2zb", 2), ("1kb", 1024), ("1Mb", 1048576),
                        ("1Gb", 1073741824), ("1B", 8), ("1zB", 8), ("1kB", 8192),
                        ("1MB", 8388608), ("1GB", 8589934592), ("1.5M", 1572864), ("0.5k", 512),
                        ("10Mbit", 10000000), ("10Mbit/s", 10000000), ("1.5GByte", 12000000000),
                        ("1.5GByte/s", 12000000000), ("1kbyte", 8000), ("1bit", 1), ("1Byte", 8),
                        ("1kbit", 1000), ("400Gbit", 400000000000), ("1Tbit", 1000000000000),
                        (".5k", 512), ("2.k", 2048), ("0.001Mbit", 1000), ("1000Tbit", 10 ** 15)):
        check(["-R", f"s={given}"],
              plan([("localhost:5999", 2)], flow(0, mode="message", s=dict(rate=f"{bits}bit/s"))))


@case
def times():
    """Times in seconds and with units, exact to the nanosecond"""
    for given, shown in (("1", "1s"), ("0.000000001", "0.000000001s"), ("1.5s", "1.5s"),
                         ("100ms", "0.1s"), ("250us", "0.00025s"), ("1ns", "0.000000001s"),
                         ("2min", "120s"), ("1h", "3600s"), (".25", "0.25s"), ("3.", "3s"),
                         ("31622400", "31622400s"), ("0.1", "0.1s"), ("007", "7s"),
                         ("12345.678901234", "12345.678901234s")):
        check(["-T", f"s={given}"],
              plan([("localhost:5999", 2)], flow(0, s=dict(duration=shown))))


@case
def sizes():
    """Sizes in bytes and in powers of 1024"""
    for given, size in (("1", 1), ("8192", 8192), ("8k", 8192), ("1M", 1 << 20), ("1G", 1 << 30),
                        ("1.5k", 1536), ("0.5M", 1 << 19)):
        check(["-S", f"s={given}"],
              plan([("localhost:5999", 2)], flow(0, s=dict(request_size=f"{size}B"))))


@case
def cap_for_both():
    """-U without x= is for both endpoints"""
    assert dry_run("-U", "16384") == dry_run("-U", "b=16384") != dry_run()


@case
def shown_not_planned():
    """Options of the screen and of the log do not change the plan, and no log is made"""
    directory = temp_dir()
    for arguments in (["-w"], ["-q"], ["-p"], ["-m"], ["-c", "rtt"], ["-s", "byte"], ["-d", "-d"],
                      ["-o"], ["--log-file=a.log"], ["--embedded"]):
        done = subprocess.run([FLOWCTL, "--dry-run"] + arguments, text=True, cwd=directory,
                              capture_output=True, timeout=30)
        assert done.returncode == 0 and done.stdout == dry_run() and not done.stderr, done
    assert os.listdir(directory) == []


@case
def many_flows():
    """A plan of 5000 flows"""
    lines = dry_run("-n", 5000, "-F", 4999, "-T", "s=1").splitlines()
    assert lines[:2] == ["flows: 5000", "daemon localhost:5999: 10000 endpoints"]
    assert lines[2:5001] == [flow(i) for i in range(4999)]
    assert lines[5001:] == [flow(4999, s=dict(duration="1s"))]


@case
def no_socket():
    """Not one socket is made"""
    need_program("strace")
    if SANITIZED:
        raise Skip("a sanitizer does not go with strace")
    trace = os.path.join(temp_dir(), "trace")
    done = subprocess.run(["strace", "-f", "-e", "trace=network", "-o", trace, FLOWCTL, "--dry-run",
                           "-n", "3", "-H", "s=localhost,d=127.0.0.1/[::1]:70"], text=True,
                          capture_output=True, timeout=60)
    if "ptrace" in done.stderr:
        raise Skip("strace may not trace here")
    assert done.returncode == 0, done
    with open(trace, encoding="utf-8") as file:
        calls = [line for line in file if re.search(r"\b\w+\(", line)]
    assert not calls, "".join(calls)


@case
def no_network():
    """The plan is the same where there is no network at all"""
    need_root()
    need_program("unshare")
    arguments = ["--dry-run", "-H", "s=example.invalid,d=192.0.2.1", "-n", "2"]
    done = subprocess.run(["unshare", "-n", FLOWCTL] + arguments, text=True, capture_output=True,
                          timeout=30)
    if done.returncode == 1 and "unshare" in done.stderr:
        raise Skip(done.stderr.strip())
    assert done.returncode == 0 and done.stdout == dry_run(*arguments[1:]), done


main()
