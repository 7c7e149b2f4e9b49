/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Charts over time, which share their range and their cursor, and distributions. */
const charts = {list: [], window: null, ready: typeof Dygraph === "function"};
const MEDIAN = "grey: median of all flows, and their 10th to 90th percentile";
const POINTS_MAX = 60000; /* of the selected lines of a chart; above, times are rounded */

/* Its legend sets a style attribute, which the page's policy forbids; the page has its own. */
if (charts.ready)
    Dygraph.PLUGINS = Dygraph.PLUGINS.filter(plugin => plugin !== Dygraph.Plugins.Legend);

/* Colours of the page's style; they change with the theme. */
const colours = new Map();
function css(name) {
    if (!colours.has(name))
        colours.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
    return colours.get(name);
}

/* 10th, 50th and 90th percentile of all directions, in bins of the rows' length. */
function bandOf(metric) {
    if (page.metrics[metric].band)
        return page.metrics[metric].band;
    const step = Math.max(page.step, (page.to - page.from) / 1000), bins = [];
    for (const d of directions) {
        const series = d.series[metric];
        for (let i = 0; series && i < series.end.length; i++) {
            const value = series.values[metric][i], bin = Math.floor((series.middle[i] - page.from) / step);
            if (Number.isFinite(value) && bin >= 0 && !isShort(series, i, metric))
                (bins[bin] = bins[bin] || []).push(value);
        }
    }
    return page.metrics[metric].band = bins.map((list, bin) => {
        const values = Float32Array.from(list).sort();
        return [page.from + (bin + 0.5) * step, quantile(values, 0.1), quantile(values, 0.5), quantile(values, 0.9)];
    }).filter(v => v);
}

/* Points of a line: [time, value]; a gap between rows is NaN. */
function pointsOf(direction, metric, step) {
    const series = direction.series[metric], times = timesOf(series, metric), found = [];
    const factor = page.metrics[metric].scale.factor;
    for (let i = 0; i < series.end.length; i++) {
        if (i && series.begin[i] > series.end[i - 1] + 1e-3 && !page.reduced)
            found.push([(series.end[i - 1] + series.begin[i]) / 2, NaN]);
        const time = step ? Math.round(times[i] / step) * step : times[i];
        found.push([time, series.values[metric][i] * factor, isShort(series, i, metric)]);
    }
    return found;
}

/* dygraphs' rows: a column for each line; null where another line has a point. */
function tableOf(lines) {
    const rows = new Map();
    lines.forEach((line, column) => {
        for (const [x, y] of line) {
            let row = rows.get(x);
            if (!row)
                rows.set(x, row = [x, ...new Array(lines.length).fill(null)]);
            row[column + 1] = Number.isNaN(y) ? NaN : y;
        }
    });
    return [...rows.values()].sort((a, b) => a[0] - b[0]);
}

const chosenOf = metric => directions.filter(d => d.selected && d.series[metric]);
const hasBand = metric => page.metrics[metric].count > page.few;

/* What a chart shows: columns, their looks, and the band below them. */
function contentOf(metric) {
    const chosen = chosenOf(metric), factor = page.metrics[metric].scale.factor;
    const total = chosen.reduce((sum, d) => sum + d.series[metric].end.length, 0);
    const step = total > POINTS_MAX ? page.step : 0;
    const lines = chosen.map(d => pointsOf(d, metric, step));
    const names = chosen.map(d => d.label), series = {}, looks = chosen.map(colourOf);
    chosen.forEach(d => { series[d.label] = {strokePattern: dashOf(d)}; });
    const band = hasBand(metric) ? bandOf(metric).map(([x, ...v]) => [x, ...v.map(y => y * factor)]) : null;
    if (band) {
        names.push(MEDIAN);
        lines.push(band.map(b => [b[0], b[2]]));
        looks.push(css("--dim"));
        series[MEDIAN] = {strokeWidth: 2.2};
    }
    return {chosen, names, series, colours: looks, band, step, data: tableOf(lines), lines};
}

