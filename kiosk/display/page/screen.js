// @ts-check
// Which place shows what: one place where there is one scanner, otherwise a half for each lane. What belongs to no lane has
// the half that is free, the whole screen when both are, and waits while none is.

import { element } from "./snapshot.js";
import { Place } from "./place.js";
import { paintRest } from "./ready.js";

/** @typedef {import("./snapshot.js").Snapshot} Snapshot */

const single = new Place("whole", element("verdict"), document.body);
const elsewhere = new Place("elsewhere", element("verdict"), element("elsewhere"));
/** @type {Place[]} */
let halves = [];

function divide() {
  const boxes = /** @type {HTMLElement[]} */ ([...document.querySelectorAll(".half")]);
  halves = boxes.map((box, number) => new Place(String(number), filled(box), box));
}

/** @param {HTMLElement} box */
function filled(box) {
  const rest = /** @type {HTMLTemplateElement} */ (element("rest")).content.cloneNode(true);
  const verdict = /** @type {HTMLElement} */ (element("verdict").cloneNode(true));
  for (const named of [verdict, ...verdict.querySelectorAll("[id]")]) named.removeAttribute("id");
  verdict.removeAttribute("aria-label");
  box.append(rest, verdict);
  return verdict;
}

/** @param {Snapshot} snapshot @param {boolean} news */
export function hear(snapshot, news) {
  if (snapshot.halves.length === 0) return single.hear(snapshot.shown, snapshot, news);
  if (halves.length === 0) divide();
  elsewhere.hear(snapshot.elsewhere, snapshot, news);
  for (const [number, half] of halves.entries()) {
    const { lanes, shown } = snapshot.halves[number];
    half.marked.setAttribute("aria-label", lanes.join(" · "));
    half.hear(shown, snapshot, news);
    paintRest(half.marked, snapshot, lanes);
  }
}

/** What the whole screen looks like, or "split" when it is two. */
export function face() {
  if (halves.length === 0) return single.face ?? "ready";
  const up = halves.map((half) => half.face);
  const free = up.filter((face) => face === null).length;
  const other = free > 0 ? elsewhere.face : null;
  for (const [number, half] of halves.entries()) mark(half.marked, "face", up[number] ?? "rest");
  mark(elsewhere.marked, "face", other ?? "rest");
  mark(elsewhere.marked, "at", free === halves.length ? "whole" : String(up.indexOf(null)));
  return other || free < halves.length ? "split" : "ready";
}

/** @param {HTMLElement} place @param {string} name @param {string} value */
function mark(place, name, value) {
  if (place.dataset[name] !== value) place.dataset[name] = value;
}
