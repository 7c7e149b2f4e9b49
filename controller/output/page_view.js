/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The page itself. All text goes in as text: nothing that a host or a title says is ever markup. */
function el(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes))
        if (name.startsWith("on"))
            node.addEventListener(name.slice(2), value);
        else if (value !== null && value !== false)
            node.setAttribute(name, value === true ? "" : value);
    node.append(...children.filter(c => c !== null && c !== undefined && c !== ""));
    return node;
}

/* Colour and dashes of a direction, as its curves have them. */
function swatch(d) {
    const canvas = el("canvas", {class: "swatch", width: 44, height: 24, "aria-hidden": "true"});
    paintSwatch(canvas, d);
    return canvas;
}

function paintSwatch(canvas, d) {
    const context = canvas.getContext("2d");
    context.setTransform(2, 0, 0, 2, 0, 0);
    context.clearRect(0, 0, 22, 12);
    if (d.style < 0)
        return;
    context.strokeStyle = colourOf(d);
    context.lineWidth = 3;
    context.setLineDash(dashOf(d) || []);
    context.beginPath();
    context.moveTo(0, 6);
    context.lineTo(22, 6);
    context.stroke();
}

const LIMIT_COLOURS = {
    application: "#8C96A0", cpu: "#D55E00", receiving_application: "#B0578D", receive_window: "#CC79A7",
    receiver: "#E0A9C8", send_buffer: "#E69F00", pacing: "#B8A000", ecn: "#00664B", slow_start: "#56B4E9",
    loss: "#00456B", queue: "#0072B2", network: "#3C9BD6", unclear: "#C4CBD2",
};

function limitBar(limits, large) {
    const bar = el("div", {class: large ? "bar large" : "bar", "aria-hidden": "true"});
    for (const l of limits) {
        const part = el("i", {title: `${limitWords(l.name)} ${Math.round(100 * l.share)} %`});
        part.style.width = `${100 * l.share}%`;
        part.style.background = LIMIT_COLOURS[l.name] || "#888";
        bar.append(part);
    }
    return bar;
}

/* ---- head */

function runDetails(run) {
    const start = (run.run.start || "").replace(/^(\S+)T(\d\d:\d\d:\d\d)[.\d]*Z$/, "$1 $2 UTC");
    const parts = [start, run.run.controller && `controller ${run.run.controller}`,
                   run.run.version && `flowrig ${run.run.version}`, run.run.run && `run ${run.run.run.slice(0, 12)}`];
    return parts.filter(p => p).join(" · ");
}

function badgeOf(run) {
    if (!run.end)
        return ["cut off", "bad"];
    const {status, total = {}} = run.end;
    if (total.failed)
        return [`${total.failed} failed`, "bad"];
    return status ? [`partial (status ${status})`, "bad"] : ["complete", "good"];
}

function header() {
    const one = page.runs.length === 1, head = el("div", {});
    const title = el("h1", {}, one ? runName(page.runs[0]) : `${page.runs.length} runs`);
    if (one) {
        const [text, kind] = badgeOf(page.runs[0]);
        title.append(el("span", {class: `badge ${kind}`}, text));
        head.append(title, el("p", {class: "dim"}, runDetails(page.runs[0])));
    } else {
        head.append(title);
        for (const run of page.runs) {
            const [text, kind] = badgeOf(run);
            head.append(el("p", {}, runName(run), el("span", {class: `badge ${kind}`}, text), el("br", {}),
                           el("span", {class: "dim"}, runDetails(run))));
        }
    }
    const theme = el("select", {"aria-label": "colours", class: "theme", onchange: () => setTheme(theme.value)},
                     ...["auto", "light", "dark"].map(t => el("option", {value: t}, t === "auto" ? "system colours" : t)));
    return el("header", {}, head, el("div", {class: "no-print"}, theme));
}

function setTheme(theme) {
    if (theme === "auto")
        delete document.documentElement.dataset.theme;
    else
        document.documentElement.dataset.theme = theme;
    redraw();
}

