// Honest pictures of a sound, drawn from its decoded samples: the waveform, and a spectrogram with logarithmic frequency
// and a decibel scale. The scales are constants, so that sounds drawn side by side can be compared.

const PICTURE = { fftSize: 2048, lowHz: 30, highHz: 20000, floorDb: -90, topDb: -6 };

// Radix-2 FFT of real input; gives magnitudes scaled so that a full-scale sine reads 1.
class Spectrum {
  constructor(size) {
    this.size = size;
    this.re = new Float32Array(size);
    this.im = new Float32Array(size);
    this.magnitude = new Float32Array(size / 2 + 1);
    this.window = Float32Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 0.5)) / size));
    this.cos = Float32Array.from({ length: size / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / size));
    this.sin = Float32Array.from({ length: size / 2 }, (_, i) => -Math.sin((2 * Math.PI * i) / size));
    const bits = Math.log2(size);
    this.order = Uint32Array.from({ length: size }, (_, i) => {
      let r = 0;
      for (let b = 0; b < bits; b++) r |= ((i >> b) & 1) << (bits - 1 - b);
      return r;
    });
    this.scale = 2 / this.window.reduce((a, b) => a + b, 0);
  }

  // Around the sample `centre`; beyond the ends of the sound there is silence.
  at(samples, centre) {
    const { size, re, im, order, window } = this;
    const first = centre - size / 2;
    for (let i = 0; i < size; i++) {
      const n = first + i;
      re[order[i]] = n >= 0 && n < samples.length ? samples[n] * window[i] : 0;
    }
    im.fill(0);
    for (let half = 1; half < size; half *= 2) {
      const stride = size / (2 * half);
      for (let start = 0; start < size; start += 2 * half) {
        for (let k = 0; k < half; k++) {
          const a = start + k, b = a + half, c = this.cos[k * stride], s = this.sin[k * stride];
          const tr = re[b] * c - im[b] * s, ti = re[b] * s + im[b] * c;
          re[b] = re[a] - tr; im[b] = im[a] - ti;
          re[a] += tr; im[a] += ti;
        }
      }
    }
    for (let i = 0; i <= size / 2; i++) this.magnitude[i] = Math.hypot(re[i], im[i]) * this.scale;
    return this.magnitude;
  }
}

// From black over violet and orange to near white: brightness rises evenly, so that it also reads in grey.
const HEAT = (() => {
  const stops = [[0, 10, 11, 20], [0.2, 42, 20, 84], [0.42, 122, 30, 110], [0.62, 207, 64, 84], [0.8, 250, 138, 52], [0.93, 252, 210, 92], [1, 255, 250, 214]];
  const table = new Uint8Array(256 * 3);
  for (let i = 0; i < 256; i++) {
    const x = i / 255;
    const j = Math.max(1, stops.findIndex((s) => s[0] >= x));
    const [a, b] = [stops[j - 1], stops[j]];
    const t = (x - a[0]) / (b[0] - a[0]);
    for (let c = 0; c < 3; c++) table[3 * i + c] = a[c + 1] + t * (b[c + 1] - a[c + 1]);
  }
  return table;
})();

const frequencyAt = (share) => PICTURE.lowHz * Math.pow(PICTURE.highHz / PICTURE.lowHz, share);
const shareOf = (hz) => Math.log(hz / PICTURE.lowHz) / Math.log(PICTURE.highHz / PICTURE.lowHz);

let sharedSpectrum = null;

// Spectrogram of the first `seconds` as an image of columns x rows pixels, top row = highest frequency.
function spectrogram(samples, sampleRate, seconds, columns, rows) {
  const image = new ImageData(columns, rows);
  const levels = new Uint8Array(rows), edges = edgesOf(sampleRate, rows);
  for (let x = 0; x < columns; x++) {
    levels.fill(0);
    addLevels(levels, samples, Math.round(((x + 0.5) / columns) * seconds * sampleRate), edges);
    for (let r = 0; r < rows; r++) paintLevel(image, x, rows - 1 - r, levels[r]);
  }
  return image;
}

// Frequencies between the rows, in bins.
const edgesOf = (sampleRate, rows) =>
  Float32Array.from({ length: rows + 1 }, (_, r) => (frequencyAt(r / rows) * PICTURE.fftSize) / sampleRate);

