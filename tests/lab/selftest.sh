#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# selftest.sh - is the lab what it says? Prints TAP. A busy machine makes packets late but never
# early, and a link slow but never fast: checks of time and rate have three attempts, checks of
# counts have one.
#
# Environment: LABWIRE  the labwire program (beside this script)
set -u

here=$(dirname "$0")
work=$(mktemp -d)
export LABDIR=$work/lab LABPFX=selftest$$- LABCTL=1 LABMTU=1500
unset LABOPTS
address=10.77.0.3 # of h2
tests=0 failures=0

lab() {
    "$here/lab.sh" "$@"
}

note() {
    echo "# $*"
}

# Runs the function named by the rest; it says in notes what it saw.
check() {
    local description=$1

    shift
    tests=$((tests + 1))
    if "$@"; then
        echo "ok $tests - $description"
    else
        echo "not ok $tests - $description"
        failures=$((failures + 1))
    fi
}

check_with_python() {
    if command -v python3 >/dev/null; then
        check "$@"
    else
        tests=$((tests + 1))
        echo "ok $tests - $1 # SKIP there is no python3"
    fi
}

# Where others keep the processors busy, times are good now and then only.
attempts() {
    local i

    for ((i = 0; i < 6; i++)); do
        ! "$@" || return 0
    done
    return 1
}

# within LOW VALUE HIGH: decimal numbers
within() {
    [ -n "$2" ] && awk "BEGIN { exit !($2 >= $1 && $2 <= $3) }"
}

# The value of a counter of a link: counter NAME hI up|down
counter() {
    lab stats | sed -n "s/^$2 $3 .*\b$1=\([0-9]*\).*/\1/p"
}

# --- names and times ---

resolves() {
    local v4 v6

    v4=$(lab exec h1 getent ahostsv4 "$1" | awk 'NR == 1 { print $1 }')
    v6=$(lab exec h1 getent ahostsv6 "$1" | awk 'NR == 1 { print $1 }')
    note "$1 is $v4 and $v6"
    [ "$v4" = "$2" ] && [ "$v6" = "$3" ]
}

# Ticks of all processors since the start of the machine, and how many of these they were idle.
ticks() {
    awk '/^cpu / { for (i = 2; i <= NF; i++) sum += $i; print sum, $5 + $6; exit }' /proc/stat
}

# round_trip HOST MIN MAX: lowest and median of 50 round trips from h1, ms. The median takes a machine
# that has a processor free when a frame is due.
round_trip() {
    local min median all idle all_before idle_before

    read -r all_before idle_before < <(ticks)
    read -r min median < <(lab exec h1 ping -n -c 50 -i 0.02 "$1" |
        sed -n 's/.*time=\([0-9.]*\).*/\1/p' | sort -n |
        awk '{ t[NR] = $1 } END { print t[1], t[int((NR + 1) / 2)] }')
    read -r all idle < <(ticks)
    note "$1: lowest ${min:-none}, median ${median:-none} ms, wanted $2 to $3"
    within "$2" "${min:-}" "$3" || return 1
    within "$2" "${median:-}" "$3" && return 0
    note "the processors were idle for $((idle - idle_before)) of $((all - all_before)) ticks"
    [ $(((idle - idle_before) * 5)) -lt $((all - all_before)) ]
}

added_path() {
    lab set path h1 h2 delay=15ms >/dev/null
    attempts round_trip $address 55 57
    local status=$?
    lab set path h1 h2 delay=0ms >/dev/null
    return $status
}

# --- TCP ---

receiver='
import socket, time
listener = socket.create_server(("", 5001))
listener.settimeout(10)
connection = listener.accept()[0]
connection.settimeout(10)
start = time.monotonic()
first = last = total = 0
while last < start + 6:
    count = len(connection.recv(65536))
    last = time.monotonic()
    if not count:
        break
    if first:
        total += count
    elif last > start + 2: # the first two seconds do not count
        first = last
print("%.3f" % (total * 8e-6 / (last - first)))'

sender='
import socket, sys, time
for attempt in range(100):
    try:
        connection = socket.create_connection((sys.argv[1], 5001), 5)
        break
    except OSError:
        time.sleep(0.05)
try:
    while True:
        connection.sendall(bytes(65536))
except OSError:
    pass # the receiver has seen enough'

# Prints Mbit/s of payload received by h2 from h1.
transfer() {
    lab exec h2 python3 -c "$receiver" &
    lab exec h1 python3 -c "$sender" $address
    wait $!
}

# A full frame of 1514 bytes carries 1448 of payload (Ethernet 14, IPv4 20, TCP 20, timestamps 12):
# 20 Mbit/s * 1448 / 1514 = 19.13 Mbit/s.
tcp_rate() {
    local rate

    rate=$(transfer)
    note "payload at $rate Mbit/s, wanted 19.13 +-3 %"
    within "19.13 * 0.97" "$rate" "19.13 * 1.03"
}

# The backlog stays so small that nothing is dropped, because the sender obeys the marks.
tcp_marks() {
    local marks drops host

    for host in h1 h2; do
        lab exec $host bash -c 'echo 1 >/proc/sys/net/ipv4/tcp_ecn'
    done
    marks=$(counter ce h1 up) drops=$(counter qdrop h1 up)
    lab set up h1 ecn=5ms limit=300ms >/dev/null
    note "payload at $(transfer) Mbit/s"
    marks=$(($(counter ce h1 up) - marks)) drops=$(($(counter qdrop h1 up) - drops))
    lab set up h1 ecn=0 limit=0 >/dev/null
    note "$marks marks, $drops drops"
    [ "$marks" -gt 0 ] && [ "$drops" = 0 ]
}

