#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manual says what the programs do: its lists are compared with the tables of the source and
with what the programs say of themselves.

"manual.py --update" writes the lists of columns, figures, connections and groups of columns anew
into the pages, and contrib/schema, from the tables of the source, and adds the settings that the
pages lack; run it after a change there and a build. "manual.py --print
methods" prints what the daemon says of its methods, to be pasted into flowd.8."""
import os
import re
import subprocess
import sys
import textwrap

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from flowrig_test import FLOWCTL, FLOWD, Daemon, case, main, need_program, temp_dir

SOURCE = os.environ.get("FLOWRIG_SOURCE") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..")
PAGES = ("flowctl.1", "flowctl-stop.1", "flowd.8", "flowlog.5", "flowtrace.5", "flowd.conf.5")


def read(*path):
    with open(os.path.join(SOURCE, *path), encoding="utf-8") as file:
        return file.read()


def run(*command):
    return subprocess.run(command, text=True, capture_output=True, check=True, timeout=60).stdout


def same(expected, found, what):
    """Both are lists; says what is only in one of them, then where the order differs."""
    missing = [item for item in expected if item not in found]
    surplus = [item for item in found if item not in expected]
    assert not missing and not surplus, (
        f"{what}: the manual lacks {missing}, and should not have {surplus}")
    for number, (one, other) in enumerate(zip(expected, found)):
        assert one == other, f"{what}: item {number} is {one}, in the manual {other}"
    assert len(expected) == len(found), f"{what}: an item is there twice"


# ---- the tables of the source


def macro_calls(text, name):
    """The arguments of each line NAME(...) of a .def file, strings without their quotes."""
    for begin in re.finditer(rf"^{name}\(", text, re.MULTILINE):
        arguments, depth, quoted, argument = [], 1, False, ""
        at = begin.end()
        while depth:
            char = text[at]
            at += 1
            if quoted:
                quoted = char != '"'
                argument += char if quoted else ""
                continue
            if char == '"':
                quoted = True
            elif char == "(":
                depth += 1
                argument += char
            elif char == ")":
                depth -= 1
                argument += char if depth else ""
            elif char == "," and depth == 1:
                arguments.append(argument.strip())
                argument = ""
            elif not char.isspace():
                argument += char
        yield arguments + [argument.strip()]


def columns():
    """(name, unit, sentence, group) of each column of a flow log, without the keys."""
    return [(a[0], a[2], a[9], a[8]) for a in macro_calls(read("common", "metrics.def"), "COLUMN")]


def key_columns():
    """(name, unit) of the columns before those."""
    text = read("controller", "output", "sink_flowlog.c")
    names = re.search(r'"# columns ([^"]*)"', text)[1].split()
    units = re.search(r'# units ([^"]*)"', text)[1].split()
    assert len(names) == len(units) > 0
    return list(zip(names, units))


def figures():
    """(name, unit, kind, sentence) of each figure of a report."""
    text = read("common", "metrics.def")
    found = []
    tally = (("count", "1", "number"), ("min", None, "minimum"), ("max", None, "maximum"),
             ("sum", None, "sum"))
    shares = (("p50", "50th"), ("p90", "90th"), ("p99", "99th"), ("p999", "99.9th"))
    places = [(m.start(), m[1])
              for m in re.finditer(r"^(METRIC|TALLY|PERCENTILES|KERNEL|KERNEL_PART)\(", text, re.M)]
    for place, macro in places:
        line = next(macro_calls(text[place:], macro))
        if macro == "METRIC":
            found.append((line[0], line[2], line[1].lower(), line[3]))
        elif macro in ("KERNEL", "KERNEL_PART"):
            found.append((line[0], line[2], line[1].lower(), line[-1]))
        elif macro == "PERCENTILES":
            found += [(f"{line[0]}_{end}", line[1], "percentile", f"{line[2]}: {word} percentile")
                      for end, word in shares]
        else:
            found += [(f"{line[0]}_{end}", unit or line[1], end, f"{line[2]}: {word}")
                      for end, unit, word in tally]
    return found


