// @ts-check
// The language of this door: each in its own name, so that whoever chose the wrong one finds the way back. The pages begin
// anew by themselves once the display speaks it.

import { say } from "../words.js";
import { ask } from "./api.js";
import { attempt, button, make } from "./make.js";

/** @typedef {import("./api.js").Languages} Languages */

/** @param {Languages} languages @param {HTMLElement} trouble */
export function tongues({ chosen, configured, known }, trouble) {
  /** @param {string | null} name @param {string} text */
  const option = (name, text) => {
    const pressed = button(text, () => choose(name), "choice");
    const choose = (/** @type {string | null} */ language) =>
      attempt(pressed, trouble, async () => {
        await ask("language", { language });
        document.dispatchEvent(new Event("recorded"));
      });
    pressed.setAttribute("aria-pressed", String(name === chosen));
    if (name) pressed.lang = name;
    return pressed;
  };
  return make(
    "div",
    { class: "choices", role: "group", "aria-label": say("Language") },
    ...known.map((name) => option(name, own(name))),
    option(null, say("As configured: {value}", { value: own(configured) })),
  );
}

/** What a language calls itself. @param {string} name */
function own(name) {
  const found = new Intl.DisplayNames([name], { type: "language" }).of(name) ?? name;
  return found.charAt(0).toLocaleUpperCase(name) + found.slice(1);
}
