// @ts-check
// Letting somebody in against the rules: with a reason, which is kept with the scan.

import { say } from "../words.js";
import { Problem, ask } from "./api.js";
import { question } from "./ask.js";
import { typed } from "./keyboard.js";
import { button, facts, make, name } from "./make.js";
import { at } from "./times.js";

/** @typedef {import("./api.js").Scan} Scan */
/** @typedef {import("./api.js").Judged} Judged */

const LONGEST = "200";

function reasons() {
  return [
    say("The organiser knows this guest"),
    say("Paid at the box office"),
    say("Identity was checked"),
    say("Went out without a scan"),
    say("Wrong time, let in by the supervisor"),
    say("The scanner or the list is wrong"),
  ];
}

/**
 * Ask for a reason and admit. Returns the verdict, null where it was left.
 * @param {Scan} scan @returns {Promise<Judged | null>}
 */
export function override(scan) {
  const words = make("textarea", { id: "why", maxlength: LONGEST, rows: "2", autocomplete: "off" });
  const common = reasons().map((reason) =>
    button(
      reason,
      () => {
        words.value = reason;
      },
      "choice",
    ),
  );
  return question({
    title: say("Admit anyway?"),
    body: [
      summary(scan),
      make("p", { id: "why-common" }, say("Why?")),
      make("div", { class: "choices", role: "group", "aria-labelledby": "why-common" }, ...common),
      make("label", { for: "why" }, say("Reason, kept with the scan")),
      typed(words),
      make("p", { class: "hint" }, say("It is written down as done by staff, with this reason")),
    ],
    action: say("Admit"),
    kind: "main warn",
    work: (token) => {
      if (!words.value.trim()) throw new Problem("no_reason", say("Say why this guest is admitted"));
      return ask("override", { seq: scan.seq, reason: words.value, token });
    },
  });
}

/** @param {Scan} scan */
function summary(scan) {
  return facts([
    [say("Guest"), scan.name && name(scan.name)],
    [say("Ticket"), scan.ticketName && name(scan.ticketName)],
    [say("Declined"), name(scan.message)],
    [say("Time"), at(scan.time)],
  ]);
}
