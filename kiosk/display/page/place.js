// @ts-check
// A place of the screen that a verdict has for itself: the whole of it, or a lane's half. It ends by its own timer here.

import { sound } from "./sound.js";
import { colourOf, drawCurtains, faceOf, paintVerdict } from "./verdict.js";

/** @typedef {import("./snapshot.js").Snapshot} Snapshot */
/** @typedef {import("./snapshot.js").Shown} Shown */

export class Place {
  /** @type {number | null} */
  #showing = null;
  #endsAt = -Infinity;
  #face = "declined";
  /** @type {Animation[]} */
  #curtains = [];

  /** @param {string} name @param {HTMLElement} verdict @param {HTMLElement} marked where its face and its colour are noted */
  constructor(name, verdict, marked) {
    this.name = name;
    this.verdict = verdict;
    this.marked = marked;
  }

  /** @param {Shown | null} shown @param {Snapshot} snapshot @param {boolean} news */
  hear(shown, snapshot, news) {
    if (!shown) {
      this.#endsAt = -Infinity;
    } else if (shown.showing !== this.#showing) {
      this.#begin(shown, snapshot);
      sound(this.name, shown, snapshot.sound, news);
    }
    this.#showing = shown?.showing ?? null;
  }

  /** @param {Shown} shown @param {Snapshot} snapshot */
  #begin(shown, snapshot) {
    const whole = snapshot.revealSeconds * 1000;
    const left = whole - shown.ageMs;
    this.#endsAt = performance.now() + left;
    this.#face = faceOf(shown);
    this.marked.dataset.colour = colourOf(shown, snapshot.colours);
    paintVerdict(this.verdict, shown, snapshot);
    for (const curtain of this.#curtains) curtain.cancel();
    this.#curtains = drawCurtains(this.verdict, Math.max(0, left), whole);
  }

  /** The face of the verdict that holds now, null for none. */
  get face() {
    return performance.now() < this.#endsAt ? this.#face : null;
  }
}