def settings():
    """(field, the option that gives it) of each setting."""
    found = []
    for line in macro_calls(read("common", "settings.def"), "SETTING"):
        field, form, letter, name = line[2], line[7], line[8].strip("'"), line[9]
        if form == "SOCKOPT":
            found.append((field, f"-{letter} {name}"))
        else:
            found.append((field, f"-{letter}" if letter != "0" else f"--{name}"))
    return found


def groups():
    """(group, names of its columns) of option -c, in the order in which they begin."""
    found = {}
    for name, _, _, group in columns():
        found.setdefault(group, []).append(name)
    return list(found.items())


# ---- the pages

CALLABLE = {"Fl", "Ar", "Cm", "Va", "Ns", "Op", "Oo", "Oc", "Pq", "Po", "Pc", "Dv", "Nm", "Xr",
            "Ev", "Pa", "Dq", "Sq", "Ic", "Er", "No", "Em", "Fn", "Sx", "Vt", "Pf", "Li", "Ql"}


def unescape(text):
    """mdoc's escapes as the characters that they stand for."""
    for escape, char in ((r"\(dq", '"'), (r"\(en", "-"), (r"\(em", "--"), (r"\(aq", "'"),
                         (r"\(ga", "`"), (r"\(ha", "^"), (r"\(ti", "~"), (r"\-", "-"), (r"\&", ""),
                         (r"\ ", " "), (r"\e", "\\")):
        text = text.replace(escape, char)
    return text


def words_of(line):
    """The arguments of a macro line, quotes honoured."""
    return [m[1].replace('""', '"') if m[0][0] == '"' else m[0]
            for m in re.finditer(r'"((?:[^"]|"")*)"|\S+', line)]


def render(words):
    """What the arguments of a macro look like on the screen."""
    out, closing, joined, macro = "", [], True, ""

    def put(text, join_before, join_after):
        nonlocal out, joined
        out += text if joined or join_before or not out else " " + text
        joined = join_after

    for word in words:
        if word not in CALLABLE:
            mark = word in (",", ".", ";", ":", ")")
            text = unescape(word)
            if macro == "Fl" and not mark:
                text = "-" + text
            elif macro == "Fn":
                text += "()"
            macro = "" if macro == "Fn" else macro
            put(text, mark, False)
            continue
        macro = word
        if word in ("Ns", "Pf"):
            joined = True
        elif word in ("Op", "Pq", "Dq", "Sq"):
            opening, end = {"Op": "[]", "Pq": "()", "Dq": '""', "Sq": "''"}[word]
            put(opening, False, True)
            closing.append(end)
        elif word in ("Oo", "Po"):
            put("[" if word == "Oo" else "(", False, True)
        elif word in ("Oc", "Pc"):
            put("]" if word == "Oc" else ")", True, False)
    for end in reversed(closing):
        out += end
    return out


def flatten(lines):
    """The lines of a page as running text."""
    parts = []
    for line in lines:
        if not line.startswith("."):
            parts.append(unescape(line))
        elif line.startswith(".Xr "):
            words = words_of(line[4:])
            parts.append(f"{words[0]}({words[1]})" + "".join(words[2:]))
        elif not re.match(r"\.(\\\"|Bl|El|Bd|Ed|Pp|It|Sh|Ss)", line):
            parts.append(render(words_of(line[1:])))
    return " ".join(" ".join(parts).split())


def section(page, name, macro="Sh"):
    """The lines of a section (or, with macro Ss, of a subsection) of a page."""
    found, inside = [], False
    for line in read("man", page).splitlines():
        head = re.match(r"\.(Sh|Ss) (.*)", line)
        if head and (head[1] == "Sh" or macro == "Ss"):
            inside = head[1] == macro and " ".join(words_of(head[2])) == name
        elif inside:
            found.append(line)
    assert found, f"{page} has no section '{name}'"
    return found


def items(lines):
    """(head, lines) of the items of all lists among the lines; an item's lines reach to the next
    item of whatever list."""
    found = []
    for line in lines:
        if line.startswith(".It"):
            found.append((line[4:], []))
        elif found:
            found[-1][1].append(line)
    return found


