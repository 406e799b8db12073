// @ts-check
// What goes on at the door: a code that is typed, the last guest who was refused, and how many are in.

import { say, number } from "../words.js";
import { ask } from "./api.js";
import { attempt, fill, make, name, renew, tiles, troubles } from "./make.js";
import { typed } from "./keyboard.js";
import { override } from "./override.js";
import { at } from "./times.js";
import { tell, verdict } from "./verdicts.js";

/** @typedef {import("./api.js").Judged} Judged */
/** @typedef {import("./api.js").State} State */

/** @returns {import("./page.js").View} */
export function scan() {
  const result = make("div", { class: "result", role: "status" });
  const last = make("div", {});
  const how = make("div", {});
  /** @param {Judged} judged */
  const show = (judged) => tell(result, judged, () => admit(judged.scan));
  /** @param {import("./api.js").Scan} scan */
  const admit = async (scan) => {
    const judged = await override(scan);
    if (judged) show(judged);
  };
  const { form, clear } = entry(show);
  const root = make(
    "section",
    { id: "view-scan", class: "columns", "aria-labelledby": "title" },
    make(
      "div",
      { class: "column" },
      make("section", { class: "card" }, make("h2", {}, say("Type a code")), form),
      result,
    ),
    make(
      "div",
      { class: "column" },
      make("section", { class: "card", id: "last" }, make("h2", {}, say("Last declined")), last),
      make("section", { class: "card" }, make("h2", {}, say("Now")), how),
    ),
  );
  return {
    id: "scan",
    title: say("Scan"),
    root,
    show: () => {},
    hear: (state) => {
      renew(last, state.lastDeclined, () => refusal(state.lastDeclined, admit));
      renew(how, [state.counts, state.outbox, state.tickets, state.events, state.scanType], () => glance(state));
    },
    clear: () => {
      clear();
      fill(result);
    },
  };
}

/** A form for a code that cannot be scanned. @param {(judged: Judged) => void} show */
function entry(show) {
  const code = make("input", {
    id: "code",
    type: "text",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    enterkeyhint: "go",
    maxlength: "4096",
  });
  const kind = make(
    "select",
    { id: "code-type" },
    make("option", { value: "" }, say("as the gate does")),
    make("option", { value: "checkin" }, say("In")),
    make("option", { value: "checkout" }, say("Out")),
  );
  const go = make("button", { type: "submit", class: "main" }, say("Check"));
  const trouble = troubles();
  const form = make(
    "form",
    { id: "typing", autocomplete: "off" },
    make("label", { for: "code" }, say("Code")),
    typed(code),
    make("label", { for: "code-type" }, say("Direction")),
    make("div", { class: "row" }, kind, go),
    trouble,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(go, trouble, async () => {
      if (!code.value.trim()) return code.focus();
      const asked = kind.value ? { code: code.value, type: kind.value } : { code: code.value };
      show(await ask("scan", asked));
      code.value = "";
      code.focus();
    });
  });
  return { form, clear: () => form.reset() };
}

/** @param {import("./api.js").Scan | null} scan @param {(scan: import("./api.js").Scan) => void} admit */
function refusal(scan, admit) {
  if (!scan) return [make("p", { class: "hint" }, say("Nobody was declined"))];
  return [
    make("p", { class: "hint" }, name(`${at(scan.time)} · ${scan.lane}`)),
    verdict({ scan, repeated: false }, () => admit(scan)),
  ];
}

/** @param {State} state */
function glance({ counts, outbox, tickets, events, scanType }) {
  const way = scanType === "checkout" ? say("Out") : say("In");
  const names = events.map((event) => event.name);
  const waiting = outbox && outbox.pending + outbox.inflight + outbox.unknown;
  return [
    make("p", {}, name([way, ...(names.length ? names : [say("no event")])].join(" · "))),
    tiles([
      [say("Inside"), number(counts.inside)],
      [say("In"), number(counts.checkin)],
      [say("Out"), number(counts.checkout)],
      [say("Declined"), number(counts.declined)],
      [say("To deliver"), number(waiting)],
      [say("Refused"), number(outbox?.refused), Boolean(outbox?.refused)],
      [say("Tickets"), number(tickets?.total), !tickets?.complete],
    ]),
  ];
}