function tile(value, words) {
    const [, number, unit] = /^(\S+)(.*)$/.exec(value) || [null, value, ""];
    return el("div", {class: "card tile"}, el("b", {}, number, el("small", {}, unit)), el("span", {}, words));
}

function sum(list) {
    const known = Array.from(list).filter(Number.isFinite);
    return known.length ? known.reduce((a, b) => a + b, 0) : NaN;
}

function tiles() {
    const box = el("div", {class: "tiles"}), one = page.runs.length === 1;
    for (const run of page.runs) {
        const name = one ? "" : `, ${runName(run)}`, total = run.end && run.end.total || {};
        const own = directions.filter(d => page.runs[d.run] === run);
        box.append(tile(rateText(total.goodput_bits_per_second), `goodput of all flows${name}`));
        const rates = own.map(d => d.summary.goodput_bits_per_second).filter(Number.isFinite).sort((a, b) => a - b);
        if (rates.length > 1)
            box.append(tile(rateText(quantile(rates, 0.5)), `median of ${rates.length} ${own.length > run.flows.length ? "directions" : "flows"}${name}`));
        if (one && rates.length > 1 && Number.isFinite(total.fairness))
            box.append(tile(total.fairness.toFixed(3), "fairness (Jain's index)"));
        const sent = sum(own.map(d => d.summary.sent_bytes)), again = sum(own.map(d => d.summary.retransmitted_bytes));
        if (sent > 0)
            box.append(tile(percent(again / sent), `retransmitted (${bytesText(again)})${name}`));
        const datagrams = sum(own.map(d => d.summary.datagrams_sent)), lost = sum(own.map(d => d.summary.datagrams_lost));
        if (datagrams > 0)
            box.append(tile(percent(lost / datagrams), `datagrams lost (${lost})${name}`));
        const rtt = page.metrics.findIndex(m => m.name === "rtt");
        const middles = rtt < 0 ? [] : own.map(d => quantile(sortedValues(d, rtt, -Infinity, Infinity), 0.5)).filter(Number.isFinite);
        if (middles.length)
            box.append(tile(withUnit(quantile(middles.sort((a, b) => a - b), 0.5), "ms"), `smoothed RTT, median${name}`));
        if (one)
            box.append(tile(`${figure(page.to - page.first)} s`, `measured, ${own.length === 1 ? "one flow" : `${own.length} flows`}`));
    }
    return box;
}

