// @ts-check
// What is on the keys of the keyboard on the screen: three rows a page, between the digits above and what all pages have
// below (- ' space and .). Letters lie as they do in the language's country; all signs of ASCII are somewhere.

export const DIGITS = "1234567890";
export const SIGNS = ["_/:#@&+=*%,", "!?;\"()[]{}|", "<>\\^~`$€¿¡"];

const QWERTY = ["qwertyuiop", "asdfghjkl", "zxcvbnm"];
/** @type {Record<string, string[]>} */
const LETTERS = {
  de: ["qwertzuiopü", "asdfghjklöä", "yxcvbnmß"],
  es: ["qwertyuiop", "asdfghjklñ", "zxcvbnm"],
  fr: ["azertyuiop", "qsdfghjklm", "wxcvbnéè"],
};
export const ACCENTS = ["àâäáãåæçéèê", "ëîïíìñôöóòø", "œùûüúÿßı"];

/** @param {string} language */
export function letters(language) {
  return LETTERS[language.split("-")[0]] ?? QWERTY;
}
