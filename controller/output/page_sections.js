/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sections below the table, downloads, and what happens when the page is shown or printed. */

/* ---- charts */

function statistics(metric) {
    const box = el("tbody", {}), {unit} = page.metrics[metric], [from, to] = charts.window || [-Infinity, Infinity];
    for (const d of chosenOf(metric)) {
        const values = sortedValues(d, metric, from, to), mean = sum(values) / values.length;
        box.append(el("tr", {}, el("td", {}, swatch(d), d.label),
                      ...[values[0], quantile(values, 0.05), quantile(values, 0.5), mean, quantile(values, 0.95), values[values.length - 1]]
                          .map(v => el("td", {class: "number"}, withUnit(v, unit))), el("td", {class: "number"}, String(values.length))));
    }
    const heads = ["minimum", "5 %", "median", "mean", "95 %", "maximum", "rows"];
    return el("table", {}, el("thead", {}, el("tr", {}, el("th", {scope: "col"}, "flow"), ...heads.map(h => el("th", {scope: "col", class: "number"}, h)))), box);
}

function chartCard(metric, over) {
    const info = page.metrics[metric], {unit} = info.scale;
    const chart = {metric, plot: el("div", {class: "plot", role: "img"}), readout: el("div", {class: "readout"}),
                   note: el("p", {class: "note"}), cursor: el("div", {class: "cursor"})};
    chart.card = el("div", {class: "card chart"}, el("div", {class: "head"}, el("h3", {}, info.words + (unit ? ` [${unit}]` : "")),
                                                     el("span", {class: "note"}, over ? "over time [s]" : "share of rows")));
    if (charts.ready)
        chart.card.append(chart.plot, chart.readout, chart.note);
    if (over) {
        chart.table = el("div", {class: "scroll"});
        chart.details = el("details", {ontoggle: () => chart.table.replaceChildren(statistics(metric))}, el("summary", {}, "Figures of the rows"), chart.table);
        chart.details.open = !charts.ready;
        chart.card.append(chart.details);
    }
    return chart;
}

const drawn = () => page.metrics.map((m, i) => i).filter(i => page.metrics[i].count);

function timeSection() {
    const box = el("div", {class: "charts"});
    charts.list = [];
    charts.tables = [];
    for (const metric of drawn()) {
        const chart = chartCard(metric, true);
        box.append(chart.card);
        (charts.ready ? charts.list : charts.tables).push(chart);
    }
    const from = el("input", {type: "number", step: "any", "aria-label": "from, in seconds"});
    const to = el("input", {type: "number", step: "any", "aria-label": "to, in seconds"});
    const apply = () => {
        const a = from.value === "" ? page.from : Number(from.value), b = to.value === "" ? page.to : Number(to.value);
        if (a < b)
            showWindow(a <= page.from && b >= page.to ? null : [a, b]);
    };
    from.addEventListener("change", apply);
    to.addEventListener("change", apply);
    const whole = el("button", {onclick: () => showWindow(null)}, "whole run");
    charts.changed = () => {
        const window = charts.window || [page.from, page.to];
        from.value = Number(window[0].toPrecision(5));
        to.value = Number(window[1].toPrecision(5));
        whole.disabled = !charts.window;
        for (const chart of [...charts.list, ...charts.tables])
            if (chart.details.open)
                chart.table.replaceChildren(statistics(chart.metric));
        charts.cdfs.forEach(fillCdf);
    };
    return el("section", {}, el("h2", {}, "Over time"),
              el("div", {class: "controls"}, el("span", {}, "from"), from, el("span", {}, "to"), to, el("span", {}, "s"), whole,
                 el("span", {class: "note"}, charts.ready ? "Drag in a chart to zoom, double-click to see the whole run; the charts move together." : "")),
              charts.ready ? null : el("div", {class: "callout"}, "There are no charts on this page: dygraphs was not installed where it was made (Debian: libjs-dygraphs). The figures of the rows are in the tables below."),
              page.reduced ? el("p", {class: "note"}, `Long series are reduced to the rows with the smallest and the largest values, about ${page.reduced} rows each (flowctl report --full keeps all).`) : null,
              box);
}