function problems() {
    const list = [];
    for (const run of page.runs) {
        const name = page.runs.length > 1 ? `${runName(run)}: ` : "";
        if (!run.end)
            list.push(`${name}The file ends before the run does: there is no summary, and the last rows may be missing.`);
        for (const event of run.events)
            if (event.message)
                list.push(name + event.message.replace(/^# /, ""));
    }
    for (const d of directions.filter(d => d.error).slice(0, 10))
        list.push(`${d.label}: ${d.error}`);
    return list.length ? el("div", {class: "callout bad", role: "note"}, el("ul", {}, ...list.map(t => el("li", {}, t)))) : null;
}

function limitsSection() {
    const known = directions.filter(d => d.limits.length);
    if (!known.length)
        return el("section", {}, el("h2", {}, "What limited the flows"),
                  el("p", {class: "dim"}, "Unknown: this takes TCP flows, rows in the file, and a finished run."));
    const shares = new Map();
    for (const d of known)
        for (const l of d.limits)
            shares.set(l.name, (shares.get(l.name) || 0) + l.share / known.length);
    const list = [...shares].map(([name, share]) => ({name, share})).sort((a, b) => b.share - a.share);
    const causes = el("div", {class: "causes"});
    for (const l of list.filter(l => l.share >= 0.005)) {
        const box = el("i", {}), info = page.limits.find(x => x.name === l.name) || {};
        box.style.background = LIMIT_COLOURS[l.name] || "#888";
        causes.append(el("span", {title: info.help || ""}, box, `${limitWords(l.name)} ${figure(100 * l.share)} %`));
    }
    const advice = directions.filter(d => d.summary.advice).map(d => [d, d.summary.advice]);
    return el("section", {}, el("h2", {}, "What limited the flows"),
              el("div", {class: "card"}, el("p", {class: "note"}, known.length > 1
                  ? `Share of time, in the mean over ${known.length} of ${directions.length} flows; each flow has its own in the table below.` : "Share of time."),
                 limitBar(list, true), causes,
                 ...advice.slice(0, 8).map(([d, text]) => el("p", {}, el("b", {}, `${d.label}: `), text)),
                 advice.length > 8 ? el("p", {class: "note"}, `${advice.length - 8} more flows are limited in the same way.`) : null));
}

/* ---- the table of flows */

const rttMetric = () => page.metrics.findIndex(m => m.name === "rtt");
function rttOf(d, part) {
    const metric = rttMetric();
    return metric < 0 ? NaN : quantile(sortedValues(d, metric, -Infinity, Infinity), part);
}
const lossOf = d => d.summary.datagrams_sent > 0 ? d.summary.datagrams_lost / d.summary.datagrams_sent : NaN;
const again = d => d.summary.sent_bytes > 0 ? d.summary.retransmitted_bytes / d.summary.sent_bytes : NaN;

const COLUMNS = [
    {head: "flow", key: d => d.run * 1e6 + d.flow, text: d => d.number},
    {head: "run", key: d => runName(page.runs[d.run]), text: d => runName(page.runs[d.run]), only: () => page.runs.length > 1},
    {head: "from", key: d => d.from, text: d => d.from},
    {head: "to", key: d => d.to, text: d => d.to},
    {head: "algorithm", key: d => d.algorithm, text: d => d.algorithm || (d.udp ? "UDP" : "-")},
    {head: "DSCP", key: d => d.dscp, text: d => d.dscp},
    {head: "goodput", number: true, key: d => d.summary.goodput_bits_per_second, text: d => rateText(d.summary.goodput_bits_per_second)},
    {head: "over time", spark: true},
    {head: "limited by", key: d => d.limits.length ? limitsText(d.limits) : "", text: d => limitsText(d.limits), limits: true},
    {head: "retransmitted", number: true, key: again, text: d => `${percent(again(d))}`},
    {head: "RTT min", number: true, key: d => d.summary.min_rtt_seconds, text: d => withUnit(d.summary.min_rtt_seconds * 1e3, "ms")},
    {head: "median", number: true, key: d => rttOf(d, 0.5), text: d => withUnit(rttOf(d, 0.5), "ms")},
    {head: "95 %", number: true, key: d => rttOf(d, 0.95), text: d => withUnit(rttOf(d, 0.95), "ms")},
    {head: "lost", number: true, key: lossOf, text: d => percent(lossOf(d))},
    {head: "jitter", number: true, key: d => d.summary.jitter_seconds, text: d => withUnit(d.summary.jitter_seconds * 1e3, "ms")},
    {head: "received", number: true, key: d => d.summary.received_bytes, text: d => bytesText(d.summary.received_bytes)},
    {head: "error", key: d => d.error, text: d => d.error, error: true},
];

function isShown(column) {
    if (column.only)
        return column.only();
    return column.spark ? page.metrics.length > 0
                        : directions.some(d => { const v = column.key(d); return typeof v === "number" ? Number.isFinite(v) : v; });
}

/* Goodput over time, or the first metric that there is. */
function spark(d) {
    const canvas = el("canvas", {width: 240, height: 52, "aria-hidden": "true"}), context = canvas.getContext("2d");
    const metric = page.metrics.findIndex((m, i) => d.series[i]), series = d.series[metric];
    canvas.style.width = "120px";
    canvas.style.height = "26px";
    if (!series)
        return canvas;
    context.strokeStyle = css("--accent");
    context.lineWidth = 2;
    context.beginPath();
    const largest = page.metrics[metric].largest || 1, step = Math.max(1, Math.floor(series.end.length / 240));
    for (let i = 0; i < series.end.length; i += step)
        if (!isShort(series, i, metric))
            context.lineTo(240 * (series.middle[i] - page.from) / (page.to - page.from || 1), 50 - 48 * (series.values[metric][i] || 0) / largest);
    context.stroke();
    return canvas;
}

const table = {order: null, down: true, rows: new Map(), filter: ""};

function cell(column, d) {
    if (column.spark)
        return el("td", {}, spark(d));
    if (column.limits)
        return el("td", {class: "limits"}, d.limits.length ? limitBar(d.limits) : null, el("span", {class: "note"}, column.text(d) || "-"));
    return el("td", {class: column.number ? "number" : column.error ? "error" : "key"}, column.text(d));
}

function buildRow(d, columns) {
    const box = el("input", {type: "checkbox", "aria-label": `show ${d.label} in the charts`, onchange: () => { d.selected = box.checked; fill(); }});
    d.box = box;
    d.swatch = swatch(d);
    return el("tr", {}, el("td", {class: "key"}, box, " ", d.swatch), ...columns.map(c => cell(c, d)));
}

function sortRows(body) {
    const {order, down} = table;
    const list = directions.filter(d => matches(d));
    if (order)
        list.sort((a, b) => {
            const x = order.key(a), y = order.key(b);
            const side = typeof x === "number" || typeof y === "number"
                ? (Number.isFinite(x) ? x : -Infinity) - (Number.isFinite(y) ? y : -Infinity) : String(x).localeCompare(String(y));
            return down ? -side : side;
        });
    body.replaceChildren(...list.map(d => table.rows.get(d)));
    table.count.textContent = `${list.length} of ${directions.length} flows; ${directions.filter(d => d.selected).length} in the charts`;
}

const matches = d => `${d.label} ${d.from} ${d.to} ${d.algorithm} ${limitsText(d.limits)} ${d.error}`.toLowerCase().includes(table.filter);

function flowTable() {
    const columns = COLUMNS.filter(isShown), body = el("tbody", {});
    for (const d of directions)
        table.rows.set(d, buildRow(d, columns));
    const heads = columns.map(c => {
        const head = el("th", {class: c.number ? "number" : null, scope: "col"}, c.spark ? c.head : el("button", {onclick: () => {
            table.down = table.order === c ? !table.down : Boolean(c.number);
            table.order = c;
            heads.forEach(h => h.removeAttribute("aria-sort"));
            head.setAttribute("aria-sort", table.down ? "descending" : "ascending");
            sortRows(body);
        }}, c.head));
        return head;
    });
    table.body = body;
    const search = el("input", {type: "search", placeholder: "filter flows", "aria-label": "filter flows", oninput: () => {
        table.filter = search.value.toLowerCase();
        sortRows(body);
    }});
    const pick = (words, choice) => el("button", {onclick: () => { choice(); fill(); }}, words);
    const byRate = () => directions.filter(d => matches(d) && Number.isFinite(d.summary.goodput_bits_per_second))
        .sort((a, b) => b.summary.goodput_bits_per_second - a.summary.goodput_bits_per_second);
    const only = list => directions.forEach(d => { d.selected = list.includes(d); });
    table.count = el("span", {class: "note", role: "status"});
    return el("section", {}, el("h2", {}, "Flows"),
              el("div", {class: "controls"}, search, pick(many ? "all listed" : "all", () => only(directions.filter(matches))), pick("none", () => only([])),
                 many ? pick("6 fastest", () => only(byRate().slice(0, 6))) : null,
                 many ? pick("6 slowest", () => only(byRate().slice(-6))) : null, table.count),
              el("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": "flows"},
                 el("table", {}, el("thead", {}, el("tr", {}, el("th", {scope: "col"}, "chart"), ...heads)), body)));
}
