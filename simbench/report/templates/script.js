"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = Object.fromEntries(data.fields.map((name, k) => [name, k]));
  const $ = id => document.getElementById(id);
  const state = new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
  const FIRST = 100;
  const DARK = matchMedia("(prefers-color-scheme: dark)").matches;
  const OKABE = [DARK ? "#56B4E9" : "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", DARK ? "#4D94D0" : "#56B4E9", "#A9854A"];
  const VIRIDIS = DARK ? ["#31688e", "#287c8e", "#20928c", "#22a785", "#45bf70", "#7ad151", "#bddf26", "#fde725"] : ["#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b"];
  let most = FIRST;

  // Text from data becomes text nodes and attributes only, never markup.
  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== "") made.setAttribute(name, value);
    made.append(...children.filter(child => child !== null));
    return made;
  }
  function drawn(tag, attributes = {}, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }
  const number = (value, digits = 2) => value === null || value === undefined ? "" : value.toFixed(digits).replace(/^-(?=[0.]*$)/, "").replace("-", "−");
  const place = value => (Math.min(Math.max(value, data.least), 1) - data.least) / (1 - data.least) * 150;
  const distinct = values => [...new Set(values)];

  function save(name, content, type) {
    const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
    element("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }
  // A cell that a spreadsheet would execute gets an apostrophe before it, as in the files of simbench.
  function cell(value) {
    if (value === null || value === undefined) return "";
    let text = String(value);
    if (typeof value === "string" && /^[=+\-@\t\r']/.test(text)) text = "'" + text;
    return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  }
  const csv = rows => rows.map(row => row.map(cell).join(",")).join("\n") + "\n";

  function remember(key, value) {
    if (value === "" || value === null) state.delete(key); else state.set(key, value);
    history.replaceState(null, "", "#" + state);
  }
  function options(select, values, chosen) {
    select.replaceChildren(...values.map(([value, text]) => element("option", { value: String(value) }, text)));
    for (const option of select.options) if (!option.hasAttribute("value")) option.value = "";
    if (values.some(([value]) => String(value) === String(chosen))) select.value = chosen;
  }

  // Leaderboard
  const rows = data.board.map(row => ({ row, index: data.indices[row[at.index]], setting: data.settings[row[at.setting]] }));
  for (const each of rows) {
    const { row, index, setting } = each;
    each.text = [index.name, index.claims, index.source, index.package, index.cost, setting.name].join(" ").toLowerCase();
  }
  const filters = {
    dataset: each => each.setting.dataset, models: each => each.setting.models, view: each => each.index.view,
    stitcher: each => each.row[at.stitcher], family: each => data.families[each.row[at.stitcher]] || "",
  };
  function value(each, column) {
    if (column === "setting") return each.setting.name;
    if (column === "index") return each.index.name;
    if (column in at) return each.row[at[column]];
    return each.index[column];
  }
  function sorted(found) {
    const column = state.get("sort") || "rank", grouped = !state.get("sort"), sign = state.get("order") === "descending" ? -1 : 1;
    const keyed = found.map((each, k) => [value(each, column), k, each]);
    keyed.sort(([a, i, one], [b, j, other]) => {
      if (grouped && one.row[at.setting] !== other.row[at.setting]) return one.row[at.setting] - other.row[at.setting];
      if (a === null || a === undefined || b === null || b === undefined) return (a ?? null) === (b ?? null) ? i - j : (a ?? null) === null ? 1 : -1;
      return (a < b ? -sign : a > b ? sign : 0) || i - j;
    });
    return keyed.map(each => each[2]);
  }
  function chosen() {
    const text = (state.get("text") || "").toLowerCase();
    const family = state.get("family"), stitcher = family && !state.get("stitcher") ? "" : state.get("stitcher") || "all";
    return rows.filter(each => each.text.includes(text) && Object.entries(filters).every(([name, of]) => {
      const wanted = name === "stitcher" ? stitcher : state.get(name);
      return !wanted || wanted === "*" || of(each) === wanted;
    }));
  }
  function interval(row) {
    const [value, low, high] = ["", "_low", "_high"].map(end => row[at[data.scope + end]]);
    if (value === null) return "";
    const picture = drawn("svg", { width: 150, height: 16, viewBox: "0 0 150 16", "aria-hidden": "true" });
    const ceiling = data.scope === "within" ? row[at.ceiling] : null;
    if (ceiling !== null) picture.append(drawn("rect", { class: "ceiling", x: place(ceiling), y: 0, width: 150 - place(ceiling), height: 16 }));
    picture.append(drawn("path", { class: "zero", d: `M${place(0)} 0V16` }));
    if (low !== null) picture.append(drawn("path", { class: "whisker", d: `M${place(low)} 8H${place(high)}` }));
    picture.append(drawn("circle", { class: "dot", cx: place(value), cy: 8, r: 4 }));
    return picture;
  }
  function line({ row, index, setting }) {
    const cells = [], n = text => cells.push(element("td", { class: "n" }, text));
    const rank = element("td", {}, row[at.rank] === null ? "" : String(row[at.rank]));
    if (row[at.best_rank] !== null && row[at.best_rank] !== row[at.worst_rank]) rank.append(" ", element("span", { class: "aside" }, `(${row[at.best_rank]}–${row[at.worst_rank]})`));
    const name = element("th", { scope: "row" }, index.name);
    if (index.control) name.append(" ", element("span", { class: "badge" }, "control"));
    cells.push(rank, name, element("td", { class: "several" }, setting.name), element("td", { class: "stitched" }, row[at.stitcher]));
    n(number(row[at.within]));
    cells.push(element("td", { class: "n aside" }, row[at.within_low] === null ? "" : `${number(row[at.within_low])} to ${number(row[at.within_high])}`), element("td", {}, interval(row)));
    n(number(row[at.within_end])); n(number(row[at.pooled]));
    for (const each of data.added) n(number(row[at[each.name]]));
    n(number(row[at.relative_accuracy])); n(number(row[at.coverage])); n(number(index.milliseconds, 1));
    const source = index.address ? element("a", { href: index.address, rel: "noreferrer" }, index.source) : index.source;
    cells.push(element("td", {}, index.cost), element("td", {}, index.claims), element("td", {}, source), element("td", {}, index.package));
    return element("tr", { class: index.control ? "control" : null }, ...cells);
  }
  function board() {
    const found = sorted(chosen()), table = $("board");
    table.classList.toggle("has-several", distinct(found.map(each => each.row[at.setting])).length > 1);
    table.classList.toggle("has-stitched", found.some(each => each.row[at.stitcher] !== "all"));
    const body = document.createDocumentFragment();
    for (const each of found.slice(0, most)) body.append(each.made ??= line(each));
    table.tBodies[0].replaceChildren(body);
    $("more").hidden = found.length <= most;
    $("more").textContent = `Show all ${found.length} rows`;
    $("shown").textContent = `${Math.min(most, found.length)} of ${rows.length} rows`;
    for (const head of table.querySelectorAll("th[data-sort]")) {
      const here = head.dataset.sort === (state.get("sort") || "rank");
      if (here) head.setAttribute("aria-sort", state.get("order") || "ascending"); else head.removeAttribute("aria-sort");
    }
  }
  function startBoard() {
    for (const head of document.querySelectorAll("#board th[data-sort]")) {
      const button = element("button", { type: "button", title: head.title }, head.textContent);
      head.removeAttribute("title");
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const again = (state.get("sort") || "rank") === head.dataset.sort;
        const first = head.classList.contains("n") && head.dataset.sort !== "milliseconds" ? "descending" : "ascending";
        const now = state.get("order") || "ascending";
        remember("sort", head.dataset.sort);
        remember("order", again ? (now === "ascending" ? "descending" : "ascending") : first);
        board();
      });
    }
    for (const [name, of] of Object.entries(filters)) {
      const values = distinct(rows.map(of)).filter(value => value && value !== "all").sort();
      const any = name === "stitcher" ? [["", "mean over stitchers"], ["*", "every one"]] : [["", "any"]];
      options($("f-" + name), [...any, ...values.map(value => [value, value])], state.get(name) || "");
      $("f-" + name).addEventListener("change", event => { remember(name, event.target.value); most = FIRST; board(); });
    }
    $("f-text").value = state.get("text") || "";
    $("f-text").addEventListener("input", event => { remember("text", event.target.value); most = FIRST; board(); });
    $("filters").addEventListener("submit", event => event.preventDefault());
    $("more").addEventListener("click", () => { most = Infinity; board(); });
    $("csv").addEventListener("click", () => {
      const about = ["view", "control", "claims", "cost", "milliseconds", "source", "package"];
      const head = [...data.fields, ...about];
      const body = sorted(chosen()).map(each => [...data.fields.map(name => name === "setting" ? each.setting.name : name === "index" ? each.index.name : each.row[at[name]]), ...about.map(name => each.index[name])]);
      save("leaderboard.csv", csv([head, ...body]), "text/csv");
    });
    board();
    $("filters").hidden = false;
  }

  // Charts
  function axes(extent, title, x, y, names) {
    const [x0, x1, y0, y1] = extent, W = 560, H = 340, L = 72, B = 46, T = 24, R = 24;
    const px = v => L + (v - x0) / (x1 - x0 || 1) * (W - L - R), py = v => H - B - (v - y0) / (y1 - y0 || 1) * (H - B - T);
    const picture = drawn("svg", { class: "plot", viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": title });
    for (const v of ticks(y0, y1)) picture.append(drawn("path", { class: "axis", d: `M${L} ${py(v)}H${W - R}` }), drawn("text", { x: L - 6, y: py(v) + 4, "text-anchor": "end" }, nice(v, y1 - y0)));
    if (!names) for (const v of ticks(x0, x1)) picture.append(drawn("text", { x: px(v), y: H - B + 16, "text-anchor": "middle" }, nice(v, x1 - x0)));
    const step = names ? Math.ceil(names.length / 9) : 1;
    if (names) names.forEach((name, k) => { if (k % step === 0) picture.append(drawn("text", { x: px(k), y: H - B + 16, "text-anchor": "middle" }, name.length > 9 ? name.slice(0, 8) + "…" : name)); });
    picture.append(drawn("text", { x: (L + W) / 2, y: H - 8, "text-anchor": "middle" }, x), drawn("text", { transform: `translate(13 ${(H - B + T) / 2}) rotate(-90)`, "text-anchor": "middle" }, y));
    return { picture, px, py };
  }
  // Round numbers between two ends, about five.
  function ticks(low, high) {
    const rough = (high - low) / 4.5 || 1, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].find(each => each * power >= rough * 0.75) * power, found = [];
    for (let k = Math.ceil(low / step); k * step <= high; k++) found.push(k * step);
    return found;
  }
  const nice = (v, span) => span >= 8 ? v.toFixed(0) : number(v, span >= 0.8 ? 1 : span >= 0.08 ? 2 : span >= 0.008 ? 3 : 4);
  function extent(values) {
    let low = Infinity, high = -Infinity;
    for (const v of values) if (v !== null && Number.isFinite(v)) { if (v < low) low = v; if (v > high) high = v; }
    if (low > high) return [0, 1];
    const margin = (high - low) * 0.04 || Math.abs(high) * 0.05 || 1;
    return [low - margin, high + margin];
  }
  function legend(entries) {
    const made = element("p", { class: "aside" });
    for (const [name, colour, dashed] of entries) {
      const key = drawn("svg", { width: 18, height: 10, "aria-hidden": "true" });
      key.append(dashed === undefined ? drawn("circle", { cx: 9, cy: 5, r: 4.5, fill: colour }) : drawn("path", { d: "M0 5H18", stroke: colour, "stroke-width": 2.5, "stroke-dasharray": dashed }));
      made.append(element("span", { class: "key" }, key, " " + name), " ");
    }
    return made;
  }
  function figure(picture, caption, key) {
    return element("figure", {}, picture, key || "", element("figcaption", {}, caption));
  }
  const viridis = (k, n) => VIRIDIS[n < 2 ? 0 : Math.round(k / (n - 1) * (VIRIDIS.length - 1))];
  function ranks(values, groups) {
    const found = values.map(() => null);
    for (const group of distinct(groups)) {
      const mine = values.map((v, k) => [v, k]).filter(([v, k]) => v !== null && groups[k] === group).sort((a, b) => a[0] - b[0]);
      for (let k = 0; k < mine.length;) {
        let end = k;
        while (end < mine.length && mine[end][0] === mine[k][0]) end++;
        for (let j = k; j < end; j++) found[mine[j][1]] = (k + end + 1) / 2;
        k = end;
      }
    }
    return found;
  }
  function series(list, names, x, y, title) {
    const { picture, px, py } = axes([...extent(list.flatMap(each => each.xs)), ...extent(list.flatMap(each => each.ys))], title, x, y, names);
    for (const { xs, ys, colour, dashed, label } of list) {
      let path = "", up = false;
      ys.forEach((v, k) => { if (v === null) { up = false; return; } path += `${up ? "L" : "M"}${px(xs[k]).toFixed(1)} ${py(v).toFixed(1)}`; up = true; });
      picture.append(drawn("path", { class: "curve", d: path, stroke: colour, "stroke-dasharray": dashed }));
      ys.forEach((v, k) => { if (v !== null) picture.append(drawn("circle", { cx: px(xs[k]), cy: py(v), r: 3, fill: colour }, drawn("title", {}, `${label}: ${number(v, 3)} at ${names ? names[k] : xs[k]}`))); });
    }
    return picture;
  }
  const mean = values => values.length ? values.reduce((a, b) => a + b, 0) / values.length : null;

  // What quantities along a training are called.
  const CALLED = { similarity: "from the stitched layer to Model 2's", reverse_similarity: "from Model 2's to the stitched layer" };

  // One index
  function index() {
    const s = +$("p-setting").value, i = +$("p-index").value, cells = data.cells[s], one = data.indices[i];
    const stitcher = $("p-stitcher").value, target = $("p-target").value, within = $("p-axes").value === "within";
    const plots = $("plots"), log = target === "kl_divergence" ? "log of " : "";
    const far = one.distance ? ` ${one.name} is a distance: small is similar.` : "";
    plots.replaceChildren();
    $("disagree").replaceChildren();
    const called = name => data.targets[name] || name;
    if (cells && cells.indices[i] && cells.targets[target]?.[stitcher]) {
      let xs = cells.indices[i], ys = cells.targets[target][stitcher];
      const layers = cells.layers, count = layers.length, above = cells.above;
      const end = k => above ? above.layers[above.layer[k]] : layers[cells.layer[k]], aligned = k => end(k) === layers[cells.layer[k]];
      const where = k => aligned(k) ? end(k) : `${layers[cells.layer[k]]} → ${end(k)}`;
      if (within) [xs, ys] = [xs, ys].map(values => ranks(values, values.map((_, k) => where(k))));
      const label = (within ? "rank of " : "") + one.name, beside = (within ? "rank of " : log) + target.replaceAll("_", " ");
      const known = xs.filter((v, k) => v !== null && ys[k] !== null).length;
      const title = `Scatter of ${one.name} against ${called(target)} behind ${stitcher}, ${within ? "ranks within layers" : "all layers pooled"}: ${known} points in ${count} layers`;
      const { picture, px, py } = axes([...extent(xs), ...extent(ys)], title, label, beside);
      xs.forEach((x, k) => {
        if (x === null || ys[k] === null) return;
        const what = `${cells.fronts[cells.a[k]]} → ${cells.ends[cells.b[k]]} at ${where(k)}: ${one.name} ${cells.indices[i][k]}, ${beside} ${ys[k]}`;
        picture.append(drawn("circle", { cx: px(x).toFixed(1), cy: py(ys[k]).toFixed(1), r: 3.5, fill: viridis(cells.layer[k], count) }, drawn("title", {}, what)));
      });
      plots.append(figure(picture, `${one.name} against ${called(target)} behind ${stitcher}; a point is a pair of networks at ${above ? "a pair of layers, coloured by that of the front" : "a layer"}.${far}`, legend(layers.map((name, k) => [name, viridis(k, count)]))));
      const at_layers = values => layers.map((_, l) => mean(values.filter((v, k) => cells.layer[k] === l && aligned(k) && v !== null)));
      const place = layers.map((_, k) => k);
      const order = place.map(k => k).sort((a, b) => layers[a].localeCompare(layers[b], "en", { numeric: true }));
      const named = order.map(k => layers[k]), put = values => { const all = at_layers(values); return order.map(k => all[k]); };
      const curve = [{ xs: place, ys: put(cells.indices[i]), colour: OKABE[0], dashed: "none", label: one.name }];
      const shared = cells.a.some((_, k) => aligned(k));
      if (shared) plots.append(figure(series(curve, named, "layer", one.name, `${one.name} by layer, mean over pairs`), `${one.name} by layer: mean over pairs${above ? " of networks, each layer in front of itself" : ""}.${far}`));
      const stitched = Object.entries(cells.targets.relative_accuracy || {}).map(([name, values], k) => ({ xs: place, ys: put(values), colour: OKABE[(k + 1) % 7], dashed: k ? `${8 - k} ${1 + k}` : "none", label: name }));
      if (shared && stitched.length) plots.append(figure(series(stitched, named, "layer", "relative accuracy", "Relative accuracy by layer behind each stitcher, mean over pairs"), "Stitched networks by layer: mean relative accuracy behind each stitcher.", legend(stitched.map(each => [each.label, each.colour, each.dashed]))));
      const correlated = data.layerwise.filter(each => each[0] === s && each[1] === stitcher && each[2] === i);
      if (correlated.length) {
        const by = Object.fromEntries(correlated.map(each => [each[3], each[4]]));
        const line = [{ xs: place, ys: named.map(name => by[name] ?? null), colour: OKABE[0], dashed: "none", label: one.name }];
        plots.append(figure(series(line, named, "layer", "Spearman correlation", `Correlation of ${one.name} with the target in each layer`), `Spearman correlation with ${called(data.target)} behind ${stitcher} in each layer; a gap where the layer gives none.`));
      }
      const apart = cells.disagree[stitcher]?.[i] || [];
      if (apart.length) {
        const body = apart.map(([k, x, y, of]) => element("tr", {}, element("th", { scope: "row" }, `${cells.fronts[cells.a[k]]} → ${cells.ends[cells.b[k]]}`), element("td", {}, where(k)), element("td", { class: "n" }, `${x} of ${of}`), element("td", { class: "n" }, `${y} of ${of}`)));
        const head = ["front → end network", "layer", "rank by the index", "rank by stitching"].map((name, k) => element("th", { scope: "col", class: k > 1 ? "n" : null }, name));
        $("disagree").append(element("h3", {}, `Where ${one.name} disagrees most with ${stitcher}`), element("div", { class: "scroll", role: "region", "aria-label": "Largest disagreements", tabindex: "0" }, element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body))), element("p", { class: "aside" }, `Ranks ${cells.pooled ? "over all pairs of layers" : "within a layer"}, from 1 for the least similar.`));
      }
    } else plots.append(element("p", {}, "This index and this stitcher were not measured together."));
    for (const panel of data.along.filter(each => each.method === one.spec)) {
      const list = Object.entries(panel.series).map(([name, ys], k) => ({ xs: panel.steps, ys, colour: OKABE[k], dashed: k ? "6 3" : "none", label: CALLED[name] ? `${one.name} ${CALLED[name]}` : name.replaceAll("_", " ") }));
      plots.append(figure(series(list, null, "training step", list.length > 1 ? "mean over pairs" : `${one.name}, mean over pairs`, `Along training: ${panel.title}`), `Along training: ${panel.title}.${far}`, legend(list.map(each => [each.label, each.colour, each.dashed]))));
    }
  }
  function startIndex() {
    const able = data.cells.map((each, k) => [each, k]).filter(([each]) => each);
    if (!able.length) return;
    const stitchers = () => options($("p-stitcher"), Object.keys(data.cells[+$("p-setting").value].targets[data.target] || {}).map(name => [name, name]), state.get("p-stitcher") || $("p-stitcher").value);
    const first = rows.find(each => each.row[at.rank] === 1 && each.row[at.stitcher] === "all");
    options($("p-index"), data.indices.map((each, k) => [k, each.name]), data.indices.findIndex(each => each.name === state.get("p-index")) >= 0 ? data.indices.findIndex(each => each.name === state.get("p-index")) : first ? first.row[at.index] : 0);
    options($("p-setting"), able.map(([, k]) => [k, data.settings[k].name]), state.get("p-setting") || able[0][1]);
    options($("p-target"), Object.entries(data.targets).map(([name, text]) => [name, text]), state.get("p-target") || "relative_accuracy");
    stitchers();
    if (!state.has("p-stitcher")) for (const option of $("p-stitcher").options) if (option.value.startsWith("least_squares")) $("p-stitcher").value = option.value;
    $("p-axes").value = state.get("p-axes") || "pooled";
    for (const name of ["index", "setting", "stitcher", "target", "axes"]) {
      $("p-" + name).addEventListener("change", event => {
        remember("p-" + name, name === "index" ? data.indices[+event.target.value].name : event.target.value);
        if (name === "setting") stitchers();
        index();
      });
    }
    $("picks").hidden = false;
    index();
  }

  // Pairwise
  function matrix() {
    const s = +$("m-setting").value, stitcher = $("m-stitcher").value;
    const mine = data.matrix.find(each => each.setting === s && each.stitcher === stitcher), gaps = new Map();
    if (!mine) { $("grid").replaceChildren(element("caption", {}, "No two indices were compared here.")); return; }
    let cell = 0;
    mine.indices.forEach((a, i) => mine.indices.slice(i + 1).forEach(b => {
      const gap = mine.gaps[cell], p = mine.ps[cell] === null ? null : mine.ps[cell] / 10000;
      cell++;
      if (gap !== null) { gaps.set(`${a} ${b}`, [gap / 1000, p]); gaps.set(`${b} ${a}`, [-gap / 1000, p]); }
    }));
    const ranked = rows.filter(each => each.row[at.setting] === s && each.row[at.stitcher] === stitcher).sort((a, b) => (a.row[at.rank] ?? 1e9) - (b.row[at.rank] ?? 1e9)).map(each => each.row[at.index]);
    const named = distinct(ranked).filter(k => mine.indices.includes(k));
    const head = element("tr", {}, element("td"), ...named.map(k => element("th", { scope: "col" }, element("span", {}, data.indices[k].name))));
    const body = named.map(a => element("tr", {}, element("th", { scope: "row" }, data.indices[a].name), ...named.map(b => {
      const found = gaps.get(`${a} ${b}`);
      if (!found) return element("td");
      const [gap, p] = found, sure = p !== null && p <= 0.05;
      const title = `${data.indices[a].name} less ${data.indices[b].name}: ${number(gap, 3)}, corrected p ${p}`;
      return element("td", { class: sure ? (gap > 0 ? "better" : "worse") : null, title }, sure ? `${gap > 0 ? "▲" : "▼"} ${p < 0.001 ? "<.001" : p.toFixed(3).slice(1)}` : "·");
    })));
    $("grid").classList.toggle("wide", named.length > 16);
    $("grid").replaceChildren(element("thead", {}, head), element("tbody", {}, ...body));
  }
  function startMatrix() {
    const able = distinct(data.matrix.map(each => each.setting));
    if (!able.length) return;
    const [shown, by] = data.compared;
    options($("m-setting"), able.map(k => [k, data.settings[k].name]), shown);
    const stitchers = distinct(data.matrix.map(each => each.stitcher));
    options($("m-stitcher"), stitchers.map(name => [name, name === "all" ? "mean over stitchers" : name]), by);
    for (const id of ["m-setting", "m-stitcher"]) $(id).addEventListener("change", matrix);
    $("pairs").hidden = false;
    // the page holds that board already: the grid is drawn anew only when another is asked for
  }

  // Figures
  function startFigures() {
    for (const image of document.querySelectorAll("img[data-figure]")) {
      const of = data.figures[+image.dataset.figure], tools = element("p", { class: "tools" });
      const button = (text, act) => { const made = element("button", { type: "button" }, text); made.addEventListener("click", act); tools.append(made); };
      button("PNG", () => {
        const canvas = element("canvas"), scale = 2;
        canvas.width = image.naturalWidth * scale; canvas.height = image.naturalHeight * scale;
        canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
        canvas.toBlob(blob => save(of.file + ".png", blob));
      });
      button("SVG", () => save(of.file + ".svg", atob(image.src.split(",")[1]) && new Blob([Uint8Array.from(atob(image.src.split(",")[1]), c => c.charCodeAt(0))], { type: "image/svg+xml" })));
      button("CSV", () => save(of.file + ".csv", csv([of.columns, ...of.rows]), "text/csv"));
      image.closest("figure").append(tools);
    }
  }
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const before = button.textContent;
      try { await navigator.clipboard.writeText(button.dataset.copy); button.textContent = "Copied"; }
      catch { getSelection().selectAllChildren(button.parentElement.querySelector("code")); button.textContent = "Press Ctrl+C"; }
      setTimeout(() => { button.textContent = before; }, 1500);
    });
  }
  // A link to a filtered state opens at the state; a link to a section goes to it, and keeps the state.
  addEventListener("hashchange", () => {
    if (!location.hash.includes("=")) return;
    location.reload();
  });
  // Links to sections scroll, and leave the state in the address.
  for (const link of document.querySelectorAll("a[href^='#']")) {
    link.addEventListener("click", event => {
      event.preventDefault();
      const to = $(link.hash.slice(1));
      to.scrollIntoView();
      to.tabIndex = -1;
      to.focus({ preventScroll: true });
    });
  }
  // On paper nothing can be unfolded.
  const folded = document.querySelectorAll("details:not([open])");
  addEventListener("beforeprint", () => { for (const each of folded) { each.dataset.folded = each.open ? "" : "yes"; each.open = true; } });
  addEventListener("afterprint", () => { for (const each of folded) each.open = each.dataset.folded !== "yes"; });
  startBoard(); startFigures(); startMatrix();
  requestAnimationFrame(() => setTimeout(startIndex));
})();
