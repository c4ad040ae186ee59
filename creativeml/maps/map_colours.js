// Colours and shapes of a map's points.

// Eleven colours that stay apart for eyes with two kinds of cones too (the tests compute how far); shapes alternate beside
// them, so that no reader depends on hue alone and the first 66 names all look different.
const MAP_COLOURS = {
  light: ["#265fe2", "#ca314b", "#c9b506", "#ac5e02", "#c2aed6", "#006f87", "#63173d", "#263c00", "#0ca7ff", "#3dc998", "#123373"],
  dark: ["#1e74fa", "#d90470", "#ffe340", "#db8206", "#a8b7ff", "#59abb3", "#9d4fb3", "#d8a585", "#6affdb", "#97ff82", "#c43e2f"],
};
const MAP_SHAPES = ["circle", "square", "triangle", "diamond", "cross", "wedge"];
// From little to much: lightness runs one way from the ground's far end, blue to yellow, as all kinds of eyes see it.
const MAP_RAMPS = {
  light: [[24, 38, 92], [43, 96, 140], [112, 128, 120], [176, 148, 62], [226, 172, 0]],
  dark: [[60, 84, 190], [84, 130, 190], [138, 152, 150], [205, 184, 96], [255, 236, 90]],
};
const RAMP_STEPS = 24;
const MAP_NONE = { light: "#9b978f", dark: "#6d7078" };

const rampColour = (theme, share) => {
  const ramp = MAP_RAMPS[theme];
  const place = Math.min(1, Math.max(0, share)) * (ramp.length - 1), i = Math.min(ramp.length - 2, Math.floor(place));
  return `rgb(${ramp[i].map((v, c) => Math.round(v + (place - i) * (ramp[i + 1][c] - v))).join(" ")})`;
};

// Says of every point which of a few looks it has: {colour, shape, text} each.
class MapColours {
  constructor(scales, titles) {
    this.scales = scales; // descriptor -> {title, unit, logarithmic}
    this.titles = titles; // kind -> what people read
    this.by = "kind";
  }

  // `order` fixes which kind has which colour, however many points there are of it.
  assign(points, by, theme, order) {
    this.by = by;
    this.categorical = by === "kind" || by === "cluster";
    if (this.categorical) return this.assignNames(points, by, theme, order);
    return this.assignValues(points, by, theme);
  }

  assignNames(points, by, theme, order) {
    const found = new Set(points.map((p) => p[by]).filter((name) => name !== undefined && name !== null && name !== ""));
    const names = [...(order || []).filter((name) => found.delete(name)), ...[...found].sort(compareNames)];
    const places = new Map(names.map((name, i) => [name, order && order.includes(name) ? order.indexOf(name) : i]));
    const colours = MAP_COLOURS[theme];
    this.looks = names.map((name) => ({
      name, text: by === "kind" ? this.titles[name] || titled(name) : String(name),
      colour: colours[places.get(name) % colours.length], shape: MAP_SHAPES[places.get(name) % MAP_SHAPES.length],
    }));
    const index = new Map(names.map((name, i) => [name, i]));
    return this.finish(points, theme, (p) => index.get(p[by]));
  }

  assignValues(points, by, theme) {
    const scale = this.scales[by] || {};
    const placeOf = (v) => (scale.logarithmic ? Math.log(Math.max(v, 1e-6)) : v);
    const valueOf = (p) => (p.values ? p.values[by] : undefined);
    const known = points.map(valueOf).filter(Number.isFinite).map(placeOf).sort((a, b) => a - b);
    // A few extreme sounds may not squeeze all others into one colour.
    const at = (share) => known[Math.round(share * (known.length - 1))];
    const [low, high] = known.length ? [at(0.02), at(0.98)] : [0, 1];
    const back = (place) => (scale.logarithmic ? Math.exp(place) : place);
    this.range = [low, (low + high) / 2, high].map(back);
    this.looks = Array.from({ length: RAMP_STEPS }, (_, i) => ({
      name: i, text: "", colour: rampColour(theme, i / (RAMP_STEPS - 1)), shape: "circle",
    }));
    return this.finish(points, theme, (p) => {
      const value = valueOf(p);
      if (!Number.isFinite(value)) return undefined;
      const share = high > low ? (placeOf(value) - low) / (high - low) : 0.5;
      return Math.round(Math.min(1, Math.max(0, share)) * (RAMP_STEPS - 1));
    });
  }

