#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What flowd and flowctl say of token files, keys and configuration files that they refuse."""
import os
import re
import subprocess

from flowrig_test import (FLOWCTL, FLOWD, Daemon, Skip, case, main, need_program, need_root,
                          temp_dir)

SOURCE = os.environ.get("FLOWRIG_SOURCE") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..")

SECRET = "0123456789abcdef"


def sentence(*command, status=1, **environment):
    """The one line that a command must end with."""
    done = subprocess.run([str(c) for c in command], text=True, capture_output=True, timeout=30,
                          check=False, env=dict(os.environ, **environment),
                          stdin=subprocess.DEVNULL)
    assert done.returncode == status, f"{command}: {done}"
    assert done.stdout == "" and done.stderr.count("\n") == 1, done
    return done.stderr.rstrip("\n")


def write(path, text, mode=0o600):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


@case
def unit_of_systemd():
    """The unit of systemd leaves the daemon little to do harm with"""
    need_program("systemd-analyze")
    unit = os.path.join(SOURCE, "contrib", "systemd", "flowd.service")
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", unit], text=True,
                          capture_output=True, timeout=60, check=False)
    if "Overall exposure level" not in done.stdout:
        raise Skip(f"systemd-analyze does not judge files: {done.stderr.strip()}")
    exposure = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)[1])
    assert exposure <= 1.4, done.stdout
    with open(unit, encoding="utf-8") as file:
        text = file.read()
    for line in ("LimitCORE=0", "MemoryMax=4G", "TasksMax=1024", "SystemCallFilter=~@privileged"):
        assert f"\n{line}\n" in text, line


def both(path, expected, status=1):
    """Both programs refuse the token file, with the same words."""
    state = temp_dir()
    found = sentence(FLOWD, "-d", "-p", 0, "--state-dir", state, "--token-file", path)
    assert found == "flowd: option --token-file: " + expected, found
    for command in (["status", "--token-file", path, "localhost"], ["stop", "--token-file", path, "x"]):
        found = sentence(FLOWCTL, *command, status=status)
        assert found == f"flowctl: {command[0]}: {expected}", found
    assert sentence(FLOWCTL, "--token-file", path) == f"flowctl: {expected}"
    assert sentence(FLOWCTL, "status", "x", FLOWRIG_TOKEN_FILE=path).endswith(expected)


@case
def token_files():
    """Token files that are open to others, not there, or no token files"""
    path = os.path.join(temp_dir(), "token")
    both(path, f"token file {path} can't be read: No such file or directory")
    for mode in (0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o666):
        write(path, f"a:{SECRET}\n", mode)
        both(path, f"token file {path} is accessible to others (mode {mode:04o}): restrict it with chmod "
                   f"600 {path}")
    write(path, "")
    both(path, f"token file {path}: it contains no user; flowd --make-token creates a valid "
               "file")
    write(path, "# x\na:short\n")
    both(path, f"token file {path}: line 2: the secret of user 'a' has 5 characters; it must have "
               "16 to 127")
    # What comes after a NUL would be left out without a word: users, and the rest of a secret.
    for text in (f"a:{SECRET}\0more\n", f"a:{SECRET}\n\0\nb:{SECRET}\n", f"\0a:{SECRET}\n"):
        write(path, text)
        both(path, f"token file {path} contains a NUL byte: it is not a text file, or is damaged")
    os.unlink(path)
    os.mkfifo(path, 0o600)
    both(path, f"token file {path} is not a regular file")
    both("/", "token file / is not a regular file")
    both("/dev/null", "token file /dev/null is not a regular file")


@case
def token_file_of_another():
    """A token file that belongs to somebody else"""
    need_root()
    path = write(os.path.join(temp_dir(), "token"), f"a:{SECRET}\n")
    os.chown(path, 12345, 0)
    both(path, f"token file {path} belongs to user 12345, but must belong to the user that runs "
               "the program (0)")


