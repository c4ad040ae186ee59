// Records the microphone as it is, without what browsers do to speech, and gives a wav with 24 bits.

const MOST_RECORDED_S = 120;

// Sends every block of samples to the page.
const CAPTURE = `registerProcessor("capture", class extends AudioWorkletProcessor {
  process([channels]) {
    if (channels.length) this.port.postMessage(channels.map((samples) => samples.slice()));
    return true;
  }
});`;

class Recorder {
  // `onBlock` is told the peak of the last block and the seconds so far.
  async start(onBlock) {
    if (!navigator.mediaDevices) throw new Error("The browser gives a microphone only to pages of this machine or with https.");
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ audio });
    } catch (error) {
      const reasons = { NotAllowedError: "The browser may not use the microphone: allow it beside the page's address.", NotFoundError: "No microphone was found: plug one in." };
      throw new Error(reasons[error.name] || `The microphone cannot be used (${error.message}).`);
    }
    this.context = new AudioContext();
    this.blocks = [];
    this.samples = 0;
    const module = URL.createObjectURL(new Blob([CAPTURE], { type: "text/javascript" }));
    try {
      await this.context.audioWorklet.addModule(module);
    } finally {
      URL.revokeObjectURL(module);
    }
    const node = new AudioWorkletNode(this.context, "capture", { numberOfOutputs: 0 });
    node.port.onmessage = ({ data }) => {
      this.blocks.push(data);
      this.samples += data[0].length;
      let peak = 0;
      for (const samples of data) for (const v of samples) peak = Math.max(peak, Math.abs(v));
      onBlock(peak, this.samples / this.context.sampleRate);
    };
    this.context.createMediaStreamSource(this.stream).connect(node);
  }

  // The wav, null if nothing was recorded.
  async stop() {
    for (const track of this.stream.getTracks()) track.stop();
    await this.context.close();
    if (!this.samples) return null;
    const count = Math.min(...this.blocks.map((block) => block.length));
    const channels = Array.from({ length: count }, (_, c) => {
      const whole = new Float32Array(this.samples);
      let at = 0;
      for (const block of this.blocks) { whole.set(block[c], at); at += block[c].length; }
      return whole;
    });
    return wavOf(sameTwice(channels) ? channels.slice(0, 1) : channels, this.context.sampleRate);
  }
}

// A microphone with one membrane that is given as two channels.
const sameTwice = ([left, right]) => right !== undefined && left.every((v, i) => v === right[i]);

function wavOf(channels, sampleRate) {
  const frame = 3 * channels.length, size = frame * channels[0].length;
  const bytes = new DataView(new ArrayBuffer(44 + size + (size % 2)));
  const word = (at, text) => [...text].forEach((c, i) => bytes.setUint8(at + i, c.charCodeAt(0)));
  word(0, "RIFF"); bytes.setUint32(4, 36 + size + (size % 2), true);
  word(8, "WAVEfmt "); bytes.setUint32(16, 16, true);
  bytes.setUint16(20, 1, true); bytes.setUint16(22, channels.length, true);
  bytes.setUint32(24, sampleRate, true); bytes.setUint32(28, sampleRate * frame, true);
  bytes.setUint16(32, frame, true); bytes.setUint16(34, 24, true);
  word(36, "data"); bytes.setUint32(40, size, true);
  let at = 44;
  for (let i = 0; i < channels[0].length; i++) {
    for (const samples of channels) {
      const value = Math.max(-8388608, Math.min(8388607, Math.round(samples[i] * 8388608)));
      bytes.setUint8(at, value & 255); bytes.setInt16(at + 1, value >> 8, true);
      at += 3;
    }
  }
  return new Blob([bytes], { type: "audio/wav" });
}
