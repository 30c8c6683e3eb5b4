"use strict";
/* The page: controls, panels and values over moments.js. `noisyviz.at(settings, x)` answers with the numbers. */
const noisyviz = (() => {
  const table = JSON.parse(document.getElementById("table").textContent);
  const functions = Object.fromEntries(table.functions.map((one) => [one.name, { ...table.absent, ...one }]));
  const byId = (id) => document.getElementById(id);
  const POINTS = 161, BUDGET = 12, // milliseconds for the numbers of a frame while something moves
     WIDTH = 360, HEIGHT = 244, BOX = { left: 46, right: 352, top: 48, bottom: 212 };
  const SVG = "http://www.w3.org/2000/svg";

  /* Numbers as people read them: six digits, a real minus sign, no trailing zeros. */
  function shown(value, digits = 6) {
    if (value === null || Number.isNaN(value)) return "–";
    if (!Number.isFinite(value)) return value < 0 ? "−∞" : "∞";
    const size = Math.abs(value);
    const text = size !== 0 && (size < 1e-4 || size >= 1e7) ? value.toExponential(Math.min(digits - 1, 3)) : String(Number(value.toPrecision(digits)));
    return text.replaceAll("-", "−").replace("e+", "e");
  }
  const percent = (share) => `${shown(100 * share, 3)} %`;

  /* ---- Settings: what stands in the address, checked. ---- */
  const NUMBERS = {
    alpha: { label: "α", told: "alpha, the weight of h", low: 0, high: 2 },
    c: { label: "c", told: "c, the noise level", low: 0, high: 4 },
    p: { label: "p", told: "p, the sharpness of the noise scale", low: 0, high: 4 },
    margin: { label: "Range of x", told: "How far x goes beyond the thresholds", low: 1, high: 20, step: 0.5, least: 0.5, most: 20 },
  };
  const CHOICES = {
    fn: { label: "Function", names: table.functions.map((one) => one.name) },
    unit: { label: "Unit", names: Object.keys(table.kinds) },
    scale: { label: "Noise scale", names: table.scales },
    noise: { label: "Noise", names: table.noises },
  };
  const start = { ...table.start, margin: 3, x: null };
  let state = { ...start };

  const limits = (name) => [table.least[name] ?? NUMBERS[name].least ?? -table.largest, NUMBERS[name].most ?? table.largest];

  /* From a text to a checked value, or an error that names the setting, the value and what is allowed. */
  function read(name, text, settings = state) {
    if (name === "noise") {
      const [family, nu] = text.split(":");
      if (family === "student-t" && Number(nu) > 2 && Number(nu) < 1e6 && nu.trim() !== "") return `student-t:${Number(nu)}`;
      if (family === "student-t") throw Error(`noise student-t needs its degrees of freedom, above 2 and below 1,000,000, as in student-t:5; got “${text}”`);
    }
    if (name in CHOICES) {
      if (CHOICES[name].names.includes(text)) return text;
      throw Error(`${name} must be one of ${CHOICES[name].names.join(", ")}; got “${text}”`);
    }
    const value = text.trim() === "" ? NaN : Number(text);
    const [least, most] = name === "x" ? xlim(settings) : limits(name);
    if (value >= least && value <= most) return value + 0 || 0;
    throw Error(`${name} must be a number from ${shown(least)} to ${shown(most)}; got “${text}”`);
  }

  /* Settings from the address; what is wrong there is told and left as it was. */
  function fromAddress() {
    const found = { ...start }, wrong = [];
    const given = [...new URLSearchParams(location.hash.slice(1))].sort(([a], [b]) => (a === "x") - (b === "x")); // x last
    for (const [name, text] of given) {
      try {
        if (!Object.hasOwn(start, name)) throw Error(`There is no setting “${name}”; there are ${Object.keys(start).join(", ")}`);
        found[name] = read(name, text, found);
      } catch (error) {
        wrong.push(sentence(error));
      }
    }
    const most = 5, more = wrong.length - most;
    say(wrong.length ? `In the address: ${wrong.slice(0, most).join(" ")}${more > 0 ? ` And ${more} more.` : ""}` : "");
    state = found;
    fillControls();
    draw();
  }

  function toAddress() {
    const words = new URLSearchParams();
    for (const [name, value] of Object.entries(state)) if (value !== null) words.set(name, value);
    try {
      history.replaceState(null, "", `#${words.toString().replaceAll("%3A", ":")}`);
    } catch { /* a page inside a notebook has no address of its own */ }
  }

  const sentence = ({ message }) => `${message.replace(/“(.{40}).+”/s, "“$1…”")}.`;

  function say(text) {
    byId("message").textContent = text;
    byId("message").hidden = text === "";
  }

  /* ---- Controls. ---- */
  function element(name, attributes = {}, ...inside) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...inside);
    return made;
  }

  function numberControl(name, { label, told, low, high, step = 0.01 }) {
    const range = element("input", { type: "range", id: `${name}-slider`, min: low, max: high, step, "aria-label": told });
    const exact = element("input", { type: "number", id: name, step: "any", "aria-label": `${told}, as a number` });
    const box = element("div", { class: "control" }, element("label", { for: `${name}-slider`, title: told }, label), range, exact);
    range.addEventListener("input", () => change(name, range.value));
    exact.addEventListener("input", () => change(name, exact.value, exact));
    exact.addEventListener("change", () => fillControls()); // once left, a field shows what is in force
    return box;
  }

  function makeControls() {
    const form = byId("controls");
    form.addEventListener("submit", (event) => event.preventDefault());
    for (const [name, { label, names }] of Object.entries(CHOICES)) {
      const select = element("select", { id: name }, ...names.map((one) => element("option", {}, one)));
      select.addEventListener("change", () => change(name, select.value === "student-t" ? `student-t:${byId("nu").value || 5}` : select.value));
      form.append(element("div", { class: "control" }, element("label", { for: name }, label), select));
    }
    const nu = element("input", { type: "number", id: "nu", step: "any", value: 5, "aria-label": "Degrees of freedom of Student's t, above 2" });
    nu.addEventListener("input", () => change("noise", `student-t:${nu.value}`, nu));
    byId("noise").parentNode.append(nu);
    for (const [name, one] of Object.entries(NUMBERS)) form.append(numberControl(name, one));
    byId("cursor").append(numberControl("x", { label: "x", told: "x, where the values are taken", low: -1, high: 1 }));
  }

  /* One setting from a control; a bad text is told, and the last good value stays in force. */
  function change(name, text, source = null) {
    try {
      state[name] = read(name, text);
    } catch (error) {
      say(sentence(error));
      return;
    }
    say("");
    state.x = cursor();
    if (["fn", "unit", "noise", "margin"].includes(name)) fillControls(source);
    if (name in NUMBERS || name === "x") fillNumber(name, source);
    later();
  }

  function fillNumber(name, source = null) {
    const value = name === "x" ? cursor() : state[name], range = byId(`${name}-slider`), exact = byId(name);
    const [low, high] = name === "x" ? xlim() : [NUMBERS[name].low, NUMBERS[name].high];
    range.min = Math.min(low, value);
    range.max = Math.max(high, value);
    if (name === "x") range.step = (high - low) / 200;
    if (Number(range.value) !== value) range.value = value;
    range.setAttribute("aria-valuetext", shown(value));
    if (exact !== source) exact.value = Number(value.toPrecision(12));
  }

  function fillControls(source = null) {
    const { uses } = table.kinds[state.unit], [family, nu] = state.noise.split(":");
    for (const name of ["fn", "unit", "scale"]) byId(name).value = state[name];
    byId("noise").value = family;
    byId("nu").hidden = family !== "student-t";
    byId("noise").parentNode.classList.toggle("with-number", family === "student-t");
    if (nu && byId("nu") !== source) byId("nu").value = nu;
    for (const name of [...Object.keys(NUMBERS), "x"]) fillNumber(name, source);
    for (const name of ["alpha", "c", "p", "scale", "noise"]) {
      const idle = name === "noise" ? state.unit === "none" : !uses.includes(name), box = byId(name).closest(".control");
      box.classList.toggle("idle", idle);
      for (const field of box.querySelectorAll("input, select")) field.disabled = idle;
    }
  }

  /* ---- The unit in force. ---- */
  const unitOf = (settings) => moments.unit(functions[settings.fn], table.kinds[settings.unit], settings);

  function xlim({ fn, margin } = state) {
    const [left, right] = functions[fn].thresholds;
    return [(left ?? -(right ?? 0)) - margin, (right ?? -(left ?? 0)) + margin];
  }

  /* The x of the values: by default 1 beyond a threshold. */
  function cursor() {
    const [left, right] = functions[state.fn].thresholds, [low, high] = xlim();
    return Math.min(Math.max(state.x ?? (right === null ? (left ?? 0) - 1 : right + 1), low), high);
  }


  function grid([low, high], count) {
    const entry = functions[state.fn], near = 1e-9 * (high - low);
    const jumps = [...entry.kinks, ...entry.thresholds].filter((z) => z !== null && z > low && z < high);
    const even = Array.from({ length: count }, (_, k) => low + ((high - low) * k) / (count - 1));
    return [...new Set([...even, ...jumps.flatMap((z) => [z - near, z, z + near])])].sort((a, b) => a - b);
  }

  /* Where P(wrong) exceeds one half, by linear interpolation. */
  function wrongIntervals(rows) {
    const found = [];
    let from = null;
    rows.forEach((row, k) => {
      const wrong = row.pWrong > 0.5, before = rows[k - 1];
      const edge = () => (before ? before.x + ((row.x - before.x) * (before.pWrong - 0.5)) / (before.pWrong - row.pWrong) : row.x);
      if (wrong && from === null) from = edge();
      if (!wrong && from !== null) { found.push([from, edge()]); from = null; }
    });
    if (from !== null) found.push([from, rows.at(-1).x]);
    return found;
  }

  /* ---- Panels. ---- */
  const curve = (key, label, look) => ({ value: (row) => row[key], label, look });
  const PANELS = [
    { id: "output", title: "Output φ", zero: true, data: true,
      band: { mean: "mean", std: "std", label: "± std" },
      curves: [curve("mean", "E φ", "blue thick"), curve("h", "h", ""), curve("u", "u", "vermillion dash"), curve("hard", "hard", "green dashdot")],
      fit: (row) => [row.h, row.hard, row.mean - row.std, row.mean + row.std] },
    { id: "delta", title: "Saturation Δ = h − u", zero: true,
      curves: [curve("delta", "Δ", "purple thick"), { value: (row) => Math.abs(row.delta), label: "|Δ|", look: "dash" }] },
    { id: "sigma", title: "Noise scale σ(x)", base: 0,
      curves: [curve("sigma", "σ", "orange thick")] },
    { id: "gradient", title: "Gradient ∂φ/∂x", zero: true, data: true, bar: true,
      band: { mean: "gradMean", std: "gradStd", label: "± std" },
      curves: [curve("gradMean", "E ∂φ/∂x", "blue thick"), curve("slope", "h′", "")],
      fit: (row) => [row.slope, row.gradMean - row.gradStd, row.gradMean + row.gradStd] },
    { id: "response", title: "In units of u′", zero: true,
      curves: [curve("response", "response", "blue thick"), curve("pull", "pull", "green dashdot"), curve("noise", "noise", "orange dash")] },
    { id: "probability", title: "Probabilities", base: 0, top: 1,
      curves: [curve("pWrong", "P(wrong sign)", "vermillion thick"), curve("pZero", "P(gradient = 0)", "dash")] },
  ];

  function svg(name, attributes = {}, ...inside) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...inside);
    return made;
  }

  function makePanels() {
    for (const panel of PANELS) {
      const clip = svg("clipPath", { id: `clip-${panel.id}` }, svg("rect", {
        x: BOX.left, y: BOX.top, width: BOX.right - BOX.left, height: BOX.bottom - BOX.top }));
      panel.back = svg("g");
      panel.marks = svg("g", { "clip-path": `url(#clip-${panel.id})` });
      panel.line = svg("line", { class: "cursor", y1: BOX.top, y2: BOX.bottom });
      panel.frame = svg("path", { class: "frame", d: `M${BOX.left},${BOX.top}V${BOX.bottom}H${BOX.right}` });
      panel.svg = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", id: `panel-${panel.id}`, "aria-label": panel.title },
        svg("defs", {}, clip), panel.back, panel.marks, panel.line, panel.frame);
      for (const event of ["pointermove", "pointerdown"]) panel.svg.addEventListener(event, point);
      byId("panels").append(panel.svg);
    }
  }

  function point(event) {
    const box = event.currentTarget.getBoundingClientRect(), [low, high] = xlim();
    const share = (((event.clientX - box.left) / box.width) * WIDTH - BOX.left) / (BOX.right - BOX.left);
    if (share < 0 || share > 1 || (event.type === "pointermove" && event.pointerType === "touch")) return;
    state.x = Number((low + share * (high - low)).toPrecision(4));
    fillNumber("x");
    later(false);
  }

  /* Round numbers between two ends, with the digits that tell them apart. */
  function ticks(low, high, most) {
    const rough = (high - low) / most, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((k) => k * power).find((k) => k >= rough);
    const found = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) found.push(Number((k * step).toPrecision(12)));
    return found;
  }

  function fitted(panel, rows) {
    const values = panel.fit ? rows.flatMap(panel.fit) : rows.flatMap((row) => panel.curves.map((one) => one.value(row)));
    const known = values.filter((value) => value !== null && Number.isFinite(value));
    let low = Math.min(panel.base ?? Infinity, ...known), high = Math.max(panel.top ?? -Infinity, ...known);
    if (panel.zero) [low, high] = [Math.min(low, 0), Math.max(high, 0)];
    if (!(high - low > 1e-12)) [low, high] = panel.base === undefined ? [low - 1, high + 1] : [low, low + 1];
    const room = 0.06 * (high - low);
    return [panel.base === undefined ? low - room : low - 0.02 * (high - low), high + room];
  }

  function drawPanel(panel, rows, lim, wrong) {
    const ylim = fitted(panel, rows), [low, high] = lim;
    const px = (x) => BOX.left + ((x - low) / (high - low)) * (BOX.right - BOX.left);
    const py = (y) => Math.min(Math.max(BOX.bottom - ((y - ylim[0]) / (ylim[1] - ylim[0])) * (BOX.bottom - BOX.top), -1e4), 1e4);
    const spot = (x, y) => `${px(x).toFixed(2)},${py(y).toFixed(2)}`;
    const back = [svg("text", { class: "title", x: 6, y: 15 }, titleOf(panel))];
    const marks = [];
    const [left, right] = functions[state.fn].thresholds.map((z, k) => z ?? (k ? Infinity : -Infinity));
    for (const [from, to] of [[low, Math.min(left, high)], [Math.max(right, low), high]]) {
      if (from < to) marks.push(svg("rect", { class: "saturated", x: px(from), y: BOX.top, width: px(to) - px(from), height: BOX.bottom - BOX.top }));
    }
    for (const y of ticks(...ylim, 5)) {
      marks.push(svg("path", { class: panel.zero && y === 0 ? "zero" : "grid", d: `M${BOX.left},${py(y)}H${BOX.right}` }));
      back.push(label("tick end", BOX.left - 5, py(y) + 4, shown(y, 4)));
    }
    for (const x of ticks(low, high, 7)) back.push(label("tick middle", px(x), BOX.bottom + 15, shown(x, 4)));
    back.push(label("tick middle", (BOX.left + BOX.right) / 2, HEIGHT - 3, "x"));
    if (panel.data && table.data) marks.push(densityMark(px));
    if (panel.band) {
      const { mean, std } = panel.band;
      const edge = (k) => rows.map((row) => spot(row.x, row[mean] + k * row[std]));
      marks.push(svg("path", { class: "band", d: `M${edge(1).join("L")}L${edge(-1).reverse().join("L")}Z` }));
    }
    for (const one of [...panel.curves].reverse()) {
      let d = "", pen = "M";
      for (const row of rows) {
        const value = one.value(row);
        if (value === null || !Number.isFinite(value)) pen = "M";
        else { d += `${pen}${spot(row.x, value)}`; pen = "L"; }
      }
      marks.push(svg("path", { class: `curve ${one.look}`, d }));
    }
    if (panel.bar) for (const [from, to] of wrong) marks.push(svg("path", { class: "bar", d: `M${px(from)},${BOX.bottom - 3}H${px(to)}` }));
    panel.back.replaceChildren(...back, ...legend(panel, wrong));
    panel.marks.replaceChildren(...marks);
    panel.px = px;
  }

  const titleOf = ({ id, title }) => (id === "sigma" && state.unit === "nanil-softplus" ? "Spread of the noise on the input" : title);

  const label = (look, x, y, text) => svg("text", { class: look, x, y }, document.createTextNode(text));

  function legend(panel, wrong) {
    const entries = panel.curves.map((one) => [`curve ${one.look}`, one.label]);
    if (panel.band) entries.splice(1, 0, ["band", panel.band.label]);
    if (panel.data && table.data) entries.push(["data", "data"]);
    if (panel.bar && wrong.length) entries.push(["bar", "wrong > ½"]);
    const letters = entries.map(([, text]) => text).join("").length, tight = 6.7 * letters + 38 * entries.length > WIDTH;
    let x = 6;
    return entries.flatMap(([look, text]) => {
      const filled = look === "band" || look === "data";
      const mark = filled ? svg("rect", { class: look, x, y: 25, width: 18, height: 10 }) : svg("path", { class: look, d: `M${x},30h20` });
      const from = x + 24;
      x = from + (tight ? 6.1 : 6.7) * text.length + (tight ? 8 : 14);
      return [mark, label("", from, 34, text)];
    });
  }

  function densityMark(px) {
    const { low, high, heights } = table.data, step = (high - low) / heights.length, top = Math.max(...heights);
    const y = (height) => (BOX.bottom - (0.3 * (BOX.bottom - BOX.top) * height) / top).toFixed(2);
    const steps = heights.map((height, k) => `L${px(low + k * step).toFixed(2)},${y(height)}H${px(low + (k + 1) * step).toFixed(2)}`);
    return svg("path", { class: "data", d: `M${px(low).toFixed(2)},${BOX.bottom}${steps.join("")}V${BOX.bottom}Z` });
  }

  /* ---- Words. ---- */
  function formulaWords() {
    const { alpha, c, p, unit, scale, noise } = state, entry = functions[state.fn], { uses } = table.kinds[unit];
    const times = (k, what) => `${shown(k)}·${what}`;
    const sum = (a, b, what) => `${a} ${b < 0 ? "−" : "+"} ${shown(Math.abs(b))}·${what}`;
    const d = alpha > 1 ? "+sgn x" : "−sgn x";
    const plus = `${sum(times(alpha, "h"), Number((1 - alpha).toPrecision(12)), "u")} + d·σ·`;
    const phi = {
      none: "φ = h(x)", nan: `φ = ${plus}ξ`, nah: `φ = ${plus}|ξ|`, nani: `φ = h(x + ${times(c, "ξ")})`, nanil: "φ = h(x + σ·ξ)",
      add: `φ = h(x) + ${times(c, "ξ")}`, mult: `φ = h(x)·(1 + ${times(c, "ξ")})`, nanis: `φ = h(x + ${times(c, "ξ")} where saturated)`, "nanil-softplus": `φ = h(x + ${shown(c)}·softplus(${times(p, "|Δ|/|ξ|")})·ξ)`,
    };
    const words = [phi[unit] ?? `φ = ${table.kinds[unit].formula}`];
    if (uses.includes("alpha")) words.push(`d = ${d}`);
    if (uses.includes("scale")) words.push(`σ = ${shown(c)}·(g(${times(p, scale === "eq9" ? "Δ" : "δ²")}) − ½)²${scale === "eq9" ? "" : ", δ = distance beyond the threshold"}`);
    words.push(`h = ${entry.formula}`, `u = ${entry.intercept ? sum(shown(entry.intercept), entry.slope, "x") : entry.slope === 1 ? "x" : entry.slope ? times(entry.slope, "x") : "0"}`);
    if (unit !== "none") words.push(`${noise} ξ`);
    return words.map((word, k) => element("span", {}, word.replaceAll("-", "−").replace("−t:", "-t:") + (k < words.length - 1 ? "; " : ".")));
  }

  function toldWords(rows, wrong, lim) {
    const near = 2e-3 * (lim[1] - lim[0]), parts = wrong.map(([a, b]) =>
      a <= lim[0] + near && b >= lim[1] - near ? "everywhere in this range"
        : a <= lim[0] + near ? `up to x = ${shown(b, 3)}` : b >= lim[1] - near ? `from x = ${shown(a, 3)} on` : `for ${shown(a, 3)} < x < ${shown(b, 3)}`);
    const words = [functions[state.fn].slope === 0 ? "u′ = 0 here, so there is no wrong way for the gradient to point." : parts.length ? `The gradient points the wrong way more often than not ${parts.join(" and ")}.` : "Nowhere in this range does the gradient point the wrong way more often than not."];
    if (table.data) {
      const [left, right] = table.data.saturated[state.fn];
      if (functions[state.fn].thresholds.every((z) => z === null)) words.push(`${state.fn} has no threshold beyond which data could be saturated.`);
      else words.push(`Of ${table.data.size.toLocaleString("en")} values of ${table.data.label}, ${percent(left + right)} are saturated (left ${percent(left)}, right ${percent(right)}).`);
    }
    return words.join(" ");
  }

  const command = () => commandWords().join(" ");

  function commandWords() {
    const { uses } = table.kinds[state.unit], words = ["noisyviz plot", `--fn ${state.fn}`, `--unit ${state.unit}`];
    for (const name of ["alpha", "c", "p"]) if (uses.includes(name)) words.push(`--${name} ${state[name]}`);
    if (uses.includes("scale") && state.scale !== "eq9") words.push(`--scale ${state.scale}`);
    if (state.unit !== "none" && state.noise !== "normal") words.push(`--noise ${state.noise}`);
    if (state.margin !== 3) words.push(`--xlim ${xlim().map((x) => Number(x.toPrecision(12))).join(" ")}`);
    if (table.data?.option) words.push(`--data ${/^[\w.:\/-]+$/.test(table.data.option) ? table.data.option : `'${table.data.option.replaceAll("'", "'\\''")}'`}`);
    return words;
  }

  const VALUES = {
    h: "h(x)", u: "u(x)", delta: "Δ = h − u", sigma: "σ", mean: "E φ", bias: "bias E φ − h", std: "std φ",
    slope: "h′(x)", gradMean: "E ∂φ/∂x", gradStd: "std ∂φ/∂x", response: "response E ∂φ/∂x / u′",
    pull: "pull Cov(φ, ∂φ/∂x) / u′", noise: "noise std ∂φ/∂x / u′", pWrong: "P(wrong sign)", pZero: "P(gradient = 0)",
  };

  function drawValues(unit) {
    const x = cursor(), row = moments.at(unit, x), region = ["left saturated", "linear", "right saturated"][row.region + 1];
    const lines = [["x", `${shown(x)} (${region})`], ...Object.entries(VALUES).map(([key, told]) => [told, shown(row[key])])];
    byId("values").tBodies[0].replaceChildren(...lines.map(([told, value]) =>
      element("tr", {}, element("th", { scope: "row" }, told), element("td", {}, value))));
    for (const panel of PANELS) {
      panel.line.setAttribute("x1", panel.px(x));
      panel.line.setAttribute("x2", panel.px(x));
      const told = panel.curves.map((one) => `${one.label} ${shown(one.value(row), 4)}`).join(", ");
      panel.svg.setAttribute("aria-label", `${titleOf(panel)}; at x = ${shown(x, 4)}: ${told}`);
    }
  }

  /* ---- Frames: at most one a turn, the whole page or the values alone. ---- */
  let waiting = null, cost = 0, refine = 0;
  function later(whole = true) {
    if (waiting === null) requestAnimationFrame(() => {
      const all = waiting;
      waiting = null;
      if (all) draw(Math.min(POINTS, Math.max(21, Math.round(BUDGET / cost))));
      else { drawValues(unitOf(state)); toAddress(); }
    });
    waiting = waiting || whole;
  }

  /* Everything; where a unit takes long, few points while something moves, and all of them once it rests. */
  function draw(count = POINTS) {
    const unit = unitOf(state), lim = xlim(), from = performance.now(), rows = grid(lim, count).map((x) => moments.at(unit, x));
    cost = (performance.now() - from) / rows.length;
    clearTimeout(refine);
    if (count < POINTS) refine = setTimeout(draw, 150);
    const wrong = wrongIntervals(rows);
    for (const panel of PANELS) drawPanel(panel, rows, lim, wrong);
    drawValues(unit);
    byId("title").textContent = document.title = `${state.fn}, ${state.unit}`;
    byId("formula").replaceChildren(...formulaWords());
    byId("told").textContent = toldWords(rows, wrong, lim);
    byId("command").replaceChildren(...commandWords().flatMap((word, k) => [k ? " " : "", element("span", {}, word)]));
    toAddress();
  }

  /* ---- Taking it along. ---- */
  async function copy() {
    const text = command();
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      getSelection().selectAllChildren(byId("command"));
      if (!document.execCommand("copy")) return done("Select the command above to copy it.");
    }
    return done("Copied.");
  }

  function done(text) { byId("done").textContent = text; }

  /* The panels as one SVG file that stands alone, in the colours of the page. */
  function picture() {
    const columns = 2, rows = PANELS.length / columns, look = getComputedStyle(document.documentElement);
    const names = ["paper", "ink", "soft", "line", "blue", "vermillion", "green", "purple", "orange", "tint"];
    const values = names.map((name) => `--${name}:${look.getPropertyValue(`--${name}`)}`).join(";");
    const rules = byId("look").textContent.split("\n").filter((line) => /^(text|\.(?!control|buttons))/.test(line)).join("\n");
    const head = 48, root = svg("svg", { xmlns: SVG, viewBox: `0 0 ${columns * WIDTH} ${rows * HEIGHT + head}`, width: columns * WIDTH, height: rows * HEIGHT + head });
    root.append(svg("style", {}, document.createTextNode(`svg{${values}}\n${rules}`)));
    root.append(svg("rect", { width: "100%", height: "100%", fill: look.getPropertyValue("--paper") }));
    root.append(label("title", 6, 18, document.title), label("tick", 6, 36, command()));
    PANELS.forEach((panel, k) => {
      const copy = panel.svg.cloneNode(true);
      for (const [key, value] of Object.entries({ x: (k % columns) * WIDTH, y: Math.floor(k / columns) * HEIGHT + head, width: WIDTH, height: HEIGHT })) copy.setAttribute(key, value);
      root.append(copy);
    });
    return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(root)}\n`;
  }

  function save() {
    const name = `explore-${state.fn}-${state.unit}.svg`, place = URL.createObjectURL(new Blob([picture()], { type: "image/svg+xml" }));
    const link = element("a", { href: place, download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(place), 1000);
    done(`Saved as ${name}.`);
  }

  makeControls();
  makePanels();
  byId("copy").addEventListener("click", copy);
  byId("save").addEventListener("click", save);
  byId("reset").addEventListener("click", () => { state = { ...start }; say(""); fillControls(); draw(); done("Back at the start."); });
  addEventListener("hashchange", fromAddress);
  fromAddress();

  return { at: (settings, x) => moments.at(unitOf(settings), x), settings: () => ({ ...state }), picture };
})();