@case
def showing_a_key():
    """--show-key: prints the key that is there, and makes none"""
    directory = temp_dir()
    found = sentence(FLOWD, "--show-key", "--state-dir", directory)
    assert found == (f"flowd: option --show-key: there is no key at {directory}/tls-key.pem; flowd creates "
                     "one when it is started with --token-file or --make-token"), found
    assert os.listdir(directory) == []
    done = subprocess.run([FLOWD, "--make-token", os.path.join(directory, "token"), "--state-dir",
                           directory], capture_output=True, text=True, timeout=30)
    key, = re.findall(r"sha256//\S{43}=", done.stdout)
    done = subprocess.run([FLOWD, "--show-key", "--state-dir", directory], capture_output=True,
                          text=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, key + "\n", ""), done


@case
def damaged_keys():
    """A key that is damaged, foreign or no file: the sentence names it"""
    directory = temp_dir()
    key = os.path.join(directory, "tls-key.pem")
    token = write(os.path.join(directory, "token"), f"a:{SECRET}\n")

    def refused(expected):
        found = sentence(FLOWD, "-d", "-p", 0, "--state-dir", directory, "--token-file", token)
        assert re.fullmatch(f"flowd: {expected}", found), found

    write(key, "garbage")
    refused(f"with the key {key}: can't create a certificate: .*")
    write(key, "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\0")
    refused(f"the key {key} contains a NUL byte: it is not a text file, or is damaged")
    os.unlink(key)
    os.mkfifo(key, 0o600)
    refused(f"the key {key} is not a regular file")
    os.unlink(key)
    subprocess.run([FLOWD, "--make-token", os.path.join(directory, "new"), "--state-dir", directory],
                   check=True, stdout=subprocess.DEVNULL, timeout=30)
    certificate = os.path.join(directory, "tls-cert.pem")
    write(certificate, "")
    refused(f"the certificate {certificate} can't be read: it is empty")
    os.unlink(certificate)
    os.mkfifo(certificate)
    refused(f"the certificate {certificate} is not a regular file")


@case
def making_a_token():
    """--make-token: a file closed to others, and nothing is overwritten"""
    directory = temp_dir()
    path = os.path.join(directory, "token")
    command = [FLOWD, "--make-token", path, "--state-dir", directory, "-b", "10.0.0.1", "-b",
               "[fd00::1]:6000", "-b", "0.0.0.0", "-b", "127.0.0.1"]
    old = os.umask(0)
    done = subprocess.run(command, text=True, capture_output=True, timeout=30, check=False)
    os.umask(old)
    assert done.returncode == 0 and not done.stderr, done
    assert os.stat(path).st_mode & 0o777 == 0o600
    with open(path, encoding="ascii") as file:
        text = file.read()
    names = [line for line in text.splitlines() if line.startswith("key ")][0].split()[2:]
    assert names[-2:] == ["10.0.0.1", "[fd00::1]:6000"] and "0.0.0.0" not in names, names
    assert sentence(*command) == f"flowd: option --make-token: {path} can't be created: File exists"
    with open(path, encoding="ascii") as file:
        assert file.read() == text
    assert sentence(*command[:2] + ["/nowhere/token"] + command[3:]) == (
        "flowd: option --make-token: /nowhere/token can't be created: No such file or directory")


