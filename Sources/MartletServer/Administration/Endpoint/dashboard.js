'use strict';
(() => {
    const $ = (id) => document.getElementById(id);
    const make = (tag, attributes = {}, ...children) => {
        const element = document.createElement(tag);
        for (const [name, value] of Object.entries(attributes)) {
            if (name === 'class') element.className = value; else element.setAttribute(name, value);
        }
        element.append(...children.filter((child) => child !== null && child !== undefined));
        return element;
    };

    // MARK: Numbers as text

    const short = (value, units, step) => {
        if (value === null || value === undefined || Number.isNaN(value)) return ['–', ''];
        let index = 0, size = Math.abs(value);
        while (size >= step && index < units.length - 1) { size /= step; value /= step; index++; }
        const places = index === 0 && Number.isInteger(value) ? 0 : size < 10 ? 2 : size < 100 ? 1 : 0;
        return [value.toFixed(places), units[index]];
    };
    const join = ([number, unit]) => number + (unit ? ' ' + unit : '');
    const counted = (value) => join(short(value, ['', 'k', 'M', 'G'], 1000)).replace(' ', ' ');
    const rate = (value) => counted(value === null || value === undefined ? value : Math.round(value * 10) / 10);
    const bytes = (value) => join(short(value, ['B', 'KiB', 'MiB', 'GiB', 'TiB'], 1024));
    const time = (us) => join(short(us, ['µs', 'ms', 's'], 1000));
    const percent = (share, places = 1) => share === null || Number.isNaN(share) ? '–' : (share * 100).toFixed(places) + ' %';
    const seconds = (count) => {
        const days = Math.floor(count / 86400), hours = Math.floor(count / 3600) % 24, minutes = Math.floor(count / 60) % 60;
        if (days) return `${days} d ${hours} h`;
        if (hours) return `${hours} h ${minutes} min`;
        return minutes ? `${minutes} min ${count % 60} s` : `${count} s`;
    };

    // MARK: What is known

    let columns = [], rows = [], last = 0, stats = null, span = 300, paused = false, hover = null;
    const column = (name) => {
        const index = columns.indexOf(name);
        return index < 0 ? rows.map(() => null) : rows.map((row) => row[index]);
    };
    const mean = (name, count) => {
        const values = column(name).slice(-count).filter((value) => value !== null);
        return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
    };
    const hitRatio = (count) => {
        const hits = mean('get_hits', count), misses = mean('get_misses', count);
        return hits === null || hits + misses === 0 ? null : hits / (hits + misses);
    };

    // MARK: Charts

    const charts = [
        { name: 'Hit ratio', unit: (v) => percent(v, v > 0.99 && v < 1 ? 2 : v === 1 ? 0 : 1), top: 1, fixed: true, lines: [
            ['hit ratio', 0, () => { const h = column('get_hits'), m = column('get_misses'); return h.map((x, i) => x + m[i] > 0 ? x / (x + m[i]) : null); }]] },
        { name: 'Operations a second', unit: rate, lines: [
            ['get hits', 0, 'get_hits'], ['get misses', 1, 'get_misses'], ['sets', 2, 'sets'], ['deletes', 3, 'deletes'],
            ['incr/decr', 4, 'arithmetic'], ['touches', 6, 'touches']] },
        { name: 'Latency in the server', unit: time, lines: [['p50', 2, 'p50'], ['p95', 4, 'p95'], ['p99', 1, 'p99']] },
        { name: 'Evictions and expiry a second', unit: rate, lines: [
            ['evicted', 1, 'evictions'], ['of these never read', 3, 'evicted_unfetched'], ['reclaimed expired', 2, 'reclaimed'],
            ['expired unread', 4, 'expired_unfetched'], ['back soon after', 0, 'ghost_hits']] },
        { name: 'Memory', unit: bytes, lines: [['pages', 7, 'page_bytes'], ['items', 0, 'item_bytes']], limit: () => stats && stats.server.limit_bytes },
        { name: 'Items by segment', unit: counted, stacked: true, lines: [
            ['cold', 0, 'cold'], ['warm', 1, 'warm'], ['hot', 3, 'hot'], ['temp', 4, 'temp']] },
        { name: 'Network a second', unit: bytes, lines: [['in', 2, 'bytes_read'], ['out', 0, 'bytes_written']] },
        { name: 'Connections', unit: counted, lines: [['open', 0, 'connections'], ['new a second', 4, 'new_connections']] },
        { name: 'Workers, busy', unit: (v) => percent(v, 0), top: 1, fixed: true, workers: true, lines: [] },
    ];
    const colour = (index) => getComputedStyle(document.documentElement).getPropertyValue('--s' + index % 8).trim();
    const themed = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

    const buildCharts = () => {
        for (const chart of charts) {
            chart.canvas = make('canvas', { role: 'img', 'aria-label': chart.name });
            chart.legend = make('div', { class: 'legend' });
            chart.when = make('span', { class: 'quiet' });
            $('charts').append(make('figure', { class: 'panel' }, make('figcaption', {}, chart.name, chart.when), chart.legend, chart.canvas));
            const move = (event) => {
                const box = chart.canvas.getBoundingClientRect();
                hover = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
                drawAll();
            };
            chart.canvas.addEventListener('pointermove', move);
            chart.canvas.addEventListener('pointerleave', () => { hover = null; drawAll(); });
        }
    };

    const niceTop = (value) => {
        if (!(value > 0)) return 1;
        const power = 10 ** Math.floor(Math.log10(value));
        return [1, 1.5, 2, 3, 4, 5, 7.5, 10].find((step) => step * power >= value) * power;
    };
    // Bytes are read in powers of two.
    const niceTopBytes = (value) => {
        if (!(value > 0)) return 1024;
        const power = 2 ** Math.floor(Math.log2(value));
        return [1, 1.5, 2].find((step) => step * power >= value) * power;
    };

    const draw = (chart) => {
        const canvas = chart.canvas, scale = window.devicePixelRatio || 1;
        const width = canvas.clientWidth, height = canvas.clientHeight;
        if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
        if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
        const context = canvas.getContext('2d');
        context.setTransform(scale, 0, 0, scale, 0, 0);
        context.clearRect(0, 0, width, height);
        if (chart.workers) {
            chart.lines = columns.filter((name) => name.startsWith('worker_')).slice(0, 64).map((name, index) => [name.slice(7), index, name]);
        }
        const end = rows.length ? rows[rows.length - 1][0] : Date.now(), start = end - span * 1000;
        const times = rows.map((row) => row[0]);
        let series = chart.lines.map(([, , source]) => typeof source === 'string' ? column(source) : source());
        if (chart.stacked) {
            let base = times.map(() => 0);
            series = series.map((values) => (base = values.map((value, index) => (value || 0) + base[index])));
        }
        const first = Math.max(0, times.findIndex((t) => t >= start) - 1);
        let top = chart.top || 0;
        const limit = chart.limit && chart.limit();
        if (!chart.fixed) {
            for (const values of series) for (let i = first; i < values.length; i++) if (values[i] > top) top = values[i];
            if (limit) top = Math.max(top, limit);
            top = chart.unit === bytes ? niceTopBytes(top) : niceTop(top);
        }
        const x = (t) => (t - start) / (span * 1000) * width, y = (v) => height - 18 - v / top * (height - 26);
        context.font = '11px system-ui, sans-serif';
        context.lineWidth = 1;
        context.textBaseline = 'bottom';
        for (const share of [0, 0.5, 1]) {
            context.strokeStyle = themed('--grid');
            context.beginPath(); context.moveTo(0, y(top * share) + .5); context.lineTo(width, y(top * share) + .5); context.stroke();
            if (share > 0) { context.fillStyle = themed('--quiet'); context.textAlign = 'left'; context.fillText(chart.unit(top * share), 2, y(top * share) + (share === 1 ? 14 : 0)); }
        }
        const marks = span <= 60 ? 15 : span <= 300 ? 60 : 300;
        context.fillStyle = themed('--quiet'); context.textAlign = 'center';
        for (let ago = marks; ago < span; ago += marks) {
            context.fillText(marks < 60 ? `−${ago} s` : `−${ago / 60} min`, x(end - ago * 1000), height);
        }
        if (limit) {
            context.setLineDash([4, 3]); context.strokeStyle = themed('--alarm-rule');
            context.beginPath(); context.moveTo(0, y(limit)); context.lineTo(width, y(limit)); context.stroke(); context.setLineDash([]);
        }
        const order = chart.stacked ? series.map((_, i) => series.length - 1 - i) : series.map((_, i) => i);
        for (const index of order) {
            const values = series[index];
            context.strokeStyle = context.fillStyle = colour(chart.lines[index][1]);
            context.lineWidth = 1.6; context.lineJoin = 'round';
            context.beginPath();
            let pen = false, begun = 0, stop = 0;
            for (let i = first; i < values.length; i++) {
                // A gap is a gap.
                if (values[i] === null || (i > first && times[i] - times[i - 1] > 5000)) { pen = false; if (values[i] === null) continue; }
                if (pen) context.lineTo(x(times[i]), y(values[i])); else { context.moveTo(x(times[i]), y(values[i])); if (!begun) begun = x(times[i]); }
                pen = true; stop = x(times[i]);
            }
            context.stroke();
            if (chart.stacked && stop > 0) {
                context.lineTo(stop, y(0)); context.lineTo(begun, y(0)); context.closePath();
                context.globalAlpha = .75; context.fill(); context.globalAlpha = 1;
            }
        }
        let at = rows.length - 1;
        if (hover !== null && rows.length) {
            const wanted = start + hover * span * 1000;
            at = times.findIndex((t) => t >= wanted); if (at < 0) at = rows.length - 1;
            context.strokeStyle = themed('--quiet'); context.lineWidth = 1;
            context.beginPath(); context.moveTo(x(times[at]), 0); context.lineTo(x(times[at]), height - 18); context.stroke();
        }
        chart.when.textContent = hover !== null && rows.length ? new Date(times[at]).toLocaleTimeString() : '';
        chart.legend.replaceChildren(...chart.lines.map(([name, index, source]) => {
            const values = typeof source === 'string' ? column(source) : source();
            const key = make('i'); key.style.background = colour(index);
            return make('span', {}, key, name, make('b', {}, at < 0 || values[at] === null ? '–' : chart.unit(values[at])));
        }));
    };
    const drawAll = () => charts.forEach(draw);

    // MARK: Tiles, advice, tables

    const tile = (name, value, unit, more, share, isLoad = true) => {
        const meter = share === undefined ? null : make('div', { class: isLoad && share > .9 ? 'meter high' : 'meter' }, make('i'));
        if (meter) meter.firstChild.style.width = Math.min(100, share * 100).toFixed(1) + '%';
        return make('div', { class: 'tile' }, make('span', { class: 'name' }, name),
            make('span', { class: 'value' }, value, unit ? make('small', {}, ' ' + unit) : null), meter, make('span', { class: 'more' }, more));
    };
    const showTiles = () => {
        const s = stats.stats, server = stats.server, recent = hitRatio(5), whole = hitRatio(300);
        const operations = ['get_hits', 'get_misses', 'sets', 'deletes', 'arithmetic', 'touches'];
        const sum = (count) => operations.reduce((total, name) => total + (mean(name, count) || 0), 0);
        const lifetime = s.cmd_get ? percent(s.get_hits / s.cmd_get) : '–';
        const p99 = mean('p99', 5), [late, lateUnit] = short(p99, ['µs', 'ms', 's'], 1000);
        const [size, sizeUnit] = short(s.bytes, ['B', 'KiB', 'MiB', 'GiB'], 1024);
        const busy = columns.map((name, i) => [name, i]).filter(([name]) => name.startsWith('worker_')).map(([name]) => mean(name, 5) || 0);
        $('tiles').replaceChildren(
            tile('Hit ratio', percent(recent), '', `5 min ${percent(whole)} · since start ${lifetime}`, recent || 0, false),
            tile('Operations', rate(sum(5)), '/s', `5 min ${rate(sum(300))}/s`),
            tile('p99 in the server', late, lateUnit, `p50 ${time(mean('p50', 5))} · p95 ${time(mean('p95', 5))}`),
            tile('Memory of items', size, sizeUnit, `of ${bytes(server.limit_bytes)} · resident ${bytes(server.resident_bytes)}`, s.bytes / server.limit_bytes, false),
            tile('Items', counted(s.curr_items), '', `${bytes(s.curr_items ? s.bytes / s.curr_items : 0)} each · pages/items ${server.fragmentation.toFixed(2)}`),
            tile('Evictions', rate(mean('evictions', 5) || 0), '/s', `${counted(s.evictions)} since start · ${counted(server.ghost_hits)} came back`),
            tile('Connections', counted(s.curr_connections), '', `of ${counted(s.max_connections)} · ${counted(s.rejected_connections || 0)} refused`, s.curr_connections / s.max_connections),
            tile('Busiest worker', percent(Math.max(0, ...busy), 0), '', `idlest ${percent(Math.min(1, ...busy), 0)} of ${busy.length}`, Math.max(0, ...busy)));
        $('place').textContent = `${location.host} · version ${server.version} · up ${seconds(server.uptime_seconds)} · ${server.threads} threads`;
        $('foot').textContent = `lock waits ${counted(server.lock_waits)} (${time(server.lock_wait_seconds * 1e6)}) · pages moved ${counted(server.pages_moved)}`;
        document.title = `${percent(recent, 0)} hits · Martlet`;
    };
    const showAdvice = () => $('advice').replaceChildren(
        ...stats.advice.map((row) => make('p', { class: 'advice ' + row.weight, role: 'note' }, row.text)));

    const table = (titles, lines) => make('div', { class: 'scroll' }, make('table', {},
        make('thead', {}, make('tr', {}, ...titles.map((title) => make('th', { scope: 'col', class: title.startsWith('<') ? 'left' : '' }, title.replace('<', ''))))),
        make('tbody', {}, ...lines.map((cells) => make('tr', {}, ...cells.map((cell, index) => {
            const left = titles[index].startsWith('<') ? 'left' : '';
            if (cell && cell.share !== undefined) {
                const element = make('td', { class: 'fill ' + left }, cell.text);
                element.style.setProperty('--share', Math.min(100, cell.share * 100).toFixed(1) + '%');
                return element;
            }
            return make('td', { class: left + (cell && cell.wrap ? ' wrap' : '') }, cell && cell.wrap ? cell.wrap : String(cell));
        }))))));
    const panel = (kind, title, ...children) => make('section', { class: 'panel ' + kind }, make('h2', {}, title), ...children);
    const empty = (...children) => make('p', { class: 'empty' }, ...children);
    const code = (text) => make('code', {}, text);

    const classes = () => {
        const most = Math.max(1, ...stats.classes.map((row) => row.page_bytes));
        const lines = stats.classes.map((row) => {
            const used = row.used_chunks / Math.max(1, row.used_chunks + row.free_chunks), waste = row.page_bytes - row.item_bytes;
            return [row.id, bytes(row.chunk_bytes), counted(row.items), { share: row.page_bytes / most, text: bytes(row.page_bytes) }, percent(used, 0),
                { share: waste / Math.max(1, row.page_bytes), text: `${bytes(waste)} (${percent(waste / Math.max(1, row.page_bytes), 0)})` },
                counted(row.hot), counted(row.warm), counted(row.cold), seconds(row.age_seconds), counted(row.evicted), counted(row.evicted_unfetched), counted(row.get_hits), counted(row.sets)];
        });
        return panel('wide', 'Memory by slab class', lines.length
            ? table(['Class', 'Chunk', 'Items', 'Pages', 'Used', 'Not items', 'Hot', 'Warm', 'Cold', 'Age', 'Evicted', 'Never read', 'Hits', 'Sets'], lines)
            : empty('Nothing is stored yet.'));
    };
    const latency = () => {
        const lines = Object.entries(stats.latency_us).map(([name, row]) => [name, counted(row.sampled), time(row.mean), time(row.p50), time(row.p95), time(row.p99), time(row.p999)]);
        return panel('', 'Latency by command, since the start', lines.length ? table(['Command', 'Count', 'Mean', 'p50', 'p95', 'p99', 'p99.9'], lines) : empty('Nobody has asked for anything yet.'));
    };
    const workers = () => {
        const at = stats.workers.map((_, index) => mean('worker_' + index, 5) || 0);
        const most = Math.max(1, ...stats.workers.map((row) => row.connections));
        return panel('', 'Worker balance', table(['Worker', 'Busy', 'Connections', 'Turns', 'Turns a round', 'In', 'Out'], stats.workers.map((row, index) => [
            index, { share: at[index], text: percent(at[index]) }, { share: row.connections / most, text: counted(row.connections) }, counted(row.turns),
            (row.turns / Math.max(1, row.rounds)).toFixed(2), bytes(row.bytes_read), bytes(row.bytes_written)])));
    };
    const keys = () => {
        if (!stats.keys_are_sampled) return panel('', 'Top keys', empty('Keys may be personal, so they are not looked at unless the server is started with ', code('--top-keys'), '.'));
        const most = Math.max(1e-9, ...stats.top_keys.map((row) => row.share));
        const prefixes = stats.top_prefixes.length ? [make('h2', {}, 'By prefix'), table(['Prefix', 'Share, at least'], stats.top_prefixes.map((row) => [row.prefix, percent(row.share, 2)]))] : [];
        return panel('', 'Top keys, of a sample of the last minutes', stats.top_keys.length
            ? table(['Key', 'Share of all', 'At most too much'], stats.top_keys.map((row) => [{ wrap: row.key }, { share: row.share / most, text: percent(row.share, 2) }, percent(row.excess, 2)]))
            : empty('No key has been asked for more than once.'), ...prefixes);
    };
    const slow = () => panel('', `Turns of ${stats.slow_milliseconds} ms and more`, stats.slow.length
        ? table(['Time', 'Took', '<Command', '<Key', '<Client', 'Worker'], stats.slow.map((row) => [
            new Date(row.time).toLocaleTimeString(), time(row.microseconds), row.command || '–', row.key ? { wrap: row.key } : '–', row.client || 'gone', row.worker]))
        : empty('None so far. The bound is ', code('--slow-request'), '.'));
    const settings = () => panel('', 'Settings that differ from the defaults', stats.changed_settings.length
        ? table(['Setting', '<Value', '<Default'], stats.changed_settings.map((row) => [row.name, { wrap: row.value }, { wrap: row.default }])) : empty('None.'));
    const clients = () => {
        const sums = new Map();
        for (const row of stats.clients) {
            const host = row.address.replace(/^tcp6?:/, '').replace(/:\d+$/, ''), known = sums.get(host) || { count: 0, idle: Infinity };
            sums.set(host, { count: known.count + 1, idle: Math.min(known.idle, row.idle_seconds) });
        }
        const lines = [...sums].sort((a, b) => b[1].count - a[1].count).map(([host, row]) => [{ wrap: host }, row.count, seconds(row.idle)]);
        return panel('', 'Clients' + (stats.clients.length >= 200 ? ', of the first 200 connections' : ''), lines.length ? table(['Address', 'Connections', 'Last heard of'], lines) : empty('Nobody is connected.'));
    };
    const cluster = () => stats.cluster ? panel('wide', 'Cluster, as config get cluster tells it', make('p', {}, code(stats.cluster.trim().replace(/\n/g, ' '))) ) : null;
    const showTables = () => {
        const places = [...document.querySelectorAll('#tables .scroll')].map((element) => element.scrollTop);
        $('tables').replaceChildren(...[classes(), latency(), workers(), keys(), slow(), settings(), clients(), cluster()].filter(Boolean));
        document.querySelectorAll('#tables .scroll').forEach((element, index) => { element.scrollTop = places[index] || 0; });
    };

    // MARK: Asking

    const ask = async (path) => {
        const reply = await fetch(path, { cache: 'no-store' });
        if (!reply.ok) throw new Error(`${path}: ${reply.status}`);
        return reply.json();
    };
    const show = (text, kind) => { $('state').textContent = text; $('state').className = 'state ' + kind; };
    let round = 0;
    const refresh = async () => {
        if (paused || document.hidden) return;
        try {
            const news = await ask('/history.json?after=' + last);
            // A server that was started anew counts from 1 again.
            if (news.last < last) { rows = []; last = 0; return; }
            columns = news.columns; last = news.last;
            rows = rows.concat(news.rows).slice(-900);
            if (round++ % 2 === 0 || !stats) { stats = await ask('/stats.json'); showAdvice(); showTables(); }
            showTiles();
            drawAll();
            show('live', 'live');
        } catch (error) {
            show('no answer', 'lost');
        }
    };
    for (const button of document.querySelectorAll('[data-span]')) {
        button.addEventListener('click', () => {
            span = Number(button.dataset.span);
            document.querySelectorAll('[data-span]').forEach((other) => other.setAttribute('aria-pressed', String(other === button)));
            drawAll();
        });
    }
    $('pause').addEventListener('click', () => {
        paused = !paused;
        $('pause').textContent = paused ? 'Go on' : 'Pause';
        $('pause').setAttribute('aria-pressed', String(paused));
        if (paused) show('paused', ''); else refresh();
    });
    addEventListener('resize', drawAll);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
    document.addEventListener('visibilitychange', refresh);
    buildCharts();
    refresh();
    setInterval(refresh, 1000);
})();
