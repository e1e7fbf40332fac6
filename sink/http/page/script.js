"use strict";
(() => {
  const POLL_MS = 1000, ROWS = 20, SAMPLE = 10;
  const GOOD = ["running", "finished"], WARN = ["starting", "paused", "catching_up", "restoring", "rebuilding", "revoking"];
  const main = document.getElementById("main");
  const status = document.getElementById("status");
  const summary = document.getElementById("summary");
  const hold = document.getElementById("hold");
  const views = new Map();
  let held = false, timer = 0;

  const element = (tag, properties, ...children) => {
    const node = Object.assign(document.createElement(tag), properties);
    node.append(...children);
    return node;
  };
  // Numbers stay as they were sent: a browser's own numbers would round sums beyond 2^53.
  const parseExact = (text) => JSON.parse(
    text.replace(/("(?:[^"\\]|\\.)*")|(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)/g,
      (all, string, number) => string !== undefined ? string
        : `{"n":"${number}"}`));
  const isNumber = (value) => value !== null && typeof value === "object" && "n" in value;
  const grouped = (digits) => {
    const match = /^(-?)(\d+)((?:\.\d+)?)$/.exec(digits);
    return match ? match[1] + match[2].replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f") + match[3] : digits;
  };
  const shown = (value) => value === null ? "–"
    : isNumber(value) ? grouped(value.n)
      : typeof value === "object" ? JSON.stringify(value)
        : typeof value === "string" && /^\d{4}-\d\d-\d\dT.*Z$/.test(value)
          ? value.replace("T", " ").replace("Z", "") : String(value);
  // Of a long fraction the first digits; the cell's title has them all.
  const shortened = (text) => text.replace(/(\.\d{6})\d{3,}$/, "$1…");
  const plain = (value) => isNumber(value) ? Number(value.n) : value;

  const fetchExact = async (path) => {
    const answer = await fetch(path, { headers: { Accept: "application/json" }, cache: "no-cache" });
    const text = await answer.text();
    if (!answer.ok) {
      let detail = `${answer.status}`;
      try { detail = JSON.parse(text).detail || detail; } catch { /* not a problem document */ }
      throw new Error(detail);
    }
    return parseExact(text);
  };

  const stateClass = (state) => GOOD.includes(state) ? "good" : WARN.includes(state) ? "warn" : "bad";
  const stateNode = (state) => element("span", { className: `state ${stateClass(state)}`, textContent: state.replace("_", " ") });

  // Redraws only what differs, so that a selection and the place of a screen reader stay.
  const fillTable = (table, columns, rows, caption) => {
    const signature = columns.join("\u0000");
    if (table.dataset.columns !== signature) {
      table.replaceChildren(
        element("thead", {}, element("tr", {}, ...columns.map((name) => element("th", { scope: "col", textContent: name })))),
        element("tbody", {}));
      table.dataset.columns = signature;
      table.setAttribute("aria-label", caption);
    }
    const body = table.tBodies[0];
    const numeric = columns.map((_, c) => rows.some((row) => isNumber(row[c])));
    numeric.forEach((is, c) => table.tHead.rows[0].cells[c].classList.toggle("number", is));
    while (body.rows.length > rows.length) body.deleteRow(-1);
    rows.forEach((row, r) => {
      const line = body.rows[r] || body.insertRow();
      row.forEach((value, c) => {
        const cell = line.cells[c] || line.insertCell();
        const node = value instanceof Node ? value : null;
        const whole = node ? node.textContent : shown(value);
        const text = isNumber(value) ? shortened(whole) : whole;
        const isNew = cell.textContent === "";
        const changed = cell.textContent !== text;
        if (changed) { if (node) cell.replaceChildren(node); else cell.textContent = text; }
        cell.title = !node && (text !== whole || whole.length > 40) ? whole : "";
        cell.classList.toggle("number", numeric[c]);
        cell.classList.toggle("changed", changed && !isNew);
      });
    });
  };

  const scroller = (label) => {
    const table = element("table", {});
    const box = element("div", { className: "scroll", tabIndex: 0 }, table);
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", label);
    return { box, table };
  };

  const makeView = (name) => {
    const view = { name, facts: element("dl", {}), state: element("span", {}), reason: element("span", { className: "note" }), tables: new Map() };
    view.body = element("div", {});
    view.partitions = scroller(`Partitions of ${name}`);
    const heading = element("h2", { id: `p-${name}`, textContent: name });
    view.root = element("section", {},
      element("div", { className: "head" }, heading, view.state, view.reason), view.facts, view.body,
      element("details", {}, element("summary", { textContent: "Partitions" }), view.partitions.box));
    view.root.setAttribute("aria-labelledby", `p-${name}`);
    main.append(view.root);
    return view;
  };

  const tableOf = (view, kind, name) => {
    const key = `${kind}/${name}`;
    if (!view.tables.has(key)) {
      const { box, table } = scroller(`${kind} ${name} of ${view.name}`);
      const path = `/v1/pipelines/${encodeURIComponent(view.name)}/${kind === "Aggregate" ? "aggregates" : "sets"}/${encodeURIComponent(name)}`;
      const note = element("p", { className: "note" });
      const heading = element("h3", {}, `${name} `, element("small", {}, kind === "Aggregate" ? "aggregate · " : "set · ", element("a", { href: path, textContent: "JSON" })));
      view.body.append(heading, box, note);
      view.tables.set(key, { table, note, path, windowed: false });
    }
    return view.tables.get(key);
  };

  const facts = (view, pairs) => {
    view.facts.replaceChildren(...pairs.map(([name, value]) =>
      element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: shown(value) }))));
  };

  const showRows = (view, kind, name, answer, limit) => {
    const part = tableOf(view, kind, name);
    const rows = answer.rows;
    const columns = rows.length ? Object.keys(rows[0]) : [];
    part.windowed = part.windowed || columns.includes("window_start");
    fillTable(part.table, columns, rows.map((row) => columns.map((column) => row[column])), `${kind} ${name}`);
    part.note.textContent = !rows.length ? "No rows yet."
      : answer.next_cursor !== null ? `The first ${limit} rows${part.windowed ? ", newest window first" : ""}.`
        : `${rows.length} row${rows.length === 1 ? "" : "s"}.`;
    if (!answer.complete) part.note.textContent += " Incomplete: some partitions are not held here or not filled yet.";
  };

  const readTable = async (view, kind, name, limit) => {
    const part = tableOf(view, kind, name);
    try {
      const order = part.windowed ? "&order=-window_start" : "";
      let answer = await fetchExact(`${part.path}?limit=${limit}${order}`);
      if (!part.windowed && answer.rows.length && "window_start" in answer.rows[0] && kind === "Aggregate") {
        part.windowed = true;
        answer = await fetchExact(`${part.path}?limit=${limit}&order=-window_start`);
      }
      showRows(view, kind, name, answer, limit);
      return answer.newest_event_time;
    } catch (error) {
      part.note.textContent = `Cannot be read: ${error.message}`;
      return null;
    }
  };

  const showPipeline = async (view) => {
    const p = await fetchExact(`/v1/pipelines/${encodeURIComponent(view.name)}`);
    view.state.replaceChildren(stateNode(p.state));
    view.reason.textContent = p.reason || "";
    let newest = null;
    for (const name of p.aggregates) newest = await readTable(view, "Aggregate", name, ROWS) || newest;
    for (const name of p.sets) newest = await readTable(view, "Set", name, SAMPLE) || newest;
    const now = performance.now(), applied = plain(p.records.applied);
    const rate = view.last && now > view.last.at ? Math.max(0, Math.round((applied - view.last.applied) * 1000 / (now - view.last.at))) : null;
    view.last = { at: now, applied };
    facts(view, [
      ["Lag (records)", p.lag_records], ["Applied", p.records.applied],
      ["Per second", rate === null ? null : { n: String(rate) }],
      ["Filtered", p.records.filtered], ["Rejected", p.records.rejected],
      ["Partitions", { n: String(p.partitions.length) }], ["Newest event", newest]]);
    fillTable(view.partitions.table,
      ["partition", "state", "next offset", "end", "lag", "lag s", "watermark", "last progress", "reason"],
      p.partitions.map((q) => [`${q.topic}/${plain(q.partition)}`, stateNode(q.state), q.next_offset, q.end_offset,
        q.lag_records, q.lag_seconds, q.watermark, q.last_progress, q.reason]), `Partitions of ${view.name}`);
  };

  const say = (text) => { if (status.textContent !== text) status.textContent = text; };

  const refresh = async () => {
    try {
      const list = (await fetchExact("/v1/pipelines")).pipelines;
      const names = new Set(list.map((p) => p.name));
      for (const [name, view] of views) if (!names.has(name)) { view.root.remove(); views.delete(name); }
      for (const { name } of list) if (!views.has(name)) views.set(name, makeView(name));
      for (const { name } of list) await showPipeline(views.get(name));
      summary.textContent = list.length === 1 ? "1 pipeline" : `${list.length} pipelines`;
      say("Live");
    } catch (error) {
      say(error instanceof TypeError ? "The server cannot be reached; trying again" : error.message);
    }
    schedule();
  };
  const schedule = () => {
    clearTimeout(timer);
    if (!held) timer = setTimeout(() => document.hidden ? schedule() : refresh(), POLL_MS);
  };

  hold.addEventListener("click", () => {
    held = !held;
    hold.setAttribute("aria-pressed", String(held));
    say(held ? "Held" : "Live");
    if (held) clearTimeout(timer); else refresh();
  });
  refresh();
})();
