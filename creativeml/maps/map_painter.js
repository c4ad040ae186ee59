// Draws a CanvasMap. The points stand in a picture larger than the view, made from ready marks; while the map is dragged
// that picture is only moved. Frames are drawn when something has changed, never else.

const FRAMES_KEPT = 600;
const REST_MS = 250; // a longer pause between two frames is rest, not a slow frame

class MapPainter {
  constructor(map) {
    this.map = map;
    this.stale = true; // the picture of the points must be made again
    this.frame = 0;
    this.last = 0;
  }

  request() {
    if (!this.frame) this.frame = requestAnimationFrame((now) => this.draw(now));
  }

  stop() {
    cancelAnimationFrame(this.frame);
    this.frame = -1;
  }

  // Of a mark, in CSS pixels: small where points are many, growing as the map is entered.
  radius() {
    const { points, view, fitScale } = this.map;
    const base = Math.min(6.5, Math.max(2.3, 6.5 - 1.7 * Math.log10(Math.max(1, points.length) / 100)));
    const room = Math.min(1, Math.max(0.7, this.map.width / 700));
    return Math.min(11, base * room * Math.min(2.6, Math.max(0.7, (view.scale / (fitScale || 1)) ** 0.35)));
  }

  draw(now) {
    this.frame = 0;
    const { map } = this, begun = performance.now();
    if (!(map.width > 0) || !(map.height > 0)) return;
    const pause = now - this.last;
    if (this.last && pause < REST_MS) keep(map.frameTimes, pause);
    this.last = now;
    if (this.stale || this.beyond()) this.drawPoints();
    const { pen, ratio, view } = map;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.fillStyle = map.paint.ground;
    pen.fillRect(0, 0, map.canvas.width, map.canvas.height);
    const dx = (this.drawn.x - view.x) * view.scale * ratio, dy = (view.y - this.drawn.y) * view.scale * ratio;
    pen.drawImage(map.layer, Math.round(dx - this.marginX), Math.round(dy - this.marginY));
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.drawPath();
    this.drawMarked();
    this.drawLabels();
    map.placeTip();
    keep(map.drawTimes, performance.now() - begun);
  }

  // Whether the view has left the picture.
  beyond() {
    const { map } = this, { view } = map;
    return !this.drawn || view.scale !== this.drawn.scale ||
      Math.abs(this.drawn.x - view.x) * view.scale > 0.9 * MAP_MARGIN * map.width ||
      Math.abs(this.drawn.y - view.y) * view.scale > 0.9 * MAP_MARGIN * map.height;
  }

  // Pixel by pixel: tens of thousands of `drawImage` would take a second where no graphics card helps.
  drawPoints() {
    const { map } = this, { layer, ratio, view, xs, ys } = map;
    this.marginX = Math.round(MAP_MARGIN * map.canvas.width);
    this.marginY = Math.round(MAP_MARGIN * map.canvas.height);
    const width = map.canvas.width + 2 * this.marginX, height = map.canvas.height + 2 * this.marginY;
    this.drawn = { ...view };
    this.stale = false;
    const { half, looks, ground, edge } = this.marks(width);
    const image = this.image && this.image.width === width && this.image.height === height ? this.image : new ImageData(width, height);
    this.image = image;
    const bytes = image.data, pixels = new Uint32Array(bytes.buffer);
    pixels.fill(ground);
    const scale = view.scale * ratio, x0 = width / 2 - view.x * scale, y0 = height / 2 + view.y * scale;
    const faint = Math.max(1, Math.round(this.radius() * 0.8 * ratio));
    for (const active of [0, 1]) {
      for (let i = 0; i < xs.length; i++) {
        if (map.active[i] !== active) continue;
        const px = Math.round(x0 + xs[i] * scale), py = Math.round(y0 - ys[i] * scale);
        if (px < half || py < half || px >= width - half || py >= height - half) continue;
        const at = py * width + px;
        if (active) stamp(pixels, bytes, at, looks[2 * map.lookOf[i] + map.hollow[i]]);
        else for (let y = 0; y < faint; y++) pixels.fill(edge, at + y * width, at + y * width + faint);
      }
    }
    if (layer.width !== width || layer.height !== height) [layer.width, layer.height] = [width, height];
    layer.getContext("2d").putImageData(image, 0, 0);
  }

  // Every look's mark, full and hollow, as lists of pixels: those it covers wholly, and those of its rim.
  marks(width) {
    const { map } = this, r = this.radius() * map.ratio, { paint } = map;
    if (map.sprites && map.sprites.r === r && map.sprites.width === width) return map.sprites;
    const half = Math.ceil(r * 1.4 + 1), size = 2 * half + 1;
    const small = document.createElement("canvas");
    small.width = small.height = size;
    const pen = small.getContext("2d", { willReadFrequently: true });
    const pixelOf = (colour) => {
      pen.fillStyle = colour;
      pen.fillRect(0, 0, 1, 1);
      return new Uint32Array(pen.getImageData(0, 0, 1, 1).data.buffer)[0];
    };
    const [ground, edge] = [pixelOf(paint.ground), pixelOf(paint.edge)];
    const looks = map.colours.looks.flatMap(({ shape, colour }) => [false, true].map((hollow) => {
      pen.clearRect(0, 0, size, size);
      drawMark(pen, half + 0.5, half + 0.5, r, shape, colour, paint.ground, hollow);
      return pixelsOf(pen.getImageData(0, 0, size, size), half, width);
    }));
    return (map.sprites = { r, width, half, looks, ground, edge });
  }

