// @ts-check
// A keyboard on the screen, where there is no other: it comes when a text field is touched, and goes when a real key is
// pressed. It types at the caret as keys do, and keeps nothing of it: what is typed stands in the field alone.

import { language, say } from "../words.js";
import { fill, make, sign } from "./make.js";
import { ACCENTS, DIGITS, SIGNS, letters } from "./letters.js";

/** @typedef {HTMLInputElement | HTMLTextAreaElement} Field */
/** @typedef {import("./make.js").Child} Child */
/** @typedef {"letters" | "signs" | "accents"} Page */

const FIELDS = "input:is([type=text], [type=search], [type=url], [type=tel], :not([type])), textarea";
const HOLD_MS = 500;
const REPEAT_MS = 90;
/** So long after a real key a touch does not bring the keyboard: there is one on the table. */
const KEYS_MS = 60_000;
/** The screen at the door looks at its own machine; a phone has a keyboard of its own. */
const OWN_SCREEN = ["127.0.0.1", "[::1]", "localhost"].includes(location.hostname);
const [OFF, ONCE, STAY] = ["false", "mixed", "true"];

const board = make("div", { id: "keyboard", role: "region", dir: "ltr", hidden: true, "aria-label": say("Keyboard") });
/** @type {Field | null} */
let field = null;
/** @type {Page} */
let page = "letters";
let capitals = OFF;
let ownMode = "";
let keyedAt = -Infinity;
let pressed = false;
/** @type {number | undefined} */
let held;

export function prepare() {
  document.body.append(board);
  board.addEventListener("mousedown", (event) => event.preventDefault()); // which would take the focus
  board.addEventListener("contextmenu", (event) => event.preventDefault());
  document.addEventListener("click", touched);
  document.addEventListener("keydown", keyed, true);
  document.addEventListener("pointerdown", () => void (pressed = true), true);
  for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, lifted, true);
  document.addEventListener("focusout", () => pressed || setTimeout(settle));
}

/** A field with a button beside it that brings the keyboard without a touch. @param {Field} beside */
export function typed(beside) {
  const toggle = make("button", { type: "button", class: "toggle", tabindex: "-1", "aria-expanded": "false" });
  toggle.setAttribute("aria-label", say("Keyboard"));
  toggle.append(sign("keys-sign"));
  toggle.addEventListener("mousedown", (event) => event.preventDefault());
  toggle.addEventListener("click", () => (field === beside ? hide() : show(beside)));
  return make("div", { class: "field" }, beside, toggle);
}

/** @param {Field} into */
function show(into) {
  if (field === into) return;
  hide();
  field = into;
  ownMode = into.inputMode;
  into.inputMode = "none"; // or a phone would bring its own as well
  (into.closest("dialog") ?? document.body).append(board); // nothing outside a dialog can be touched
  capitals = OFF;
  turn("letters");
  opened(true);
  into.focus({ preventScroll: true });
  into.scrollIntoView({ block: "start" });
}

function hide() {
  clearTimeout(held);
  if (!field) return;
  if (board.contains(document.activeElement)) field.focus();
  field.inputMode = ownMode;
  opened(false);
  field = null;
  document.body.append(board);
}

/** @param {boolean} open */
function opened(open) {
  board.hidden = !open;
  document.documentElement.toggleAttribute("data-keyboard", open);
  field?.parentElement?.querySelector(".toggle")?.setAttribute("aria-expanded", String(open));
}

/** @param {MouseEvent} event */
function touched(event) {
  const place = /** @type {Element} */ (event.target);
  const meant = place.closest("label")?.control ?? place;
  const byTouch = event instanceof PointerEvent && event.pointerType === "touch";
  if (!OWN_SCREEN || !byTouch || !meant.matches(FIELDS) || performance.now() - keyedAt < KEYS_MS) return;
  const wanted = /** @type {Field} */ (meant);
  if (!wanted.disabled && !wanted.readOnly) show(wanted);
}

/** A real key; buttons of the screen's case, such as its volume, are none. @param {KeyboardEvent} event */
function keyed({ key }) {
  if (key.length > 1 && !/^(Backspace|Delete|Enter|Tab|Arrow|Home|End)/.test(key)) return;
  keyedAt = performance.now();
  hide();
}

/** What is pressed beside the keyboard must not move before it is released. */
function lifted() {
  pressed = false;
  clearTimeout(held);
  setTimeout(settle);
}

/** Go where the focus has gone elsewhere: to another view, a question, the PIN. */
function settle() {
  if (document.activeElement !== field && !board.contains(document.activeElement)) hide();
}