def first_paragraph(lines):
    for number, line in enumerate(lines):
        if re.match(r"\.(Pp|El|Bl|Bd|Ss)", line):
            return lines[:number]
    return lines


def plain(sentence):
    """A sentence without what may differ: the case of its first letter, the full stop, spaces."""
    sentence = " ".join(sentence.split()).rstrip(".")
    return sentence[:1].lower() + sentence[1:]


def listed(page, name):
    """(name, what stands in parentheses, first paragraph) of each item "Cm name Pq ..."."""
    found = []
    for head, lines in items(section(page, name)):
        words = words_of(head)
        if words[0] in ("Cm", "Va"):
            assert words[2] == "Pq", f"{page}: .It {head}"
            found.append((words[1], render(words[3:]), plain(flatten(first_paragraph(lines)))))
    return found


# ---- cases about flowlog(5)


@case
def columns_are_those_of_the_log():
    """flowlog(5) lists the columns of the log, with their units and sentences."""
    expected = [(name, unit, None) for name, unit in key_columns()]
    expected += [(name, unit, plain(sentence)) for name, unit, sentence, _ in columns()]
    found = listed("flowlog.5", "COLUMNS")
    keys = len(key_columns())
    same(expected, [(n, u, None) for n, u, _ in found[:keys]] + found[keys:], "columns")


@case
def figures_are_those_of_a_report():
    """flowlog(5) lists the figures of begin and final lines, with units, kinds and sentences."""
    expected = [(name, f"{unit}, {kind}", plain(sentence))
                for name, unit, kind, sentence in figures()]
    same(expected, listed("flowlog.5", "FIGURES"), "figures")


@case
def settings_are_those_of_the_log():
    """flowlog(5) lists the settings of a flow, each with its option."""
    found = [(words_of(head)[1], flatten(lines))
             for head, lines in items(section("flowlog.5", "Settings", "Ss"))]
    same(settings(), found, "settings")


def infos():
    """(name, unit, sentence) of each line about a connection."""
    return [(a[0], a[2], a[3]) for a in macro_calls(read("common", "info.def"), "INFO")]


@case
def infos_are_those_of_the_log():
    """flowlog(5) lists what begin and final lines have about the connection."""
    expected = [(name, unit, plain(sentence)) for name, unit, sentence in infos()]
    same(expected, listed("flowlog.5", "CONNECTION"), "connection")


def facts():
    return [(a[0], a[2], a[3]) for a in macro_calls(read("common", "info.def"), "FACT")]


@case
def facts_are_those_of_the_log():
    """flowlog(5) lists what the line of a daemon says of its host."""
    same([(name, unit, plain(sentence)) for name, unit, sentence in facts()], listed("flowlog.5", "HOST"), "host")


def host_figures():
    """(name, unit and kind, sentence) of each figure of a host."""
    return [(a[0], f"{a[3]}, {a[2].lower()}", a[5])
            for a in macro_calls(read("common", "hoststats.def"), "HOSTSTAT")]


@case
def host_figures_are_those_of_the_log():
    """flowlog(5) lists the figures of --host-stats."""
    same([(name, unit, plain(sentence)) for name, unit, sentence in host_figures()],
         listed("flowlog.5", "HOST STATISTICS"), "host statistics")


@case
def limits_are_those_of_the_list():
    """flowctl(1) lists what may limit a flow, in the order in which the causes are tried."""
    text = read("controller", "results", "limits.def")
    expected = [(a[1], a[2][0].upper() + a[2][1:] + ".") for a in macro_calls(text, "LIMIT")]
    found = [(" ".join(words_of(head)[1:]), flatten(first_paragraph(lines)))
             for head, lines in items(section("flowctl.1", "What limited a flow", "Ss"))]
    same(expected, found, "limits")


@case
def infos_are_those_of_the_daemon():
    """common/info.def lists what the daemon writes about a connection, besides settings."""
    names = [name for name, _, _ in infos()] + [name for name, _ in settings()]
    for folder, _, files in os.walk(os.path.join(SOURCE, "daemon")):
        for file in sorted(files):
            if file.endswith(".c"):
                for call in re.findall(r"buffer_printf\((?:lines|&\w+->info),([^;]*)",
                                       read(os.path.relpath(os.path.join(folder, file), SOURCE))):
                    for name in re.findall(r'(?:"|\\n)(\w+)=', call):
                        assert name in names, f"{file}: common/info.def has no line for {name}"


