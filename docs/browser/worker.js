// Python in a worker: the page stays responsive while it trains. Messages: {id, run: code, globals} -> {id, out} | {id, error}; what Python
// posts by `post(dict)` arrives as {event: "python", value}, what is being loaded as {event: "stage", text}.
import { loadPyodide } from "./pyodide/pyodide.mjs";

const PARTS = { NumPy: "numpy.zip", "the package": "package.zip" };
const bytes = (name) => fetch(new URL(`./pyodide/${name}`, import.meta.url)).then((answer) => answer.arrayBuffer());
let python = null;

async function start() {
  const coming = Object.entries(PARTS).map(([what, name]) => [what, bytes(name)]); // while Python itself is loaded
  const program = fetch(new URL("./program.py", import.meta.url)).then((answer) => answer.text());
  postMessage({ event: "stage", text: "Python" });
  python = await loadPyodide({ indexURL: new URL("./pyodide/", import.meta.url).href, stdout: (text) => postMessage({ event: "print", text }) });
  for (const [what, part] of coming) {
    postMessage({ event: "stage", text: what });
    python.unpackArchive(new Uint8Array(await part), "zip", { extractDir: "/lib/python3.14/site-packages" });
  }
  python.globals.set("post", (value) => postMessage({ event: "python", value: value.toJs({ dict_converter: Object.fromEntries }) }));
  python.globals.set("program", await program);
  await python.runPythonAsync("exec(compile(program, 'program.py', 'exec'), globals())");
  postMessage({ event: "ready" });
}

const ready = start().catch((error) => postMessage({ event: "failed", text: String(error) }));

async function answer({ id, run, globals }) {
  try {
    for (const [name, value] of Object.entries(globals ?? {})) python.globals.set(name, python.toPy(value));
    const out = await python.runPythonAsync(run);
    postMessage({ id, out: out?.toJs ? out.toJs({ dict_converter: Object.fromEntries }) : out });
  } catch (error) {
    postMessage({ id, error: String(error.message ?? error) });
  }
}

// One after the other: what a message sets must not reach the program of another.
let last = ready;
onmessage = ({ data }) => {
  last = last.then(() => answer(data));
};