# --- loss, marks, blackout ---

# Prints how many of COUNT echo requests were answered: answered COUNT OPTION...
answered() {
    lab exec h1 ping -n -q -f -l 50 -W 1 -c "$1" "${@:2}" $address |
        sed -n 's/.* \([0-9]*\) received.*/\1/p'
}

# Of 3000 packets, 5 % are 150; the standard deviation is sqrt(3000 * 0.05 * 0.95) = 11.9. Beyond
# 4.5 of them lies one result in 150,000.
loss_count() {
    local lost counted

    lab set up h1 loss=5% >/dev/null
    counted=$(counter loss h1 up)
    lost=$((3000 - $(answered 3000)))
    counted=$(($(counter loss h1 up) - counted))
    lab set up h1 loss=0 >/dev/null
    note "$lost of 3000 lost, wanted 97 to 203; labwire says $counted"
    within 97 $lost 203 && within $lost $counted $((lost + 5))
}

# Packets with Congestion Experienced that h2's IPv4 has seen: a line of names, a line of values.
marks_seen() {
    lab exec h2 cat /proc/net/netstat | awk '
        $1 == "IpExt:" && !seen { seen = split($0, name); next }
        $1 == "IpExt:" { for (i in name) if (name[i] == "InCEPkts") print $i }'
}

# marked TOS COUNT: 50 requests with this TOS byte are all answered, and h2 saw COUNT marks
marked() {
    local before replies seen

    lab set up h1 ce=100% >/dev/null
    before=$(marks_seen)
    replies=$(answered 50 -Q "$1")
    seen=$(($(marks_seen) - before))
    lab set up h1 ce=0 >/dev/null
    note "TOS $1: $replies answers, $seen marks"
    [ "$replies" = 50 ] && [ $seen = "$2" ]
}

blackout() {
    local dark light

    lab set down h2 down=1 >/dev/null
    dark=$(answered 20)
    lab set down h2 down=0 >/dev/null
    light=$(answered 20)
    note "$dark answers of 20 in the dark, $light after"
    [ "$dark" = 0 ] && [ "$light" = 20 ]
}

# --- the tools themselves ---

refuses() {
    local answer status

    answer=$(lab set up h1 "$1")
    status=$?
    note "$answer"
    [ $status = 1 ] && [[ $answer == "error: "*"'$1'"* ]]
}

# $1: a process that has ended, though its parent may not have noticed yet
leaves_nothing() {
    local pid=$1 pattern left=""

    for pattern in "/run/netns/$LABPFX*" "/etc/netns/$LABPFX*" "$LABDIR"; do
        left+=$(compgen -G "$pattern" | tr '\n' ' ')
    done
    [ -z "$(tr -d '\0' 2>/dev/null <"/proc/$pid/cmdline")" ] || left+="process $pid"
    note "left: ${left:-nothing}"
    [ -z "$left" ]
}

pid_of() {
    lab pids | sed -n "s/^$1 //p"
}

down_is_clean() {
    local labwire sleeper

    { lab exec h1 sleep 1000; } 2>/dev/null &
    until sleeper=$(pid_of h1) && [ -n "$sleeper" ]; do
        sleep 0.02
    done
    labwire=$(pid_of labwire)
    note "labwire is $labwire, a process on h1 $sleeper"
    lab down && leaves_nothing "$labwire" && leaves_nothing "$sleeper"
}

failed_up_is_clean() {
    ! LABOPTS="-S nonsense" lab up 2 2>/dev/null && leaves_nothing none
}

clean_up() {
    [ ! -e "$LABDIR" ] || lab down
    rm -rf "$work"
}

start() {
    local status

    command -v ping >/dev/null || { echo "1..0 # SKIP there is no ping"; exit 0; }
    lab up 2 delay=10ms rate=20m >"$work/up" 2>&1
    status=$?
    if [ $status = 77 ]; then
        echo "1..0 # SKIP $(tail -n 1 "$work/up")"
        exit 0
    elif [ $status != 0 ]; then
        echo "Bail out! $(tail -n 1 "$work/up")"
        exit 1
    fi
    note "$(head -n 1 "$work/up")"
}

trap clean_up EXIT
start
check "h2 resolves to the emulated network" resolves h2 10.77.0.3 fd77::2
check "c2 resolves to the control network" resolves c2 10.78.0.3 fd78::2
check "four links of 10 ms make a round trip of 40 ms" attempts round_trip $address 40 42
check "the same by IPv6" attempts round_trip fd77::2 40 42
check "a path delay adds to one direction" added_path
check "the control network has no delay" attempts round_trip 10.78.0.3 0 2
check_with_python "one TCP stream fills 20 Mbit/s" attempts tcp_rate
check_with_python "a backlog above ecn= is marked, and TCP obeys" tcp_marks
check "loss=5% loses 5 %" loss_count
check "ce=100% marks what is ECN-capable" marked 2 50
check "ce=100% leaves alone what is not" marked 0 0
check "a blackout begins and ends" blackout
check "an unknown option is refused" refuses latency=5ms
check "a number with a wrong unit is refused" refuses delay=5parsec
check "refused words changed nothing" attempts round_trip $address 40 42
check "down leaves nothing behind" down_is_clean
check "an up that fails leaves nothing behind" failed_up_is_clean
echo "1..$tests"
[ $failures = 0 ]
