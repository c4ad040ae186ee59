// A map of sounds on a canvas: points that can be hovered, picked and walked through by keyboard, at 50,000 and more.
// Plain JavaScript, nothing is fetched. Its parts are the other scripts of this folder and canvas_map.css;
// `creativeml.maps.component` joins them: script() defines the class CanvasMap and no other name, style() is its style.
//
//   const map = new CanvasMap(element, options)   fills `element`, which must have a size of its own
//   options, all optional:
//     label        what screen readers call the map
//     kinds        order of kinds, which fixes their colours;  titles  kind -> what people read
//     scales       descriptor -> {title, unit, logarithmic}
//     theme        "light", "dark" or "auto": by a `.dark` parent (Gradio), else by prefers-color-scheme
//     legend       false hides it;  onLegend(name)  makes its entries buttons
//     onHover(point | null), onPick(point)          mouse over it; click, tap, Enter or Space
//     onSelect(point | null)                        the selection moved, by whichever way
//     onEmpty(x, y)                                 click where no point is, map coordinates
//     onPath([[x, y], ...])                         drawn in mode "draw", map coordinates
//     onDrop([File, ...])                           files dropped on the map
//   map.setPoints([{id, x, y, kind, cluster, values: {descriptor: number}, label, duplicateOf?, hollow?}], {fit: true})
//   map.addPoint(point)                             one more, the view stays
//   map.setColour("kind" | "cluster" | descriptor)  and its legend
//   map.setFilter((point) => boolean | null)        others are faint and cannot be picked
//   map.setChosen([name, ...])                      legend entries shown as pressed
//   map.setLabels([{x, y, text}])                   written on the map, as names of groups
//   map.setHighlights([id, ...])                    rings;  map.setPath([[x, y], ...])  a line;  [] takes either away
//   map.select(id | null, {reveal: true})           map.selected: the point or null; reveal moves it into view
//   map.setMode("pan" | "draw")                     drag moves the map, or draws a path
//   map.setTheme("light" | "dark" | "auto")
//   map.fit()                                       all points in view
//   map.near(x, y, count)                           points around a place, the nearest first
//   map.toScreen(x, y), map.toMap(px, py)           map coordinates <-> CSS pixels from the canvas' upper left corner
//   map.point(id), map.points                       what was set;  map.visible: points that the filter lets through
//   map.frameTimes, map.drawTimes                   ms from frame to frame while it moves; ms of drawing (last 600)
//   map.destroy()
// Map coordinates: x to the right, y upwards, one scale for both. Marks of points with `duplicateOf` or
// `hollow` are hollow.

const MAP_ZOOM = { least: 0.4, most: 400, step: 1.35, wheel: 0.0016 };
const MAP_MARGIN = 0.25; // of the view's size, drawn ahead on each side: dragging only moves the picture
const CLICK_PX = 5;
const REACH_PX = { mouse: 9, pen: 14, touch: 22 };

class CanvasMap {
  constructor(element, options = {}) {
    this.element = element;
    this.options = options;
    this.colours = new MapColours(options.scales || {}, options.titles || {});
    this.colourBy = "kind";
    this.mode = "pan";
    this.filter = null;
    this.chosen = new Set();
    this.labels = [];
    this.highlights = new Set();
    this.path = [];
    this.view = { x: 0, y: 0, scale: 1 };
    this.selected = this.hovered = null;
    this.frameTimes = [];
    this.drawTimes = [];
    this.build();
    this.listen();
    this.setPoints([]);
    this.resize();
  }

  build() {
    const make = (tag, name) => Object.assign(document.createElement(tag), { className: name });
    this.element.classList.add("cm");
    this.canvas = make("canvas", "cm-canvas");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    const keys = "Arrow keys move between points, Enter plays, plus and minus zoom, Home shows all.";
    this.canvas.setAttribute("aria-label", `${this.options.label || "Map of sounds"}. ${keys}`);
    this.legend = make("div", "cm-legend");
    this.legend.hidden = this.options.legend === false;
    this.tip = make("div", "cm-tip");
    this.tip.hidden = true;
    this.live = make("div", "cm-live");
    this.live.setAttribute("aria-live", "polite");
    this.element.replaceChildren(this.canvas, this.legend, this.tip, this.live);
    this.pen = this.canvas.getContext("2d");
    this.layer = document.createElement("canvas"); // the points, with a margin around the view
    this.setTheme(this.options.theme || "auto");
  }

  // ---- what is shown ----

  setPoints(points, { fit = true } = {}) {
    this.points = [...points];
    this.byId = new Map(this.points.map((p, i) => [p.id, i]));
    this.selected = this.selected && this.byId.has(this.selected.id) ? this.point(this.selected.id) : null;
    this.hovered = null;
    this.tip.hidden = true;
    this.pointsChanged();
    if (fit) this.fit();
  }