# ---- cases about options


def help_options(*command):
    """The heads of the options that --help lists, such as "-n, --flows=#", and their texts."""
    found, text = [], {}
    for line in run(*command).splitlines():
        head = re.match(r" {2,6}(-{1,2}\S.*?)(?: {2,}(.*)|$)", line)
        if head:
            found.append(head[1])
            text[head[1]] = head[2] or ""
        elif found and line.startswith(" " * 18):
            text[found[-1]] += " " + line.strip()
    assert found
    return found, text


def manual_options(lines):
    found, text = [], {}
    for head, body in items(lines):
        if head.startswith("Fl "):
            found.append(render(words_of(head)))
            text[found[-1]] = flatten(body)
    return found, text


def compare_options(command, lines, what, elsewhere=()):
    """The options of --help are those of the lines, but for those that the page has elsewhere."""
    expected, help_text = help_options(*command)
    expected = [option for option in expected if option not in elsewhere]
    found, manual_text = manual_options(lines)
    same(expected, found, what)
    for option in expected:
        for default in re.findall(r"default: ([\w=.,:-]*\d[\w=.:-]*)", help_text[option]):
            default = default.rstrip(".,:")
            assert default in manual_text[option], (
                f"{what}: {option} has the default {default}, which its text does not name: "
                f"{manual_text[option]}")


@case
def options_of_flowctl():
    """flowctl(1) lists the options of flowctl --help, and no others."""
    compare_options([FLOWCTL, "--help"], section("flowctl.1", "OPTIONS"), "flowctl.1")


@case
def options_of_commands():
    """flowctl(1) lists the options of the commands, and once those that several have."""
    common, _ = manual_options(section("flowctl.1", "Common options", "Ss"))
    for command in ("status", "stop", "attach", "fetch-dumps", "plot", "report", "runs", "show", "compare", "trace", "stamp",
                    "completion"):
        expected, _ = help_options(FLOWCTL, command, "--help")
        of_daemons = command in ("status", "stop", "fetch-dumps")
        same(common if of_daemons else ["-h, --help", "-v, --version"],
             [option for option in expected if option in common], f"flowctl {command}")
        compare_options([FLOWCTL, command, "--help"],
                        section("flowctl.1", f"flowctl {command}", "Ss"), f"flowctl {command}",
                        common)


@case
def options_of_flowctl_stop():
    """flowctl-stop(1) lists the options of the program under its other name"""
    link = os.path.join(temp_dir(), "flowctl-stop")
    os.symlink(FLOWCTL, link)
    text = run(link, "--help")
    assert text.startswith("Usage: flowctl-stop ["), text
    compare_options([link, "--help"], section("flowctl-stop.1", "OPTIONS"), "flowctl-stop.1")


@case
def socket_options():
    """flowctl(1) lists the socket options of --help=socket."""
    listed_there, _ = help_options(FLOWCTL, "--help=socket")
    found, _ = manual_options(section("flowctl.1", "SOCKET OPTIONS"))
    same([head for head in listed_there if head.startswith("-O x=")], found, "socket options")


@case
def options_of_flowd():
    """flowd(8) lists the options of flowd --help, and no others."""
    compare_options([FLOWD, "--help"], section("flowd.8", "OPTIONS"), "flowd.8")


@case
def settings_of_flowd_conf():
    """flowd.conf(5) lists the options of flowd, but for those that are for command lines only."""
    expected, _ = help_options(FLOWD, "--help")
    names = [re.search(r"--([\w-]+)(?:=(.*)|(\[)=(.*)(\]))?$", head) for head in expected]
    only_there = ("help", "version", "debug", "config", "make-token", "show-key",
                  "test-clock-offset", "test-clock-skew")
    expected = [" ".join(filter(None, (m[1], m[2] or "".join(filter(None, m.groups()[2:])))))
                for m in names if m[1] not in only_there]
    found = [render(words_of(head)) for head, _ in items(section("flowd.conf.5", "SETTINGS"))]
    same(expected, found, "flowd.conf.5")