function distributionSection() {
    charts.cdfs = [];
    if (!charts.ready)
        return null;
    const box = el("div", {class: "charts small"});
    for (const metric of drawn()) {
        const chart = chartCard(metric, false);
        box.append(chart.card);
        charts.cdfs.push(chart);
    }
    return el("section", {}, el("h2", {}, "Distributions"),
              el("p", {class: "note"}, "Share of the rows of the selected flows whose value is at most that on the axis, within the time that is shown above."), box);
}

/* ---- settings and hosts */

function text(value) {
    return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

/* Whether a setting says no more than that it is not used. */
const isOff = value => value === false || value === 0 || ["0", "-", "0B", "0s", "0bit/s"].includes(value);

function settingsOf(flow) {
    const all = new Map();
    for (const [where, settings] of [["", flow.settings], ["source ", flow.source && flow.source.settings], ["destination ", flow.destination && flow.destination.settings]])
        for (const [name, value] of Object.entries(settings || {}))
            if (!isOff(value))
                all.set(where + name.replace(/_(seconds|bytes|bits_per_second)$/, "").replaceAll("_", " "), text(value) + unitOf(name));
    if (flow.mode)
        all.set("mode", flow.mode);
    return all;
}

const unitOf = name => name.endsWith("_seconds") ? " s" : name.endsWith("_bytes") ? " B" : name.endsWith("_bits_per_second") ? " bit/s" : "";

function pairs(entries) {
    return el("table", {}, el("tbody", {}, ...entries.map(([k, v]) => el("tr", {}, el("td", {}, k), el("td", {}, v)))));
}

function settingsSection() {
    const cards = [];
    for (const run of page.runs) {
        const flows = run.flows.map(settingsOf), names = [...new Set(flows.flatMap(f => [...f.keys()]))];
        const common = names.filter(n => flows.every(f => f.get(n) === flows[0].get(n))), differing = names.filter(n => !common.includes(n));
        const command = run.run.command || (run.run.argv ? ["flowctl", ...run.run.argv.slice(1)].map(w => /^[\w@%+=:,./-]+$/.test(w) ? w : `'${w.replaceAll("'", "'\\''")}'`).join(" ") : "");
        cards.push(el("div", {class: "card"}, page.runs.length > 1 ? el("h3", {}, runName(run)) : null,
                      command ? el("p", {}, el("code", {}, command)) : null,
                      el("p", {class: "note"}, flows.length > 1 ? `Settings of all ${flows.length} flows; what is off is left out.` : "What is off is left out."),
                      flows.length ? pairs(common.map(n => [n, flows[0].get(n)])) : null,
                      differing.length ? el("details", {}, el("summary", {}, "Settings that differ between flows"),
                          el("div", {class: "scroll"}, el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, "flow"), ...differing.map(n => el("th", {}, n)))),
                              el("tbody", {}, ...run.flows.map((f, i) => el("tr", {}, el("td", {}, String(f.flow)), ...differing.map(n => el("td", {}, flows[i].get(n) || "-")))))))) : null));
    }
    return el("section", {}, el("h2", {}, "Settings"), el("div", {class: "columns"}, ...cards));
}

function hostsSection() {
    const seen = new Map();
    for (const run of page.runs)
        for (const host of run.hosts)
            seen.set(`${host.control} ${host.name} ${JSON.stringify(host.facts)}`, host);
    const cards = [...seen.values()].map(host => {
        const about = [["daemon", host.control], ["system", [host.os, host.os_release, host.machine].filter(x => x).join(" ")],
                       ["processors", host.cpus], ["flowd", host.version], ...Object.entries(host.facts || {})];
        return el("div", {class: "card"}, el("h3", {}, host.name || host.control || "host"),
                  pairs(about.filter(([, v]) => v !== undefined && v !== "").map(([k, v]) => [k, text(v)])));
    });
    return cards.length ? el("section", {}, el("h2", {}, "Hosts"), el("div", {class: "columns"}, ...cards)) : null;
}

/* ---- downloads */