// Raises `levels`, 0 to 255 from lowest frequency to highest, to those of the spectrum around a sample.
function addLevels(levels, samples, centre, edges) {
  sharedSpectrum = sharedSpectrum || new Spectrum(PICTURE.fftSize);
  const magnitude = sharedSpectrum.at(samples, centre);
  for (let r = 0; r < levels.length; r++) {
    if (edges[r] > PICTURE.fftSize / 2) return; // beyond what the sample rate can hold
    const db = 20 * Math.log10(peakBetween(magnitude, edges[r], edges[r + 1]) + 1e-9);
    const level = Math.round(255 * Math.max(0, Math.min(1, (db - PICTURE.floorDb) / (PICTURE.topDb - PICTURE.floorDb))));
    if (level > levels[r]) levels[r] = level;
  }
}

function paintLevel(image, x, y, level) {
  const to = 4 * (y * image.width + x);
  for (let c = 0; c < 3; c++) image.data[to + c] = HEAT[3 * level + c];
  image.data[to + 3] = 255;
}

// The strongest bin that a row covers; where rows are finer than bins, the straight line between two bins.
function peakBetween(magnitude, low, high) {
  const middle = Math.min((low + high) / 2, magnitude.length - 1.001);
  const k = Math.floor(middle);
  let peak = magnitude[k] + (middle - k) * (magnitude[k + 1] - magnitude[k]);
  for (let i = Math.ceil(low); i < high && i < magnitude.length; i++) peak = Math.max(peak, magnitude[i]);
  return peak;
}

// Seconds until the sound stays below -60 dB of its peak.
function audibleSeconds(samples, sampleRate) {
  let peak = 0;
  for (const v of samples) peak = Math.max(peak, Math.abs(v));
  let last = samples.length - 1;
  while (last > 0 && Math.abs(samples[last]) < peak * 1e-3) last--;
  return (last + 1) / sampleRate;
}

// Waveform above, spectrogram below, in one canvas; `seconds` is the width of the picture.
function drawSound(canvas, samples, sampleRate, seconds, hue) {
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  const width = Math.max(40, Math.round(canvas.clientWidth * ratio)), height = Math.max(40, Math.round(canvas.clientHeight * ratio));
  canvas.width = width; canvas.height = height;
  const pen = canvas.getContext("2d");
  const wave = Math.round(height * 0.34);
  pen.fillStyle = "#0a0b14";
  pen.fillRect(0, 0, width, height);
  const columns = Math.min(width, 320);
  const small = document.createElement("canvas");
  small.width = columns; small.height = height - wave;
  small.getContext("2d").putImageData(spectrogram(samples, sampleRate, seconds, columns, height - wave), 0, 0);
  pen.drawImage(small, 0, wave, width, height - wave);
  drawWave(pen, samples, Math.round(seconds * sampleRate), width, wave, hue);
  drawScale(pen, width, height, wave, seconds, ratio);
}

// Each column is the range of the samples under it, at the true level: the edges of the strip are full scale.
function drawWave(pen, samples, shown, width, height, hue) {
  const middle = height / 2;
  pen.fillStyle = "rgba(255,255,255,0.10)";
  pen.fillRect(0, Math.round(middle), width, 1);
  pen.fillStyle = `hsl(${hue} 85% 66%)`;
  for (let x = 0; x < width; x++) {
    const from = Math.floor((x / width) * shown), to = Math.max(from + 1, Math.floor(((x + 1) / width) * shown));
    let low = 0, high = 0;
    for (let i = from; i < to && i < samples.length; i++) {
      if (samples[i] < low) low = samples[i];
      if (samples[i] > high) high = samples[i];
    }
    const top = middle - high * middle;
    pen.fillRect(x, top, 1, Math.max(1, (high - low) * middle));
  }
}

function drawScale(pen, width, height, wave, seconds, ratio) {
  pen.font = `${9 * ratio}px system-ui, sans-serif`;
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  for (const [hz, text] of [[100, "100"], [1000, "1k"], [10000, "10k"]]) {
    const y = Math.round(height - shareOf(hz) * (height - wave));
    pen.fillStyle = "rgba(255,255,255,0.13)";
    pen.fillRect(0, y, width, 1);
    pen.fillStyle = "rgba(255,255,255,0.62)";
    pen.fillText(text, width - 4 * ratio, y - 6 * ratio); // on the right, where drums have faded
  }
  const usual = seconds > 0.8 ? 0.5 : seconds > 0.4 ? 0.2 : seconds > 0.2 ? 0.1 : 0.05;
  const step = seconds <= 3 ? usual : [1, 2, 5, 10, 20, 30, 60, 120].find((s) => seconds / s <= 7) || 300;
  pen.textAlign = "center";
  for (let n = 1; n * step < seconds - 1e-6; n++) {
    const x = Math.round(((n * step) / seconds) * width);
    pen.fillStyle = "rgba(255,255,255,0.16)";
    pen.fillRect(x, wave, 1, height - wave);
    pen.fillStyle = "rgba(255,255,255,0.62)";
    pen.fillText(clockText(n * step), x, height - 7 * ratio);
  }
  pen.textAlign = "start";
  pen.fillStyle = "rgba(255,255,255,0.16)";
  pen.fillRect(0, wave, width, 1);
}