function rangeOf(content, window) {
    let largest = 0;
    const inside = x => !window || (x >= window[0] && x <= window[1]);
    for (const line of content.lines)
        for (const [x, y, short] of line)
            if (y > largest && inside(x) && !short)
                largest = y;
    for (const b of content.band || [])
        if (b[3] > largest && inside(b[0]))
            largest = b[3];
    return [0, largest > 0 ? largest * 1.06 : 1];
}

function drawBand(context, band, graph) {
    if (!band || !band.length)
        return;
    context.save();
    context.beginPath();
    context.rect(graph.getArea().x, graph.getArea().y, graph.getArea().w, graph.getArea().h);
    context.clip();
    context.beginPath();
    for (const b of band)
        context.lineTo(graph.toDomXCoord(b[0]), graph.toDomYCoord(b[3]));
    for (const b of band.slice().reverse())
        context.lineTo(graph.toDomXCoord(b[0]), graph.toDomYCoord(b[1]));
    context.closePath();
    context.globalAlpha = isDark() ? 0.28 : 0.2;
    context.fillStyle = css("--dim");
    context.fill();
    context.restore();
}

function axisNumber(value) {
    return value === 0 ? "0" : String(Number(value.toPrecision(6)));
}

function axisLook() {
    return {
        axisLineColor: css("--dim"), gridLineColor: css("--grid"), strokeWidth: 1.4, axisLabelFontSize: 12,
        labelsKMB: false, animatedZooms: false, highlightCircleSize: 3, connectSeparatedPoints: true,
    };
}

/* All charts over time show the same part of it. */
function showWindow(window) {
    charts.window = window;
    for (const chart of charts.list)
        chart.graph.updateOptions({dateWindow: window, valueRange: rangeOf(chart.content, window)});
    charts.changed();
}

function readout(chart, values, lead) {
    chart.readout.replaceChildren();
    if (lead)
        chart.readout.append(el("b", {}, lead));
    for (const [d, text] of values)
        chart.readout.append(el("span", {}, d ? swatch(d) : null, (d ? d.label : MEDIAN) + (text ? " " : ""), text ? el("b", {}, text) : null));
}

/* The rows that cover a time, in all charts at once. */
function showTime(time) {
    for (const chart of charts.list) {
        const {metric, content, graph} = chart, unit = page.metrics[metric].unit;
        const values = content.chosen.map(d => [d, withUnit(valueAt(d, metric, time), unit)]);
        const factor = page.metrics[metric].scale.factor;
        if (content.band && content.band.length) {
            const near = content.band.reduce((a, b) => Math.abs(b[0] - time) < Math.abs(a[0] - time) ? b : a);
            values.push([null, withUnit(near[2] / factor, unit)]);
        }
        readout(chart, values, `${figure(time)} s`);
        chart.cursor.style.left = `${graph.toDomXCoord(time)}px`;
        chart.cursor.style.display = "block";
    }
}

function hideTime() {
    for (const chart of charts.list) {
        readout(chart, legendOf(chart.content));
        chart.cursor.style.display = "none";
    }
}

function legendOf(content) {
    const names = content.chosen.slice(0, 40).map(d => [d, ""]);
    return content.band ? [...names, [null, ""]] : names;
}

function finding(metric, content) {
    const info = page.metrics[metric];
    const middles = directions.filter(d => d.series[metric]).map(d => quantile(sortedValues(d, metric, -Infinity, Infinity), 0.5))
        .filter(Number.isFinite).sort((a, b) => a - b);
    return `${info.words} of ${info.count} flows over time; median ${withUnit(quantile(middles, 0.5), info.unit)}, ` +
        `lowest ${withUnit(middles[0], info.unit)}, highest ${withUnit(middles[middles.length - 1], info.unit)}`;
}

function notesOf(metric, content) {
    const {largest, beyond, unit} = page.metrics[metric], notes = [];
    if (beyond > largest)
        notes.push(`Rows much shorter than the others, as after a stall of a host, have up to ${withUnit(beyond, unit)}: they lie above the axis.`);
    if (content.step)
        notes.push(`Times are rounded to ${figure(content.step)} s, because many flows are selected.`);
    return notes.join(" ");
}

