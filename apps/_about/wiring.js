// What hands do, and the beginning. This stands last: everything above is defined.

element.addEventListener("click", (event) => {
  const play = event.target.closest(".ab-play");
  if (play) strike(play.dataset.slot);
  else if (event.target.closest(".dg-retry")) { hideError(); if (retry) retry(); }
  else if (event.target.closest(".dg-dismiss")) hideError();
  else if (event.target.closest(".dg-theme")) { state.dark = !document.body.classList.contains("dark"); showTheme(); }
});

element.addEventListener("input", ({ target }) => {
  if (!target.matches(".dg-volume-range")) return;
  state.volume = Number(target.value);
  deck.setVolume(state.volume);
  remember();
});

element.addEventListener("submit", (event) => { event.preventDefault(); compare(); });

async function begin() {
  const section = find(".ab-new");
  section.setAttribute("aria-busy", "true");
  find(".ab-verdict").textContent = "Comparing the sounds of the kit with the training recordings …";
  try {
    [state.data] = await callServer("data", []);
    showData();
    if (state.data) {
      for (const part of [".ab-ask", ".ab-how"]) find(part).hidden = false;
      showFetch();
      const [found] = state.id ? await callServer("novelty", [state.id]) : [null];
      await showKit(found);
    } else {
      find(".ab-verdict").textContent = "";
      find(".ab-empty").hidden = false;
      find(".ab-empty").textContent = "No index of the training recordings came with this model, so nothing can be compared. How to make one is said below.";
    }
  } catch (error) {
    find(".ab-verdict").textContent = "The sounds could not be compared.";
    showError(error.message, begin);
  }
  section.setAttribute("aria-busy", "false");
}

recall();
showPages();
showFacts();
showCard();
find(".ab-kind").replaceChildren(...setup.kinds.map((kind) => make("option", { value: kind, text: titleOf(kind) })));
showTheme();
deck.setVolume(state.volume);
find(".dg-volume-range").value = state.volume;
begin();