const exact = value => Number.isFinite(value) ? Number(value.toPrecision(7)) : null;

function quoted(value) {
    const word = value === null || value === undefined ? "" : String(value);
    return /[",\n]/.test(word) ? `"${word.replaceAll('"', '""')}"` : word;
}

function rowsCsv() {
    const unit = m => m.unit === "1" || m.unit === "-" ? "" : ` [${m.unit}]`;
    const lines = [["run", "flow", "endpoint", "begin [s]", "end [s]", ...page.metrics.map(m => m.name + unit(m))]];
    for (const s of page.series)
        for (let i = 0; i < s.end.length; i++)
            lines.push([page.runs[s.run].run.run || page.runs[s.run].file, s.flow, s.end_name, exact(s.begin[i]), exact(s.end[i]),
                        ...s.values.map(v => v === null ? null : exact(v[i]))]);
    return lines.map(l => l.map(quoted).join(",") + "\n").join("");
}

function flowsCsv() {
    const columns = COLUMNS.filter(c => !c.spark && isShown(c));
    const lines = [columns.map(c => c.head + (c.head === "goodput" ? " [bit/s]" : c.head === "jitter" || c.head === "RTT min" ? " [s]" : c.head === "median" || c.head === "95 %" ? " RTT [ms]" : ""))];
    for (const d of directions)
        lines.push(columns.map(c => c.number ? (Number.isFinite(c.key(d)) ? c.key(d) : null) : c.text(d)));
    return lines.map(l => l.map(quoted).join(",") + "\n").join("");
}

function allJson() {
    const series = page.series.map(s => ({run: s.run, flow: s.flow, endpoint: s.end_name, begin_seconds: Array.from(s.begin, exact), end_seconds: Array.from(s.end, exact),
        values: Object.fromEntries(page.metrics.map((m, i) => [m.name, s.values[i] && Array.from(s.values[i], exact)]).filter(([, v]) => v))}));
    const metrics = page.metrics.map(({name, words, unit, help}) => ({name, words, unit, help}));
    return JSON.stringify({runs: page.runs, metrics, series}) + "\n";
}

function download(name, type, make) {
    return el("button", {onclick: () => {
        const link = el("a", {href: URL.createObjectURL(new Blob([make()], {type})), download: name});
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    }}, name);
}

function downloadSection() {
    return el("section", {class: "no-print"}, el("h2", {}, "Data"), el("div", {class: "controls"},
              download("flows.csv", "text/csv", flowsCsv), download("rows.csv", "text/csv", rowsCsv), download("run.json", "application/json", allJson)),
              el("p", {class: "note"}, `The rows have seven digits${page.reduced ? ", and are reduced as said above" : ""}; the file of the run has more: ${page.runs.map(r => r.file).join(", ")}.`));
}

/* ---- the whole */

function fill() {
    restyle();
    for (const d of directions) {
        d.box.checked = d.selected;
        paintSwatch(d.swatch, d);
    }
    sortRows(table.body);
    charts.list.forEach(fillChart);
    charts.changed();
}

/* Colours have changed: what is drawn on canvases follows. */
function redraw() {
    colours.clear();
    const columns = COLUMNS.filter(isShown);
    for (const d of directions)
        table.rows.set(d, buildRow(d, columns));
    fill();
}

function show() {
    const footer = el("footer", {}, `Made by flowctl report (flowrig ${page.version}), ${page.made}.`,
                      charts.ready ? " Charts: dygraphs, © Dan Vanderkam, MIT licence." : "");
    document.getElementById("page").append(...[header(), problems(), tiles(), limitsSection(), flowTable(), timeSection(), distributionSection(),
        settingsSection(), hostsSection(), downloadSection(), footer].filter(s => s));
    fill();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    let before;
    addEventListener("beforeprint", () => {
        before = document.documentElement.dataset.theme || "auto";
        document.querySelectorAll("details").forEach(d => { d.open = true; });
        setTheme("light");
        charts.list.concat(charts.cdfs).forEach(c => c.graph.resize());
    });
    addEventListener("afterprint", () => setTheme(before));
}

show();
