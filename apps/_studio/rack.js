// Sounds of the pads, and playing them at a time that is known to the sample.

const soundKey = (plan) => JSON.stringify(plan.own ? [plan.own] : [plan.sound && sortedRequest(plan.sound)]);
const isLayered = ({ layers, takes }) => layers > 1 || takes > 1;
const rackKey = (plan) => (isLayered(plan) ? `${soundKey(plan)} ${plan.layers} ${plan.takes} ${plan.tune} ${plan.decay}` : soundKey(plan));
const sortedRequest = (r) => [r.kind, r.seed, r.truncation, Object.entries(r.controls).sort(), r.tuning, r.vary, r.take, r.stroke || 0];

// soundKey or rackKey -> {layers: [{low, high, takes: [{buffer, samples, record, seconds}]}], shaped}: `shaped` layers have
// the pad's tuning and decay in them. What no pad plays goes first once it is too much.
const known = new Map();
const MOST_BYTES = 256 * 2 ** 20;
const bytesOf = ({ layers }) => layers.reduce((sum, { takes }) => sum + takes.reduce((all, { samples }) => all + 4 * samples.length, 0), 0);

function lookUp(key) {
  const found = known.get(key);
  if (found) { known.delete(key); known.set(key, found); }
  return found;
}

function kept(key, value) {
  known.delete(key);
  known.set(key, value);
  let total = [...known.values()].reduce((sum, rack) => sum + bytesOf(rack), 0);
  if (total <= MOST_BYTES || !state.project) return;
  const plans = [...state.project.pads, ...state.project.others.filter(Boolean)];
  const used = new Set(plans.flatMap((plan) => [soundKey(plan), rackKey(plan)]));
  for (const [old, rack] of known) {
    if (total <= MOST_BYTES) return;
    if (used.has(old) || old === key) continue;
    known.delete(old);
    total -= bytesOf(rack);
  }
}

// Pads share what they ask for, so that nothing is fetched twice at once.
const asked = new Map();

function once(key, fetchIt) {
  if (!asked.has(key)) asked.set(key, fetchIt().finally(() => asked.delete(key)));
  return asked.get(key);
}

async function taken({ file, record }) {
  const bytes = await fetchFile(file);
  const buffer = await deck.decode(bytes);
  const samples = buffer.getChannelData(0);
  return { buffer, samples, record, seconds: audibleSeconds(samples, setup.sampleRate) };
}

const single = (take) => ({ layers: [{ low: 1, high: 127, takes: [take] }] });

// The sound of a pad: of several pads in one call. Resolves when all of them can be played.
async function soundsOf(plans) {
  const wanted = new Map();
  for (const plan of plans) if (!isEmpty(plan) && !known.has(soundKey(plan))) wanted.set(soundKey(plan), plan);
  if (!wanted.size) return;
  const key = [...wanted.keys()].join("\n");
  await once(key, async () => {
    const names = [...wanted.keys()], missing = [...wanted.values()];
    try {
      const [made] = await callServer("sounds", [missing.map(source)]);
      const takes = await Promise.all(made.map(taken));
      names.forEach((name, n) => kept(name, single(takes[n])));
    } catch (error) {
      if (missing.length === 1) throw error;
      await oneByOne(names, missing);
    }
  });
}

// One that cannot be had costs its own pad only.
async function oneByOne(names, plans) {
  const found = await Promise.allSettled(plans.map(async (plan, n) => {
    const [[made]] = await callServer("sounds", [[source(plan)]]);
    kept(names[n], single(await taken(made)));
  }));
  const failed = found.map(({ reason }, n) => reason && [plans[n].name || plans[n].own_name, reason.message]).filter(Boolean);
  if (failed.length) throw new ServerError(`${failed.map(([name]) => name).join(", ")}: ${failed[0][1]}`);
}

const source = ({ sound, own }) => (own ? { own } : { sound });

// Velocity layers and round robin, behind the first sound.
async function layersOf(plan) {
  const key = rackKey(plan);
  if (isEmpty(plan) || !isLayered(plan) || known.has(key)) return;
  await once(key, async () => {
    const [layers] = await callServer("layers", [source(plan), plan.layers, plan.takes, plan.tune, plan.decay]);
    const all = layers.map(async ({ low, high, takes }) => ({ low, high, takes: await Promise.all(takes.map(taken)) }));
    kept(key, { layers: await Promise.all(all), shaped: layers.every(({ shaped }) => shaped) });
  });
}

// They take seconds, so only what a pad has come to rest at is made, one pad after the other; the page goes on meanwhile.
const REST_MS = 600;
const resting = new Map();
let layering = Promise.resolve();

