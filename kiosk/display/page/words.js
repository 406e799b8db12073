// @ts-check
// What the page says, in the language of the door. The texts stand in English where they are used, in calls of `say` and
// as data-say in the page; the catalogues of kiosk/languages have them in the others, and tests/texts.py finds them.

/**
 * @typedef {{language: string, texts: Record<string, string | string[]>, forms: number[], tabled: number}} Words
 * @typedef {Record<string, string | number | null | undefined>} Facts
 */

const ENGLISH = { language: "en", texts: {}, forms: [], tabled: 1 };

/** @type {Words} */
const words = await fetch("/words").then((answer) => answer.json()).catch(() => ENGLISH);

export const language = words.language;

/**
 * Say a text with its facts; of a plural, the form that its count takes.
 * @param {string | [one: string, many: string]} text @param {Facts} [facts]
 */
export function say(text, facts = {}) {
  const [one, many] = typeof text === "string" ? [text, text] : text;
  const found = words.texts[one] ?? [one, many];
  const said = typeof found === "string" ? found : found[typeof text === "string" ? 0 : form(Number(facts.count))];
  return said.replace(/\{(\w+)\}/g, (_, name) => number(facts[name]));
}

/** @param {number} count */
function form(count) {
  const { forms, tabled } = words;
  return (count < tabled ? forms[count] : forms[tabled + (count % tabled)]) ?? Number(count !== 1);
}

/** @param {string | number | null | undefined} value */
export function number(value) {
  return typeof value === "number" ? value.toLocaleString(language) : value ?? "?";
}

/** Say what the page itself holds. */
export function translate() {
  document.documentElement.lang = language;
  document.title = say(document.title);
  for (const place of document.querySelectorAll("[data-say]")) place.textContent = say(place.textContent ?? "");
  for (const place of document.querySelectorAll("[aria-label]")) {
    place.setAttribute("aria-label", say(place.getAttribute("aria-label") ?? ""));
  }
}