  addPoint(point) {
    this.byId.set(point.id, this.points.push(point) - 1);
    this.pointsChanged();
  }

  pointsChanged() {
    this.xs = Float64Array.from(this.points, (p) => p.x);
    this.ys = Float64Array.from(this.points, (p) => p.y);
    this.hollow = Uint8Array.from(this.points, (p) => (p.hollow || (p.duplicateOf ?? null) !== null ? 1 : 0));
    this.filterChanged();
    this.recolour();
  }

  setFilter(filter) {
    this.filter = filter;
    this.filterChanged();
  }

  filterChanged() {
    this.active = Uint8Array.from(this.points, (p) => (!this.filter || this.filter(p) ? 1 : 0));
    this.grid = null;
    this.redraw(true);
  }

  get visible() {
    return this.points.filter((_, i) => this.active[i]);
  }

  point(id) {
    return this.points[this.byId.get(id)];
  }

  setColour(by) {
    this.colourBy = by;
    this.recolour();
  }

  recolour() {
    const { options } = this;
    this.lookOf = this.colours.assign(this.points, this.colourBy, this.theme, this.colourBy === "kind" ? options.kinds : null);
    this.colours.fillLegend(this.legend, this.theme, this.chosen, options.onLegend);
    this.sprites = null;
    this.redraw(true);
  }

  setTheme(theme) {
    this.askedTheme = theme;
    const dark = this.element.closest(".dark") || (!this.element.closest("gradio-app, .gradio-container") && this.prefersDark());
    const found = theme === "auto" ? (dark ? "dark" : "light") : theme;
    if (found === this.theme) return;
    this.theme = this.element.dataset.theme = found;
    const style = getComputedStyle(this.element);
    this.paint = Object.fromEntries(["ground", "text", "soft", "accent", "halo", "edge"].map((name) => [name, style.getPropertyValue(`--map-${name}`).trim()]));
    if (this.points) this.recolour();
  }

  prefersDark() {
    return matchMedia("(prefers-color-scheme: dark)").matches;
  }

  setChosen(names) {
    this.chosen = new Set(names);
    // In place: an entry that was pressed keeps the keyboard's focus.
    for (const entry of this.legend.querySelectorAll("button")) {
      entry.setAttribute("aria-pressed", this.chosen.has(entry.dataset.name));
    }
  }

  setLabels(labels) {
    this.labels = labels;
    this.redraw(false);
  }

  setHighlights(ids) {
    this.highlights = new Set(ids);
    this.redraw(false);
  }

  setPath(path) {
    this.path = path;
    this.redraw(false);
  }

  setMode(mode) {
    this.mode = mode;
    this.canvas.classList.toggle("is-drawing", mode === "draw");
  }

  select(id, { reveal = true } = {}) {
    const point = id === null || id === undefined ? null : this.point(id) || null;
    const moved = point !== this.selected;
    this.selected = point;
    if (point) {
      if (reveal) this.reveal(point);
      this.live.textContent = this.spoken(point);
    }
    this.redraw(false);
    if (moved && this.options.onSelect) this.options.onSelect(point);
  }

  spoken(point) {
    const kind = point.kind ? `, ${this.options.titles?.[point.kind] || titled(point.kind)}` : "";
    const group = point.cluster ? `, group ${point.cluster}` : "";
    return `${point.label ?? point.id}${kind}${group}${(point.duplicateOf ?? null) !== null ? ", a duplicate" : ""}`;
  }

  near(x, y, count) {
    return this.grided().around(x, y, count).map((i) => this.points[i]);
  }

  grided() {
    return (this.grid ??= new PointGrid(this.xs, this.ys, this.active));
  }

  // ---- view ----

  toScreen(x, y) {
    const { view } = this;
    return [(x - view.x) * view.scale + this.width / 2, (view.y - y) * view.scale + this.height / 2];
  }

  toMap(px, py) {
    const { view } = this;
    return [(px - this.width / 2) / view.scale + view.x, view.y - (py - this.height / 2) / view.scale];
  }

  fit() {
    const range = (values) => values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
    const [[left, right], [low, high]] = this.points.length ? [range(this.xs), range(this.ys)] : [[-1, 1], [-1, 1]];
    const room = (size) => Math.max(20, size - 2 * Math.min(48, 0.08 * size));
    const spread = (a, b) => b - a || 1e-3;
    this.untouched = true; // `resize` fits again, and so it does after the first layout, before which there is no size
    if (!(this.width > 0)) return;
    // Beside the legend where there is room for both: no point stands hidden under it.
    const taken = this.width > 600 && !this.legend.hidden ? this.legend.offsetWidth + 12 : 0;
    this.fitScale = Math.min(room(this.width - taken) / spread(left, right), room(this.height) / spread(low, high));
    this.view = { x: (left + right - taken / this.fitScale) / 2, y: (low + high) / 2, scale: this.fitScale };
    this.redraw(true);
  }

