// @ts-check
// What the cloud has yet to get, what it refused and why, and the lists that came from it.

import { say, number } from "../words.js";
import { ask } from "./api.js";
import { question } from "./ask.js";
import { attempt, button, fill, make, name, tiles, troubles } from "./make.js";
import { age, at } from "./times.js";

/** @typedef {import("./api.js").Scan} Scan */
/** @typedef {import("./api.js").List} List */
/** @typedef {import("./api.js").Outbox & {oldestSeconds: number | null}} States */

const MOST = 50;

/** @returns {import("./page.js").View} */
export function deliveries() {
  const trouble = troubles();
  const said = make("p", { class: "hint", role: "status" });
  const states = make("div", {});
  const refused = make("div", { id: "refused" });
  const lists = make("div", { id: "lists" });

  const show = () =>
    attempt(null, trouble, async () => {
      const outbox = await ask("outbox");
      fill(states, ...delivering(outbox.states));
      fill(refused, ...refusals(outbox.refused, outbox.states.refused, retry));
      const { events } = await ask("lists");
      fill(
        lists,
        ...(events.length
          ? events.map((/** @type {List} */ list) => listed(list, accept))
          : [make("p", { class: "hint" }, say("No list is here yet"))]),
      );
    });

  /** @param {HTMLButtonElement} pressed @param {number[]} numbers none: all of them */
  const retry = (pressed, numbers) =>
    attempt(pressed, trouble, async () => {
      const { again } = await ask("retry", { numbers });
      fill(
        said,
        again.length
          ? say(["{count} scan is sent again", "{count} scans are sent again"], { count: again.length })
          : say("Nothing is left to be sent again"),
      );
      await show();
    });

  /** @param {List} list */
  async function accept(list) {
    const done = await question({
      title: say("Believe the smaller list?"),
      body: [
        make("p", {}, name(list.name)),
        make(
          "p",
          {},
          say("{some} of {all} tickets stay. The others are no longer admitted", {
            some: number(list.shrunkTo),
            all: number(list.tickets),
          }),
        ),
      ],
      action: say("Accept"),
      kind: "main warn",
      calm: true,
      work: () => ask("accept", { eventId: list.id }),
    });
    if (done) {
      const count = Object.values(done.accepted).reduce((sum, one) => sum + Number(one), 0);
      fill(said, say(["{count} ticket was taken off the list", "{count} tickets were taken off the list"], { count }));
    }
    await show();
  }

  const root = make(
    "section",
    { id: "view-deliveries", "aria-labelledby": "title" },
    trouble,
    said,
    make(
      "div",
      { class: "columns" },
      make(
        "div",
        { class: "column" },
        make("section", { class: "card" }, make("h2", {}, say("To deliver")), states),
        make("section", { class: "card" }, make("h2", {}, say("Ticket lists")), lists),
      ),
      make("section", { class: "card column" }, make("h2", {}, say("Refused by the cloud")), refused),
    ),
  );
  return { id: "deliveries", title: say("Deliveries"), root, show, clear: () => fill(said) };
}

/** @param {States} states */
function delivering(states) {
  return [
    tiles([
      [say("Waiting"), number(states.pending)],
      [say("On the way"), number(states.inflight)],
      [say("In doubt"), number(states.unknown), states.unknown > 0],
      [say("Refused"), number(states.refused), states.refused > 0],
      [say("Not for the cloud"), number(states.local)],
    ]),
    states.oldestSeconds !== null &&
      make("p", { class: "hint" }, say("The oldest has waited {age}", { age: age(states.oldestSeconds) })),
  ];
}

/** @param {Scan[]} scans @param {number} all @param {(pressed: HTMLButtonElement, numbers: number[]) => unknown} retry */
function refusals(scans, all, retry) {
  if (scans.length === 0) return [make("p", { class: "hint" }, say("The cloud has refused nothing"))];
  const everything = button(say("Send all again"), () => retry(everything, []), "main");
  return [
    make("div", { class: "row" }, everything),
    all > MOST && make("p", { class: "hint" }, say("Only the first {count} are shown", { count: scans.length })),
    make("ol", { class: "past" }, ...scans.map((scan) => one(scan, retry))),
  ];
}

/** @param {Scan} scan @param {(pressed: HTMLButtonElement, numbers: number[]) => unknown} retry */
function one(scan, retry) {
  const again = button(say("Send again"), () => retry(again, [scan.seq]), "plain");
  again.setAttribute("aria-label", say("Send again, scan {seq}", { seq: scan.seq }));
  const what = [scan.name, scan.ticketName, scan.codeEnd && `… ${scan.codeEnd}`].filter(Boolean).join(" · ");
  return make(
    "li",
    { class: "bad" },
    make("strong", {}, at(scan.time), " · ", scan.type === "checkout" ? say("Out") : say("In")),
    make("span", {}, name(what)),
    make("span", { class: "wrong" }, name(scan.deliveryError)),
    again,
  );
}

/** @param {List} list @param {(list: List) => void} accept */
function listed(list, accept) {
  const state = list.complete ? say("complete, {age} old", { age: age(list.ageSeconds) }) : say("incomplete");
  return make(
    "div",
    { class: "list" },
    make("strong", {}, name(list.name)),
    make("span", {}, say(["{count} ticket", "{count} tickets"], { count: list.tickets }), " · ", state),
    list.shrunkTo !== null &&
      make(
        "p",
        { class: "notice" },
        say("The cloud’s list shrank to {number}: it is kept as it was", { number: list.shrunkTo }),
      ),
    list.shrunkTo !== null && button(say("Accept the smaller list"), () => accept(list), "plain"),
  );
}
