// @ts-check
// One guest: what the ticket says, what became of it so far, and in or out by hand.

import { say } from "../words.js";
import { ask } from "./api.js";
import { attempt, button, facts, fill, make, name, troubles } from "./make.js";
import { badge } from "./guests.js";
import { override } from "./override.js";
import { question } from "./ask.js";
import { at } from "./times.js";
import { tell } from "./verdicts.js";

/** @typedef {import("./api.js").Guest} Guest */
/** @typedef {import("./api.js").Past} Past */
/** @typedef {import("./api.js").Judged} Judged */

/** @param {() => void} back */
export function guestPage(back) {
  const trouble = troubles();
  const result = make("div", { class: "result", role: "status" });
  const about = make("div", {});
  const past = make("ol", { class: "past" });
  let ticketId = "";
  const close = () => {
    root.hidden = true;
    ticketId = "";
    fill(about);
    fill(past);
    fill(result);
    fill(trouble);
  };
  const root = make(
    "div",
    { id: "guest", hidden: true },
    make(
      "div",
      { class: "row" },
      button(
        say("Back to the list"),
        () => {
          close();
          back();
        },
        "plain",
      ),
    ),
    trouble,
    make(
      "div",
      { class: "columns" },
      make("div", { class: "column" }, make("section", { class: "card" }, about), result),
      make("section", { class: "card column" }, make("h2", {}, say("History")), past),
    ),
  );

  const look = () =>
    attempt(null, trouble, async () => {
      const asked = ticketId;
      const found = await ask("ticket", { ticketId: asked });
      if (asked !== ticketId) return;
      fill(about, ...card(found.guest, decide));
      fill(past, ...history(found.history));
    });

  /** @param {Judged | null} judged */
  async function show(judged) {
    if (judged) tell(result, judged, async () => show(await override(judged.scan)));
    await look();
  }

  /** @param {Guest} guest @param {"checkin" | "checkout"} type */
  async function decide(guest, type) {
    const into = type === "checkin";
    await show(
      await question({
        title: into ? say("Check in?") : say("Check out?"),
        body: [
          facts([
            [say("Guest"), name(guest.name)],
            [say("Ticket"), name(guest.ticketName)],
            [say("Event"), name(guest.event)],
          ]),
        ],
        action: into ? say("Check in") : say("Check out"),
        work: (token) => ask("check", { ticketId: guest.ticketId, type, token }),
      }),
    );
    root.querySelector("h2")?.focus({ preventScroll: true });
  }

  return {
    root,
    close,
    look,
    /** @param {string} id */
    open: async (id) => {
      close();
      ticketId = id;
      root.hidden = false;
      await look();
      root.querySelector("h2")?.focus();
    },
  };
}

/** @param {Guest} guest @param {(guest: Guest, type: "checkin" | "checkout") => void} decide */
function card(guest, decide) {
  const into = button(say("Check in"), () => decide(guest, "checkin"), guest.inside ? "plain" : "main");
  const out = button(say("Check out"), () => decide(guest, "checkout"), guest.inside ? "main" : "plain");
  return [
    make("h2", { tabindex: "-1" }, name(guest.name || say("No name"))),
    badge(guest),
    facts([
      [say("Ticket"), guest.ticketName && name(guest.ticketName)],
      [say("Event"), guest.event && name(guest.event)],
      [say("Status"), guest.statusLabel && name(guest.statusLabel)],
      [say("Area"), guest.area && name(guest.area)],
      [say("Row"), guest.row && name(guest.row)],
      [say("Seat"), guest.seat && name(guest.seat)],
      [say("Code"), name(`… ${guest.codeEnd}`)],
    ]),
    make("div", { class: "row" }, into, out),
  ];
}

/** @param {Past[]} past */
function history(past) {
  return past.length ? past.map(line) : [make("li", { class: "hint" }, say("This ticket was never scanned"))];
}

/** @param {Past} one */
function line(one) {
  const approved = one.scanResult === "approved";
  const where = [one.gate, one.lane, one.deliveryLabel].filter(Boolean).join(" · ");
  const why = one.why && say("Admitted because: {why} ({by})", { why: one.why, by: one.by ?? "" });
  return make(
    "li",
    { class: approved ? "good" : "bad" },
    make(
      "strong",
      {},
      at(one.time),
      " · ",
      one.type === "checkout" ? say("Out") : say("In"),
      " · ",
      approved ? say("approved") : say("declined"),
    ),
    one.reason && make("span", {}, name(one.message)),
    why && make("span", {}, name(why)),
    make("span", { class: "quiet" }, name(where)),
    one.deliveryError && make("span", { class: "wrong" }, name(one.deliveryError)),
  );
}
