// Sounds of the pads, and playing them at a time that is known to the sample.

const soundKey = (plan) => JSON.stringify(plan.own ? [plan.own] : [plan.sound && sortedRequest(plan.sound)]);
const rackKey = (plan) => `${soundKey(plan)} ${plan.layers} ${plan.takes}`;
const sortedRequest = (r) => [r.kind, r.seed, r.truncation, Object.entries(r.controls).sort(), r.tuning, r.vary, r.take];

// soundKey or rackKey -> {layers: [{low, high, takes: [{buffer, samples, bytes, file, record, seconds}]}]}; newest 200
const known = new Map();

function kept(key, value) {
  known.delete(key);
  known.set(key, value);
  if (known.size > 200) known.delete(known.keys().next().value);
  return value;
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
  return { buffer, samples, bytes, file, record, seconds: audibleSeconds(samples, setup.sampleRate) };
}

const single = (take) => ({ layers: [{ low: 1, high: 127, takes: [take] }] });

// The sound of a pad: of several pads in one call. Resolves when all of them can be played.
async function soundsOf(plans) {
  const wanted = new Map();
  for (const plan of plans) if (!isEmpty(plan) && !known.has(soundKey(plan))) wanted.set(soundKey(plan), plan);
  if (!wanted.size) return;
  const key = [...wanted.keys()].join("\n");
  await once(key, async () => {
    const [made] = await callServer("sounds", [[...wanted.values()].map(source)]);
    const takes = await Promise.all(made.map(taken));
    [...wanted.keys()].forEach((name, n) => kept(name, single(takes[n])));
  });
}

const source = ({ sound, own }) => (own ? { own } : { sound });

// Velocity layers and round robin, behind the first sound.
async function layersOf(plan) {
  const key = rackKey(plan);
  if (isEmpty(plan) || (plan.layers === 1 && plan.takes === 1) || known.has(key)) return;
  await once(key, async () => {
    const [made] = await callServer("layers", [source(plan), plan.layers, plan.takes]);
    kept(key, { layers: await Promise.all(made.map(async ({ low, high, takes }) => ({ low, high, takes: await Promise.all(takes.map(taken)) }))) });
  });
}

const rackOf = (plan) => known.get(rackKey(plan)) || known.get(soundKey(plan));
const mainTake = (plan) => {
  const rack = known.get(soundKey(plan));
  return rack && rack.layers[rack.layers.length - 1].takes[0];
};

// Which take sounds at a velocity; takes of a layer come in turn.
const turns = new Map();

function takeAt(plan, velocity) {
  const rack = rackOf(plan);
  if (!rack) return null;
  const layer = rack.layers.find(({ low, high }) => velocity >= low && velocity <= high) || rack.layers[0];
  const key = `${rackKey(plan)} ${layer.low}`;
  const turn = turns.get(key) || 0;
  turns.set(key, turn + 1);
  return layer.takes[turn % layer.takes.length];
}

// The level of a strike, as hosts play it: 127 as it is, half of that 6 dB softer.
const levelOf = (velocity) => velocity / 127;

class Rack {
  constructor() {
    this.voices = new Set();
  }

  get context() { return deck.open(); }

  // `when` is in the context's seconds; 0 is at once. What is planned can be taken back.
  strike(pad, velocity = 100, when = 0, planned = false) {
    const plan = padAt(pad);
    const take = takeAt(plan, velocity);
    if (!take) return null;
    const context = this.context, at = when || context.currentTime;
    this.silence((voice) => voice.pad === pad || (plan.choke && voice.choke === plan.choke), at);
    const ring = context.createBufferSource(), gain = context.createGain(), pan = context.createStereoPanner();
    const rate = 2 ** (plan.tune / 12);
    ring.buffer = take.buffer;
    ring.playbackRate.value = rate;
    gain.gain.value = levelOf(velocity) * 10 ** (plan.gain_db / 20);
    pan.pan.value = plan.pan;
    let after = take.buffer.duration / rate;
    let last = ring;
    if (plan.decay < 1) {
      // Straight down in decibels, so that the audible length becomes this share of it: as in the files.
      const fall = context.createGain(), power = (3 * (1 / plan.decay - 1) * rate) / take.seconds; // of ten, a second
      const ends = Math.min(after, 4.5 / power);
      fall.gain.setValueAtTime(1, at);
      fall.gain.exponentialRampToValueAtTime(10 ** (-power * ends), at + ends);
      after = ends;
      last = ring.connect(fall);
    }
    last.connect(gain).connect(pan).connect(deck.master);
    const voice = { pad, choke: plan.choke, ring, gain, at, planned, until: at + after, silenced: Infinity };
    ring.onended = () => this.voices.delete(voice);
    ring.start(when ? at : 0);
    ring.stop(at + after + 0.01);
    this.voices.add(voice);
    return voice;
  }

  // Voices that already sound at that time and of which `which` is true, down within a few milliseconds.
  silence(which, at) {
    for (const voice of this.voices) {
      if (voice.at > at || !which(voice)) continue;
      if (voice.silenced <= at) continue;
      voice.silenced = at;
      voice.gain.gain.cancelScheduledValues(0);
      voice.gain.gain.setTargetAtTime(0, at, 0.003);
      voice.ring.stop(at + 0.03);
    }
  }

  // Takes back what is planned after a time, and lets ring what it would have silenced.
  forget(after) {
    for (const voice of this.voices) {
      if (voice.planned && voice.at > after) {
        voice.ring.stop();
        voice.ring.disconnect();
        this.voices.delete(voice);
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
