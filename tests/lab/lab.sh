#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# lab.sh - hosts (network namespaces) joined by emulated links (labwire). Root only; needs iproute2.
#
#   lab.sh up N [OPTION=VALUE...]            hosts h1..hN; the options go to all their links
#   lab.sh set up|down hI OPTION=VALUE...    change a link while traffic flows
#   lab.sh set path hI hJ OPTION=VALUE...    change the way from hI to hJ only
#   lab.sh stats                             counters of every link
#   lab.sh exec hI COMMAND...                run a command on a host
#   lab.sh pids                              this lab's processes, as lines "labwire|hI PID"
#   lab.sh down                              end them, remove everything that `up` made
#
# Environment:
#   LABDIR    directory for the state of the lab (lab-run)
#   LABPFX    prefix of the namespace names (none)
#   LABMTU    MTU of eth0 (1500)
#   LABCTL=1  add eth1, a second network without emulation
#   LABOPTS   more options for labwire
#   LABWIRE   the labwire program (beside this script)
#
# Exit code 77, which test harnesses take for "skip": this machine cannot run a lab.
set -euo pipefail

state=${LABDIR:-lab-run}
[[ $state == /* ]] || state=$PWD/$state
prefix=${LABPFX:-}
mtu=${LABMTU:-1500}
labwire=${LABWIRE:-$(dirname "$0")/labwire}

die() {
    echo "lab.sh: $1" >&2
    exit "${2:-1}"
}

usage() {
    sed -n 's/^#   //p' "$0" >&2
    exit 2
}

# Addresses of host $2 in network $1 (77: emulated, 78: control).
ipv4_of() {
    echo "10.$1.$(($2 / 250)).$(($2 % 250 + 1))"
}

ipv6_of() {
    printf 'fd%s::%x' "$1" "$2"
}

check_machine() {
    [ "$(id -u)" = 0 ] || die "only root can make network namespaces" 77
    command -v ip >/dev/null || die "the ip command (iproute2) is missing" 77
    [ -c /dev/net/tun ] || die "/dev/net/tun is missing" 77
    { : <>/dev/net/tun; } 2>/dev/null || die "/dev/net/tun cannot be opened" 77
}

# --- up ---

check_up() {
    [[ $count =~ ^[1-9][0-9]{0,3}$ ]] || die "'$count' is not a number of hosts from 1 to 9999" 2
    [[ $prefix =~ ^[A-Za-z0-9_.-]*$ ]] || die "LABPFX='$prefix' cannot begin a namespace's name" 2
    [[ $mtu =~ ^[0-9]{4,5}$ && $mtu -ge 1280 ]] || die "LABMTU='$mtu' is no MTU from 1280 up" 2
    [ -x "$labwire" ] || die "there is no program at '$labwire': set LABWIRE"
    [ ! -e "$state/namespaces" ] || die "a lab is up in '$state': take it down, or set LABDIR"
}

# A namespace is noted when it is ours, and not before: `down` removes what is noted.
add_namespace() {
    local name=$1 message

    [ ! -e "/run/netns/$name" ] || die "the namespace '$name' exists already: set LABPFX"
    message=$(ip netns add "$name" 2>&1) || die "cannot make a network namespace: $message" 77
    echo "$name" >>"$state/namespaces"
}

# $1: network, $2: host, $3: device, $4: MTU. Prints ip commands.
device_commands() {
    local mac

    printf -v mac '02:00:00:%02x:%02x:%02x' "$1" $(($2 / 256)) $(($2 % 256))
    echo "tuntap add dev $3 mode tap"
    echo "link set $3 address $mac mtu $4 txqueuelen 4000"
    echo "addr add $(ipv4_of "$1" "$2")/16 dev $3"
    echo "addr add $(ipv6_of "$1" "$2")/64 dev $3 nodad"
    echo "link set $3 up"
}

# Addresses work at once (no duplicate address detection), no router is asked for, and a TCP
# connection does not inherit what an earlier one learned of the path.
settings='
cd /proc/sys/net
echo 0 >ipv6/conf/all/accept_dad
echo 0 >ipv6/conf/default/accept_dad
echo 0 >ipv6/conf/default/router_solicitations
echo 1 >ipv4/tcp_no_metrics_save'

add_host() {
    local i=$1 name=${prefix}h$1

    add_namespace "$name"
    # `ip netns exec` shows a process the files of this directory in /etc. A lab that goes down at
    # this moment may take /etc/netns away.
    mkdir -p "/etc/netns/$name" 2>/dev/null || mkdir -p "/etc/netns/$name"
    cp "$state/names" "/etc/netns/$name/hosts"
    ip netns exec "$name" bash -ec "$settings"
    {
        echo "link set lo up"
        device_commands 77 "$i" eth0 "$mtu"
        [ "${LABCTL:-0}" = 0 ] || device_commands 78 "$i" eth1 1500
    } | ip -n "$name" -b -
}

write_names() {
    local i

    echo "127.0.0.1 localhost ${HOSTNAME:-}"
    echo "::1 localhost"
    for ((i = 1; i <= count; i++)); do
        echo "$(ipv4_of 77 "$i") h$i"
        echo "$(ipv6_of 77 "$i") h$i"
        [ "${LABCTL:-0}" = 0 ] || echo "$(ipv4_of 78 "$i") c$i"
        [ "${LABCTL:-0}" = 0 ] || echo "$(ipv6_of 78 "$i") c$i"
    done
}

write_config() {
    local i

    for ((i = 1; i <= count; i++)); do
        echo "port h$i ${prefix}h$i eth0 lan"
        echo "up h$i $options"
        echo "down h$i $options"
        [ "${LABCTL:-0}" = 0 ] || echo "port c$i ${prefix}h$i eth1 control"
    done
}

start_labwire() {
    local largest=$((mtu > 1500 ? mtu : 1500)) i

    : >"$state/log"
    # shellcheck disable=SC2086 # LABOPTS is a list of words
    "$labwire" -b $((largest + 14)) ${LABOPTS:-} -c "$state/ctl" "$state/conf" \
        </dev/null >/dev/null 2>>"$state/log" &
    echo $! >"$state/pid"
    for ((i = 0; i < 500; i++)); do
        [[ $(<"$state/log") != *ready* ]] || return 0
        kill -0 "$(<"$state/pid")" 2>/dev/null || break
        sleep 0.02
    done
    cat "$state/log" >&2
    die "labwire did not start"
}

undo_up() {
    trap - EXIT
    down
    exit "$1"
}

up() {
    count=$1 options="${*:2}"
    check_machine
    check_up
    mkdir -p "$state"
    trap 'undo_up $?' EXIT
    : >"$state/namespaces"
    write_names >"$state/names"
    write_config >"$state/conf"
    for ((host = 1; host <= count; host++)); do
        add_host "$host"
    done
    start_labwire
    trap - EXIT
    cat "$state/log"
}

# --- down ---

namespaces() {
    [ ! -e "$state/namespaces" ] || cat "$state/namespaces"
}

# Nothing if there is none, or if the number belongs to another program by now.
labwire_pid() {
    local pid command

    [ -s "$state/pid" ] || return 0
    pid=$(<"$state/pid")
    command=$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") || return 0
    [[ $command != *" -c $state/ctl $state/conf "* ]] || echo "$pid"
}

pids() {
    local name pid

    for pid in $(labwire_pid); do
        echo "labwire $pid"
    done
    for name in $(namespaces); do
        for pid in $(ip netns pids "$name" 2>/dev/null); do
            echo "${name#"$prefix"} $pid"
        done
    done
}

# Returns 1 if some are left after a second.
wait_for_end() {
    local i

    for ((i = 0; i < 50; i++)); do
        [ -n "$(pids)" ] || return 0
        sleep 0.02
    done
    return 1
}

end_processes() {
    local signal pid

    for signal in TERM KILL; do
        pids | while read -r _ pid; do
            kill -"$signal" "$pid" 2>/dev/null || true
        done
        ! wait_for_end || return 0
    done
    echo "lab.sh: some processes did not end: $(pids | tr '\n' ' ')" >&2
}

down() {
    local name

    end_processes
    for name in $(namespaces); do
        ip netns del "$name" 2>/dev/null || true
        rm -f "/etc/netns/$name/hosts"
        rmdir "/etc/netns/$name" /etc/netns 2>/dev/null || true
    done
    rm -f "$state"/{namespaces,names,conf,ctl,log,pid}
    rmdir "$state" 2>/dev/null || true
}

# --- in between ---

check_lab() {
    [ -S "$state/ctl" ] || die "no lab is up in '$state'"
}

run_on_host() {
    check_lab
    [ -e "/etc/netns/$prefix$1/hosts" ] || die "there is no host '$1' in this lab" 2
    exec ip netns exec "$prefix$1" "${@:2}"
}

case "${1:-}" in
up)
    [ $# -ge 2 ] || usage
    up "${@:2}"
    ;;
set)
    [ $# -ge 2 ] || usage
    check_lab
    exec "$labwire" -C "$state/ctl" "${@:2}"
    ;;
stats)
    check_lab
    exec "$labwire" -C "$state/ctl" stats
    ;;
exec)
    [ $# -ge 3 ] || usage
    run_on_host "${@:2}"
    ;;
pids)
    pids
    ;;
down)
    check_machine
    down
    ;;
*)
    usage
    ;;
esac
