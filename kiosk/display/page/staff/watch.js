// @ts-check
// Saying what time it is, by a watch: large steps for gloves, then a question in words. What it says is local time of the
// kiosk, wherever this page is: it is reckoned here as if it were UTC, and read by the kiosk.

import { say } from "../words.js";
import { ask } from "./api.js";
import { question } from "./ask.js";
import { button, fill, make } from "./make.js";
import { inWords } from "./times.js";

/** @typedef {import("./api.js").Clock} Clock */
/** @typedef {{time: string, local: string, zone: string}} Reading */
/** @typedef {{readings: Reading[], doubt: string | null, done: boolean}} Asked */
/** @typedef {{label: string, read: (at: Date) => number, set: (at: Date, value: number) => void, least: number, most: (at: Date) => number}} Field */

/**
 * Let the kiosk know the time. Returns whether it does now.
 * @param {Clock} clock what it believes so far
 */
export async function tellTime(clock) {
  const wall = new Date(`${clock.local}:00Z`);
  const said = make("p", { class: "time", role: "status" });
  const show = () => fill(said, inWords(local(wall)));
  show();
  const asked = await question({
    title: say("What time is it?"),
    body: [
      make("div", { class: "steppers" }, ...steppers(wall, show)),
      said,
      make("p", { class: "hint" }, say("Local time of the kiosk: {zone}", { zone: clock.zone })),
    ],
    action: say("Next"),
    work: () => /** @type {Promise<Asked>} */ (ask("clock", { time: local(wall) })),
  });
  return asked ? confirm(asked) : false;
}

/** @param {Asked} asked */
async function confirm({ readings, doubt }) {
  let meant = readings[0];
  const options = readings.map((reading) => which(reading, reading === meant, () => (meant = reading)));
  const done = await question({
    title: say("It is {time}?", { time: inWords(meant.local) }),
    body: [
      doubt &&
        make(
          "p",
          { class: "notice" },
          say("But at {time} scans were made already, by the network’s time. Is the date right?", {
            time: inWords(doubt),
          }),
        ),
      options.length > 1
        ? make(
            "fieldset",
            { class: "card" },
            make("legend", {}, say("The clocks are put back in this hour: which is it?")),
            ...options,
          )
        : make("p", { class: "hint" }, meant.zone),
      make("p", {}, say("The scans since this machine was started get their times by it. The last word counts")),
    ].filter((part) => part instanceof Node),
    action: say("Yes, that is the time"),
    calm: Boolean(doubt),
    work: () => ask("clock", { time: meant.time, sure: true }),
  });
  return Boolean(done?.done);
}

/** @param {Reading} reading @param {boolean} on @param {() => void} change */
function which({ time, zone }, on, change) {
  const box = make("input", { type: "radio", id: `at-${time}`, name: "at", checked: on, change });
  return make("label", { class: "tick", for: `at-${time}` }, box, zone);
}

/** @param {Date} wall */
function local(wall) {
  return wall.toISOString().slice(0, "2026-06-01T19:30".length);
}

/** @returns {Field[]} */
function fields() {
  return [
    { label: say("Day"), read: (at) => at.getUTCDate(), set: (at, to) => at.setUTCDate(to), least: 1, most: days },
    { label: say("Month"), read: (at) => at.getUTCMonth() + 1, set: setMonth, least: 1, most: () => 12 },
    { label: say("Year"), read: (at) => at.getUTCFullYear(), set: setYear, least: 2026, most: () => 2199 },
    { label: say("Hour"), read: (at) => at.getUTCHours(), set: (at, to) => at.setUTCHours(to), least: 0, most: () => 23 },
    {
      label: say("Minute"),
      read: (at) => at.getUTCMinutes(),
      set: (at, to) => at.setUTCMinutes(to),
      least: 0,
      most: () => 59,
    },
  ];
}

/** @param {Date} at */
function days(at) {
  return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 0)).getUTCDate();
}

/** A month that has no 31st gets its last day. @param {Date} at @param {number} month */
function setMonth(at, month) {
  const day = at.getUTCDate();
  at.setUTCMonth(month - 1, 1);
  at.setUTCDate(Math.min(day, days(at)));
}

/** @param {Date} at @param {number} year */
function setYear(at, year) {
  const day = at.getUTCDate();
  at.setUTCFullYear(year, at.getUTCMonth(), 1);
  at.setUTCDate(Math.min(day, days(at)));
}

/** @param {Date} wall @param {() => void} changed */
function steppers(wall, changed) {
  /** @type {(() => void)[]} */
  const paints = [];
  const paint = () => {
    for (const each of paints) each();
    changed();
  };
  return fields().map((field) => {
    const { label, read, set, least, most } = field;
    /** @param {number} by one more than the last of them begins the next */
    const step = (by) => () => {
      set(wall, read(wall) + by);
      if (wall.getUTCFullYear() < 2026) setYear(wall, 2026);
      paint();
    };
    const type = () => {
      const typed = Number.parseInt(box.value, 10);
      if (!Number.isNaN(typed)) set(wall, Math.min(Math.max(typed, least), most(wall)));
      paint();
    };
    const box = make("input", { type: "text", inputmode: "numeric", maxlength: "4", autocomplete: "off", change: type });
    const more = button("+", step(1), "step");
    const less = button("−", step(-1), "step");
    more.setAttribute("aria-label", say("{what}, one more", { what: label }));
    less.setAttribute("aria-label", say("{what}, one less", { what: label }));
    paints.push(() => (box.value = String(read(wall)).padStart(2, "0")));
    paints.at(-1)?.();
    return make("div", { class: "stepper" }, make("label", {}, label, box), more, less);
  });
}
