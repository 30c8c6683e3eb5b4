"use strict";
/* The exact moments of a noisy unit at one x: the formulas of noisyviz.moments.exact, written again for the browser.

Output noise and input noise on piecewise-linear h are closed. Normal noise before an analytic h takes the trapezoid
rule; everything else takes Gauss-Legendre panels that end at the kinks and poles of h. Variances are central moments
of φ − h(x) and of ∂φ/∂x: differences of raw moments would lose half of their digits. */
const moments = (() => {
  const { abs, exp, expm1, log, log1p, max, min, sign, sqrt, tanh, PI } = Math;
  const side = (x) => (x < 0 ? -1 : 1); // sgn(0) = +1
  const normal = (x) => exp(-0.5 * x * x) / sqrt(2 * PI);
  const logistic = (x) => (x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)));

  /* erfc at multiples of 1/16, by its series and its continued fraction, and its Taylor series in between. */
  const series = (x) => {
    let term = x, sum = x; // every term has the sign of x
    for (let n = 1; abs(term) > 1e-17 * abs(sum); n++) sum += term *= (2 * x * x) / (2 * n + 1);
    return (2 / sqrt(PI)) * exp(-x * x) * sum;
  };
  const ERFC = Array.from({ length: 434 }, (_, k) => {
    const x = k / 16;
    let tail = 0;
    for (let n = 60; n > 0; n--) tail = (0.5 * n) / (x + tail);
    return x < 2 ? 1 - series(x) : exp(-x * x) / sqrt(PI) / (x + tail);
  });

  function erfc(x) {
    if (x < 0) return 2 - erfc(-x);
    if (!(x < 27)) return x > 0 ? 0 : x;
    const k = Math.round(16 * x), from = k / 16, d = x - from;
    let before = 0, term = (2 / sqrt(PI)) * exp(-from * from) * d, sum = term;
    for (let n = 1; abs(term) + abs(before) > 1e-18 * abs(sum) && n < 60; n++) { // derivatives by the recurrence of Hermite
      const next = (-2 * from * d * term - ((2 * (n - 1)) / n) * d * d * before) / (n + 1);
      before = term;
      sum += term = next;
    }
    return ERFC[k] - sum;
  }

  const erf = (x) => (abs(x) < 0.5 ? series(x) : sign(x) * (1 - erfc(abs(x))));
  const cdf = (x) => 0.5 * erfc(-x * Math.SQRT1_2);

  /* Activations: h, its derivative, and Δ = h − u where the difference would lose digits. */
  const sech2 = (x) => { const e = exp(-2 * abs(x)); return (4 * e) / (1 + e) ** 2; };
  const softplus = (x) => max(x, 0) + log1p(exp(-abs(x)));
  const SELU = [1.0507009873554805, 1.6732632423543772];
  const elu = (a) => ({
    h: (x) => (x > 0 ? x : a * expm1(x)),
    slope: (x) => (x >= 0 ? 1 : a * exp(x)),
    delta: (x) => (x > 0 ? 0 : a * expm1(x) - x),
  });
  const squareplus = (x) => { const r = Math.hypot(x, 2); return x < 0 ? 2 / (r - x) : (x + r) / 2; };
  const mish = (x) => { // tanh(softplus x) and 1 less it
    const w = exp(-abs(x)), [a, b] = x < 0 ? [w * (w + 2), 2] : [1 + 2 * w, 2 * w * w];
    return [a / (a + b), b / (a + b)];
  };
  const bend = (x) => sqrt(8 / PI) * x * (1 + 0.044715 * x * x);
  const FORMULAS = {
    "tanh": { h: tanh, slope: sech2 },
    "sigmoid": { h: logistic, slope: (x) => logistic(x) * logistic(-x) },
    "hard-swish": {
      h: (x) => (x <= -3 ? 0 : x >= 3 ? x : (x * (x + 3)) / 6),
      slope: (x) => (x <= -3 ? 0 : x >= 3 ? 1 : (2 * x + 3) / 6),
      delta: (x) => (x <= -3 ? -x : x >= 3 ? 0 : (x * (x - 3)) / 6),
    },
    "elu": elu(1),
    "celu": elu(1),
    "selu": {
      h: (x) => SELU[0] * (x > 0 ? x : SELU[1] * expm1(x)),
      slope: (x) => SELU[0] * (x >= 0 ? 1 : SELU[1] * exp(x)),
      delta: (x) => (x > 0 ? 0 : SELU[0] * (SELU[1] * expm1(x) - x)),
    },
    "softplus": { h: softplus, slope: logistic, delta: (x) => softplus(-x) },
    "log-sigmoid": { h: (x) => -softplus(-x), slope: (x) => logistic(-x), delta: (x) => -softplus(x) },
    "squareplus": { h: squareplus, slope: (x) => squareplus(x) / Math.hypot(x, 2), delta: (x) => squareplus(-x) },
    "sparse-plus": {
      h: (x) => (x < -1 ? 0 : x > 1 ? x : (x + 1) ** 2 / 4),
      slope: (x) => min(max((x + 1) / 2, 0), 1),
      delta: (x) => (x < -1 ? -x : x > 1 ? 0 : (x - 1) ** 2 / 4),
    },
    "softsign": { h: (x) => x / (1 + abs(x)), slope: (x) => (1 + abs(x)) ** -2 },
    "arctan": { h: Math.atan, slope: (x) => 1 / (1 + x * x) },
    "erf": { h: erf, slope: (x) => (2 / sqrt(PI)) * exp(-x * x) },
    "gelu": { h: (x) => x * cdf(x), slope: (x) => cdf(x) + x * normal(x), delta: (x) => -x * cdf(-x) },
    "gelu-tanh": {
      h: (x) => x * logistic(bend(x)),
      slope: (x) => logistic(bend(x)) * (1 + x * sqrt(8 / PI) * (1 + 0.134145 * x * x) * logistic(-bend(x))),
      delta: (x) => -x * logistic(-bend(x)),
    },
    "mish": {
      h: (x) => x * mish(x)[0],
      slope: (x) => { const [t, rest] = mish(x); return t + x * rest * (1 + t) * logistic(x); },
      delta: (x) => -x * mish(x)[1],
    },
    "tanh-shrink": { h: (x) => x - tanh(x), slope: (x) => tanh(x) ** 2 },
    "silu": {
      h: (x) => x * logistic(x),
      slope: (x) => logistic(x) * (1 + x * logistic(-x)),
      delta: (x) => -x * logistic(-x),
    },
    "lecun-tanh": { h: (x) => 1.7159 * tanh((2 * x) / 3), slope: (x) => (1.7159 * 2) / 3 * sech2((2 * x) / 3) },
  };

  /* h(by·x)/by. */
  const stretched = (f, by) => Object.fromEntries(
    Object.entries(f).map(([key, of]) => [key, key === "slope" ? (x) => of(by * x) : (x) => of(by * x) / by]));
  const FAMILIES = {
    elu,
    celu: (a) => stretched(elu(1), 1 / a),
    softplus: (b) => stretched(FORMULAS.softplus, b),
    squareplus: (b) => stretched(FORMULAS.squareplus, 2 / sqrt(b)),
  };
  const formulas = (name) => {
    const [family, value] = name.split(":");
    return FORMULAS[name] ?? FAMILIES[family](Number(value));
  };

  /* The edges of panels: as they are, or [first, last, how many] of equal ones, or [least positive one, ratio, how many]
  of 0 and a geometric net around it. */
  function unpacked(panels) {
    if (panels.even) { const [low, high, n] = panels.even; return count(n, (high - low) / (n - 1)).map((z) => low + z); }
    if (!panels.geometric) return panels;
    const [first, ratio, n] = panels.geometric, half = Array.from({ length: n }, (_, k) => first * ratio ** k);
    return [0, ...half, ...half.map((z) => -z)];
  }

  const place = (breaks, x) => { let k = 0; while (k < breaks.length && breaks[k] < x) k++; return k; };

  /* An activation from its entry in the page's table; null stands there for an infinite number. */
  function activation(entry) {
    const { breaks, pieces, slope: u1, intercept: u0 } = entry;
    const finite = (pair) => [pair[0] ?? -Infinity, pair[1] ?? Infinity];
    const line = pieces && ((x) => pieces[place(breaks, x)]);
    const made = pieces
      ? {
          h: (x) => line(x)[0] + line(x)[1] * x,
          slope: (x) => { const k = breaks.indexOf(x); return k < 0 ? line(x)[1] : entry.kink_slopes[k]; },
          delta: (x) => line(x)[0] - u0 + (line(x)[1] - u1) * x,
        }
      : formulas(entry.name);
    const thresholds = finite(entry.thresholds), limits = finite(entry.limits), flat = entry.flat.map(finite);
    const isFlat = (x) => flat.some(([low, high]) => low <= x && x <= high);
    const ends = [...flat.flat(), ...entry.turns].filter(isFinite);
    return {
      delta: (x) => made.h(x) - (u0 + u1 * x),
      ...made, name: entry.name, entry, u0, u1, thresholds, limits, isFlat, breaks, pieces,
      u: (x) => u0 + u1 * x,
      hard: (x) => min(max(u0 + u1 * x, min(...limits)), max(...limits)),
      signEdges: [...new Set(ends)],
      slopeSign: (x) => sign(made.slope(x)) || (isFlat(x) ? 0 : sign(u1) * (-1) ** entry.turns.filter((z) => x < z).length),
      edges: [...unpacked(entry.panels), ...breaks],
      region: (x) => (x <= thresholds[0] ? -1 : x >= thresholds[1] ? 1 : 0),
    };
  }

  /* Noise: density, E|ξ|, the ξ ≥ 0 between which 20 nodes resolve the density, and for a ≥ 0 the partial moments
  P(ξ > a), E[ξ; ξ > a], E[ξ²; ξ > a]. */
  const count = (n, step) => Array.from({ length: n }, (_, k) => k * step);
  const NOISES = {
    normal: () => ({
      density: normal, mean: sqrt(2 / PI), edges: [0, 2, 4, 6, 9], breaks: [],
      upper: (a) => { const t = cdf(-a), d = normal(a); return [t, d, t + a * d]; },
    }),
    laplace: () => ({
      density: (x) => exp(-Math.SQRT2 * abs(x)) / Math.SQRT2, mean: Math.SQRT1_2, edges: count(9, 4), breaks: [0],
      upper: (a) => {
        const b = Math.SQRT1_2, t = 0.5 * exp(-a / b);
        return [t, t * (a + b), t * (a * a + 2 * a * b + 2 * b * b)];
      },
    }),
    uniform: () => {
      const w = sqrt(3);
      return {
        density: (x) => (abs(x) <= w ? 0.5 / w : 0), mean: w / 2, edges: [0, w], breaks: [-w, w],
        upper: (a) => {
          const rest = max(w - a, 0);
          a = min(a, w);
          return [rest / (2 * w), (rest * (w + a)) / (4 * w), (rest * (w * w + w * a + a * a)) / (6 * w)];
        },
      };
    },
    "student-t": student,
  };

  function student(nu) {
    const spread = nu - 2, beta = sqrt(PI) / gammaRatio(nu / 2); // B(½, ν/2)
    const density = (x) => exp(-0.5 * (nu + 1) * log1p((x * x) / spread)) / (sqrt(spread) * beta);
    const tail = (a) => {
      const w = (a * a) / spread;
      return 0.5 * (w < 1 ? 1 - betaShare(0.5, nu / 2, w / (1 + w), beta) : betaShare(nu / 2, 0.5, 1 / (1 + w), beta));
    };
    const pitch = min(1, sqrt(spread)), edges = [0];
    for (let end = 0; tail(end) > 1e-24; edges.push(end)) end += max(pitch, min(1, end), end > 12 ? end / 2 : 0);
    return {
      density, mean: (2 * sqrt(spread)) / ((nu - 1) * beta), edges, breaks: [],
      upper: (a) => {
        const t = tail(a), weighted = (1 + (a * a) / spread) * density(a);
        return [t, (spread / (nu - 1)) * weighted, t + a * weighted];
      },
    };
  }

  /* Γ(z + ½)/Γ(z): the recurrence up to large z, then the asymptotic series. */
  function gammaRatio(z) {
    let product = 1;
    for (; z < 40; z++) product *= z / (z + 0.5);
    const w = 1 / z;
    return product * sqrt(z) * (1 + w * (-1 / 8 + w * (1 / 128 + w * (5 / 1024 + w * (-21 / 32768 - (w * 399) / 262144)))));
  }

  /* The regularised incomplete beta function by its continued fraction, for x left of where that converges slowly. */
  function betaShare(a, b, x, beta) {
    if (x <= 0) return 0;
    if (x > (a + 1) / (a + b + 2)) return 1 - betaShare(b, a, 1 - x, beta);
    let c = 1, d = 1 / (1 - ((a + b) * x) / (a + 1)), f = d;
    for (let m = 1; m < 500; m++) {
      const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
      d = 1 / (1 + even * d); c = 1 + even / c; f *= c * d;
      const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
      d = 1 / (1 + odd * d); c = 1 + odd / c; f *= c * d;
      if (abs(c * d - 1) < 1e-16) break;
    }
    return (exp(a * log(x) + b * log1p(-x)) / (a * beta)) * f;
  }

  /* P(a < ξ < b), E[ξ; …] and E[ξ²; …]; on one side of 0 as differences of tails, which keep their digits. */
  function within(noise, a, b) {
    const upper = (z) => (z === Infinity ? [0, 0, 0] : noise.upper(z));
    const mirrored = b <= 0, [low, high] = mirrored ? [-b, -a] : [a, b];
    const t = upper(abs(low)), v = upper(high);
    const m = low < 0 ? [1 - t[0] - v[0], t[1] - v[1], 1 - t[2] - v[2]] : [t[0] - v[0], t[1] - v[1], t[2] - v[2]];
    return mirrored ? [m[0], -m[1], m[2]] : m;
  }

  const LEGENDRE = (() => { // 20 nodes and weights by Newton's method
    const found = [];
    for (let k = 0; k < 20; k++) {
      let x = Math.cos((PI * (k + 0.75)) / 20.5), slope = 0;
      for (let turn = 0; turn < 8; turn++) {
        let last = 1, value = x;
        for (let n = 2; n <= 20; n++) [last, value] = [value, ((2 * n - 1) * x * value - (n - 1) * last) / n];
        slope = (20 * (x * value - last)) / (x * x - 1);
        x -= value / slope;
      }
      found.push([x, 2 / ((1 - x * x) * slope * slope)]);
    }
    return found;
  })();

  /* Calls each(ξ, weight) at the nodes between neighbouring edges. */
  function panels(noise, edges, each) {
    for (let k = 1; k < edges.length; k++) {
      const half = 0.5 * (edges[k] - edges[k - 1]), middle = 0.5 * (edges[k] + edges[k - 1]);
      if (half > 0) for (let n = 0; n < 20; n++) {
        const xi = middle + half * LEGENDRE[n][0];
        each(xi, half * LEGENDRE[n][1] * noise.density(xi));
      }
    }
  }

  /* A centre of an interval and the partial moments of ξ − centre; narrow intervals are integrated. */
  function centred(noise, low, high) {
    if (!(high - low <= min(1, noise.edges[1]))) return [0, ...within(noise, low, high)];
    const centre = 0.5 * (low + high), m = [0, 0, 0];
    const cuts = noise.breaks.map((z) => min(max(z, low), high));
    panels(noise, [low, ...cuts, high], (xi, w) => {
      m[0] += w; m[1] += w * (xi - centre); m[2] += w * (xi - centre) ** 2;
    });
    return [centre, ...m];
  }

  /* Means, spreads and covariance of a deviation and a gradient, from nodes [weight, deviation, gradient, …] and from
  intervals of ξ on which both are affine: [moments, a, b, s, q] for a + bξ and s + qξ. */
  function collect(nodes, pieces) {
    let d = 0, g = 0, dd = 0, gg = 0, dg = 0;
    for (let k = 0; k < nodes.length; k += 3) {
      d += nodes[k] * nodes[k + 1];
      g += nodes[k] * nodes[k + 2];
    }
    const met = pieces.filter(([m]) => m[0] !== 0); // an empty interval counts 0, whatever stands on it
    for (const [m, a, b, s, q] of met) {
      d += a * m[0] + b * m[1];
      g += s * m[0] + q * m[1];
    }
    for (let k = 0; k < nodes.length; k += 3) {
      const w = nodes[k], e = nodes[k + 1] - d, f = nodes[k + 2] - g;
      dd += w * e * e; gg += w * f * f; dg += w * e * f;
    }
    for (const [m, a, b, s, q] of met) {
      const e = a - d, f = s - g;
      dd += e * e * m[0] + 2 * e * b * m[1] + b * b * m[2];
      gg += f * f * m[0] + 2 * f * q * m[1] + q * q * m[2];
      dg += e * f * m[0] + (e * q + b * f) * m[1] + b * q * m[2];
    }
    return { bias: d, std: sqrt(max(dd, 0)), gradMean: g, gradStd: sqrt(max(gg, 0)), cov: dg };
  }

  /* σ(x), its derivative, and the sign of that in exact arithmetic (Eq 9, or the form of the paper's drawings). */
  function scale(unit, x) {
    const { h, kind, c, p } = unit;
    if (kind === "add") return { sigma: c, slope: 0, sign: 0 };
    if (kind === "mult") return { sigma: c * h.h(x), slope: c * h.slope(x), sign: sign(c) * h.slopeSign(x) };
    if (kind === "nani" || (kind === "nanis" && h.region(x))) return { sigma: c, slope: 0, sign: 0 };
    if (!unit.uses.includes("scale")) return { sigma: 0, slope: 0, sign: 0 };
    let inner = h.delta(x), innerSlope = h.slope(x) - h.u1;
    if (unit.scale === "figure") {
      const right = x - h.thresholds[1], far = max(right, h.thresholds[0] - x, 0);
      inner = far * far;
      innerSlope = 2 * far * (right > 0 ? 1 : -1);
    }
    const v = p * inner, t = tanh(0.5 * v), e = exp(-abs(v));
    const k = (c * t * e) / (1 + e) ** 2; // (c/4)·tanh(v/2)·sech²(v/2)
    return {
      sigma: 0.25 * c * t * t,
      slope: k === 0 ? 0 : k * p * innerSlope,
      sign: c > 0 && p !== 0 ? sign(inner) * sign(innerSlope) : 0,
    };
  }

  /* P(a + b·ε < 0) for ε = ξ or |ξ|. */
  function negative(noise, a, b, half) {
    if (b === 0) return a < 0 ? 1 : 0;
    const t = half ? max(-a / b, 0) : -a / b;
    const above = (z) => within(noise, z, Infinity)[0];
    if (half) return b > 0 ? within(noise, -t, t)[0] : 2 * above(t);
    return b > 0 ? above(-t) : above(t);
  }

  /* φ = αh + (1−α)u + d·σ·ε (Eq 12): closed for every noise. */
  function outputNoise(unit, x) {
    const { h, noise } = unit, half = unit.kind === "nah", leaks = unit.uses.includes("alpha");
    const keep = leaks ? unit.alpha : 1, d = leaks ? -side(x) * side(1 - unit.alpha) : 1;
    const { sigma, slope, sign: slopeSign } = scale(unit, x);
    const expected = half ? noise.mean : 0, spread = sqrt(1 - expected * expected);
    const dh = h.slope(x);
    let base = dh - (1 - keep) * (dh - h.u1), swing = d * slope;
    if (base === 0 && swing === 0) swing = d * slopeSign; // σ′ has underflowed, its sign is known
    if (!leaks && dh === 0) [base, swing] = [h.slopeSign(x), unit.c * slopeSign];
    return {
      sigma: abs(sigma),
      bias: (keep - 1) * h.delta(x) + d * sigma * expected,
      std: abs(sigma) * spread,
      gradMean: base + d * slope * expected,
      gradStd: abs(d * slope) * spread,
      cov: sigma * slope * spread * spread,
      pZero: base === 0 && swing === 0 ? 1 : 0,
      pWrong: negative(noise, sign(h.u1) * base, sign(h.u1) * swing, half),
    };
  }

  /* What the noise adds to the input: s(ξ) and ∂(x + s)/∂x, the ξ that reaches a gap, and the ξ where signs change. */
  function inputShift(unit, x) {
    if (unit.kind === "nanil-softplus") return softplusShift(unit, x);
    const { sigma, slope } = scale(unit, x);
    return {
      sigma, slope, still: sigma === 0,
      moved: (xi) => [sigma * xi, 1 + slope * xi],
      reach: (gap) => (sigma === 0 ? Infinity : gap / sigma),
      turns: [slope === 0 ? Infinity : -1 / slope],
      bends: [],
      tail: (end, a, b) => [a, b * sigma, b, b * slope],
    };
  }

  const SETTLED = 0.025; // below this share of |p·Δ|, the ξ adds next to nothing to s
  const ulp = (x) => { const two = 2 ** Math.floor(Math.log2(x)); return (two > x ? two / 2 : two) * 2 ** -52; };

  /* s = c·softplus(p·|Δ|/|ξ|)·ξ, the authors' released form. */
  function softplusShift(unit, x) {
    const { h, c, p } = unit, delta = h.delta(x), reach = p * abs(delta), floor = max(reach, 0);
    const slope = c * p * sign(delta) * (h.slope(x) - h.u1);
    const size = abs(reach), end = unit.noise.edges.at(-1);
    const excess = (r) => (r === 0 ? 0 : r * log1p(exp(-size / r)));
    const most = excess(end);
    /* The |ξ| at which |s|/c exceeds the floor by so much: the logarithm of the excess is concave in log(1/r). */
    const distance = (over) => {
      if (!(over > 0)) return 0;
      if (over >= most) return end; // no ξ worth counting lies beyond
      if (size === 0) return over / Math.LN2;
      let r = max(over / Math.LN2, size / log(3 + size / over));
      for (let turn = 0; turn < 9; turn++) {
        const v = size / r, e = exp(-v), rest = log1p(e), by = log(over / (r * rest)) / (1 + (v * e) / ((1 + e) * rest));
        r *= exp(by);
        if (abs(by) < 1e-16) break;
      }
      return r;
    };
    const gate = 1 / abs(slope), turn = reach / log(gate / (1 - gate));
    /* s has poles at |ξ| = size/(iπ(2k + 1)); nearer to 0 than `still`, x + s is rounded to one number, maybe a kink. */
    const geometric = [distance(0.5 * (ulp(max(abs(x), c * floor)) / c))];
    for (let r = SETTLED * size; r > 0 && r < end; r *= 8) geometric.push(r);
    return {
      sigma: null, still: c === 0,
      moved: (xi) => {
        const r = abs(xi) || 1e-300, e = exp(-size / r), on = side(xi);
        return [c * on * (floor + r * log1p(e)), 1 + (slope * on * (reach < 0 ? e : 1)) / (1 + e)];
      },
      reach: (gap) => sign(gap) * distance(abs(gap) / c - floor),
      turns: [0, turn > 0 ? -sign(slope) * turn : Infinity],
      bends: [...geometric, ...geometric.map((z) => -z)],
      tail: (end, a, b) => [a + b * end * c * 0.5 * reach, b * c * Math.LN2, b * (1 + 0.5 * end * slope), 0],
    };
  }

  /* φ = h(x + s). */
  function inputNoise(unit, x) {
    const { h, noise } = unit, s = inputShift(unit, x);
    const found = s.still
      ? { bias: 0, std: 0, gradMean: h.slope(x) * s.moved(0)[1], gradStd: 0, cov: 0, shiftStd: 0 }
      : h.pieces && s.sigma !== null ? closed(h, noise, s, x) : quadrature(h, noise, s, x);
    return { sigma: s.sigma ?? found.shiftStd, ...found, ...signs(h, noise, s, x) };
  }

  /* Piecewise-linear h: truncated moments of ξ between the pre-images of its kinks. */
  function closed(h, noise, s, x) {
    const cuts = [-Infinity, ...h.breaks.map((z) => s.reach(z - x)), Infinity], own = h.pieces[place(h.breaks, x)];
    return collect([], h.pieces.map((piece, k) => {
      const [centre, ...m] = centred(noise, cuts[k], cuts[k + 1]);
      const offset = piece === own ? 0 : piece[0] + piece[1] * x - (own[0] + own[1] * x);
      const b = piece[1] * s.sigma, q = piece[1] * s.slope;
      return [m, offset + b * centre, b, piece[1] + q * centre, q];
    }));
  }

  function quadrature(h, noise, s, x) {
    const base = h.h(x), nodes = [], pieces = [], end = noise.edges[noise.edges.length - 1];
    let square = 0;
    const take = (xi, w) => {
      const [shift, factor] = s.moved(xi), z = x + shift;
      nodes.push(w, h.h(z) - base, h.slope(z) * factor);
      square += w * shift * shift;
    };
    const y = min(sqrt(76), h.entry.strip / s.sigma), step = min(0.72, (2 * PI * y) / (38 + (y * y) / 2));
    if (s.sigma !== null && noise.density === normal && step > 0.03) {
      for (let k = Math.ceil(-9 / step); k * step <= 9; k++) take(k * step, step * normal(k * step));
      return collect(nodes, pieces);
    }
    const images = h.edges.map((z) => s.reach(z - x));
    const [first, last] = s.sigma === null ? [-end, end] : [max(-end, min(end, ...images)), min(end, max(-end, ...images))];
    const edges = [...noise.edges, ...noise.edges.map((z) => -z), ...s.bends, ...images];
    panels(noise, edges.map((z) => min(max(z, first), last)).sort((a, b) => a - b), take);
    for (const far of [-1, 1]) { // beyond the last edges h is its asymptote, whose moments are closed
      const edge = far > 0 ? last : first, m = far > 0 ? within(noise, edge, Infinity) : within(noise, -Infinity, edge);
      if (m[2] < 1e-40) continue;
      const line = h.pieces ? h.pieces.at(far > 0 ? -1 : 0) : asymptote(h, far > 0);
      pieces.push([m, ...s.tail(far, line[0] + line[1] * x - base, line[1])]);
    }
    return { ...collect(nodes, pieces), shiftStd: sqrt(square) };
  }

  function asymptote(h, right) {
    const limit = h.limits[right ? 1 : 0];
    return h.entry.lines?.[right ? 1 : 0] ?? (isFinite(limit) ? [limit, 0] : [h.u0, h.u1]);
  }

  /* P(∂φ/∂x = 0) and P(∂φ/∂x against u′), from the intervals between the ξ at which its sign can change. */
  function signs(h, noise, s, x) {
    const cuts = [-Infinity, ...h.signEdges.map((z) => s.reach(z - x)), ...s.turns, Infinity].sort((a, b) => a - b);
    let pZero = 0, pWrong = 0;
    for (let k = 1; k < cuts.length; k++) {
      const weight = cuts[k] > cuts[k - 1] ? within(noise, cuts[k - 1], cuts[k])[0] : 0;
      const xi = s.still ? 0 : 0.5 * (max(cuts[k - 1], -1e12) + min(cuts[k], 1e12));
      const [shift, factor] = s.moved(xi), found = h.slopeSign(x + shift) * sign(factor);
      if (found === 0) pZero += weight;
      if (found * h.u1 < 0) pWrong += weight;
    }
    return { pZero, pWrong };
  }

  const noises = new Map(); // Student's t is worth keeping
  function noiseOf(name) {
    const [family, nu] = name.split(":");
    if (!noises.has(name)) noises.set(name, NOISES[family](Number(nu)));
    return noises.get(name);
  }

  /* A unit from an entry of the table of functions, one of the table of kinds, and {unit, alpha, c, p, scale, noise}. */
  function unit(entry, kind, settings) {
    const { unit: name, alpha, c, p, scale } = settings;
    return { h: activation(entry), kind: name, ...kind, alpha, c, p, scale, noise: noiseOf(settings.noise) };
  }

  /* Every number at x. response, noise and pull are in units of u′, null where u′ = 0; pull also where h does not
  saturate. */
  function at(unit, x) {
    const { h } = unit, found = unit.output_noise ? outputNoise(unit, x) : inputNoise(unit, x), region = h.region(x);
    return {
      x, h: h.h(x), slope: h.slope(x), u: h.u(x), hard: h.hard(x), delta: h.delta(x), region, ...found,
      mean: h.h(x) + found.bias,
      pWrong: h.u1 ? found.pWrong : null,
      response: h.u1 ? found.gradMean / h.u1 : null,
      noise: h.u1 ? found.gradStd / abs(h.u1) : null,
      pull: region ? (region * found.cov) / abs(h.u1) : null,
    };
  }

  return { unit, at, known: Object.keys(FORMULAS) };
})();
