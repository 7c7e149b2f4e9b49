/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The data of the page: what flowctl wrote, decoded, and the figures that come from it. */
"use strict";
const page = JSON.parse(document.getElementById("data").textContent);

function floats(text) {
    const raw = atob(text), bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++)
        bytes[i] = raw.charCodeAt(i);
    return new Float32Array(bytes.buffer);
}

/* Begins are written only where a row does not begin at the end of the one before it. */
function decode(series) {
    const end = floats(series.e);
    const begin = series.b.length === 1 ? Float32Array.from(end, (e, i) => i ? end[i - 1] : series.b[0])
                                        : floats(series.b[1]);
    const middle = Float32Array.from(end, (e, i) => (begin[i] + e) / 2);
    return {...series, begin, end, middle, values: series.v.map(v => v === null ? null : floats(v))};
}

page.series = page.series.map(decode);

/* ---- numbers as people read them */

const SCALES = {
    "Mbit/s": [[1e4, "Gbit/s", 1e-3], [1, "Mbit/s", 1], [0, "kbit/s", 1e3]],
    "ms": [[1e4, "s", 1e-3], [1, "ms", 1], [0, "µs", 1e3]],
    "B": [[1e9, "GB", 1e-9], [1e6, "MB", 1e-6], [1e4, "kB", 1e-3], [0, "B", 1]],
};

function scaleOf(unit, largest) {
    const list = SCALES[unit];
    const found = largest > 0 && list && list.find(s => largest >= s[0]);
    return found ? {unit: found[1], factor: found[2]} : {unit: unit === "1" || unit === "-" ? "" : unit, factor: 1};
}

/* Four significant digits, no exponent. */
function figure(value) {
    if (value === null || value === undefined || !Number.isFinite(value))
        return "-";
    if (value === 0)
        return "0";
    const digits = Math.max(0, 3 - Math.floor(Math.log10(Math.abs(value))));
    return digits > 9 ? value.toPrecision(4) : value.toFixed(Math.min(digits, 9));
}

function withUnit(value, unit) {
    if (value === null || value === undefined || !Number.isFinite(value))
        return "-";
    const scale = scaleOf(unit, Math.abs(value)), count = Number.isInteger(value) && scale.factor === 1 && !["Mbit/s", "ms"].includes(unit);
    return (count ? String(value) : figure(value * scale.factor)) + (scale.unit ? " " + scale.unit : "");
}

const bytesText = value => Number.isInteger(value) && value < 1e4 ? value + " B" : withUnit(value, "B");
const rateText = bits => withUnit(bits === undefined ? undefined : bits / 1e6, "Mbit/s");
const percent = part => !Number.isFinite(part) ? "-" : part > 0 && part < 1e-5 ? "< 0.001 %" : figure(100 * part) + " %";

function quantile(sorted, part) {
    if (!sorted.length)
        return NaN;
    const place = part * (sorted.length - 1), below = Math.floor(place);
    return below + 1 < sorted.length ? sorted[below] + (place - below) * (sorted[below + 1] - sorted[below])
                                     : sorted[sorted.length - 1];
}

/* ---- directions: what one end of a flow sends to the other is one line of the table and of each chart */

const OTHER = {source: "destination", destination: "source"};

function runName(run) {
    return run.run.title || run.file;
}

function endsOf(run, flow) {
    const found = {};
    for (const end of run.ends)
        if (end.flow === flow)
            found[end.endpoint] = end;
    return found;
}

/* [{name, share}] of what limited a direction, the largest first. */
function limitsOf(direction) {
    let list = [];
    if (direction.limits)
        list = Object.entries(direction.limits).map(([name, share]) => ({name, share}));
    else if (direction.limits_text)
        list = direction.limits_text.split(", ").map(text => {
            const match = /^(.*) (\d+) %$/.exec(text);
            const known = match && page.limits.find(l => l.words === match[1]);
            return known ? {name: known.name, share: match[2] / 100} : null;
        }).filter(l => l);
    return list.sort((a, b) => b.share - a.share);
}

function limitWords(name) {
    const limit = page.limits.find(l => l.name === name);
    return limit ? limit.words : name;
}

function limitsText(limits) {
    return limits.filter((l, i) => !i || l.share >= 0.05)
        .map(l => `${limitWords(l.name)} ${Math.round(100 * l.share)} %`).join(", ");
}

function newDirection(run, flow, sender, summary) {
    const record = page.runs[run].flows.find(f => f.flow === flow) || {};
    const ends = endsOf(page.runs[run], flow), to = OTHER[sender];
    const errors = ["source", "destination"].map(e => ends[e] && (ends[e].error || ends[e].stopped)).filter(t => t);
    const settings = record[sender] && record[sender].settings || {};
    return {
        run, flow, sender, summary: summary || {}, finished: Boolean(summary),
        from: record[sender] && record[sender].address || sender,
        to: record[to] && record[to].address || to,
        algorithm: ends[sender] && ends[sender].algorithm || settings.congestion_control || "",
        dscp: settings.dscp === undefined ? "" : String(settings.dscp),
        udp: Boolean(record.settings && record.settings.transport === "udp"),
        error: [...new Set(errors)].join("; "), limits: limitsOf(summary || {}), series: {}, selected: false, style: -1,
    };
}