function layersSoon(pad) {
  clearTimeout(resting.get(pad));
  if (!isLayered(padAt(pad))) return;
  resting.set(pad, setTimeout(() => {
    layering = layering
      .then(() => layersOf(padAt(pad)))
      .then(showEditor)
      .catch((error) => showError(error.message, () => layersSoon(pad)));
  }, REST_MS));
}

const rackOf = (plan) => lookUp(rackKey(plan)) || lookUp(soundKey(plan));
const mainTake = (plan) => {
  const rack = known.get(soundKey(plan));
  return rack && rack.layers[rack.layers.length - 1].takes[0];
};

// Takes of a layer come in turn; what is planned and taken back gives its turn back.
const turns = new Map();

function takeAt(plan, velocity) {
  const rack = rackOf(plan);
  if (!rack) return null;
  const layer = rack.layers.find(({ low, high }) => velocity >= low && velocity <= high) || rack.layers[0];
  const key = `${rackKey(plan)} ${layer.low}`;
  const turn = turns.get(key) || 0;
  turns.set(key, turn + 1);
  return { take: layer.takes[turn % layer.takes.length], shaped: Boolean(rack.shaped), key };
}

// The level of a strike, as hosts play it: 127 as it is, half of that 6 dB softer.
const levelOf = (velocity) => velocity / 127;

class Rack {
  constructor() {
    this.voices = new Set();
  }

  get context() { return deck.open(); }

  // The sound of a pad's plan; `when` is in the context's seconds, 0 is at once. What is planned can be taken back.
  strike(plan, velocity = 100, when = 0, planned = false) {
    const found = takeAt(plan, velocity);
    if (!found) return null;
    const { take, shaped, key } = found;
    const context = this.context, at = when || context.currentTime;
    this.silenceGroup(plan.choke, at);
    const ring = context.createBufferSource(), gain = context.createGain(), pan = context.createStereoPanner();
    const rate = shaped ? 1 : 2 ** (plan.tune / 12);
    ring.buffer = take.buffer;
    ring.playbackRate.value = rate;
    gain.gain.value = levelOf(velocity) * 10 ** (plan.gain_db / 20);
    pan.pan.value = plan.pan;
    let after = take.buffer.duration / rate;
    let last = ring;
    if (plan.decay < 1 && !shaped) {
      // Straight down in decibels, so that the audible length becomes this share of it: as in the files.
      const fall = context.createGain(), power = (3 * (1 / plan.decay - 1) * rate) / take.seconds; // of ten, a second
      const ends = Math.min(after, 4.5 / power);
      fall.gain.setValueAtTime(1, at);
      fall.gain.exponentialRampToValueAtTime(10 ** (-power * ends), at + ends);
      after = ends;
      last = ring.connect(fall);
    }
    last.connect(gain).connect(pan).connect(deck.master);
    const voice = { choke: plan.choke, key, ring, gain, at, planned, until: at + after, silenced: Infinity };
    ring.onended = () => this.voices.delete(voice);
    ring.start(when ? at : 0);
    ring.stop(at + after + 0.01);
    this.voices.add(voice);
    // What is planned for its group silences it too.
    const next = Math.min(...[...this.voices].filter((other) => plan.choke && other.choke === plan.choke && other.at > at).map((other) => other.at));
    if (next < Infinity) this.silence(voice, next);
    return voice;
  }

  // As in the files: a strike silences all of its choke group that began before it; without a group all ring on.
  silenceGroup(choke, at) {
    if (!choke) return;
    for (const voice of this.voices) if (voice.choke === choke && voice.at < at) this.silence(voice, at);
  }

  // Down within a few milliseconds.
  silence(voice, at) {
    if (voice.silenced <= at) return;
    voice.silenced = at;
    voice.gain.gain.cancelScheduledValues(0);
    voice.gain.gain.setTargetAtTime(0, at, 0.003);
    voice.ring.stop(at + 0.03);
  }

  // Takes back what is planned after a time, and lets ring what it would have silenced.
  forget(after) {
    for (const voice of this.voices) {
      if (voice.planned && voice.at > after) {
        voice.ring.stop();
        voice.ring.disconnect();
        this.voices.delete(voice);
        turns.set(voice.key, (turns.get(voice.key) || 1) - 1);
      } else if (voice.silenced !== Infinity && voice.silenced > after) {
        voice.silenced = Infinity;
        voice.gain.gain.cancelScheduledValues(0);
        voice.ring.stop(voice.until + 0.01);
      }
    }
  }

  // Also those that were to sound later.
  stopAll() {
    const now = this.context.currentTime;
    for (const voice of this.voices) {
      voice.gain.gain.cancelScheduledValues(now);
      voice.gain.gain.setTargetAtTime(0, now, 0.003);
      voice.ring.stop(now + 0.03);
    }
  }
}

const rack = new Rack();
