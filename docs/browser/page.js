// What both pages share: a worker with Python in it, and drawing.
export class Python {
  constructor(onEvent) {
    this.worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.waiting = new Map();
    this.next = 0;
    this.ready = new Promise((resolve, reject) => {
      this.worker.onmessage = ({ data }) => {
        if (data.event === "ready") resolve();
        else if (data.event === "failed") reject(new Error(data.text));
        else if (data.event) onEvent(data);
        else {
          const [resolve, reject] = this.waiting.get(data.id);
          this.waiting.delete(data.id);
          if (data.error === undefined) resolve(data.out);
          else reject(new Error(data.error));
        }
      };
      this.worker.onerror = (event) => reject(new Error(event.message ?? "the worker did not start"));
    });
  }
  run(code, globals) {
    const id = this.next++;
    this.worker.postMessage({ id, run: code, globals });
    return new Promise((resolve, reject) => this.waiting.set(id, [resolve, reject]));
  }
}

const ink = (element) => getComputedStyle(element).color;

// What will be drawn, in words, until it is.
export function hint(canvas, text) {
  const c = canvas.getContext("2d");
  c.fillStyle = ink(canvas);
  c.font = "14px sans-serif";
  c.textAlign = "center";
  c.globalAlpha = 0.7;
  c.fillText(text, canvas.width / 2, canvas.height / 2);
  c.globalAlpha = 1;
}

// A line through values; the axis of losses is logarithmic.
export function plot(canvas, values) {
  const c = canvas.getContext("2d"), w = canvas.width, h = canvas.height, pad = 26;
  c.clearRect(0, 0, w, h);
  if (values.length < 2) return;
  const logs = values.map((v) => Math.log10(Math.max(v, 1e-4)));
  const low = Math.floor(Math.min(...logs)), high = Math.ceil(Math.max(...logs, low + 0.5));
  const x = (i) => pad + ((w - pad - 4) * i) / (values.length - 1), y = (v) => h - 14 - ((h - 22) * (v - low)) / (high - low);
  c.strokeStyle = c.fillStyle = ink(canvas);
  c.font = "11px sans-serif";
  c.textAlign = "left";
  c.globalAlpha = 0.4;
  for (let power = low; power <= high; power++) {
    c.fillText(10 ** power < 0.01 ? `1e${power}` : String(10 ** power), 0, y(power) + 4);
    c.fillRect(pad, y(power), w - pad, 0.5);
  }
  c.globalAlpha = 1;
  c.strokeStyle = getComputedStyle(canvas).getPropertyValue("--pst-color-primary");
  c.lineWidth = 1.5;
  c.lineJoin = "round";
  c.beginPath();
  logs.forEach((v, i) => c[i ? "lineTo" : "moveTo"](x(i), y(v)));
  c.stroke();
}

// Numbers as shades of a colour on a grid; `text` writes them, too.
export function grid(canvas, rows, { signed = false, text = false } = {}) {
  const c = canvas.getContext("2d"), n = rows.length, size = canvas.width / n, most = Math.max(1e-12, ...rows.flat().map(Math.abs));
  c.clearRect(0, 0, canvas.width, canvas.height);
  rows.forEach((row, i) => row.forEach((v, j) => {
    const strength = Math.abs(v) / most;
    c.fillStyle = signed ? (v < 0 ? `rgba(33,102,172,${strength})` : `rgba(178,24,43,${strength})`) : `rgba(0,110,120,${strength ** 0.5})`;
    c.fillRect(j * size, i * size, size, size);
    if (text && v) {
      c.fillStyle = strength > 0.4 ? "white" : ink(canvas);
      c.font = `${size * 0.45}px sans-serif`;
      c.textAlign = "center";
      c.fillText(v, (j + 0.5) * size, (i + 0.65) * size);
    }
  }));
}
