"""Hears what a page sends to the loudspeaker, sample by sample, whatever the page is made of."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

# Whatever is connected to the loudspeaker is also connected to a recorder, which runs in the audio thread.
TAP = """
  (() => {
    window.tap = { blocks: [], on: false, rate: 0 };
    const code = `registerProcessor('tap', class extends AudioWorkletProcessor {
      process(inputs) {
        const input = inputs[0][0];
        if (input && input.some((v) => v !== 0)) this.port.postMessage([currentFrame, input.slice()]);
        return true;
      }
    })`;
    const address = URL.createObjectURL(new Blob([code], { type: 'application/javascript' }));
    const connect = AudioNode.prototype.connect;
    AudioNode.prototype.connect = function (target, ...rest) {
      if (target instanceof AudioDestinationNode && this.context instanceof AudioContext) {
        const { context } = this, from = this;
        window.tap.rate = context.sampleRate;
        window.tap.context = context;
        window.tap.ready = context.audioWorklet.addModule(address).then(() => {
          const node = new AudioWorkletNode(context, 'tap', { numberOfOutputs: 1 });
          node.port.onmessage = ({ data }) => { if (window.tap.on) window.tap.blocks.push(data); };
          connect.call(from, node);
          connect.call(node, context.destination); // it adds silence, and so is kept running
        });
      }
      return connect.call(this, target, ...rest);
    };
  })();
"""

_READ = """() => {
  const { blocks } = window.tap;
  if (!blocks.length) return null;
  const first = Math.min(...blocks.map(([frame]) => frame));
  const last = Math.max(...blocks.map(([frame, block]) => frame + block.length));
  const all = new Float32Array(last - first);
  for (const [frame, block] of blocks) all.set(block, frame - first);
  let text = "";
  const bytes = new Uint8Array(all.buffer);
  for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return [first, btoa(text)];
}"""


def listen(page: Any) -> None:
    """Begin to record; something must have been played before, so that there is a context."""
    page.evaluate("window.tap.ready")
    page.evaluate("() => { window.tap.blocks = []; window.tap.on = true; }")


def recorded(page: Any) -> np.ndarray:
    """What sounded since `listen`, `(samples,)`, from the first sound on."""
    page.wait_for_timeout(150)
    found = page.evaluate(_READ)
    if found is None:
        return np.zeros(0, np.float32)
    return np.frombuffer(base64.b64decode(found[1]), np.float32)


def onsets(sound: np.ndarray, pattern: np.ndarray) -> np.ndarray:
    """Where a sound that is known begins, in samples: the peaks of the correlation with its beginning."""
    head = pattern[:2048].astype(np.float64)
    size = 1 << (len(sound) + len(head)).bit_length()
    likeness = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(head, size)), size)[: len(sound)]
    least = 0.5 * likeness.max()
    found: list[int] = []
    while likeness.max() > least:
        place = int(likeness.argmax())
        found.append(place)
        likeness[max(0, place - 2048) : place + 2048] = 0
    return np.sort(np.array(found))