@case
def column_groups():
    """flowctl(1) lists the groups of columns of option -c."""
    found = [(words_of(head)[1], flatten(body).split())
             for head, body in items(section("flowctl.1", "Groups of columns", "Ss"))]
    named = [group for group, _ in found if group not in ("interval", "all")]
    same([group for group, _ in groups()], named, "groups")
    for group, names in groups():
        same(names, dict(found)[group], f"group {group}")
    _, text = help_options(FLOWCTL, "--help")
    help_of_c = next(text[option] for option in text if option.startswith("-c"))
    for group, _ in found:
        assert re.search(rf"\b{group}\b", help_of_c), f"--help does not know the group {group}"


@case
def exit_statuses():
    """flowctl(1) explains the exit statuses that --help names."""
    sentence = run(FLOWCTL, "--help").partition("Exit status:")[2]
    found = [words_of(head)[0] for head, _ in items(section("flowctl.1", "EXIT STATUS"))]
    same(re.findall(r"\d+", sentence), found, "exit statuses")


# ---- cases about the API


def help_members(text):
    """{"Takes": [...], "Returns": [...]} of a system.methodHelp, with (name, type, members) each."""
    parts, stack = {"Takes": [], "Returns": []}, None
    for line in text.splitlines():
        head = re.match(r"(Takes|Returns) one struct:", line)
        member = re.match(r"( +)(\w+) \(([^)]*)\)", line)
        if head:
            stack = [(1, parts[head[1]])]
        elif member and stack:
            indent = len(member[1])
            while stack[-1][0] >= indent:
                stack.pop()
            below = []
            stack[-1][1].append((member[2], member[3], below))
            stack.append((indent, below))
    return parts


def manual_members(lines):
    """The members that lists "Va name Pq type" give, nested lists as members of the item."""
    top = []
    stack, last = [], None
    for line in lines:
        if line.startswith(".Bl"):
            stack.append(top if last is None else last)
            last = None
        elif line.startswith(".El"):
            stack.pop()
        elif line.startswith(".It"):
            words = words_of(line[4:])
            assert words[0] == "Va" and words[2] == "Pq", f"flowd.8: {line}"
            last = []
            stack[-1].append((words[1], render(words[3:]), last))
    return top


def split_method(lines):
    parts, current = {"Takes": [], "Returns": []}, None
    for line in lines:
        if re.match(r"(Takes|Returns)\b", line):
            current = line.split()[0].rstrip(".:")
        elif current:
            parts[current].append(line)
    return {name: manual_members(part) for name, part in parts.items()}


SETTINGS = {"source": "Settings of an endpoint", "destination": "Settings of an endpoint",
            "settings": "Settings of a flow"}


def fill_settings(members):
    """Puts the members of the settings, which have sections of their own, where they belong."""
    filled = []
    for name, kind, below in members:
        if name in SETTINGS and kind == "struct":
            below = manual_members(section("flowd.8", SETTINGS[name], "Ss"))
        filled.append((name, kind, fill_settings(below)))
    return filled


@case
def methods_of_the_api():
    """flowd(8) describes the methods that the daemon has, with every member."""
    rpc = Daemon().rpc()
    names = [name for name in rpc.system.listMethods() if not name.startswith("system.")]
    heads = re.findall(r"^\.Ss (\S+\.\S+)$", read("man", "flowd.8"), re.M)
    same(names, heads, "methods")
    for name in names:
        expected = help_members(rpc.system.methodHelp(name))
        manual = split_method(section("flowd.8", name, "Ss"))
        for part in ("Takes", "Returns"):
            same(expected[part], fill_settings(manual[part]), f"{name}, {part}")


@case
def faults_of_the_api():
    """flowd(8) lists the numbers of faults."""
    numbers = re.findall(r"FAULT_\w+ = (\d+),", read("common", "protocol.h"))
    found = [words_of(head)[0] for head, _ in items(section("flowd.8", "FAULTS"))]
    same(numbers, found, "faults")