/** @param {Page} next */
function turn(next) {
  page = next;
  const [first, second, third] = { letters: letters(language), signs: SIGNS, accents: ACCENTS }[page];
  const shift = key(sign("shift"), () => capital(capitals === OFF ? ONCE : capitals === ONCE ? STAY : OFF), {
    class: "wide shift",
    "aria-label": say("Capitals"),
  });
  const wipe = key(sign("wipe"), erase, { class: "wide", "aria-label": say("Delete") }, () => hold(erase));
  fill(
    board,
    row(...signs(DIGITS)),
    row(...signs(first)),
    row(...signs(second)),
    row(page !== "signs" && shift, ...signs(third), wipe),
    row(
      page !== "signs" && leaf("#+=", "signs", say("Signs")),
      page !== "accents" && leaf("äéñ", "accents", say("Accents")),
      page !== "letters" && leaf("abc", "letters", say("Letters")),
      ...signs("-'"),
      key("", () => type(" "), { class: "space", "aria-label": say("Space") }),
      ...signs("."),
      late(sign("return"), enter, { class: "wide", "aria-label": say("Enter key") }),
      late(say("Done"), hide, { class: "wide done" }),
    ),
  );
  capital(capitals);
}

/** @param {Child[]} keys */
function row(...keys) {
  return make("div", {}, ...keys);
}

/** @param {string} all */
function signs(all) {
  return [...all].map((one) => {
    const made = key(one, () => {
      type(made.textContent ?? "");
      if (capitals === ONCE) capital(OFF);
    });
    made.dataset.small = one;
    return made;
  });
}

/**
 * A key acts when it is touched: two fingers that type fast make no clicks. What helps people to press makes nothing else.
 * @param {Child} shown @param {() => void} act @param {Record<string, string>} [marks] @param {() => void} [press]
 */
function key(shown, act, marks = {}, press = act) {
  const made = make("button", { type: "button", ...marks }, shown);
  made.addEventListener("pointerdown", (event) => event.button === 0 && press());
  made.addEventListener("click", (event) => event.detail === 0 && act());
  return made;
}

/**
 * A key that takes away what is under the finger waits for its end, which what lies below would have otherwise.
 * @param {Child} shown @param {() => void} act @param {Record<string, string>} marks
 */
function late(shown, act, marks) {
  const made = make("button", { type: "button", ...marks }, shown);
  made.addEventListener("click", act);
  return made;
}

/** @param {string} text @param {Page} to @param {string} name */
function leaf(text, to, name) {
  return late(text, () => turn(to), { class: "wide", "aria-label": name });
}

/** @param {string} next for one letter, for all, or not */
function capital(next) {
  capitals = next;
  for (const each of board.querySelectorAll("button")) {
    const { small } = each.dataset;
    if (small) each.textContent = capitals === OFF ? small : large(small);
  }
  board.querySelector(".shift")?.setAttribute("aria-pressed", capitals);
}

/** Some have no capital that is one letter. @param {string} letter */
function large(letter) {
  const capital = letter.toUpperCase();
  return capital.length === 1 ? capital : letter;
}

/** @param {string} text */
function type(text) {
  if (!field) return;
  const { value, maxLength } = field;
  const [from, to] = [field.selectionStart ?? value.length, field.selectionEnd ?? value.length];
  const full = maxLength >= 0 && value.length - (to - from) + text.length > maxLength;
  if (!full) put(field, text, from, to);
}

function erase() {
  if (!field) return;
  const [from, to] = [field.selectionStart ?? 0, field.selectionEnd ?? 0];
  const last = [...field.value.slice(0, from)].at(-1) ?? ""; // which may be two units long
  if (from < to || last) put(field, "", from < to ? from : from - last.length, to);
}

/** @param {Field} into @param {string} text @param {number} from @param {number} to */
function put(into, text, from, to) {
  into.setRangeText(text, from, to, "end");
  if (into.selectionEnd === into.value.length) into.scrollTo(into.scrollWidth, into.scrollHeight);
  const inputType = text ? "insertText" : "deleteContentBackward";
  into.dispatchEvent(new InputEvent("input", { bubbles: true, inputType, data: text || null }));
}

/** @param {() => void} act */
function hold(act) {
  act();
  const again = () => {
    act();
    held = setTimeout(again, REPEAT_MS);
  };
  held = setTimeout(again, HOLD_MS);
}

/** What Enter does in the field; an answer has the whole page. */
function enter() {
  if (field instanceof HTMLTextAreaElement) return type("\n");
  const form = field?.form;
  hide();
  form?.requestSubmit();
}