const clockText = (seconds) =>
  seconds < 60 ? `${+seconds.toFixed(2)} s` : `${Math.floor(seconds / 60)}:${String(Math.round(seconds % 60)).padStart(2, "0")}`;

// ---- sounds of any length ----

const OVERVIEW = { columns: 480, rows: 128, mostFrames: 6, atOnce: 40 };

// What a picture of the first `seconds` needs, of bounded size however long the sound: the range of all channels and the
// strongest levels of their mean, column by column. Made in pieces, so that the page stays awake; null if `wanted()` has
// become false meanwhile.
async function overviewOf(channels, sampleRate, seconds, wanted = () => true) {
  const { columns, rows, mostFrames, atOnce } = OVERVIEW, length = channels[0].length;
  const made = { seconds, columns, rows, low: new Float32Array(columns), high: new Float32Array(columns), levels: new Uint8Array(columns * rows) };
  const edges = edgesOf(sampleRate, rows), half = PICTURE.fftSize / 2;
  const column = (seconds * sampleRate) / columns, frames = Math.max(1, Math.min(mostFrames, Math.round(column / half)));
  const mean = new Float32Array(PICTURE.fftSize);
  for (let x = 0; x < columns; x++) {
    const from = Math.floor(x * column), to = Math.min(length, Math.max(from + 1, Math.floor((x + 1) * column)));
    if (from >= length) break;
    for (const samples of channels) {
      for (let i = from; i < to; i++) {
        if (samples[i] < made.low[x]) made.low[x] = samples[i];
        if (samples[i] > made.high[x]) made.high[x] = samples[i];
      }
    }
    const levels = made.levels.subarray(x * rows, (x + 1) * rows);
    for (let f = 0; f < frames; f++) {
      const first = Math.round((x + (f + 0.5) / frames) * column) - half;
      for (let i = 0; i < mean.length; i++) {
        const n = first + i;
        mean[i] = n >= 0 && n < length ? channels.reduce((sum, samples) => sum + samples[n], 0) / channels.length : 0;
      }
      addLevels(levels, mean, half, edges);
    }
    if (x % atOnce === atOnce - 1) {
      await new Promise((resolve) => setTimeout(resolve));
      if (!wanted()) return null;
    }
  }
  return made;
}

// As `drawSound`, from an overview.
function drawOverview(canvas, overview, hue) {
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  const width = Math.max(40, Math.round(canvas.clientWidth * ratio)), height = Math.max(40, Math.round(canvas.clientHeight * ratio));
  canvas.width = width; canvas.height = height;
  const pen = canvas.getContext("2d"), wave = Math.round(height * 0.34), { columns, rows, low, high, levels } = overview;
  pen.fillStyle = "#0a0b14";
  pen.fillRect(0, 0, width, height);
  const small = document.createElement("canvas");
  small.width = columns; small.height = rows;
  const image = new ImageData(columns, rows);
  for (let x = 0; x < columns; x++) for (let r = 0; r < rows; r++) paintLevel(image, x, rows - 1 - r, levels[x * rows + r]);
  small.getContext("2d").putImageData(image, 0, 0);
  pen.drawImage(small, 0, wave, width, height - wave);
  const middle = wave / 2;
  pen.fillStyle = "rgba(255,255,255,0.10)";
  pen.fillRect(0, Math.round(middle), width, 1);
  pen.fillStyle = `hsl(${hue} 85% 66%)`;
  for (let x = 0; x < columns; x++) {
    const left = Math.round((x / columns) * width), right = Math.round(((x + 1) / columns) * width);
    pen.fillRect(left, middle - high[x] * middle, Math.max(1, right - left), Math.max(1, (high[x] - low[x]) * middle));
  }
  drawScale(pen, width, height, wave, overview.seconds, ratio);
}