# ---- cases about all pages


@case
def pages_are_well_made():
    """mandoc finds nothing to say about the pages."""
    need_program("mandoc")
    for page in PAGES:
        path = os.path.join(SOURCE, "man", page)
        done = subprocess.run(["mandoc", "-Tlint", "-Wstyle", path], text=True,
                              capture_output=True, timeout=60, check=False)
        # What is installed here does not matter.
        said = [line for line in (done.stdout + done.stderr).splitlines()
                if "referenced manual not found" not in line and "mandoc.db" not in line]
        assert not said, "\n".join(said)


@case
def references_are_there():
    """Pages of ours that are referred to exist, and so do the sections."""
    for page in PAGES:
        text = read("man", page)
        heads = {" ".join(words_of(h)) for h in re.findall(r"^\.S[hs] (.*)", text, re.M)}
        for name, number in re.findall(r"\bXr (flow[\w.]*) (\d)", text):
            assert f"{name}.{number}" in PAGES or name.startswith("flowgrind"), (
                f"{page} refers to {name}({number})")
        for name in re.findall(r"^\.Sx (.*?)(?: [.,;)])*$", text, re.M):
            assert " ".join(words_of(name)) in heads, f"{page} refers to a section '{name}'"


# ---- what can be written anew


def mdoc(text):
    """A sentence as lines of mdoc."""
    lines = []
    for part in re.split(r" ?(\w+\(\)) ?", text):
        if part.endswith("()"):
            lines.append(f".Fn {part[:-2]}")
            continue
        for line in textwrap.wrap(part, 78, break_long_words=False, break_on_hyphens=False):
            lines.append(("\\&" if line[0] in ".'" else "") + line)
    return lines


def whole(sentence):
    """A whole sentence, as mdoc. A name such as net.core.rmem_max stays as it is."""
    named = "." in sentence.split()[0].rstrip(".:")
    return mdoc((sentence if named else sentence[0].upper() + sentence[1:]) + ".")


def item(macro, name, note, sentence):
    """An entry of a list; who reads the page finds a whole sentence."""
    return name, [f".It {macro} {name} Pq {note}"] + whole(sentence)


def outer_lists(lines):
    """(first line of the items, line of the end, lines of items) of each list that is in no other."""
    depth, begin, heads = 0, 0, []
    for at, line in enumerate(lines):
        if line.startswith(".Bl"):
            depth += 1
            if depth == 1:
                begin, heads = at + 1, []
        elif line.startswith(".It") and depth == 1:
            heads.append(at)
        elif line.startswith(".El"):
            depth -= 1
            if depth == 0:
                yield begin, at, heads


def rewrite(page, name, entries, macro="Sh"):
    """Writes the items of the lists of a section anew. What an item says after its first paragraph
    stays, and so do items of other names, before or after these. A new item stands after the one
    before it, in the same list."""
    old, known = section(page, name, macro), [entry for entry, _ in entries]
    place, kept, before, after, new = {}, {}, {}, {}, {}
    for begin, end, heads in outer_lists(old):
        for at, following in zip(heads, heads[1:] + [end]):
            entry = (words_of(old[at]) + ["", ""])[2]
            if entry in known:
                place[entry] = begin
                lines = old[at + 1:following]
                kept[entry] = lines[len(first_paragraph(lines)):]
            else:
                others = after if begin in place.values() else before
                others.setdefault(begin, []).extend(old[at:following])
    last = min(place.values())
    for entry, lines in entries:
        last = place.get(entry, last)
        new.setdefault(last, []).extend(lines + kept.get(entry, []))
    text, result = read("man", page), list(old)
    for begin, end, _ in reversed(list(outer_lists(old))):
        if begin in new:
            result[begin:end] = before.get(begin, []) + new[begin] + after.get(begin, [])
    assert text.count("\n".join(old)) == 1
    with open(os.path.join(SOURCE, "man", page), "w", encoding="utf-8") as file:
        file.write(text.replace("\n".join(old), "\n".join(result)))