  drawPath() {
    const { map } = this, { pen } = map;
    if (map.path.length < 2) return;
    pen.beginPath();
    map.path.forEach(([x, y], i) => pen[i ? "lineTo" : "moveTo"](...map.toScreen(x, y)));
    pen.lineJoin = pen.lineCap = "round";
    pen.strokeStyle = map.paint.halo;
    pen.lineWidth = 6;
    pen.stroke();
    pen.strokeStyle = map.paint.accent;
    pen.lineWidth = 2.5;
    pen.stroke();
    pen.beginPath();
    pen.arc(...map.toScreen(...map.path[0]), 5, 0, 2 * Math.PI);
    pen.fillStyle = map.paint.accent;
    pen.fill();
  }

  // Rings around highlighted points, the selected one larger than the others, and a line to what it repeats.
  drawMarked() {
    const { map } = this, { pen } = map, r = this.radius();
    const ring = (point, radius, width) => {
      const [px, py] = map.toScreen(point.x, point.y);
      for (const [style, extra] of [[map.paint.halo, 3], [map.paint.accent, 0]]) {
        pen.beginPath();
        pen.arc(px, py, radius, 0, 2 * Math.PI);
        pen.strokeStyle = style;
        pen.lineWidth = width + extra;
        pen.stroke();
      }
    };
    for (const id of map.highlights) {
      const point = map.point(id);
      if (point) ring(point, r + 3, 1.5);
    }
    const { selected, hovered } = map;
    const original = selected && map.point(selected.duplicateOf);
    if (original) {
      pen.beginPath();
      pen.moveTo(...map.toScreen(selected.x, selected.y));
      pen.lineTo(...map.toScreen(original.x, original.y));
      pen.setLineDash([4, 4]);
      pen.strokeStyle = map.paint.accent;
      pen.lineWidth = 1.5;
      pen.stroke();
      pen.setLineDash([]);
    }
    for (const point of new Set([hovered, selected])) {
      if (!point) continue;
      const look = map.colours.looks[map.lookOf[map.byId.get(point.id)]], hollow = map.hollow[map.byId.get(point.id)];
      drawMark(pen, ...map.toScreen(point.x, point.y), r * 1.45, look.shape, look.colour, map.paint.ground, hollow);
    }
    if (selected) ring(selected, r * 1.45 + 4, 2.5);
  }

  // A label that would cover an earlier one waits until there is room.
  drawLabels() {
    const { map } = this, { pen } = map, taken = [];
    pen.font = "600 13px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineJoin = "round";
    for (const { x, y, text } of map.labels) {
      const [px, py] = map.toScreen(x, y), half = pen.measureText(text).width / 2 + 6;
      const box = [px - half, py - 11, px + half, py + 11];
      if (box[2] < 0 || box[0] > map.width || box[3] < 0 || box[1] > map.height) continue;
      if (taken.some((b) => b[0] < box[2] && b[2] > box[0] && b[1] < box[3] && b[3] > box[1])) continue;
      taken.push(box);
      pen.strokeStyle = map.paint.halo;
      pen.lineWidth = 5;
      pen.strokeText(text, px, py);
      pen.fillStyle = map.paint.text;
      pen.fillText(text, px, py);
    }
  }
}

function pixelsOf(image, half, width) {
  const colours = new Uint32Array(image.data.buffer), size = image.width;
  const full = [], rim = [];
  for (let i = 0; i < colours.length; i++) {
    const alpha = image.data[4 * i + 3], offset = (Math.floor(i / size) - half) * width + (i % size) - half;
    if (alpha === 255) full.push([offset, colours[i]]);
    else if (alpha > 0) rim.push([offset, alpha / 255, ...image.data.slice(4 * i, 4 * i + 3)]);
  }
  return {
    offsets: Int32Array.from(full, (p) => p[0]), colours: Uint32Array.from(full, (p) => p[1]),
    rimOffsets: Int32Array.from(rim, (p) => p[0]), rim: Float32Array.from(rim.flatMap((p) => p.slice(1))),
  };
}

// Put a mark into an opaque picture, its centre at pixel number `at`.
function stamp(pixels, bytes, at, { offsets, colours, rimOffsets, rim }) {
  for (let k = 0; k < offsets.length; k++) pixels[at + offsets[k]] = colours[k];
  for (let k = 0, j = 0; k < rimOffsets.length; k++, j += 4) {
    const to = 4 * (at + rimOffsets[k]), alpha = rim[j];
    bytes[to] += alpha * (rim[j + 1] - bytes[to]);
    bytes[to + 1] += alpha * (rim[j + 2] - bytes[to + 1]);
    bytes[to + 2] += alpha * (rim[j + 3] - bytes[to + 2]);
  }
}

const keep = (times, value) => {
  times.push(value);
  if (times.length > FRAMES_KEPT) times.splice(0, times.length - FRAMES_KEPT);
};
