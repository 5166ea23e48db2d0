// How results of the search are ranked: an object of just that name first, then pages with all the words in their titles or addresses,
// answers before explanations before lists. Other words for a page are in finding.py.
for (const word of ["can", "get", "make", "need", "use", "using", "want", "way", "would", "like", "tl"]) stopwords.add(word);

const ROOMS = { howto: 12, start: 8, guide: 8, reference: 5, gallery: 3, science: 3, browser: 0 };
const stems = (text) => {
  const stemmer = new Stemmer();
  return new Set(splitQuery(text.toLowerCase().replaceAll("_", " ")).filter((w) => !stopwords.has(w)).map((w) => stemmer.stemWord(w)));
};

var Scorer = {
  objNameMatch: 11, objPartialMatch: 6, objPrio: { 0: 15, 1: 5, 2: -5 }, objPrioDefault: 0,
  title: 15, partialTitle: 7, term: 5, partialTerm: 2,
  score: ([page, title, anchor, descr, score, filename, kind]) => {
    const query = (new URLSearchParams(location.search).get("q") ?? "").trim(), asked = stems(query);
    const room = page.split("/")[0], home = (ROOMS[room] ?? -10) - (page.endsWith("index") ? 4 : 0) - (anchor && kind === "title" ? 3 : 0);
    if (kind === "index") return score + home;
    if (kind === "object") {
      const exact = title === query ? 120 : title.toLowerCase() === query.toLowerCase() ? 100 : 0;
      return Math.max(exact, title.split(".").pop() === query ? 80 : 0, score) - title.length / 20;
    }
    const there = stems(`${title} ${page.split("/").pop()}`);
    const share = [...asked].filter((w) => there.has(w)).length / Math.max(1, asked.size);
    return score + 40 * share + home + (title.toLowerCase() === query.toLowerCase() ? 40 : 0) - title.length / 50;
  },
};