function allDirections() {
    const found = new Map();
    const add = (run, flow, sender, summary) => {
        const key = `${run}/${flow}/${sender}`;
        if (!found.has(key))
            found.set(key, newDirection(run, flow, sender, summary));
        return found.get(key);
    };
    page.runs.forEach((run, i) => {
        for (const flow of run.end && run.end.flows || [])
            for (const direction of flow.directions)
                add(i, flow.flow, direction.sender, direction);
    });
    for (const series of page.series)
        page.metrics.forEach((metric, m) => {
            if (series.values[m] === null)
                return;
            const sender = metric.rx ? OTHER[series.end_name] : series.end_name;
            add(series.run, series.flow, sender).series[m] = series;
        });
    return [...found.values()].sort((a, b) => a.run - b.run || a.flow - b.flow || (a.sender < b.sender ? 1 : -1));
}

/* A label says what differs between the directions; numbers go first where that is not enough. */
function label(directions) {
    const attributes = [d => runName(page.runs[d.run]), d => d.algorithm, d => `${d.from} to ${d.to}`, d => d.dscp && `DSCP ${d.dscp}`];
    const differing = attributes.filter(a => new Set(directions.map(a)).size > 1);
    const several = new Set(directions.map(d => `${d.run}/${d.flow}`)).size < directions.length;
    for (const d of directions) {
        const words = differing.map(a => a(d)).filter(w => w).join(" ");
        d.number = several ? `${d.flow} ${d.sender === "source" ? "S" : "D"}` : String(d.flow);
        d.label = words ? `${d.number}: ${words}` : `flow ${d.number}`;
    }
}

/* Okabe and Ito's colours without yellow, and lighter ones for a dark page; dashes beyond seven. */
const COLOURS = {
    light: ["#0072B2", "#D55E00", "#009E73", "#B0578D", "#B87B00", "#3C9BD6", "#000000"],
    dark: ["#5BB4EE", "#FF8A3D", "#2FD3A2", "#E39BC6", "#F2B632", "#9AD3F7", "#FFFFFF"],
};
const DASHES = [null, [7, 3], [2, 3], [9, 3, 2, 3]];

const directions = allDirections();
label(directions);
const many = directions.length > page.few;

/* Few directions keep their looks; of many, those that are selected have the first that are free. */
function restyle() {
    const taken = new Set(directions.filter(d => d.selected && d.style >= 0).map(d => d.style));
    directions.forEach((d, i) => {
        if (!many)
            d.style = i;
        else if (!d.selected)
            d.style = -1;
        else if (d.style < 0) {
            d.style = 0;
            while (taken.has(d.style))
                d.style++;
            taken.add(d.style);
        }
    });
}

function isDark() {
    const theme = document.documentElement.dataset.theme;
    return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
const colourOf = d => COLOURS[isDark() ? "dark" : "light"][d.style % 7];
const dashOf = d => DASHES[Math.floor(d.style / 7) % DASHES.length];

/* All directions where they are few; else the fastest, the median and the slowest. */
function choose() {
    const order = directions.filter(d => Number.isFinite(d.summary.goodput_bits_per_second))
        .sort((a, b) => b.summary.goodput_bits_per_second - a.summary.goodput_bits_per_second);
    const some = order.length ? [order[0], order[Math.floor(order.length / 2)], order[order.length - 1]]
                              : directions.slice(0, 3);
    for (const d of directions)
        d.selected = !many || some.includes(d);
    restyle();
}
choose();

/* Where a value stands in time, as in flowctl plot: the kernel's at the end of its row. */
const timesOf = (series, metric) => page.metrics[metric].end ? series.end : series.middle;

/* The row of a series that covers the time, or -1. */
function rowAt(series, time) {
    let low = 0, high = series.end.length - 1;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (series.end[middle] < time)
            low = middle + 1;
        else
            high = middle;
    }
    const slack = 1e-4;
    return high >= 0 && series.end[low] >= time - slack && series.begin[low] <= time + slack ? low : -1;
}

function valueAt(direction, metric, time) {
    const series = direction.series[metric];
    const row = series ? rowAt(series, time) : -1;
    return row < 0 ? NaN : series.values[metric][row];
}

function typicalStep() {
    const steps = [];
    for (const s of page.series.slice(0, 50))
        for (let i = 0; i < s.end.length && i < 50; i++)
            steps.push(s.end[i] - s.begin[i]);
    return quantile(steps.sort((a, b) => a - b), 0.5) || 1;
}
page.step = typicalStep();

/* After a stall of a host a row can be very short, and a rate over it says nothing: no axis follows it. */
const isShort = (series, row, metric) => page.metrics[metric].rate && series.end[row] - series.begin[row] < page.step / 4;

function measure(metric, m) {
    metric.largest = metric.beyond = 0;
    for (const d of directions) {
        const series = d.series[m];
        for (let i = 0; series && i < series.end.length; i++) {
            const value = series.values[m][i], name = isShort(series, i, m) ? "beyond" : "largest";
            if (value > metric[name])
                metric[name] = value;
        }
    }
}
page.metrics.forEach((metric, m) => {
    measure(metric, m);
    metric.scale = scaleOf(metric.unit, metric.largest);
    metric.count = directions.filter(d => d.series[m]).length;
});
page.from = 0;
page.to = page.series.reduce((most, s) => Math.max(most, s.end[s.end.length - 1]), 0);
page.first = page.series.reduce((least, s) => Math.min(least, s.begin[0]), page.to);
if (page.first > 0.02 * page.to)
    page.from = page.first;

/* The finite values of a direction's rows within a time, sorted; those of the whole run are kept. */
function sortedValues(direction, metric, from, to) {
    const series = direction.series[metric], whole = from === -Infinity && to === Infinity;
    if (!series)
        return new Float32Array(0);
    const kept = series.sorted = series.sorted || [];
    if (whole && kept[metric])
        return kept[metric];
    const found = series.values[metric].filter((v, i) => Number.isFinite(v) && series.end[i] > from && series.begin[i] < to).sort();
    if (whole)
        kept[metric] = found;
    return found;
}
