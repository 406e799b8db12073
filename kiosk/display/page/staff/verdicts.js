// @ts-check
// A verdict as the door shows it: its sign, its large word, its sentence and its colour. It is made of what the gate has
// recorded, so that nothing is green before it is on disk.

import { say } from "../words.js";
import { colourOf, faceOf, seat, shapeOf } from "../verdict.js";
import { button, fill, make, name, sign } from "./make.js";
import { colours } from "./live.js";
import { at } from "./times.js";

/** @typedef {import("./api.js").Judged} Judged */
/** @typedef {import("./api.js").Scan} Scan */

/** What the door's page knows a verdict by. @param {Judged} judged @returns {import("../snapshot.js").Shown} */
export function shown({ scan, repeated }) {
  return { ...scan, showing: 0, ageMs: 0, result: scan.scanResult, repeated };
}

/**
 * Show what was just recorded, which changes how the door is doing.
 * @param {HTMLElement} place @param {Judged} judged @param {() => void} override
 */
export function tell(place, judged, override) {
  fill(place, verdict(judged, override));
  place.scrollIntoView({ block: "nearest" });
  document.dispatchEvent(new Event("recorded"));
}

/** @param {Judged} judged @param {(() => void) | null} [override] what lets this guest in all the same */
export function verdict(judged, override) {
  const seen = shown(judged);
  const { scan } = judged;
  return make(
    "div",
    { class: "verdict", "data-face": faceOf(seen), "data-colour": colourOf(seen, colours()) },
    make("div", { class: "word" }, sign(shapeOf(seen)), make("strong", {}, scan.headline)),
    make(
      "div",
      { class: "told" },
      make("p", { class: "message" }, name(scan.message)),
      judged.repeated && make("p", {}, say("Same code again")),
      ...guest(scan),
      way(scan, override ?? null),
    ),
  );
}

/** @param {Scan} scan */
function guest(scan) {
  const place = seat(shown({ scan, repeated: false }));
  return [scan.name && make("p", { class: "holder" }, name(scan.name)), ticket(scan, place)];
}

/** @param {Scan} scan @param {string} place */
function ticket(scan, place) {
  const told = [scan.ticketName, place, scan.codeEnd && `… ${scan.codeEnd}`].filter(Boolean);
  return told.length > 0 && make("p", {}, name(told.join(" · ")));
}

/** What can be done about a refusal. @param {Scan} scan @param {(() => void) | null} override */
function way(scan, override) {
  if (scan.scanResult === "approved") return null;
  if (scan.admittedSince) return make("p", {}, say("Admitted since, at {time}", { time: at(scan.admittedSince) }));
  if (scan.overridable && override) return button(say("Admit anyway"), override, "plain");
  return !scan.overridable && make("p", {}, say("No ticket is certain here: find the guest by name"));
}
