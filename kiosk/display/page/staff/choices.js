// @ts-check
// What the gate goes by for now: direction, events, ticket types. What is not chosen is as configured.

import { say } from "../words.js";
import { ask } from "./api.js";
import { question } from "./ask.js";
import { attempt, button, fill, make, name, troubles } from "./make.js";

/** @typedef {import("./api.js").Choices} Choices */
/** @typedef {{scanType: string | null, events: string[] | null, ticketTypes: Record<string, string[]>}} Draft */
/** @typedef {{facts: Choices, draft: Draft, changed: () => void}} Desk */

/** @returns {import("./page.js").View} */
export function choices() {
  const trouble = troubles();
  const said = make("p", { class: "hint", role: "status" });
  const form = make("form", { autocomplete: "off" });
  const save = make("button", { type: "submit", class: "main" }, say("Put in force"));
  const reset = button(say("As configured"), () => restore(), "plain");
  /** @type {Choices | null} */
  let known = null;
  /** @type {Draft} */
  let draft = { scanType: null, events: null, ticketTypes: {} };
  let dirty = false;

  /** @param {Choices} facts */
  function take(facts) {
    known = facts;
    draft = drafted(facts);
    dirty = false;
    paint();
  }

  function paint() {
    if (!known) return;
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.id : "";
    const desk = {
      facts: known,
      draft,
      changed: () => {
        dirty = true;
        fill(said, say("Not in force yet"));
        paint();
      },
    };
    fill(
      form,
      known.locked &&
        make(
          "p",
          { class: "notice", id: "locked" },
          say("The cloud’s device settings lock this: it can only be changed there"),
        ),
      make(
        "fieldset",
        { disabled: known.locked },
        make("legend", { class: "unseen" }, say("Choices")),
        make(
          "div",
          { class: "columns" },
          make("div", { class: "column" }, direction(desk), events(desk)),
          make("div", { class: "column" }, types(desk)),
        ),
      ),
      trouble,
      make("div", { class: "row" }, save, reset, said),
    );
    for (const each of [save, reset]) each.disabled = known.locked;
    if (focused) document.getElementById(focused)?.focus();
  }

  /** @param {Draft} wanted */
  const send = (wanted) => ask("choices", { choices: asked(wanted) });

  async function restore() {
    const done = await question({
      title: say("As configured?"),
      body: [make("p", {}, say("Direction, events and ticket types are as the configuration and the cloud say"))],
      action: say("As configured"),
      work: () => send({ scanType: null, events: null, ticketTypes: {} }),
    });
    if (!done) return;
    take(done);
    fill(said, say("In force"));
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(save, trouble, async () => {
      take(await send(draft));
      fill(said, say("In force"));
    });
  });
  const show = () =>
    dirty
      ? undefined
      : attempt(null, trouble, async () => {
          take(await ask("choices"));
          fill(said);
        });
  return {
    id: "choices",
    title: say("Choices"),
    root: make("section", { id: "view-choices", "aria-labelledby": "title" }, form),
    show,
    clear: () => {
      dirty = false;
      fill(said);
    },
  };
}

/** @param {Choices} facts @returns {Draft} */
function drafted({ choices }) {
  return {
    scanType: choices.scanType ?? null,
    events: choices.events ?? null,
    ticketTypes: { ...choices.ticketTypes },
  };
}

/** Only what is chosen. @param {Draft} draft */
function asked({ scanType, events, ticketTypes }) {
  const some = Object.keys(ticketTypes).length > 0;
  return { ...(scanType && { scanType }), ...(events && { events }), ...(some && { ticketTypes }) };
}

/** @param {Desk} desk */
function direction({ facts, draft, changed }) {
  const own = facts.configured.scanType === "checkout" ? say("Out") : say("In");
  /** @param {string | null} value @param {string} text */
  const option = (value, text) =>
    tick(
      "radio",
      `direction-${value ?? "own"}`,
      text,
      draft.scanType === value,
      () => {
        draft.scanType = value;
        changed();
      },
      "direction",
    );
  return group(
    say("Direction"),
    option(null, say("As configured: {value}", { value: own })),
    option("checkin", say("In")),
    option("checkout", say("Out")),
  );
}

/** @param {Desk} desk */
function events({ facts, draft, changed }) {
  const configured = Object.keys(facts.configured.events);
  const named = new Map(facts.events.map((event) => [event.id, event.name]));
  const all = [...new Set([...named.keys(), ...configured, ...(draft.events ?? [])])];
  const own = tick(
    "checkbox",
    "events-own",
    say("As configured: {value}", {
      value: configured.map((id) => named.get(id) ?? id).join(" · ") || say("no event"),
    }),
    !draft.events,
    () => {
      draft.events = draft.events ? null : configured;
      changed();
    },
  );
  const boxes = all.map((id) =>
    tick("checkbox", `event-${id}`, named.get(id) ?? id, draft.events?.includes(id) ?? false, () => {
      draft.events = turned(draft.events ?? [], id);
      changed();
    }),
  );
  return group(say("Events"), own, ...(draft.events ? boxes : []));
}

/** @param {Desk} desk */
function types(desk) {
  const { facts, draft } = desk;
  const named = new Map(facts.events.map((event) => [event.id, event]));
  const inForce = draft.events ?? Object.keys(facts.configured.events);
  return make(
    "div",
    {},
    ...inForce.map((id) => typesOf(desk, id, named.get(id))),
    inForce.length === 0 && make("p", { class: "hint" }, say("No event is chosen")),
  );
}

/** @param {Desk} desk @param {string} id @param {Choices["events"][number] | undefined} event */
function typesOf({ facts, draft, changed }, id, event) {
  const chosen = draft.ticketTypes[id];
  const configured = facts.configured.events[id];
  const known = new Map(event?.types.map((type) => [type.id, type.name ?? type.id]));
  const all = [...new Set([...known.keys(), ...(chosen ?? [])])];
  const now = configured ? configured.map((type) => known.get(type) ?? type).join(" · ") : say("all");
  const own = tick("checkbox", `types-${id}`, say("As configured: {value}", { value: now }), !chosen, () => {
    if (chosen) delete draft.ticketTypes[id];
    else draft.ticketTypes[id] = configured ?? all;
    changed();
  });
  const boxes = all.map((type) =>
    tick("checkbox", `type-${id}-${type}`, known.get(type) ?? type, chosen?.includes(type) ?? false, () => {
      draft.ticketTypes[id] = turned(chosen ?? [], type);
      changed();
    }),
  );
  const none = make("p", { class: "hint" }, say("No ticket types of this event are known yet"));
  return group(
    say("Ticket types of {event}", { event: event?.name ?? id }),
    own,
    ...(chosen ? boxes : []),
    all.length === 0 && none,
  );
}

/** @param {string[]} chosen @param {string} one */
function turned(chosen, one) {
  return chosen.includes(one) ? chosen.filter((each) => each !== one) : [...chosen, one];
}

/** @param {string} title @param {import("./make.js").Child[]} inside */
function group(title, ...inside) {
  return make("fieldset", { class: "card" }, make("legend", {}, name(title)), ...inside);
}

/**
 * @param {"radio" | "checkbox"} type @param {string} id @param {string} text @param {boolean} on
 * @param {() => void} change @param {string} [among]
 */
function tick(type, id, text, on, change, among = id) {
  const box = make("input", { type, id, name: among, checked: on, change });
  return make("label", { class: "tick", for: id }, box, name(text));
}
