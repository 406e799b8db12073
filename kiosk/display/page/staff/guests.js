// @ts-check
// Finding a guest by name, while the name is being typed.

import { say } from "../words.js";
import { Problem, ask } from "./api.js";
import { fill, make, name, troubles } from "./make.js";
import { guestPage } from "./guest.js";
import { typed } from "./keyboard.js";

/** @typedef {import("./api.js").Guest} Guest */
/** @typedef {{guests: Guest[], more: boolean, ready: boolean}} Found */

const PAUSE_MS = 250;
const AGAIN_MS = 1000;
const SHORTEST = 3;

/** @returns {import("./page.js").View} */
export function guests() {
  const list = make("ul", { class: "found", id: "found" });
  const said = make("p", { class: "hint", id: "found-said", role: "status" });
  const trouble = troubles();
  const text = make("input", {
    id: "name",
    type: "search",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    maxlength: "100",
    "aria-describedby": "found-said",
  });
  const page = guestPage(() => {
    searching.hidden = false;
    search();
    text.focus();
  });
  const searching = make(
    "div",
    { class: "column" },
    make(
      "form",
      { class: "card", autocomplete: "off", id: "finding" },
      make("label", { for: "name" }, say("Name")),
      typed(text),
      said,
      trouble,
    ),
    list,
  );
  searching.addEventListener("submit", (event) => event.preventDefault());
  let turn = 0;

  /** @param {number} [pause] */
  function search(pause = 0) {
    const mine = ++turn;
    setTimeout(() => mine === turn && look(mine), pause);
  }

  /** @param {number} mine an answer to what has been typed over since is not shown */
  async function look(mine) {
    if (tooShort(text.value)) return tell({ guests: [], more: false, ready: true });
    try {
      const found = await ask("find", { text: text.value });
      if (mine !== turn) return;
      fill(trouble);
      tell(found);
      if (!found.ready) search(AGAIN_MS);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (mine === turn) fill(trouble, problem.message);
    }
  }

  /** @param {Found} found */
  function tell(found) {
    fill(said, sentence(found, text.value));
    fill(
      list,
      ...found.guests.map((guest) =>
        make(
          "li",
          {},
          row(guest, () => {
            searching.hidden = true;
            page.open(guest.ticketId);
          }),
        ),
      ),
    );
  }

  text.addEventListener("input", () => search(PAUSE_MS));
  const root = make("section", { id: "view-guests", "aria-labelledby": "title" }, searching, page.root);
  return {
    id: "guests",
    title: say("Guests"),
    root,
    show: () => (page.root.hidden ? search() : page.look()),
    clear: () => {
      text.value = "";
      page.close();
      searching.hidden = false;
      tell({ guests: [], more: false, ready: true });
    },
  };
}

/** A sign that is a word of its own counts twice, as it does where names are looked for. @param {string} text */
function tooShort(text) {
  return [...text.trim()].reduce((sum, sign) => sum + (sign >= "\u2e80" ? 2 : 1), 0) < SHORTEST;
}

/** @param {Found} found @param {string} text */
function sentence({ guests, more, ready }, text) {
  if (tooShort(text)) return say("Type at least three letters of the name");
  if (!ready) return say("The names are still being read: a moment");
  if (more) return say("Only the first {count} are shown: type more of the name", { count: guests.length });
  return guests.length
    ? say(["{count} guest", "{count} guests"], { count: guests.length })
    : say("Nobody of this name is on the list");
}

/** @param {Guest} guest @param {() => void} click */
function row(guest, click) {
  const about = [guest.ticketName, guest.event, `… ${guest.codeEnd}`].filter(Boolean).join(" · ");
  return make(
    "button",
    { type: "button", class: "guest", click },
    make("strong", {}, name(guest.name)),
    make("span", { class: "quiet" }, name(about)),
    badge(guest),
  );
}

/** @param {Guest} guest */
export function badge(guest) {
  const text =
    guest.status && guest.status !== "VALID" ? guest.statusLabel : guest.inside ? say("Inside") : say("Not inside");
  return make("span", { class: guest.inside ? "badge in" : "badge" }, name(text));
}