  // Points of which nothing is known share one more look, the last.
  finish(points, theme, lookOf) {
    this.looks.push({ name: null, text: "not known", colour: MAP_NONE[theme], shape: "circle" });
    const none = this.looks.length - 1;
    const counts = new Uint32Array(this.looks.length);
    const found = Uint16Array.from(points, (p) => lookOf(p) ?? none);
    for (const look of found) counts[look]++;
    this.looks.forEach((look, i) => (look.count = counts[i]));
    return found;
  }

  // The legend's content; entries become buttons where `onPick(name)` is given.
  fillLegend(box, theme, chosen, onPick) {
    const title = document.createElement("p");
    title.className = "cm-legend-title";
    title.textContent = this.legendTitle();
    if (!this.categorical) return box.replaceChildren(title, ...this.rampLegend(theme));
    const shown = this.looks.filter((look) => look.count > 0);
    box.replaceChildren(title, ...shown.map((look) => {
      const entry = document.createElement(onPick && look.name !== null ? "button" : "div");
      entry.className = "cm-entry";
      if (entry.tagName === "BUTTON") {
        entry.type = "button";
        entry.dataset.name = look.name;
        entry.setAttribute("aria-pressed", chosen.has(look.name));
        entry.onclick = () => onPick(look.name);
      }
      const mark = document.createElement("canvas");
      mark.width = mark.height = 28;
      drawMark(mark.getContext("2d"), 14, 14, 10, look.shape, look.colour, "transparent", false);
      const text = document.createElement("span"), count = document.createElement("span");
      text.textContent = look.text;
      count.className = "cm-count";
      count.textContent = look.count.toLocaleString("en");
      entry.append(mark, text, count);
      return entry;
    }));
  }

  legendTitle() {
    if (this.categorical) return this.by === "kind" ? "Kind" : "Group";
    const scale = this.scales[this.by] || {};
    return `${scale.title || titled(this.by)}${scale.unit && scale.unit !== "points" ? `, ${scale.unit}` : ""}`;
  }

  rampLegend(theme) {
    const bar = document.createElement("div"), ends = document.createElement("div");
    bar.className = "cm-ramp";
    bar.style.background = `linear-gradient(90deg, ${MAP_RAMPS[theme].map((c) => `rgb(${c.join(" ")})`).join(", ")})`;
    ends.className = "cm-ramp-ends";
    ends.replaceChildren(...this.range.map((value) => {
      const text = document.createElement("span");
      text.textContent = shortNumber(value);
      return text;
    }));
    return [bar, ends];
  }
}

const titled = (name) => {
  const text = String(name).replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
};
const compareNames = (a, b) => String(a).localeCompare(String(b), "en", { numeric: true });
const shortNumber = (value) => {
  const size = Math.abs(value);
  return size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(2);
};

// A point's mark around (x, y); hollow marks stand for sounds that repeat another.
function drawMark(pen, x, y, radius, shape, colour, edge, hollow) {
  const r = shape === "circle" ? radius : radius * 1.08;
  pen.beginPath();
  if (shape === "circle") pen.arc(x, y, r, 0, 2 * Math.PI);
  else if (shape === "square") pen.rect(x - 0.85 * r, y - 0.85 * r, 1.7 * r, 1.7 * r);
  else for (const [i, [dx, dy]] of MARK_CORNERS[shape].entries()) pen[i ? "lineTo" : "moveTo"](x + dx * r, y + dy * r);
  pen.closePath();
  pen.lineJoin = "round";
  pen.lineWidth = hollow ? Math.max(1.2, 0.42 * r) : Math.max(1, 0.22 * r);
  pen.strokeStyle = hollow ? colour : edge;
  pen.fillStyle = hollow ? edge : colour;
  pen.fill();
  pen.stroke();
}

const MARK_CORNERS = {
  triangle: [[0, -1.1], [1, 0.75], [-1, 0.75]],
  wedge: [[0, 1.1], [1, -0.75], [-1, -0.75]],
  diamond: [[0, -1.15], [1.15, 0], [0, 1.15], [-1.15, 0]],
  cross: [[-0.38, -1], [0.38, -1], [0.38, -0.38], [1, -0.38], [1, 0.38], [0.38, 0.38], [0.38, 1], [-0.38, 1], [-0.38, 0.38],
    [-1, 0.38], [-1, -0.38], [-0.38, -0.38]],
};
