// The belief over time: a row a class, time to the right, fuller in colour where the belief is stronger.

const ROW = 22; // CSS pixels where letters have their usual size
const LETTERS = 13;
const LARGEST = 1.6; // times the usual size: larger letters would leave the rows themselves no room

export class Timeline {
  /** @param {HTMLCanvasElement} canvas  @param {string[]} classes */
  constructor(canvas, classes) {
    this.canvas = canvas;
    this.classes = classes;
    this.columns = []; // {start, end, belief}: what a stretch of time is shown as; belief null: no speech
    this.first = 0; // seconds at the left edge
    this.span = 30;
    this.live = true;
    this.frame = null; // the request for one
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /** @param {number} span seconds across  @param {boolean} live counted back from now, or from the start of a file */
  clear(span, live) {
    this.columns = [];
    this.first = live ? -span : 0;
    this.span = span;
    this.live = live;
    this.draw();
  }

  add(column) {
    this.columns.push(column);
    if (this.live) {
      this.first = column.end - this.span; // "now" lies at the right edge from the start
      while (this.columns[0].end <= this.first) this.columns.shift();
    }
    this.draw();
  }

  /** With the next frame, however often it is asked for: a file's moments come faster than frames. */
  draw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.#paint();
    });
  }

  #paint() {
    const { canvas, classes } = this;
    const width = canvas.clientWidth;
    if (!width) return;
    const ratio = devicePixelRatio || 1;
    const scale = Math.min(LARGEST, parseFloat(getComputedStyle(document.documentElement).fontSize) / 16);
    const row = ROW * scale;
    const rows = classes.length * row;
    const height = Math.ceil(rows + row); // the last one is the axis
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const style = getComputedStyle(canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    pen.font = `${LETTERS * scale}px ${style.fontFamily}`;
    pen.textBaseline = "middle";
    const left = Math.ceil(Math.max(...classes.map((name) => pen.measureText(name).width))) + 10;
    const right = width - 1;
    // on whole device pixels, so that neighbours leave no seam
    const x = (seconds) => Math.round((left + ((seconds - this.first) / this.span) * (right - left)) * ratio) / ratio;

    classes.forEach((name, i) => {
      pen.fillStyle = colour("--text");
      pen.fillText(name, 0, (i + 0.5) * row);
      pen.fillStyle = colour("--track");
      pen.fillRect(left, i * row + 1, right - left, row - 2);
    });
    for (const { start, end, belief } of this.columns) {
      const from = Math.max(left, x(start));
      const wide = x(end) - from;
      if (!belief) {
        pen.fillStyle = colour("--silence");
        pen.fillRect(from, 1, wide, rows - 2);
        continue;
      }
      const top = belief.indexOf(Math.max(...belief));
      pen.fillStyle = colour("--accent");
      belief.forEach((p, i) => {
        pen.globalAlpha = i === top ? 1 : 0.75 * p;
        pen.fillRect(from, i * row + 1, wide, row - 2);
      });
      pen.globalAlpha = 1;
    }
    pen.fillStyle = colour("--faint-text");
    for (const { share, text } of this.#ticks(right - left > 12 * LETTERS * scale ? [0, 0.5, 1] : [0, 1])) {
      pen.textAlign = share === 0 ? "left" : share === 1 ? "right" : "center";
      pen.fillText(text, left + share * (right - left), rows + row / 2 + 2);
    }
    pen.textAlign = "left";
  }

  #ticks(shares) {
    return shares.map((share) => {
      if (this.live) return { share, text: share === 1 ? "now" : `${Math.round((share - 1) * this.span)} s` };
      return { share, text: `${(share * this.span).toFixed(this.span < 20 ? 1 : 0)} s` };
    });
  }
}
