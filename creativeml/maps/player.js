// Plays the sounds of a map: at once from the previews in the page, decoded before they are asked for; from the original
// file where the page can reach it and it has been loaded in time, or where there is no preview that can be decoded.

const DECODED_KEPT = 400;

class MapPlayer {
  // `data` as page.js has it; `say(text)` shows a line to the user.
  constructor(data, say) {
    this.data = data;
    this.say = say;
    this.blocks = new Map(); // number -> base64 text of many previews
    this.decoded = new Map(); // preview number -> promise of an AudioBuffer; the latest used ones come last
    this.ready = new Map(); // preview number -> AudioBuffer
    this.volume = 0.8;
    this.voice = null;
    this.original = null; // {index, audio, reached: true, false or not known yet}
    this.played = []; // {index, from: "preview" | "original", delayMs}, for those who measure
  }

  get running() {
    return this.context?.state === "running";
  }

  // Browsers let a page sound after a gesture only.
  open() {
    if (!this.context) {
      this.context = new AudioContext({ latencyHint: "interactive" });
      this.master = this.context.createGain();
      this.master.gain.value = this.volume;
      this.master.connect(this.context.destination);
    }
    if (this.context.state === "suspended") this.context.resume();
  }

  setVolume(volume) {
    this.volume = volume;
    if (this.context) this.master.gain.setTargetAtTime(volume, this.context.currentTime, 0.01);
    if (this.original) this.original.audio.volume = volume;
  }

  // The preview's bytes: the page keeps many in one text, so that a large page opens quickly.
  bytes(number) {
    const [block, from, to] = this.data.previews[number];
    if (!this.blocks.has(block)) this.blocks.set(block, document.getElementById(`sounds-${block}`).textContent);
    const text = atob(this.blocks.get(block).slice(from, to));
    return Uint8Array.from(text, (letter) => letter.charCodeAt(0)).buffer;
  }

  // Decoding needs no permission to sound.
  decode(number) {
    const known = this.decoded.get(number);
    if (known) {
      this.decoded.delete(number);
      this.decoded.set(number, known);
      return known;
    }
    this.decoder ??= new OfflineAudioContext(1, 1, 48000);
    const promise = this.decoder.decodeAudioData(this.bytes(number)).then((buffer) => {
      this.ready.set(number, buffer);
      return buffer;
    });
    this.decoded.set(number, promise);
    if (this.decoded.size > DECODED_KEPT) {
      const oldest = this.decoded.keys().next().value;
      this.decoded.delete(oldest);
      this.ready.delete(oldest);
    }
    return promise;
  }

  previewOf(index) {
    return this.data.sound[index] ?? null;
  }

  // Decode what may be asked for next.
  expect(indices) {
    for (const index of indices) {
      const number = this.previewOf(index);
      if (number !== null) this.decode(number).catch(() => {});
    }
  }

  addressOf(index) {
    const { base, names, addresses } = this.data;
    if (base === null) return null;
    return base + (addresses[index] ?? names[index].split("/").map(encodeURIComponent).join("/"));
  }

  // Load the original, so that the next click plays it; `onReach(reached)` is told once whether it can be.
  prepare(index, onReach = () => {}) {
    if (this.original?.index === index) {
      if (this.original.reached === null) this.original.waiting.push(onReach);
      else onReach(this.original.reached);
      return;
    }
    this.dropOriginal();
    const address = this.addressOf(index);
    if (address === null) return onReach(false);
    const audio = new Audio();
    const original = (this.original = { index, audio, reached: null, waiting: [onReach] });
    const reach = (reached) => {
      original.reached = reached;
      for (const tell of original.waiting.splice(0)) tell(reached);
    };
    audio.preload = "auto";
    audio.volume = this.volume;
    audio.oncanplaythrough = () => reach(true);
    audio.onerror = () => reach(false);
    audio.src = address;
  }

  dropOriginal() {
    if (!this.original) return;
    const { audio } = this.original;
    audio.oncanplaythrough = audio.onerror = null;
    audio.pause();
    audio.removeAttribute("src");
    this.original = null;
  }

  async play(index, { whole = true } = {}) {
    const asked = performance.now();
    this.open();
    this.stop();
    this.wanted = index;
    if (whole && this.original?.index === index && this.original.reached) {
      try {
        this.original.audio.currentTime = 0;
        await this.original.audio.play();
        return this.note(index, "original", asked);
      } catch {
        if (this.wanted !== index) return; // stopped by the next one before it began
      }
    }
    const number = this.previewOf(index);
    if (number === null) return this.playOriginal(index, asked, "This sound has no preview in the page, and its file is not beside it.");
    try {
      const buffer = this.ready.get(number) || (await this.decode(number));
      if (this.wanted !== index) return; // another one has been struck meanwhile
      this.start(buffer);
      this.note(index, "preview", asked);
    } catch {
      if (this.wanted !== index) return;
      this.playOriginal(index, asked, "This browser cannot decode the page's previews (Ogg Opus), and the file is not beside the page. Use a newer browser.");
    }
  }

  // A sound without a preview that can be played: only its file is left; `missing` is said where there is none.
  playOriginal(index, asked, missing) {
    this.prepare(index, async (reached) => {
      if (this.wanted !== index) return; // another one has been struck meanwhile
      if (!reached) return this.say(missing);
      try {
        this.original.audio.currentTime = 0;
        await this.original.audio.play();
        this.note(index, "original", asked);
      } catch {
        // Some browsers allow files to sound only in the moment of a click, and this one had to be loaded first.
        if (this.wanted === index) this.say("The original file is loaded; click once more to hear it.");
      }
    });
  }

  start(buffer) {
    const source = this.context.createBufferSource(), gain = this.context.createGain();
    source.buffer = buffer;
    source.connect(gain).connect(this.master);
    source.start();
    this.voice = { source, gain, buffer };
  }

  note(index, from, asked) {
    this.played.push({ index, from, delayMs: performance.now() - asked });
  }

  stop() {
    this.wanted = null;
    if (this.original) this.original.audio.pause();
    if (!this.voice) return;
    // A few milliseconds down to silence: a hard stop would click.
    const now = this.context.currentTime;
    this.voice.gain.gain.setTargetAtTime(0, now, 0.003);
    this.voice.source.stop(now + 0.02);
    this.voice = null;
  }
}