  // Zoom by a factor; the place under (px, py) stays where it is.
  zoom(factor, px = this.width / 2, py = this.height / 2) {
    const [x, y] = this.toMap(px, py);
    const base = this.fitScale || 1;
    const scale = Math.min(MAP_ZOOM.most * base, Math.max(MAP_ZOOM.least * base, this.view.scale * factor));
    this.view = { x: x - (px - this.width / 2) / scale, y: y + (py - this.height / 2) / scale, scale };
    this.untouched = false;
    this.redraw(true);
  }

  pan(dx, dy) {
    this.view.x -= dx / this.view.scale;
    this.view.y += dy / this.view.scale;
    this.untouched = false;
    this.redraw(false);
  }

  reveal(point) {
    const [px, py] = this.toScreen(point.x, point.y);
    const edge = 24;
    const over = (p, size) => (p < edge ? edge - p : p > size - edge ? size - edge - p : 0);
    const [dx, dy] = [over(px, this.width), over(py, this.height)];
    if (dx || dy) this.pan(dx, dy);
  }

  resize() {
    const box = this.element.getBoundingClientRect();
    [this.width, this.height] = [box.width, box.height];
    this.ratio = Math.min(3, window.devicePixelRatio || 1);
    this.canvas.width = Math.max(1, Math.round(this.width * this.ratio));
    this.canvas.height = Math.max(1, Math.round(this.height * this.ratio));
    this.sprites = null;
    if (this.untouched) this.fit();
    this.redraw(true);
  }

  // ---- drawing and hands ----

  redraw(points) {
    if (!this.painter) return;
    this.painter.stale ||= points;
    this.painter.request();
  }

  // The point under a place on the canvas, as far away as a mouse or a finger may miss.
  hit(px, py, pointerType = "mouse") {
    const [x, y] = this.toMap(px, py);
    const reach = Math.max(this.painter ? this.painter.radius() + 2 : 0, REACH_PX[pointerType] || REACH_PX.mouse);
    const i = this.grided().nearest(x, y, reach / this.view.scale);
    return i < 0 ? null : this.points[i];
  }

  hover(point) {
    if (point === this.hovered) return;
    this.hovered = point;
    this.canvas.classList.toggle("is-over", point !== null);
    this.showTip(point);
    this.redraw(false);
    if (this.options.onHover) this.options.onHover(point);
  }

  pick(point) {
    this.select(point.id, { reveal: false });
    if (this.options.onPick) this.options.onPick(point);
  }

  // The nearest point to the right (1, 0), upwards (0, 1) ...; straight ahead counts more than aside.
  neighbour(dx, dy) {
    const from = this.selected;
    if (!from) {
      const [point] = this.near(this.view.x, this.view.y, 1);
      return point || null;
    }
    let best = null, least = Infinity;
    for (let i = 0; i < this.points.length; i++) {
      if (!this.active[i] || this.points[i] === from) continue;
      const ahead = (this.xs[i] - from.x) * dx + (this.ys[i] - from.y) * dy;
      const aside = Math.abs((this.xs[i] - from.x) * dy) + Math.abs((this.ys[i] - from.y) * dx);
      if (ahead <= 0 || aside > 1.5 * ahead) continue;
      const cost = ahead + 2 * aside;
      if (cost < least) {
        least = cost;
        best = this.points[i];
      }
    }
    return best;
  }

  showTip(point) {
    this.tip.hidden = !point;
    if (!point) return;
    const name = document.createElement("b"), kind = document.createElement("span");
    name.textContent = point.label ?? point.id;
    kind.textContent = this.spoken(point).slice(String(name.textContent).length + 2);
    this.tip.replaceChildren(name, kind);
    this.placeTip();
  }

  placeTip() {
    const point = this.hovered;
    if (!point) return;
    const [px, py] = this.toScreen(point.x, point.y);
    const { offsetWidth: w, offsetHeight: h } = this.tip;
    const left = Math.min(Math.max(4, px + 14), this.width - w - 4), top = py - h - 12 < 4 ? py + 14 : py - h - 12;
    this.tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }

  listen() {
    this.painter = new MapPainter(this);
    this.hands = new MapHands(this);
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.element);
    this.themes = new AbortController();
    const follow = () => this.setTheme(this.askedTheme);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", follow, { signal: this.themes.signal });
    this.classes = new MutationObserver(follow); // Gradio marks its body
    this.classes.observe(document.body, { attributes: true, attributeFilter: ["class"] });
  }

  destroy() {
    this.sizes.disconnect();
    this.classes.disconnect();
    this.themes.abort();
    this.hands.stop();
    this.painter.stop();
    this.element.replaceChildren();
  }
}
