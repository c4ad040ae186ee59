// Shared by the pages: calling the server's endpoints, fetching sounds once, and playing them without delay.
// Loaded as part of a gr.HTML component's js_on_load, so everything here is local to that component.

const apiBase = () => {
  const root = (window.gradio_config && window.gradio_config.root) || "/";
  return new URL(root, window.location.href).pathname.replace(/\/$/, "") + "/gradio_api";
};

class ServerError extends Error {}

// Calls an endpoint by its name; gives the list of its outputs. Throws ServerError with a line for the user. `base` is
// where the endpoints of another page lie.
async function callServer(name, inputs, base = apiBase()) {
  const silent = "The page's server does not answer. Is the window where it was started still open?";
  let response;
  try {
    response = await fetch(`${base}/call/${name}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ data: inputs }),
    });
  } catch {
    throw new ServerError(silent);
  }
  if (response.status === 503) throw new ServerError("The server is busy. Try again in a moment.");
  if (response.status === 401) throw new ServerError("You are no longer logged in. Load the page again.");
  if (!response.ok) throw new ServerError(`The server refused the request (${response.status}).`);
  const { event_id: id } = await response.json();
  let stream;
  try {
    stream = await fetch(`${base}/call/${name}/${id}`);
    return await readOutcome(stream);
  } catch (error) {
    if (error instanceof ServerError) throw error;
    throw new ServerError(silent);
  }
}

// Reads server-sent events until the call is complete.
async function readOutcome(response) {
  if (!response.ok) throw new ServerError(`The server lost the request (${response.status}).`);
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new ServerError("The server ended the request early. Try again.");
    text += decoder.decode(value, { stream: true });
    let end;
    while ((end = text.indexOf("\n\n")) >= 0) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const field = (key) => (lines.find((l) => l.startsWith(key + ": ")) || "").slice(key.length + 2);
      const event = field("event");
      if (event !== "complete" && event !== "error") continue;
      reader.cancel();
      const data = JSON.parse(field("data") || "null");
      if (event === "complete") return data;
      const reason = data && (typeof data === "string" ? data : data.error);
      throw new ServerError(reason || "Something went wrong; the window where the server runs says what.");
    }
  }
}

// A file on its way to the server, as Gradio's own upload route takes it; gives what endpoints know it by.
async function sendFile(file, base = apiBase()) {
  const form = new FormData();
  form.append("files", file, file.name);
  let response;
  try {
    response = await fetch(`${base}/upload`, { method: "POST", body: form });
  } catch {
    throw new ServerError("The page's server does not answer. Is the window where it was started still open?");
  }
  if (response.status === 413) throw new ServerError(`${file.name}: too large; cut out the part that you want.`);
  if (!response.ok) throw new ServerError(`${file.name}: the server refused it (${response.status}); try again.`);
  const [path] = await response.json();
  return { path, orig_name: file.name, meta: { _type: "gradio.FileData" } };
}

// Bytes of a file that an endpoint returned.
async function fetchFile(file) {
  const response = await fetch(fileAddress(file));
  if (!response.ok) throw new ServerError(`${file.orig_name} is no longer there (${response.status}).`);
  return response.arrayBuffer();
}

const fileAddress = (file) => `${apiBase()}/file=${file.path.split("/").map(encodeURIComponent).join("/")}`;

// Plays decoded sounds. One voice per slot: striking a slot again damps what still rings there, as a pad does.
class Deck {
  constructor(sampleRate) {
    this.sampleRate = sampleRate;
    this.context = null;
    this.voices = new Map();
    this.volume = 1;
  }

  // Made at the first gesture, as browsers ask; at the sounds' own rate, so that nothing is resampled.
  open() {
    if (!this.context) {
      this.context = new AudioContext({ sampleRate: this.sampleRate, latencyHint: "interactive" });
      this.master = this.context.createGain();
      this.master.gain.value = this.volume;
      this.master.connect(this.context.destination);
    }
    if (this.context.state === "suspended") this.context.resume();
    return this.context;
  }

  // Decoding needs no permission to play, hence the offline context.
  decode(bytes) {
    const context = new OfflineAudioContext(1, 1, this.sampleRate);
    return context.decodeAudioData(bytes.slice(0));
  }

  // At once, or so many seconds from now.
  play(slot, buffer, onEnd, delay = 0) {
    const context = this.open();
    this.stop(slot);
    const source = context.createBufferSource();
    const gain = context.createGain();
    source.buffer = buffer;
    source.connect(gain).connect(this.master);
    const voice = { source, gain, start: context.currentTime + delay };
    source.onended = () => {
      if (this.voices.get(slot) === voice) this.voices.delete(slot);
      if (onEnd) onEnd();
    };
    this.voices.set(slot, voice);
    source.start(delay ? voice.start : 0);
  }

  stop(slot) {
    const voice = this.voices.get(slot);
    if (!voice) return;
    // A few milliseconds down to silence: a hard stop would click.
    const now = this.context.currentTime;
    voice.gain.gain.setTargetAtTime(0, now, 0.003);
    voice.source.stop(now + 0.02);
    this.voices.delete(slot);
  }

  // Seconds since the slot was struck, or null if it is silent.
  position(slot) {
    const voice = this.voices.get(slot);
    return voice ? this.context.currentTime - voice.start : null;
  }

  setVolume(volume) {
    this.volume = volume;
    if (this.context) this.master.gain.setTargetAtTime(volume, this.context.currentTime, 0.01);
  }
}

// Offers bytes as a file to save.
function saveBytes(bytes, name, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type }));
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
