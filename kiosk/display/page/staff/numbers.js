// @ts-check
// The evening in pictures, and each of them as a table.

import { say, number } from "../words.js";
import { ask } from "./api.js";
import { attempt, button, fill, make, name, tiles, troubles } from "./make.js";
import { at } from "./times.js";

/** @typedef {import("./api.js").Figures} Figures */
/** @typedef {import("./api.js").Course} Course */
/** @typedef {import("./make.js").Child} Child */

/** @returns {import("./page.js").View} */
export function numbers() {
  const trouble = troubles();
  const place = make("div", { id: "figures" });
  let turn = 0;
  const show = () =>
    attempt(again, trouble, async () => fill(place, ...evening(await ask("statistics"), String(++turn))));
  const again = button(say("Count again"), () => show(), "plain");
  const root = make(
    "section",
    { id: "view-numbers", "aria-labelledby": "title" },
    trouble,
    place,
    make("div", { class: "row" }, again),
  );
  return { id: "numbers", title: say("Numbers"), root, show, clear: () => fill(place) };
}

/** @param {Figures} figures @param {string} turn so that no browser shows an older picture */
function evening(figures, turn) {
  const { perMinute, inside } = figures;
  const flow = over(perMinute, (index) => [perMinute.admitted[index], perMinute.declined[index]]);
  const people = over(inside, (index) => [inside.people[index]], inside.people.length);
  return [
    make(
      "p",
      { class: "hint" },
      say("From {since} to {until}", { since: at(figures.since), until: at(figures.until) }),
    ),
    tiles([
      [say("Inside"), number(figures.insideNow)],
      [say("In"), number(figures.checkin)],
      [say("Out"), number(figures.checkout)],
      [say("Declined"), number(figures.declined)],
    ]),
    make(
      "div",
      { class: "pictures" },
      picture("admissions", turn, say("Admissions per minute"), [say("From"), say("In"), say("Declined")], flow),
      picture("inside", turn, say("Inside over time"), [say("From"), say("Inside")], people),
      picture("lanes", turn, say("Admissions per lane"), [say("Lane"), say("In")], bars(figures.perLane)),
      picture("types", turn, say("Admissions per ticket type"), [say("Ticket type"), say("In")], bars(figures.perType)),
      picture("declines", turn, say("Declined, by reason"), [say("Reason"), say("Declined")], bars(figures.declines)),
    ),
  ];
}

/** @param {string} id @param {string} turn @param {string} title @param {string[]} heads @param {Child[][]} rows */
function picture(id, turn, title, heads, rows) {
  return make(
    "figure",
    { class: "card" },
    make("figcaption", {}, title),
    make("img", { src: `/staff/pictures/${id}.svg?${turn}`, alt: say("{title}, in the table below", { title }) }),
    make("details", {}, make("summary", {}, say("As a table")), table(title, heads, rows)),
  );
}

/** @param {string} title @param {string[]} heads @param {Child[][]} rows */
function table(title, heads, rows) {
  if (rows.length === 0) return make("p", { class: "hint" }, say("Nothing yet"));
  return make(
    "table",
    { "aria-label": title },
    make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))),
    make(
      "tbody",
      {},
      ...rows.map(([first, ...rest]) =>
        make("tr", {}, make("th", { scope: "row" }, first), ...rest.map((cell) => make("td", {}, cell))),
      ),
    ),
  );
}

/** @param {Course & {admitted?: number[]}} course @param {(index: number) => number[]} values @param {number} [length] */
function over(course, values, length = course.admitted?.length ?? 0) {
  return Array.from({ length }, (_, index) => {
    const when = new Date(Date.parse(course.begins) + index * course.minutes * 60_000).toISOString();
    return [at(when), ...values(index).map((value) => number(value))];
  });
}

/** @param {{name: string, number: number}[]} bars */
function bars(bars) {
  return bars.map((bar) => [name(bar.name), number(bar.number)]);
}