@case
def options_of_flowd():
    """Options about trust that make no sense"""
    directory = temp_dir()
    junk = write(os.path.join(directory, "junk"), "junk\n")
    token = write(os.path.join(directory, "token"), f"alice:{SECRET}\n")
    cases = (
        (("--tls-cert", "x"), "option --tls-cert: --tls-key is needed, too"),
        (("--tls-key", "x"), "option --tls-key: --tls-cert is needed, too"),
        (("--keep-net-admin",), "option --keep-net-admin: only --user drops it"),
        (("--token-file=",), "option --token-file: the name is empty"),
        (("--token-file", junk, "--make-token", "x"),
         "option --make-token: it only creates the file: omit --token-file"),
        (("--max-flow-rate=0",), "option --max-flow-rate: '0' would allow nothing"),
        (("--max-duration=0",), "option --max-duration: '0' would allow nothing"),
        (("--user-quota", "flows=1"),
         "option --user-quota: there are users only with --token-file, --tls-client-ca or --iperf3"),
        (("--user-quota", "flow=1"), "option --user-quota: 'flow' is not a quota: sessions=#, "),
        (("--user-quota", "bob:flows=1", "--token-file", token, "--state-dir", directory, "-p", "0"),
         "option --user-quota: the token file has no user 'bob'"),
        (("--allow-test=10.0.0.1/8",),
         "option --allow-test: '10.0.0.1/8' is not a network (e.g. 10.0.0.0/8): the address has bits "
         "set beyond its prefix length of 8"),
        (("--tls-client-ca", junk, "--state-dir", directory, "-p", "0"),
         f"option --tls-client-ca: {junk} contains no certificate: No certificate was found."),
        (("--tls-cert", junk, "--tls-key", junk, "-p", "0"),
         "the certificate and its key can't be used: "),
        (("--user", "nobody-at-all", "-p", "0"),
         "option --user: unknown user 'nobody-at-all'"),
        (("--user", "root", "-p", "0"), "option --user: 'root' is root, who has all privileges"),
    )
    for options, expected in cases:
        found = sentence(FLOWD, "-d", *options)
        assert found.startswith("flowd: " + expected), found


@case
def configuration_files():
    """Configuration files: unknown settings, values that are none, lines without sense"""
    path = os.path.join(temp_dir(), "flowd.conf")
    cases = (
        ("max-flow 5", "line 1: unknown setting 'max-flow'; flowd.conf(5) lists them"),
        ("\n# x\nmax-flows = 0", "line 3: max-flows: '0' is not within 1 to 1000000"),
        ("max-flows", "line 1: max-flows needs a value"),
        ("no-auth = yes", "line 1: no-auth takes no value"),
        ("help", "line 1: unknown setting 'help'; flowd.conf(5) lists them"),
        ("config = x", "line 1: unknown setting 'config'; flowd.conf(5) lists them"),
        ("debug", "line 1: unknown setting 'debug'; flowd.conf(5) lists them"),
        ("deny-test = host", "line 1: deny-test: 'host' is not a network (e.g. 10.0.0.0/8): 'host' is "
                             "not an IPv4 or IPv6 address"),
    )
    for text, expected in cases:
        write(path, text)
        assert sentence(FLOWD, "--config", path) == f"flowd: {path}: {expected}"
    assert sentence(FLOWD, "--config", "/none") == (
        "flowd: option --config: /none can't be read: No such file or directory")


@case
def example_of_flowd_conf():
    """The example of flowd.conf(5) starts a daemon, with what it says"""
    with open(os.path.join(SOURCE, "man", "flowd.conf.5"), encoding="utf-8") as file:
        text = re.search(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed", file.read(), re.M | re.S)[1]
    directory = temp_dir()
    token = write(os.path.join(directory, "token"), f"alice:{SECRET}\n")
    text = text.replace("/etc/flowd.token", token).replace("bind = 10.0.0.1", "bind = 127.0.0.1")
    assert token in text and "bind = 127.0.0.1" in text
    path = write(os.path.join(directory, "flowd.conf"), text)
    daemon = Daemon("--config", path, "--state-dir", directory)
    assert daemon.err.count("listening at") == 1 and daemon.host == "127.0.0.1"
    answer = subprocess.run([FLOWCTL, "status", "--accept-new-keys", "--token-file", token,
                             daemon.control], text=True, capture_output=True, timeout=30, check=False,
                            env=dict(os.environ, XDG_CONFIG_HOME=directory))
    assert answer.returncode == 0, answer.stderr


@case
def options_of_flowctl():
    """Options of flowctl about trust"""
    for command in ([FLOWCTL], [FLOWCTL, "status", "x"], [FLOWCTL, "stop", "x"]):
        found = sentence(*command, "--tls-cert", "/dev/null")
        assert found.endswith("option --tls-cert: --tls-key is needed, too"), found
        found = sentence(*command, "--tls-ca", "/none")
        assert found.endswith("option --tls-ca: /none can't be read: No such file or directory")
        found = sentence(*command, "--token-file=")
        assert found.endswith("option --token-file: the name of the file is empty"), found


main()
