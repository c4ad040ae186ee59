// Points sorted into the cells of a grid, so that the nearest one is found without looking at all of them.

class PointGrid {
  // `xs`, `ys`: coordinates; `active`: which points can be found (1) or not (0).
  constructor(xs, ys, active) {
    const count = xs.length;
    this.xs = xs;
    this.ys = ys;
    let left = Infinity, right = -Infinity, low = Infinity, high = -Infinity;
    for (let i = 0; i < count; i++) {
      if (xs[i] < left) left = xs[i];
      if (xs[i] > right) right = xs[i];
      if (ys[i] < low) low = ys[i];
      if (ys[i] > high) high = ys[i];
    }
    this.side = Math.max(1, Math.ceil(Math.sqrt(count / 3)));
    this.left = left;
    this.low = low;
    this.stepX = (right - left) / this.side || 1;
    this.stepY = (high - low) / this.side || 1;
    this.starts = new Uint32Array(this.side * this.side + 1);
    const cells = new Int32Array(count).fill(-1);
    for (let i = 0; i < count; i++) {
      if (!active[i]) continue;
      cells[i] = this.row(ys[i]) * this.side + this.column(xs[i]);
      this.starts[cells[i] + 1]++;
    }
    for (let c = 0; c < this.side * this.side; c++) this.starts[c + 1] += this.starts[c];
    const next = this.starts.slice();
    this.items = new Uint32Array(this.starts[this.side * this.side]);
    for (let i = 0; i < count; i++) if (cells[i] >= 0) this.items[next[cells[i]]++] = i;
  }

  column(x) {
    return Math.min(this.side - 1, Math.max(0, Math.floor((x - this.left) / this.stepX)));
  }

  row(y) {
    return Math.min(this.side - 1, Math.max(0, Math.floor((y - this.low) / this.stepY)));
  }

  // Number of the point nearest to (x, y) and no further than `reach`; -1 if there is none.
  nearest(x, y, reach) {
    let best = -1, least = reach * reach;
    const c1 = this.column(x + reach), r1 = this.row(y + reach);
    for (let r = this.row(y - reach); r <= r1; r++) {
      for (let c = this.column(x - reach); c <= c1; c++) {
        const cell = r * this.side + c;
        for (let k = this.starts[cell]; k < this.starts[cell + 1]; k++) {
          const i = this.items[k], dx = this.xs[i] - x, dy = this.ys[i] - y, d = dx * dx + dy * dy;
          if (d <= least) {
            least = d;
            best = i;
          }
        }
      }
    }
    return best;
  }

  // Numbers of up to `count` points near (x, y), the nearest first.
  around(x, y, count) {
    const found = [];
    let reach = Math.max(this.stepX, this.stepY);
    const whole = Math.hypot(this.stepX, this.stepY) * this.side + Math.hypot(x - this.left, y - this.low);
    for (;;) {
      found.length = 0;
      const c1 = this.column(x + reach), r1 = this.row(y + reach);
      for (let r = this.row(y - reach); r <= r1; r++) {
        for (let c = this.column(x - reach); c <= c1; c++) {
          const cell = r * this.side + c;
          for (let k = this.starts[cell]; k < this.starts[cell + 1]; k++) {
            const i = this.items[k], d = Math.hypot(this.xs[i] - x, this.ys[i] - y);
            if (d <= reach) found.push([d, i]);
          }
        }
      }
      if (found.length >= count || reach > whole) break;
      reach *= 2;
    }
    return found.sort((a, b) => a[0] - b[0]).slice(0, count).map(([, i]) => i);
  }
}
