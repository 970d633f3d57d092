// Draws the charts of a report: plain SVG, sized to the place it has, drawn again when that changes. The figures come as
// JSON in the page; nothing is loaded from anywhere.
"use strict";
(() => {
    const content = JSON.parse(document.getElementById("content").textContent);

    // ---- Numbers for people, as the text report writes them

    const scaled = (number, factor, units) => {
        let unit = 0;
        while (Math.abs(number) >= factor - 0.5 && unit + 1 < units.length) { number /= factor; unit += 1; }
        const size = Math.abs(number);
        const digits = unit === 0 && Number.isInteger(number) ? 0 : size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
        return number.toFixed(digits) + (units[unit] ? " " + units[unit] : "");
    };
    const short = (text) => text.replace(/\.0+(?= |$)/, "").replace(/(\.\d*?)0+(?= |$)/, "$1");
    const forms = {
        duration: (x) => scaled(x, 1000, ["ns", "µs", "ms", "s"]),
        rate: (x) => scaled(x, 1000, ["", "k", "M", "G"]) + "/s",
        percent: (x) => (x * 100).toFixed(2) + " %",
        ratio: (x) => x.toFixed(2) + "×",
        seconds: (x) => (x === 0) ? "0 s" : short(scaled(x * 1e9, 1000, ["ns", "µs", "ms", "s"])),
        percentile: (x) => "p" + percentileOf(x),
    };
    // A percentile's place is how often its distance to 100 % fits into 100 %, as a power of ten.
    const placeOf = (percentile) => -Math.log10(Math.max(1 - percentile / 100, 1e-12));
    const percentileOf = (place) => {
        const digits = Math.max(Math.ceil(place) - 1, 1);
        return String(Number((100 * (1 - Math.pow(10, -place))).toFixed(digits)));
    };

    // ---- Elements

    const make = (name, attributes, parent) => {
        const isDrawing = ["svg", "g", "path", "line", "text", "circle", "rect"].includes(name);
        const element = isDrawing ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
        for (const [key, value] of Object.entries(attributes || {})) {
            if (key === "words") element.textContent = value; else element.setAttribute(key, value);
        }
        if (parent) parent.appendChild(element);
        return element;
    };
    const key = (style, parent) => {
        const picture = make("svg", { class: "key", viewBox: "0 0 18 8", "aria-hidden": "true" }, parent);
        make("line", { x1: 0, x2: 18, y1: 4, y2: 4, class: "line " + style, style: "fill:none;stroke-width:2.5" }, picture);
    };
    const clear = (element) => { while (element.firstChild) element.removeChild(element.firstChild); };

    // ---- Axes: a range, its ticks, and where a number stands between 0 and 1

    const linearAxis = (low, high, countMax, form) => {
        const rough = (high - low || 1) / countMax;
        const power = Math.pow(10, Math.floor(Math.log10(rough)));
        const step = [1, 2, 2.5, 5, 10].map((x) => x * power).find((x) => x >= rough * 0.999);
        const from = Math.floor(low / step + 1e-9) * step, to = Math.ceil(high / step - 1e-9) * step || step;
        const ticks = [];
        for (let x = from; x <= to + step / 2; x += step) ticks.push(Math.abs(x) < step / 1e6 ? 0 : x);
        return { ticks, place: (x) => (x - from) / (to - from), label: (x) => short(form(x)), form };
    };
    const logarithmicAxis = (low, high, countMax, form) => {
        const from = Math.floor(Math.log10(low) + 1e-9), to = Math.max(Math.ceil(Math.log10(high) - 1e-9), from + 1);
        const steps = (to - from) * 3 <= countMax + 2 ? [1, 2, 5] : [1];
        let ticks = [];
        for (let power = from; power <= to; power += 1) for (const s of steps) ticks.push(s * Math.pow(10, power));
        // Whole decades waste room: begin and end at the ticks around what is shown.
        const first = ticks.filter((x) => x <= low * 1.001).pop() || ticks[0];
        const last = ticks.find((x) => x >= high * 0.999) || ticks[ticks.length - 1];
        ticks = ticks.filter((x) => x >= first && x <= last);
        const begin = Math.log10(first), length = Math.log10(last) - begin || 1;
        return { ticks, place: (x) => (Math.log10(Math.max(x, first)) - begin) / length, label: (x) => short(form(x)), form };
    };
    const valueAxis = (values, form, isZeroBased, countMax) => {
        const positive = values.filter((x) => x > 0);
        if (!positive.length) return linearAxis(0, 1, countMax, form);
        const low = positive.reduce((a, b) => Math.min(a, b)), high = positive.reduce((a, b) => Math.max(a, b));
        if (form === forms.percent) {
            const all = values.filter((x) => x !== null).reduce((a, b) => Math.min(a, b));
            return linearAxis(high - all > 0.3 ? 0 : Math.max(all - (high - all) * 0.2 - 0.002, 0), Math.min(high + 0.001, 1), countMax, form);
        }
        return isZeroBased || high / low < 6 ? linearAxis(0, high, countMax, form) : logarithmicAxis(low, high, countMax, form);
    };
    const percentileAxis = (high) => {
        const ticks = [0];
        for (const x of [50, 90, 99, 99.9, 99.99, 99.999, 99.9999, 99.99999]) if (placeOf(x) <= high + 0.05) ticks.push(placeOf(x));
        return { ticks, place: (x) => x / high, label: (x) => (x === 0 ? "0" : percentileOf(x)) + " %", form: forms.percentile };
    };

    // ---- One chart of lines

    // what: { series: [{ name, style, points: [[x, y]] }], x, y(values), marks, troubles, height }
    class Chart {
        constructor(figure, what) {
            this.figure = figure;
            this.what = what;
            this.hidden = new Set();
            this.legend = figure.querySelector(".legend");
            this.canvas = make("div", {}, figure);
            this.tip = make("div", { class: "tip", role: "status" }, figure);
            this.pointed = null;
            new ResizeObserver(() => this.draw()).observe(this.canvas);
            this.canvas.addEventListener("pointermove", (event) => this.point(event));
            this.canvas.addEventListener("pointerdown", (event) => this.point(event));
            this.canvas.addEventListener("pointerleave", () => this.unpoint());
            figure.tabIndex = 0;
            figure.addEventListener("keydown", (event) => this.step(event));
            figure.addEventListener("blur", () => this.unpoint());
            this.draw();
        }
        show(what) { this.what = what; this.draw(); }
        get shown() { return this.what.series.filter((s, index) => !this.hidden.has(index)); }

        drawLegend() {
            clear(this.legend);
            if (this.what.series.length < 2) return;
            this.what.series.forEach((series, index) => {
                const button = make("button", { type: "button", "aria-pressed": String(!this.hidden.has(index)) }, this.legend);
                key(series.style, button);
                make("span", { words: series.name }, button);
                button.addEventListener("click", () => {
                    if (!this.hidden.delete(index)) this.hidden.add(index);
                    this.draw();
                });
            });
        }

        draw() {
            const width = Math.max(Math.round(this.canvas.clientWidth), 240), height = this.what.height || (width < 420 ? 220 : 260);
            const shown = this.shown;
            const values = shown.flatMap((s) => s.points.map((p) => p[1])).filter((y) => y !== null);
            const y = this.what.y(values, Math.round(height / 45));
            const labels = y.ticks.map(y.label);
            const left = 8 + Math.max(...labels.map((l) => l.length)) * 7, right = 18, top = 12, bottom = 28;
            const x = this.what.x(shown, Math.max(Math.floor((width - left) / 80), 2));
            this.frame = { width, height, left, right, top, bottom, x, y };
            this.drawLegend();
            clear(this.canvas);
            const svg = make("svg", { class: "plot", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": this.what.title }, this.canvas);
            this.svg = svg;
            y.ticks.forEach((tick, index) => {
                const at = this.down(tick);
                make("line", { class: index ? "rule" : "axis", x1: left, x2: width - right, y1: at, y2: at }, svg);
                make("text", { x: left - 8, y: at + 4, "text-anchor": "end", words: labels[index] }, svg);
            });
            this.drawBelow(svg);
            for (const mark of this.what.marks || []) this.drawMark(svg, mark);
            shown.forEach((series) => this.drawLine(svg, series));
            if (!values.length) make("text", { x: width / 2, y: height / 2, "text-anchor": "middle", words: "nothing was measured" }, svg);
            if (this.pointed !== null) this.drawCross();
        }
        drawBelow(svg) {
            const { x, height, bottom, width, right } = this.frame;
            let free = -Infinity;
            for (const tick of x.ticks) {
                const at = this.across(tick), words = x.label(tick), half = words.length * 3.4;
                // A label that would touch the one before is left out.
                if (at - half < free) continue;
                free = at + half + 6;
                make("line", { class: "axis", x1: at, x2: at, y1: height - bottom, y2: height - bottom + 4 }, svg);
                const isLast = at + half > width;
                make("text", { x: isLast ? width : at, y: height - 8, "text-anchor": isLast ? "end" : "middle", words }, svg);
            }
            for (const trouble of this.what.troubles || []) {
                const at = this.across(trouble[0]);
                make("rect", { class: "trouble", x: at - 1.5, width: 3, y: height - bottom - 7, height: 7 }, svg);
            }
        }
        drawMark(svg, mark) {
            const at = this.across(mark[0]), { top, height, bottom, width } = this.frame;
            make("line", { class: "mark", x1: at, x2: at, y1: top, y2: height - bottom }, svg);
            const isLeft = at > width * 0.7;
            make("text", { x: at + (isLeft ? -5 : 5), y: top + 10, "text-anchor": isLeft ? "end" : "start", words: mark[1] }, svg);
        }
        drawLine(svg, series) {
            let line = "", isOpen = false;
            for (const [x, y] of series.points) {
                if (y === null) { isOpen = false; continue; }
                line += `${isOpen ? "L" : "M"}${this.across(x).toFixed(1)} ${this.down(y).toFixed(1)}`;
                isOpen = true;
            }
            if (!line) return;
            const { height, bottom } = this.frame, ends = series.points.filter((p) => p[1] !== null);
            if (this.what.isFilled && this.shown.length === 1) {
                const area = `${line}L${this.across(ends[ends.length - 1][0])} ${height - bottom}L${this.across(ends[0][0])} ${height - bottom}Z`;
                make("path", { class: "area " + series.style, d: area }, svg);
            }
            make("path", { class: "line " + series.style, d: line }, svg);
            if (ends.length > 1 && !this.what.hasDots) return;
            for (const [x, y] of ends) make("circle", { class: "dot " + series.style, cx: this.across(x), cy: this.down(y), r: 4 }, svg);
        }
        across(x) { const f = this.frame; return f.left + f.x.place(x) * (f.width - f.left - f.right); }
        down(y) { const f = this.frame; return f.height - f.bottom - f.y.place(y) * (f.height - f.top - f.bottom); }

        // ---- What the pointer, or the arrow keys, look at

        get places() {
            const longest = this.shown.reduce((a, b) => (b.points.length > a.length ? b.points : a), []);
            return longest.map((p) => p[0]);
        }
        point(event) {
            const box = this.svg.getBoundingClientRect(), at = (event.clientX - box.left) * this.frame.width / box.width;
            const near = this.places.reduce((a, b) => (a === null || Math.abs(this.across(b) - at) < Math.abs(this.across(a) - at) ? b : a), null);
            if (near === null) return;
            this.pointed = near;
            this.drawCross();
        }
        step(event) {
            if (event.target !== this.figure || !["ArrowLeft", "ArrowRight", "Escape"].includes(event.key)) return;
            event.preventDefault();
            if (event.key === "Escape") { this.unpoint(); return; }
            const places = this.places, index = places.indexOf(this.pointed), side = event.key === "ArrowLeft" ? -1 : 1;
            const next = index < 0 ? (side < 0 ? places.length - 1 : 0) : Math.min(Math.max(index + side, 0), places.length - 1);
            this.pointed = places[next];
            this.drawCross();
        }
        unpoint() {
            this.pointed = null;
            this.tip.style.display = "none";
            if (this.cross) this.cross.remove();
        }
        drawCross() {
            if (this.cross) this.cross.remove();
            const { top, height, bottom, x, y } = this.frame, at = this.across(this.pointed);
            this.cross = make("g", {}, this.svg);
            make("line", { class: "cross", x1: at, x2: at, y1: top, y2: height - bottom }, this.cross);
            clear(this.tip);
            make("b", { words: x.form(this.pointed) }, this.tip);
            for (const series of this.shown) {
                const near = series.points.reduce((a, b) => (Math.abs(b[0] - this.pointed) < Math.abs(a[0] - this.pointed) ? b : a), [Infinity, null]);
                if (near[1] === null) continue;
                make("circle", { class: "dot " + series.style, cx: this.across(near[0]), cy: this.down(near[1]), r: 4 }, this.cross);
                const row = make("div", {}, this.tip);
                key(series.style, row);
                make("span", { words: series.name }, row);
                make("span", { words: y.form(near[1]) }, row);
            }
            for (const trouble of (this.what.troubles || []).filter((t) => t[0] === this.pointed)) {
                const row = make("div", {}, this.tip);
                make("span", { words: "errors" }, row);
                make("span", { words: trouble[1].toLocaleString("en") }, row);
            }
            this.tip.style.display = "block";
            const scale = this.canvas.clientWidth / this.frame.width, place = this.canvas.offsetLeft + at * scale;
            const isRight = place + 16 + this.tip.offsetWidth < this.figure.clientWidth;
            const beside = isRight ? place + 12 : Math.max(place - 12 - this.tip.offsetWidth, 4);
            this.tip.style.left = beside + "px";
            this.tip.style.top = this.canvas.offsetTop + 14 + "px";
        }
    }

    // ---- The charts there are

    const style = (index) => "c" + (index % 8);
    const highest = (all) => all.reduce((a, b) => Math.max(a, b), 0);
    const timeAxis = (shown, countMax) =>
        linearAxis(0, highest(shown.flatMap((s) => s.points.map((p) => p[0]))) || 1, countMax, forms.seconds);
    // Time ends where the run ends, not at the next round number.
    const tightTimeAxis = (shown, countMax) => {
        const end = highest(shown.flatMap((s) => s.points.map((p) => p[0]))) || 1, axis = timeAxis(shown, countMax);
        return { ...axis, ticks: axis.ticks.filter((t) => t <= end * 1.0001), place: (x) => x / end };
    };
    const over = (run, field) => run.time.map((t, index) => [t, run[field][index]]);
    const durationAxis = (values, countMax) => valueAxis(values, forms.duration, false, countMax);

    const percentiles = (runs) => {
        const series = [];
        // Two curves for each of many runs would be too many.
        const hasTwo = runs.length < 4 && runs.some((run) => run.service.length);
        runs.forEach((run, index) => {
            const toPoints = (steps) => steps.map(([p, y]) => [placeOf(p), y]);
            const name = runs.length > 1 ? run.label : "response, from the intended time";
            series.push({ name, style: style(index), points: toPoints(run.response) });
            if (hasTwo && run.service.length) {
                series.push({ name: runs.length > 1 ? run.label + ", service" : "service, from sending", style: style(index) + " thin", points: toPoints(run.service) });
            }
        });
        const end = highest(series.flatMap((s) => s.points.map((p) => p[0]))) || 1;
        return { series, title: "Latency by percentile", y: durationAxis, x: () => percentileAxis(end) };
    };
    // The same thing done to several runs at about the same time is one mark.
    const together = (marks) => marks.filter((mark, index) =>
        !marks.slice(0, index).some((other) => other[1] === mark[1] && Math.abs(other[0] - mark[0]) < 0.2));
    const around = (runs) => ({
        x: tightTimeAxis,
        marks: together(runs.flatMap((run) => run.marks)),
        troubles: runs.flatMap((run) => run.time.map((t, index) => [t, run.errors[index]])).filter((t) => t[1] > 0),
    });
    const throughput = (runs) => ({
        ...around(runs), title: "Requests per second over time", isFilled: true,
        series: runs.map((run, index) => ({ name: runs.length > 1 ? run.label : "requests", style: style(index), points: over(run, "rate") })),
        y: (values, countMax) => valueAxis(values, forms.rate, true, countMax),
    });
    const hits = (runs) => ({
        ...around(runs), title: "Hit ratio over time", troubles: [],
        series: runs.map((run, index) => ({ name: runs.length > 1 ? run.label : "hits", style: style(index), points: over(run, "hits") })),
        y: (values, countMax) => valueAxis(values, forms.percent, false, countMax),
    });
    const levels = [["p50", "p50"], ["p99", "p99"], ["p99.9", "p999"], ["max", "max"]];
    const latencies = (runs, level) => {
        const series = runs.length > 1
            ? runs.map((run, index) => ({ name: run.label, style: style(index), points: over(run, level) }))
            : levels.map(([name, field], index) => ({ name, style: style([0, 2, 4, 1][index]), points: over(runs[0], field) }));
        return { ...around(runs), series, title: "Latency over time", y: durationAxis };
    };
    // Runs at different rates: where does latency leave the ground? Runs of one server are one curve.
    const curve = (runs) => {
        const nameOf = (run) => run.label.replace(/\s*\d+\/s$/, "");
        const names = [...new Set(runs.map(nameOf))];
        const through = (name, field) => runs.filter((run) => nameOf(run) === name)
            .map((run) => [run.total.rate, run.total[field]]).sort((a, b) => a[0] - b[0]);
        const series = names.length > 1
            ? names.map((name, index) => ({ name: name + " p99", style: style(index), points: through(name, "p99") }))
            : [["p50", "p50"], ["p99", "p99"], ["p99.9", "p999"]].map(([name, field], index) => ({ name, style: style(index), points: through(names[0], field) }));
        const x = (shown, countMax) => linearAxis(0, highest(runs.map((run) => run.total.rate)) || 1, countMax, forms.rate);
        return { series, title: "Latency by rate", x, y: durationAxis, hasDots: true };
    };
    const kinds = { curve, percentiles, throughput, hits, latencies: (runs) => latencies(runs, "p99") };

    for (const figure of document.querySelectorAll(".chart[data-kind]")) {
        const runs = content.groups[Number(figure.dataset.group)];
        const chart = new Chart(figure, kinds[figure.dataset.kind](runs));
        const choice = figure.querySelector(".choice");
        if (!choice) continue;
        for (const [name, field] of levels) {
            const button = make("button", { type: "button", words: name, "aria-pressed": String(field === "p99") }, choice);
            button.addEventListener("click", () => {
                for (const other of choice.children) other.setAttribute("aria-pressed", String(other === button));
                chart.show(latencies(runs, field));
            });
        }
    }

    // ---- Light or dark, as the system says until the reader says otherwise

    const theme = document.getElementById("theme");
    theme.hidden = false;
    theme.addEventListener("click", () => {
        const root = document.documentElement, isDark = getComputedStyle(root).getPropertyValue("--ground").trim() === "#14171b";
        root.dataset.theme = isDark ? "light" : "dark";
    });
})();
