// What scripts say, in the language of the page: Django's catalogue (mmsite/words.py), or English where there is none.

/** A sentence in the language of the page, with {name}s filled in. */
export function gettext(sentence, values = {}) {
  return fill((globalThis.gettext ?? ((text) => text))(sentence), values);
}

/** The same of two sentences, by how many are spoken of, which fills {number} in. */
export function ngettext(one, many, number, values = {}) {
  const text = globalThis.ngettext ? globalThis.ngettext(one, many, number) : number === 1 ? one : many;
  return fill(text, { number, ...values });
}

function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
