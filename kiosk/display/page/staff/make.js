// @ts-check
// How things get onto the page: texts become text nodes and nothing else.

import { Problem } from "./api.js";

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {Record<string, string | boolean | (() => void)>} [marks] attributes, and what is listened to
 * @param {Child[]} inside
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, marks = {}, ...inside) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(marks)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  fill(made, ...inside);
  return made;
}

/** @param {Element} place @param {Child[]} inside */
export function fill(place, ...inside) {
  const kept = inside.filter((each) => each !== null && each !== undefined && each !== false && each !== "");
  place.replaceChildren(
    .../** @type {(Node | string)[]} */ (kept.map((each) => (typeof each === "number" ? String(each) : each))),
  );
}

/**
 * Fill a place again only where what it shows has changed: a finger or the focus may be on it.
 * @param {HTMLElement} place @param {unknown} facts @param {() => Child[]} build
 */
export function renew(place, facts, build) {
  const print = JSON.stringify(facts);
  if (place.dataset.print === print) return;
  place.dataset.print = print;
  fill(place, ...build());
}

/** What somebody else named: in its own direction, and in its place. @param {string | null | undefined} text */
export function name(text) {
  return make("bdi", {}, text ?? "");
}

/** @param {string} text @param {() => void} click @param {string} [kind] */
export function button(text, click, kind = "") {
  return make("button", { type: "button", class: kind, click }, text);
}

/** @param {string} shape */
export function sign(shape) {
  const drawn = /** @type {HTMLTemplateElement} */ (document.getElementById("sign")).content.cloneNode(true);
  /** @type {DocumentFragment} */ (drawn).querySelector("use")?.setAttribute("href", `#${shape}`);
  return drawn;
}

/** Facts with their names; what is empty is left out. @param {[label: string, value: Child][]} rows */
export function facts(rows) {
  const told = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return make(
    "dl",
    { class: "facts" },
    ...told.map(([label, value]) => make("div", {}, make("dt", {}, label), make("dd", {}, value))),
  );
}

/** @param {[label: string, value: Child, bad?: boolean][]} tiles */
export function tiles(tiles) {
  return make(
    "dl",
    { class: "tiles" },
    ...tiles.map(([label, value, bad]) =>
      make("div", { class: bad ? "bad" : "" }, make("dt", {}, label), make("dd", {}, value)),
    ),
  );
}

/**
 * Do something that a button asks for, once at a time; what goes wrong is told at a place for it.
 * @param {HTMLButtonElement | null} pressed @param {HTMLElement} trouble @param {() => Promise<void>} work
 */
export async function attempt(pressed, trouble, work) {
  if (pressed?.getAttribute("aria-disabled") === "true") return;
  pressed?.setAttribute("aria-disabled", "true"); // disabled would lose the focus
  fill(trouble);
  try {
    await work();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    fill(trouble, problem.message);
  } finally {
    pressed?.removeAttribute("aria-disabled");
  }
}

/** A place where what goes wrong is told at once. */
export function troubles() {
  return make("p", { class: "trouble", role: "alert" });
}