def complete(page, name, entries, macro="Ss"):
    """Adds the items (head, lines) of a section's list that are not there, each after the one before
    it. What is there stays: it says more than the list of the source."""
    old = section(page, name, macro)
    lines = list(old)
    previous = None
    for head, text in entries:
        if head not in lines:
            at = lines.index(previous) + 1
            depth = 0  # behind the lists within the item before
            while depth or not lines[at].startswith((".It", ".El")):
                depth += lines[at].startswith(".Bl") - lines[at].startswith(".El")
                at += 1
            lines[at:at] = [head] + text
        previous = head
    text = read("man", page)
    assert text.count("\n".join(old)) == 1
    with open(os.path.join(SOURCE, "man", page), "w", encoding="utf-8") as file:
        file.write(text.replace("\n".join(old), "\n".join(lines)))


WIRE_TYPES = {"FLAG": "boolean", "NAME": "string", "SIZE": "string", "GAP": "string"}


def write_settings():
    """The places of the pages that have an item for each setting."""
    rows = list(macro_calls(read("common", "settings.def"), "SETTING"))
    log, sockets, api = [], [], {"ENDPOINT": [], "FLOW": []}
    for (field, option), row in zip(settings(), rows):
        scope, kind, form, name, argument, sentence = row[0], row[3], row[7], row[9], row[10], row[11]
        # "--cpu" is "Fl -cpu", "-T" is "Fl T", and "-O NAME" is "Fl O Cm NAME"
        log.append((f".It Va {field}", [".Fl " + option[1:].replace(" ", " Cm ")]))
        wire = "string" if kind.startswith("CHOICE_") else WIRE_TYPES.get(kind, "integer")
        api["ENDPOINT" if scope == "ENDPOINT" else "FLOW"].append(
            (f".It Va {field} Pq {wire}", whole(sentence)))
        if form == "SOCKOPT":
            value = "" if argument == "NULL" else f"= Ns Ar {argument}"
            sockets.append((f".It Fl O Ar x Ns ={name}{value}",
                            whole(sentence)))
    complete("flowlog.5", "Settings", log)
    complete("flowctl.1", "SOCKET OPTIONS", sockets, "Sh")
    complete("flowd.8", SETTINGS["source"], api["ENDPOINT"])
    complete("flowd.8", SETTINGS["settings"], api["FLOW"])


def write_schema():
    """contrib/schema, from the columns that a run's first record lists."""
    maker = os.path.join(SOURCE, "contrib", "schema", "make_schema.py")
    stream = run(FLOWCTL, "--embedded", "-T", "s=0.1", "--json-stream")
    text = subprocess.run([sys.executable, maker], input=stream, text=True, capture_output=True,
                          check=True, timeout=60).stdout
    with open(os.path.join(SOURCE, "contrib", "schema", "flowrig-1.schema.json"), "w",
              encoding="utf-8") as file:
        file.write(text)


def update():
    write_schema()
    write_settings()
    rewrite("flowlog.5", "COLUMNS", [item("Cm", n, u, s) for n, u, s, _ in columns()])
    rewrite("flowlog.5", "FIGURES", [item("Va", n, f"{u}, {k}", s) for n, u, k, s in figures()])
    rewrite("flowlog.5", "CONNECTION", [item("Va", n, u, s) for n, u, s in infos()])
    rewrite("flowlog.5", "HOST", [item("Va", n, u, s) for n, u, s in facts()])
    rewrite("flowlog.5", "HOST STATISTICS", [item("Va", n, u, s) for n, u, s in host_figures()])
    rewrite("flowctl.1", "Groups of columns",
            [(group, [f".It Cm {group}"] + mdoc(" ".join(names))) for group, names in groups()], "Ss")


def print_methods():
    rpc = Daemon().rpc()
    for name in rpc.system.listMethods():
        if not name.startswith("system."):
            print(f".Ss {name}")
            print(rpc.system.methodHelp(name))


if __name__ == "__main__":
    if sys.argv[1:] == ["--update"]:
        update()
    elif sys.argv[1:] == ["--print", "methods"]:
        print_methods()
    else:
        main()
