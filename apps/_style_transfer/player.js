// Plays several sounds at once from one clock, each with its gain, so that one can be faded into another at the same
// place. At the sounds' own rate, so that nothing is resampled: what is heard is what a file holds.

class Player {
  constructor() {
    this.context = null;
    this.volume = 1;
    this.now = null; // {name, gains, sources, start, at, seconds, loop}
  }

  // A context has one rate for ever; another sound's rate wants another.
  open(sampleRate) {
    if (this.context && this.context.sampleRate !== sampleRate) {
      this.context.close();
      this.context = null;
    }
    if (!this.context) {
      try {
        this.context = new AudioContext({ sampleRate, latencyHint: "interactive" });
      } catch {
        this.context = new AudioContext({ latencyHint: "interactive" }); // a rate that this browser does not play
      }
      this.master = this.context.createGain();
      this.master.gain.value = this.volume;
      this.master.connect(this.context.destination);
    }
    if (this.context.state === "suspended") this.context.resume();
    return this.context;
  }

  // `tracks`: [{buffer, gain}], all of one length; from `at` seconds on.
  play(name, tracks, at, { loop = false, onEnd = () => {} } = {}) {
    this.stop();
    const [{ buffer }] = tracks, context = this.open(buffer.sampleRate);
    const start = context.currentTime + 0.01, fade = context.createGain();
    fade.connect(this.master);
    const now = { name, start, at, loop, fade, seconds: buffer.duration, gains: [], sources: [] };
    for (const track of tracks) {
      const source = context.createBufferSource(), gain = context.createGain();
      Object.assign(source, { buffer: track.buffer, loop });
      gain.gain.value = track.gain;
      source.connect(gain).connect(fade);
      source.start(start, at % buffer.duration);
      now.sources.push(source);
      now.gains.push(gain);
    }
    now.sources[0].onended = () => {
      if (this.now !== now) return;
      this.now = null;
      onEnd();
    };
    this.now = now;
  }

  setGains(gains) {
    this.now?.gains.forEach((node, i) => node.gain.setTargetAtTime(gains[i], this.context.currentTime, 0.006));
  }

  setLoop(loop) {
    if (!this.now) return;
    // Where it is keeps its meaning when it goes round no longer, or again.
    Object.assign(this.now, { at: this.position(), start: this.context.currentTime, loop });
    for (const source of this.now.sources) source.loop = loop;
  }

  // Gives the place where it stopped, null if nothing played.
  stop() {
    const { now } = this;
    if (!now) return null;
    const at = this.position(), { currentTime } = this.context;
    // A few milliseconds down to silence: a hard stop would click.
    now.fade.gain.setTargetAtTime(0, currentTime, 0.003);
    for (const source of now.sources) source.stop(currentTime + 0.02);
    this.now = null;
    return at;
  }

  // Seconds from the beginning of what plays, or null.
  position() {
    if (!this.now) return null;
    const { at, start, seconds, loop } = this.now, gone = at + Math.max(0, this.context.currentTime - start);
    return loop ? gone % seconds : Math.min(gone, seconds);
  }

  setVolume(volume) {
    this.volume = volume;
    if (this.context) this.master.gain.setTargetAtTime(volume, this.context.currentTime, 0.01);
  }
}

// Decoding needs no permission to play, hence the offline context; at the file's own rate.
async function decodeAt(bytes, sampleRate) {
  let context;
  try {
    context = new OfflineAudioContext(1, 1, sampleRate);
  } catch {
    context = new OfflineAudioContext(1, 1, 48000); // a rate that this browser does not know
  }
  return context.decodeAudioData(bytes);
}

const channelsOf = (buffer) => Array.from({ length: buffer.numberOfChannels }, (_, c) => buffer.getChannelData(c));
