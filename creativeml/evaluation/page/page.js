// Plays the sounds of the page, one at a time: a click starts one, another click stops it. Everything is in the page.
"use strict";
(() => {
  const sounds = JSON.parse(document.getElementById("sounds").textContent);
  const trouble = document.getElementById("trouble");
  let current = null;

  function stop() {
    if (!current) return;
    const { audio, button, line } = current;
    current = null;
    audio.pause();
    line.remove();
    button.dataset.state = "";
    button.setAttribute("aria-pressed", "false");
  }

  function fail(button) {
    stop();
    button.dataset.state = "failed";
    trouble.textContent = "This browser does not play FLAC sounds; a current Firefox, Chrome, Edge or Safari does.";
  }

  // A line moves over the picture; where the sound is shorter or longer than the picture, so is its way.
  function follow(mine) {
    if (current !== mine) return;
    const share = mine.audio.currentTime / Number(mine.button.dataset.seconds);
    mine.line.style.left = `${Math.min(1, share) * 100}%`;
    requestAnimationFrame(() => follow(mine));
  }

  async function play(button) {
    const again = current && current.button === button;
    stop();
    if (again) return;
    const audio = new Audio(`data:audio/flac;base64,${sounds[button.dataset.sound]}`);
    const mine = { audio, button, line: document.createElement("i") };
    current = mine;
    button.append(mine.line);
    button.dataset.state = "playing";
    button.setAttribute("aria-pressed", "true");
    audio.addEventListener("ended", () => { if (current === mine) stop(); });
    try {
      await audio.play();
      follow(mine);
    } catch (error) {
      // Stopped before it began is no failure.
      if (current === mine && error.name !== "AbortError") fail(button);
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.play");
    if (button) play(button);
  });

  // Left and right go from sound to sound, so that neighbours are compared without the mouse. Escape silences.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") stop();
    const button = event.target.closest ? event.target.closest("button.play") : null;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!button || !step) return;
    const all = [...document.querySelectorAll("button.play")];
    const next = all[all.indexOf(button) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
})();
