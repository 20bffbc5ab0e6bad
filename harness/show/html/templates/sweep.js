"use strict";
// The ranking of a sweep: sorted, filtered, and two of its rows drawn and judged. Everything it needs is in the page.
for (const explorer of document.querySelectorAll(".explorer")) {
  const data = JSON.parse(explorer.querySelector(".sweep-data").textContent);
  const part = (name) => explorer.querySelector(name);
  const make = (tag, text, attributes = {}) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };
  const format = (value) => value === null || value === undefined ? "–" : value === 0 ? "0" : value.toPrecision(4);
  const colours = ["#0072B2", "#D55E00", "#009E73"];
  const state = { order: "rank", descending: false, filters: {}, onlyBest: false, picked: [], metric: 0 };
  const rows = data.mean.map((_, place) => place);

  const level = (row, axis) => data.axes[axis].levels[data.levels[row][axis]];
  const title = (row) => data.axes.map((axis, place) => `${axis.name}=${level(row, place)}`).join(" ");
  const columns = [
    { key: "rank", text: "rank", number: true, value: (row) => row + 1, shown: (row) => row + 1 },
    ...data.axes.map((axis, place) => ({
      key: `axis-${place}`, text: axis.name, value: (row) => data.levels[row][place], shown: (row) => level(row, place),
    })),
    { key: "mean", text: `${data.metric}, mean`, number: true, value: (row) => data.mean[row], shown: (row) => format(data.mean[row]) },
    { key: "std", text: "± std", number: true, value: (row) => data.std[row], shown: (row) => format(data.std[row]) },
    { key: "n", text: "n", number: true, value: (row) => data.n[row], shown: (row) => data.n[row] },
    { key: "diverged", text: "diverged", number: true, value: (row) => data.diverged[row], shown: (row) => data.diverged[row] },
    { key: "best", text: "best?", value: (row) => 1 - data.best[row], shown: (row) => data.best[row] ? "maybe" : data.whole[row] ? "no" : "–" },
  ];

  // The verdict of two configurations, as harness.analyse.verdict gives it; a is the better ranked.
  const judge = (first, second) => {
    const [a, b] = [first, second].sort((x, y) => x - y);
    const differences = data.values[a].map((value, at) => [value, data.values[b][at]])
      .filter(([x, y]) => x !== null && y !== null).map(([x, y]) => x - y);
    const n = differences.length;
    const name = [title(a), title(b)];
    if (data.bits[a] === data.bits[b]) return { verdict: "identical", text: "every final weight has the same bits", name };
    if (n < 2) return { verdict: "inconclusive", text: `${n} folds have a value under both`, name };
    const mean = differences.reduce((sum, value) => sum + value, 0) / n;
    const variance = differences.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
    const error = Math.sqrt(variance * (1 / n + data.testShare));
    const margin = data.margin === null ? 0.05 * Math.abs(data.mean[a]) : data.margin;
    const [reach, different, equivalent] = data.critical[n];
    const within = error === 0 ? Math.abs(mean) < margin || mean === 0 : (margin - Math.abs(mean)) / error > equivalent;
    const apart = error === 0 ? mean !== 0 : Math.abs(mean) / error > different;
    const control = Math.max(data.control[a] ?? -1, data.control[b] ?? -1);
    let verdict = "inconclusive";
    if (within) verdict = data.lost[a] === data.lost[b] ? "equivalent" : "inconclusive";
    else if (apart && Math.abs(mean) > control) verdict = "different";
    const interval = `${format(mean - reach * error)} to ${format(mean + reach * error)}`;
    const text = `difference ${format(mean)} (${Math.round(100 * data.confidence)} % interval ${interval}, ${n} folds, margin ${format(margin)})`;
    return { verdict, text, name };
  };

  const visible = () => {
    const column = columns.find((one) => one.key === state.order);
    const kept = rows.filter((row) => (!state.onlyBest || data.best[row]) &&
      data.axes.every((axis, place) => state.filters[place] === undefined || data.levels[row][place] === state.filters[place]));
    // What has no value comes last, whichever way the rest is sorted.
    return kept.sort((x, y) => {
      const [one, other] = [column.value(x), column.value(y)];
      if (one === null || other === null) return (one === null) - (other === null) || x - y;
      return (state.descending ? other - one : one - other) || x - y;
    });
  };

  const pick = (row) => {
    state.picked = state.picked.includes(row) ? state.picked.filter((one) => one !== row) : [...state.picked, row].slice(-2);
    draw();
  };

  const header = part(".ranking thead tr");
  header.append(make("th", "pick", { scope: "col" }));
  for (const column of columns) {
    const cell = make("th", undefined, { scope: "col", ...(column.number ? { class: "num" } : {}), "data-key": column.key });
    const button = make("button", column.text, { type: "button" });
    button.addEventListener("click", () => {
      state.descending = state.order === column.key && !state.descending;
      state.order = column.key;
      draw();
    });
    cell.append(button);
    header.append(cell);
  }

  const filters = part(".filters");
  const choice = (text, options, change) => {
    const select = make("select", undefined, { name: text });
    options.forEach(([value, name]) => select.append(make("option", name, { value })));
    select.addEventListener("change", () => { change(select.value); draw(); });
    const label = make("label", `${text} `);
    label.append(select);
    filters.append(label);
  };
  data.axes.forEach((axis, place) => choice(
    axis.name, [["", "any"], ...axis.levels.map((name, at) => [at, name])],
    (value) => { state.filters[place] = value === "" ? undefined : Number(value); },
  ));
  choice("best?", [["", "any"], ["1", "maybe"]], (value) => { state.onlyBest = value === "1"; });
  choice("curves", data.curves.map((curve, at) => [at, curve.name]), (value) => { state.metric = Number(value); });
  const main = data.curves.findIndex((curve) => curve.name === data.metric);
  state.metric = Math.max(0, main);
  filters.querySelector('select[name="curves"]').value = state.metric;

  const svg = (tag, attributes, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const drawCurves = (shown) => {
    const picture = part(".drawn svg"), curve = data.curves[state.metric];
    picture.replaceChildren();
    part(".drawn figcaption").textContent = "";
    if (!curve) return;
    const points = shown.flatMap((row) => curve.mean[row].flatMap((mean, at) =>
      mean === null ? [] : [mean - (curve.std[row][at] ?? 0), mean + (curve.std[row][at] ?? 0)]));
    if (!points.length) return;
    let [low, high] = [Math.min(...points), Math.max(...points)];
    if (low === high) [low, high] = [low - 0.5, high + 0.5];
    const [left, right, top, bottom] = [70, 710, 12, 335];
    const last = curve.epochs.at(-1), x = (epoch) => left + (right - left) * (epoch - 1) / Math.max(1, last - 1);
    const y = (value) => bottom - (bottom - top) * (value - low) / (high - low);
    for (let tick = 0; tick <= 4; tick++) {
      const value = low + (high - low) * tick / 4;
      picture.append(svg("line", { x1: left, x2: right, y1: y(value), y2: y(value), stroke: "currentColor", "stroke-opacity": 0.15 }));
      picture.append(svg("text", { x: left - 8, y: y(value) + 5, "text-anchor": "end", "font-size": 14 }, value.toPrecision(3)));
      const epoch = Math.round(1 + (last - 1) * tick / 4);
      picture.append(svg("text", { x: x(epoch), y: bottom + 20, "text-anchor": "middle", "font-size": 14 }, epoch));
    }
    picture.append(svg("text", { x: (left + right) / 2, y: bottom + 40, "text-anchor": "middle", "font-size": 15 }, "epoch"));
    shown.forEach((row, at) => {
      const known = curve.epochs.map((epoch, place) => [epoch, curve.mean[row][place], curve.std[row][place] ?? 0]).filter(([, mean]) => mean !== null);
      const line = known.map(([epoch, mean]) => `${x(epoch).toFixed(1)},${y(mean).toFixed(1)}`).join(" ");
      const band = [...known.map(([epoch, mean, std]) => [epoch, mean + std]), ...known.toReversed().map(([epoch, mean, std]) => [epoch, mean - std])]
        .map(([epoch, value]) => `${x(epoch).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
      picture.append(svg("polygon", { points: band, fill: colours[at], "fill-opacity": 0.15 }));
      picture.append(svg("polyline", { points: line, fill: "none", stroke: colours[at], "stroke-width": at ? 2.2 : 4, "stroke-dasharray": ["", "7 4", "2 3"][at], "data-row": row }));
      const entry = make("span", `${["━", "╍", "┄"][at]} ${title(row)}`, { style: `color:${colours[at]}` });
      part(".drawn figcaption").append(entry, make("br"));
    });
    part(".drawn figcaption").append(`${curve.label} by epoch: mean, band ± one sample std over folds and repetitions.`);
  };

  const draw = () => {
    for (const cell of header.querySelectorAll("[data-key]")) {
      if (cell.dataset.key === state.order) cell.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }
    const shown = visible();
    part(".ranking tbody").replaceChildren(...shown.map((row) => {
      const line = make("tr", undefined, state.picked.includes(row) ? { class: "picked" } : {});
      const box = make("input", undefined, { type: "checkbox", "aria-label": `pick ${title(row)}`, value: row });
      box.checked = state.picked.includes(row);
      box.addEventListener("change", () => pick(row));
      const cell = make("td");
      cell.append(box);
      line.append(cell, ...columns.map((column) => make("td", column.shown(row), column.number ? { class: "num" } : {})));
      return line;
    }));
    part(".count").textContent = `${shown.length} of ${rows.length} configurations`;
    const line = part(".verdict-line");
    line.replaceChildren();
    if (state.picked.length === 2) {
      const judged = judge(...state.picked);
      line.append(make("span", judged.verdict, { class: `verdict v-${judged.verdict}` }), `: ${judged.name[0]} and ${judged.name[1]}; ${judged.text}`);
    } else {
      line.textContent = state.picked.length ? "Tick one more row to compare two configurations." : "Tick two rows to compare them; these are the first of the ranking as shown.";
    }
    drawCurves(state.picked.length ? state.picked : shown.slice(0, 3));
  };
  explorer.hidden = false;
  draw();
}