function fillChart(chart) {
    const content = chart.content = contentOf(chart.metric);
    const empty = !content.names.length;
    chart.plot.setAttribute("aria-label", finding(chart.metric, content));
    chart.note.textContent = empty ? "Select flows in the table above to show them here." : notesOf(chart.metric, content);
    const options = {
        ...axisLook(), file: empty ? [[page.from, null], [page.to, null]] : content.data,
        labels: ["s", ...(empty ? ["none"] : content.names)], colors: empty ? ["#888"] : content.colours,
        series: content.series, dateWindow: charts.window || [page.from, page.to],
        valueRange: rangeOf(content, charts.window),
    };
    if (chart.graph) {
        chart.graph.updateOptions(options);
    } else {
        const {file, ...rest} = options;
        chart.graph = new Dygraph(chart.plot, file, {
            ...rest,
            axes: {x: {axisLabelFormatter: axisNumber, pixelsPerLabel: 70}, y: {axisLabelFormatter: axisNumber, axisLabelWidth: 52, pixelsPerLabel: 40}},
            underlayCallback: (context, area, graph) => drawBand(context, chart.content.band, graph),
            highlightCallback: (event, x) => showTime(x),
            unhighlightCallback: hideTime,
            zoomCallback: (from, to) => showWindow(from <= page.from && to >= page.to ? null : [from, to]),
        });
        chart.plot.append(chart.cursor);
        new ResizeObserver(() => chart.graph.resize()).observe(chart.plot);
    }
    readout(chart, legendOf(content));
}

/* ---- distributions */

/* For each selected direction the share of its rows that are at most x. */
function cdfContent(metric) {
    const from = charts.window ? charts.window[0] : -Infinity, to = charts.window ? charts.window[1] : Infinity;
    const chosen = chosenOf(metric), factor = page.metrics[metric].scale.factor;
    const sorted = chosen.map(d => sortedValues(d, metric, from, to));
    let low = Infinity, high = -Infinity;
    for (const s of sorted)
        if (s.length) {
            low = Math.min(low, s[0]);
            high = Math.max(high, s[s.length - 1]);
        }
    if (page.metrics[metric].rate)
        high = Math.min(high, page.metrics[metric].largest);
    const data = [], margin = (high - low || Math.abs(high) || 1) * 0.02, POINTS = 240;
    for (let i = 0; low <= high && i <= POINTS; i++) {
        const x = low - margin + (high - low + 2 * margin) * i / POINTS;
        data.push([x * factor, ...sorted.map(s => s.length ? upTo(s, x) / s.length : null)]);
    }
    return {chosen, data, names: chosen.map(d => d.label)};
}

function upTo(sorted, x) {
    let low = 0, high = sorted.length;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (sorted[middle] <= x)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

function fillCdf(chart) {
    const content = chart.content = cdfContent(chart.metric), {unit} = page.metrics[chart.metric].scale;
    const series = {};
    content.chosen.forEach(d => { series[d.label] = {strokePattern: dashOf(d)}; });
    const empty = !content.data.length;
    const options = {
        ...axisLook(), labels: ["x", ...(empty ? ["none"] : content.names)], series,
        file: empty ? [[0, null], [1, null]] : content.data, colors: content.chosen.map(colourOf), valueRange: [0, 1.02], stepPlot: true,
        dateWindow: empty ? [0, 1] : [content.data[0][0], content.data[content.data.length - 1][0]],
    };
    chart.plot.setAttribute("aria-label", `distribution of ${page.metrics[chart.metric].words}`);
    if (chart.graph) {
        chart.graph.updateOptions(options);
    } else {
        const {file, ...rest} = options;
        chart.graph = new Dygraph(chart.plot, file, {
            ...rest,
            axes: {x: {axisLabelFormatter: axisNumber, pixelsPerLabel: 60}, y: {axisLabelFormatter: v => `${Math.round(100 * v)} %`, axisLabelWidth: 46, pixelsPerLabel: 34}},
            highlightCallback: (event, x, points) => {
                const row = chart.content.data.find(r => r[0] === x);
                readout(chart, chart.content.chosen.map((d, i) => [d, row ? percent(row[i + 1]) : "-"]), `≤ ${figure(x)} ${unit}`);
            },
            unhighlightCallback: () => readout(chart, []),
        });
        new ResizeObserver(() => chart.graph.resize()).observe(chart.plot);
    }
    readout(chart, []);
}
