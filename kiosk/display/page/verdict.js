// @ts-check
// A verdict, over the whole screen or a lane's half of it. Its colour comes from the device settings, its frame, word and sign from the verdict
// itself. Nothing but an approval that is as it should be is green.

import { doors, part, sign, write, writeLarge } from "./snapshot.js";
import { say } from "./words.js";

/** @typedef {import("./snapshot.js").Snapshot} Snapshot */
/** @typedef {import("./snapshot.js").Shown} Shown */
/** @typedef {import("./snapshot.js").Colours} Colours */

const SIGNS = /** @type {Record<string, string>} */ ({ ok: "check", out: "out", again: "repeat", staff: "look" });

/** From how many letters on a sentence is written smaller, on a whole screen and on a half. */
const LONG = { whole: 60, half: 36 };

/** @param {Shown} shown */
export function faceOf(shown) {
  if (shown.result !== "approved") return "declined";
  return shown.repeated || shown.reason === "not_inside" || shown.untimed ? "again" : "approved";
}

/**
 * A declined ticket that is shown again keeps its colour: it must not look any better the second time.
 * @param {Shown} shown @param {Colours} colours
 */
export function colourOf(shown, colours) {
  if (wantsStaff(shown)) return colours.actionRequired;
  if (shown.reason === "already_in") return colours.repeated;
  if (shown.result !== "approved") return colours.declined;
  return shown.repeated ? colours.repeated : colours.success;
}

/** What the gate could not record wants a person, too, but is as red as a refusal. @param {Shown} shown */
function wantsStaff({ reason, signal }) {
  return reason !== null && signal === "see_staff";
}

/** @param {Shown} shown */
export function shapeOf(shown) {
  return wantsStaff(shown) ? "look" : SIGNS[shown.sign] ?? "cross";
}

/** @param {HTMLElement} place @param {Shown} shown @param {Snapshot} snapshot */
export function paintVerdict(place, shown, snapshot) {
  const split = snapshot.halves.length > 0;
  const again = shown.repeated ? say("Same code again") : "";
  const shape = shapeOf(shown);
  sign(part(place, "shape"), shown.repeated && shape === "check" ? "twice" : shape);
  writeLarge(part(place, "headline"), shown.headline);
  const texts = {
    lane: split ? shown.lane : "",
    message: shown.message,
    again,
    ticket: shown.ticketName,
    seat: seat(shown),
    holder: shown.name,
    note: note(shown, snapshot),
  };
  for (const [name, text] of Object.entries(texts)) write(part(place, name), text);
  place.dataset.practice = shown.practice ? say("Practice") : "";
  part(place, "message").classList.toggle("long", shown.message.length > (split ? LONG.half : LONG.whole));
  document.body.dataset.seq = String(shown.seq ?? "");
  document.body.dataset.showing = String(shown.showing);
  write("said", [texts.lane, shown.headline, again, shown.message, shown.ticketName].filter(Boolean).join(". "));
}

/**
 * Let the browser's compositor take the verdict away in time, should the page's own timer be stuck by then.
 * @param {HTMLElement} place @param {number} left @param {number} whole
 */
export function drawCurtains(place, left, whole) {
  const options = /** @type {KeyframeAnimationOptions} */ ({ duration: left, fill: "forwards" });
  return [
    place.animate([{ opacity: 1 }, { opacity: 1, offset: 0.999 }, { opacity: 0 }], options),
    part(place, "left").animate([{ transform: `scaleX(${left / whole})` }, { transform: "scaleX(0)" }], options),
  ];
}

/** @param {Shown} shown */
export function seat({ area, row, seat }) {
  return [area, row && say("Row {row}", { row }), seat && say("Seat {seat}", { seat })].filter(Boolean).join(" · ");
}

/** @param {Shown} shown @param {Snapshot} snapshot */
function note({ lane, codeEnd }, { gate, halves }) {
  return [halves.length === 0 && doors(gate).length > 1 && lane, codeEnd && `… ${codeEnd}`].filter(Boolean).join(" · ");
}
