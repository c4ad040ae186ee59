// Mouse, fingers, pen, keyboard and dropped files on a CanvasMap.

class MapHands {
  constructor(map) {
    this.map = map;
    this.down = new Map(); // pointer id -> where it is
    this.gesture = null; // what the pointers that are down are doing
    this.over = new AbortController();
    const on = (name, listener, options = {}) =>
      map.canvas.addEventListener(name, (event) => listener.call(this, event), { signal: this.over.signal, ...options });
    on("pointerdown", this.press);
    on("pointermove", this.move);
    on("pointerup", this.release);
    on("pointercancel", this.cancel);
    on("pointerleave", () => this.down.size || map.hover(null));
    on("wheel", this.wheel, { passive: false });
    on("keydown", this.key);
    if (map.options.onDrop) this.takeDrops();
  }

  stop() {
    this.over.abort();
  }

  place(event) {
    const box = this.map.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  press(event) {
    if (event.button !== 0) return;
    const { map } = this, at = this.place(event);
    map.canvas.setPointerCapture(event.pointerId);
    this.down.set(event.pointerId, at);
    if (this.down.size > 1) this.gesture = { kind: "pinch" };
    else if (map.mode === "draw") this.gesture = { kind: "draw", from: at, path: [map.toMap(...at)] };
    else this.gesture = { kind: "click", from: at };
  }

  move(event) {
    const { map } = this, at = this.place(event);
    const before = this.down.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== "touch") map.hover(map.hit(...at, event.pointerType));
      return;
    }
    const gesture = this.gesture || {};
    if (gesture.kind === "click" && Math.hypot(at[0] - gesture.from[0], at[1] - gesture.from[1]) > CLICK_PX) {
      gesture.kind = "pan";
      map.hover(null);
      map.pan(at[0] - gesture.from[0], at[1] - gesture.from[1]);
    } else if (gesture.kind === "pan") map.pan(at[0] - before[0], at[1] - before[1]);
    else if (gesture.kind === "pinch") this.pinch(event.pointerId, before, at);
    else if (gesture.kind === "draw" && Math.hypot(at[0] - before[0], at[1] - before[1]) >= 1) {
      gesture.path.push(map.toMap(...at));
      map.setPath(gesture.path);
    }
    this.down.set(event.pointerId, at);
  }

  pinch(id, before, at) {
    const other = [...this.down].find(([key]) => key !== id)?.[1];
    if (!other) return;
    const { map } = this, apart = (p) => Math.max(8, Math.hypot(p[0] - other[0], p[1] - other[1]));
    const [x, y] = [(at[0] + other[0]) / 2, (at[1] + other[1]) / 2];
    map.pan((at[0] - before[0]) / 2, (at[1] - before[1]) / 2);
    map.zoom(apart(at) / apart(before), x, y);
  }

  release(event) {
    if (!this.down.delete(event.pointerId)) return;
    const { map } = this, gesture = this.gesture || {}, at = this.place(event);
    if (gesture.kind === "pinch" && this.down.size === 1) {
      // The finger that stays goes on dragging, and its lifting is no click.
      this.gesture = { kind: "pan" };
      return;
    }
    if (!this.down.size) this.gesture = null;
    if (gesture.kind === "draw") return this.drawn(gesture);
    if (gesture.kind !== "click") return;
    const point = map.hit(...gesture.from, event.pointerType);
    if (point) map.pick(point);
    else if (map.options.onEmpty) map.options.onEmpty(...map.toMap(...at));
  }

  drawn(gesture) {
    const { options } = this.map;
    // A click in drawing mode is no path.
    if (gesture.path.length < 2) this.map.setPath([]);
    else if (options.onPath) options.onPath(gesture.path);
  }

  cancel(event) {
    this.down.delete(event.pointerId);
    if (this.gesture?.kind === "draw") this.map.setPath([]);
    this.gesture = null;
  }

  wheel(event) {
    event.preventDefault();
    const pixels = event.deltaY * [1, 16, 400][event.deltaMode];
    // A trackpad's pinch comes as a wheel with Ctrl, in smaller steps.
    this.map.zoom(Math.exp(-pixels * MAP_ZOOM.wheel * (event.ctrlKey ? 5 : 1)), ...this.place(event));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { map } = this;
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const way = ways[event.key];
    if (way && event.shiftKey) map.pan(-way[0] * 0.15 * map.width, way[1] * 0.15 * map.height);
    else if (way) {
      const next = map.neighbour(...way);
      if (next) map.select(next.id);
    } else if (event.key === "Enter" || event.key === " ") {
      if (map.selected) map.pick(map.selected);
    } else if (event.key === "+" || event.key === "=") this.zoomBy(MAP_ZOOM.step);
    else if (event.key === "-" || event.key === "_") this.zoomBy(1 / MAP_ZOOM.step);
    else if (event.key === "Home") map.fit();
    else if (event.key === "Escape") this.escape();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // By keyboard around the selected point, which is what one looks at.
  zoomBy(factor) {
    const { map } = this;
    const at = map.selected ? map.toScreen(map.selected.x, map.selected.y) : [];
    map.zoom(factor, ...at);
  }

  escape() {
    if (this.gesture?.kind === "draw") {
      this.gesture = { kind: "none" };
      this.map.setPath([]);
    } else this.map.select(null);
  }

  takeDrops() {
    const { element, options } = this.map, { signal } = this.over;
    const holds = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
    const mark = (on) => element.classList.toggle("is-dropping", on);
    element.addEventListener("dragover", (event) => {
      if (!holds(event)) return;
      event.preventDefault();
      mark(true);
    }, { signal });
    element.addEventListener("dragleave", (event) => element.contains(event.relatedTarget) || mark(false), { signal });
    element.addEventListener("drop", (event) => {
      if (!holds(event)) return;
      event.preventDefault();
      mark(false);
      options.onDrop([...event.dataTransfer.files]);
    }, { signal });
  }
}
